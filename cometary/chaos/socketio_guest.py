"""A guest that speaks Socket.IO on a WebSocket: with acknowledgements, and with the recovery of its session.

1.  What it sends asks for an acknowledgement, and is not sent again: the protocol would not recognise a repeat. So
    what was not acknowledged when its connection broke may be lost (`LosingLedger`). Nothing else may.
2.  It comes back with the number of the last event that it has, and gets those that it lacks, in the same session. A
    different session is a fault.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any, Final, cast

import msgspec
import trio

from cometary.chaos.application import UP
from cometary.chaos.guest import Guest
from cometary.chaos.guest_ledgers import LosingLedger
from cometary.chaos.wire import READ, BrokenWireError, Wire
from cometary.transport.wires.websocket.client_frames import ServersFrames, masked
from cometary.transport.wires.websocket.frames import CLOSE, TEXT

HANDSHAKE: Final = (
    b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %b\r\n\r\n"
)
SWITCHING: Final = b"HTTP/1.1 101 "
HEAD_END: Final = b"\r\n\r\n"

PING: Final = b"2"
PONG: Final = b"3"
CONNECTED: Final = b"40"
LEFT: Final = b"41"
EVENT: Final = b"42"
ACK: Final = b"43"
REFUSED: Final = b"44"

NOT_RECOVERED: Final = "it was not recovered"


class SocketIoGuest(Guest):
    """One client; see `Guest`."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._pid = ""
        self._joined = False
        self._offset = "0"
        self._under_way: set[int] = set()
        self._frames = ServersFrames()
        self._early: list[bytes] = []

    def new_ledger(self) -> LosingLedger:
        """See `Guest`; rule 1."""
        return LosingLedger()

    def lost(self) -> None:
        """See `Guest`."""
        cast("LosingLedger", self.ledger).doubt(self._under_way)
        self._under_way.clear()

    def beginning(self) -> bytes:
        """See `Guest`."""
        return masked(TEXT, b'42["never"]', self.random_bytes(4))[:-3]

    # -- joining (rule 2) ---------------------------------------------------------------------------

    async def join(self) -> None:
        """See `Guest`."""
        wire = await self.connect()
        await wire.send(HANDSHAKE % b64encode(self.random_bytes(16)))
        head = b""
        while HEAD_END not in head:
            head += await wire.read(READ)
        if not head.startswith(SWITCHING):
            raise BrokenWireError
        self._frames, self._early = ServersFrames(), []
        self._keep(head.partition(HEAD_END)[2])
        auth = {"pid": self._pid, "offset": self._offset} if self._pid else {}
        await self._say(wire, CONNECTED + msgspec.json.encode(auth))
        while not any(said.startswith((CONNECTED, REFUSED)) for said in self._early):
            self._keep(await wire.read(READ))

    def _keep(self, data: bytes) -> None:
        for frame in self._frames.feed(data):
            if frame.opcode == CLOSE:
                raise BrokenWireError
            self._early.append(frame.payload)

    def _connected(self, told: dict[str, str]) -> None:
        pid = told.get("pid", "")
        if self._joined and (not pid or pid != self._pid):
            self.over(NOT_RECOVERED)
        self._pid, self._joined = pid, True

    # -- talking (rule 1) ---------------------------------------------------------------------------

    async def talk(self) -> None:
        """See `Guest`."""
        [wire] = self.wires
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._send, wire)
            try:
                await self._hear(wire)
            except (OSError, BrokenWireError):
                nursery.cancel_scope.cancel()

    async def _send(self, wire: Wire) -> None:
        try:
            while True:
                await self.next_unsent()
                number = self.unsent.pop(0)
                self._under_way.add(number)
                said = msgspec.json.encode([UP, self.message(number)])
                await self._say(wire, EVENT + str(number).encode() + said)
                self.written()
        except OSError:
            pass  # the reader is told, too

    async def _say(self, wire: Wire, said: bytes) -> None:
        await wire.send(masked(TEXT, said, self.random_bytes(4)))

    async def _hear(self, wire: Wire) -> None:
        while True:
            said, self._early = self._early, []
            for one in said:
                await self._take(wire, one)
            self._keep(await wire.read(READ))

    async def _take(self, wire: Wire, said: bytes) -> None:
        kind, rest = said[:2], said[2:]
        if said == PING:
            await self._say(wire, PONG)
        elif kind == CONNECTED:
            self._connected(msgspec.json.decode(rest))
        elif kind == EVENT:
            event, message, *offset = msgspec.json.decode(rest)
            self._offset = offset[0] if offset else self._offset
            self.take(event, message)
        elif kind == ACK:
            self._under_way.discard(int(rest.partition(b"[")[0]))
        elif kind == LEFT:
            self.over("disconnected")
        elif kind == REFUSED:
            self.give_up(f"the server refuses: {rest.decode(errors='replace')}")
