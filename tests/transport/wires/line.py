"""A wire that is thrown away: sessions by lines over TCP, to see that channel, floor and gate are all that one needs.

`open` opens a session: `SID`. `SID RID ACK` asks for packets, `SID RID ACK PATH JSON` sends one, too: `SEQ [MESSAGES]`.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence

import msgspec

from cometary.errors import ProtocolError
from cometary.gate.gate import Gate
from cometary.gate.opening import NO_TOKEN, Opening, Welcome
from cometary.sessions import Packet, Request
from cometary.transport.net.buffered import BufferedChannel
from cometary.transport.net.channel import Floor

LONGEST = 4096


class LineChannel(BufferedChannel):
    """One caller; its credentials, too."""

    origin, token = None, NO_TOKEN

    def __init__(self, gate: Gate, sock: socket.socket, peer: str, floor: Floor) -> None:
        super().__init__(sock, floor)
        self.gate, self.peer, self.asked = gate, peer, dict[Request, None]()
        self._read, self._behind, self._late = b"", b"", floor.deadline("line", 10)

    def header(self, name: bytes) -> bytes | None:
        return None

    def readable(self, bits: int) -> None:
        *lines, self._read = (self._read + (data := self.sock.recv(self._floor.read_bytes))).split(b"\n")
        for line in lines:
            sid, *rest = line.decode().split(" ", 4)
            if sid == "open":
                self.gate.open(LineOpening(self))
            else:
                packets = [Packet(rest[2], msgspec.json.decode(rest[3]))] if len(rest) > 2 else ()
                self.asked[request := LineRequest(self, int(rest[0]), int(rest[1]), packets)] = None
                self.gate.submit(sid, request, self)
        if not data or len(self._read) > LONGEST:
            self.close()

    def say(self, line: str) -> None:
        self._behind += line.encode() + b"\n"
        self.writable()

    def writable(self) -> None:
        self._send_rest()
        if self._unsent is None:
            line, self._behind = self._behind, b""
            self._send(line)
        if self.sock.fileno() >= 0:
            full = self._unsent is not None
            self._watch(reading=not full, writing=full)
            self._expect(self._late if full else None)

    def closed(self) -> None:
        for request in [*self.asked]:
            self.gate.drop(request.sid, request)


class LineOpening(Opening):
    def __init__(self, channel: LineChannel) -> None:
        super().__init__(1, channel, "line")
        self.say = channel.say

    def opened(self, welcome: Welcome) -> None:
        self.say(welcome.sid)

    def refuse(self, error: ProtocolError) -> None:
        self.say(f"! {error.condition}")


class LineRequest(Request):
    def __init__(self, channel: LineChannel, rid: int, ack: int, packets: Sequence[Packet]) -> None:
        super().__init__(rid, ack, packets)
        self.channel = channel

    def answer(self, first_seq: int, packets: Sequence[Packet]) -> None:
        self._say(f"{first_seq} {msgspec.json.encode([packet.message for packet in packets]).decode()}")

    def refuse(self, error: ProtocolError) -> None:
        self._say(f"! {error.condition}")

    def _say(self, line: str) -> None:
        self.channel.asked.pop(self, None)
        if self.channel.sock.fileno() >= 0:
            self.channel.say(line)
