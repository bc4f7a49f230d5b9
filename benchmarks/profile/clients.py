"""Clients that do the same, byte for byte, in every run: each sends when it is told to, and waits for what it expects.

They are no load generator: nothing here measures time, nor does it need to be fast.
"""

from __future__ import annotations

import re
import socket
from typing import Final

import msgspec

HEAD: Final = (
    b"POST %b HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
)
WEBSOCKET: Final = (
    b"GET /comet HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c3dhcm1zd2FybXN3YXJtIQ==\r\n"
    b"Sec-WebSocket-Protocol: cometary.1\r\n\r\n"
)
SOCKETIO: Final = "/socket.io/?EIO=4&transport=%s"
"""Where clients of Socket.IO ask, by the transport."""

SOCKETIO_WEBSOCKET: Final = WEBSOCKET.replace(b"/comet", (SOCKETIO % "websocket").encode()).replace(
    b"Sec-WebSocket-Protocol: cometary.1\r\n", b""
)
GET: Final = b"GET %b HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n"
EVENTS: Final = (
    b"GET /comet HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: text/event-stream\r\nX-Comet-Session: %b\r\n\r\n"
)
PAYLOAD: Final = "." * 64
TEXT: Final = 0x81
MASK: Final = b"\x37\xfa\x21\x3d"
SECONDS: Final = 120.0
"""How long a client waits at most: a server whose instructions are counted is slow."""

find_length: Final = re.compile(rb"\r\nContent-Length: (\d+)\r\n").search


class Line:
    """A connection to the server.

    Args:
        port: where on loopback the server listens.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self._sock = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""

    def send(self, data: bytes) -> None:
        """Send what is whole, in one piece."""
        self._sock.sendall(data)

    def post(self, path: str, body: str) -> None:
        """Send a request."""
        self.send(HEAD % (path.encode(), self.port, len(body), body.encode()))

    def until(self, end: bytes) -> bytes:
        """Return what comes up to `end`, included."""
        while end not in self._rest:
            self._read()
        data, _, self._rest = self._rest.partition(end)
        return data + end

    def exactly(self, count: int) -> bytes:
        """Return the next `count` bytes."""
        while len(self._rest) < count:
            self._read()
        data, self._rest = self._rest[:count], self._rest[count:]
        return data

    def answer(self) -> bytes:
        """Return the body of the next response, which has succeeded."""
        head = self.until(b"\r\n\r\n")
        length = find_length(head)
        body = self.exactly(int(length[1])) if length else b""
        if not head.startswith(b"HTTP/1.1 200 "):
            raise RuntimeError(f"{head!r}{body!r}")
        return body

    def frame(self) -> bytes:
        """Return the payload of the server's next frame."""
        length = self.exactly(2)[1]
        if length > 125:  # noqa: PLR2004 - RFC 6455, section 5.2
            length = int.from_bytes(self.exactly(2), "big")
        return self.exactly(length)

    def send_frame(self, payload: str) -> None:
        """Send a short frame, masked."""
        data = payload.encode()
        head = bytes([TEXT, 0x80 | len(data)] if len(data) <= 125 else [TEXT, 0xFE, 0, len(data)])  # noqa: PLR2004
        self.send(head + MASK + bytes([byte ^ MASK[at & 3] for at, byte in enumerate(data)]))

    def close(self) -> None:
        """Close it."""
        self._sock.close()

    def _read(self) -> None:
        data = self._sock.recv(65536)
        if not data:
            raise RuntimeError("the server has closed a connection")
        self._rest += data


class Welcome(msgspec.Struct):
    """What opens a session."""

    sid: str


class Answer(msgspec.Struct):
    """What brings packets, or none: the request was held in vain."""

    seq: int = 0
    packets: list[msgspec.Raw] = []


class Client:
    """A session that polls on one connection.

    Args:
        port: where on loopback the server listens.
    """

    def __init__(self, port: int) -> None:
        self._line = Line(port)
        self._rid = 1
        self._ack: int = 0
        self.sid = ""
        self._open()

    def _open(self) -> None:
        self._line.post("/comet", '{"rid":1}')
        self.sid = msgspec.json.decode(self._line.answer(), type=Welcome).sid

    def begin(self) -> None:
        """Do what comes before the first delivery."""
        self.poll()

    def poll(self) -> None:
        """Send a request that brings nothing."""
        self._line.post("/comet", self._body(""))

    def send(self) -> None:
        """Send a packet that comes back."""
        self._line.post("/comet", self._body(f',"packets":[{packet("echo")}]'))

    def receive(self) -> None:
        """Take a delivery, of one packet."""
        if (packets := self.receive_all()) != 1:
            raise RuntimeError(f"{packets} packets at once")

    def receive_all(self) -> int:
        """Take all that the next response brings; returns how many packets that is."""
        answer = msgspec.json.decode(self._line.answer(), type=Answer)
        if answer.packets:
            self._ack = answer.seq + len(answer.packets) - 1
        return len(answer.packets)

    def go_on(self) -> None:
        """Be ready for the next."""
        self.poll()

    def leave(self) -> None:
        """End the session; `begin` has been called."""
        line = Line(self._line.port)
        line.post("/comet", self._body(',"close":true'))
        line.answer()
        line.close()
        self._line.close()

    def _body(self, more: str) -> str:
        self._rid += 1
        return f'{{"sid":"{self.sid}","rid":{self._rid},"ack":{self._ack}{more}}}'


class PairClient(Client):
    """A session that polls on one connection and sends on the other, as browsers do; each time they change places."""

    def _open(self) -> None:
        super()._open()
        self._held = self._line
        self._line = Line(self._held.port)
        self._held.post("/comet", self._body(""))

    def send(self) -> None:
        """Send a packet that comes back on the connection that is held; this one is held then."""
        super().send()
        self._line, self._held = self._held, self._line

    def leave(self) -> None:
        """End the session."""
        super().leave()
        self._held.close()


class SocketClient(Client):
    """A session on a WebSocket."""

    def _open(self) -> None:
        self._line.send(WEBSOCKET % self._line.port)
        self._line.until(b"\r\n\r\n")
        self._line.send_frame('{"rid":1}')
        self.sid = msgspec.json.decode(self._line.frame(), type=Welcome).sid
        self._line.frame()  # the hello

    def begin(self) -> None:
        """There is nothing to be done."""

    def go_on(self) -> None:
        """There is nothing to be done."""

    def send(self) -> None:
        """Send a packet that comes back."""
        self._rid += 1
        self._line.send_frame(f'{{"rid":{self._rid},"ack":{self._ack},"packets":[{packet("echo")}]}}')

    def receive(self) -> None:
        """Take a delivery, of one packet."""
        while b'"packets":[{' not in (body := self._line.frame()):
            pass
        self._ack += 1
        if b'"path"' not in body:
            raise RuntimeError(f"no delivery: {body!r}")

    def acknowledge(self) -> None:
        """Acknowledge what has come."""
        self._line.send_frame(f'{{"ack":{self._ack}}}')

    def leave(self) -> None:
        """End the session."""
        self._rid += 1
        self._line.send_frame(f'{{"rid":{self._rid},"ack":{self._ack},"close":true}}')
        self._line.close()


class EventsClient(Client):
    """A session on server-sent events, which sends beside the stream."""

    def _open(self) -> None:
        super()._open()
        self._stream = Line(self._line.port)
        self._stream.send(EVENTS % (self._line.port, self.sid.encode()))
        self._stream.until(b"\r\n\r\n")
        self._stream.until(b"\n\n")  # the hello

    def begin(self) -> None:
        """There is nothing to be done."""

    def go_on(self) -> None:
        """There is nothing to be done."""

    def send(self) -> None:
        """Send a packet that comes back."""
        self._line.post("/comet", self._body(f',"packets":[{packet("echo")}],"hold":false'))

    def receive(self) -> None:
        """Take a delivery, of one packet, and the answer to what was sent."""
        while b"data:" not in self._stream.until(b"\n\n"):
            pass
        self._line.answer()
        self._ack += 1

    def leave(self) -> None:
        """End the session."""
        self._line.post("/comet", self._body(',"close":true'))
        self._line.answer()
        self._line.close()
        self._stream.close()


class SocketIoClient(Client):
    """A client of Socket.IO in the main namespace, polling; what it sends goes on a connection beside that."""

    def _open(self) -> None:
        self._beside = Line(self._line.port)
        self._path = SOCKETIO % "polling"
        self.begin()
        opened = msgspec.json.decode(self._line.answer()[1:], type=Welcome)
        self._path += f"&sid={opened.sid}"
        self._say("40")
        self._beside.answer()
        self.begin()
        self.sid = msgspec.json.decode(self._line.answer()[2:], type=Welcome).sid

    def begin(self) -> None:
        """Hold a request."""
        self._line.send(GET % (self._path.encode(), self._line.port))

    def go_on(self) -> None:
        """Hold the next one."""
        self.begin()

    def send(self) -> None:
        """Send an event that comes back, and hold a request for that."""
        self._say(event("echo"))
        self.begin()

    def _say(self, packet: str) -> None:
        self._beside.post(self._path, packet)

    def receive(self) -> None:
        """Take an event, and the answer to what was sent, if that was before it."""
        said = self._line.answer()
        if not said.startswith(b"42[") or b"\x1e" in said:
            raise RuntimeError(f"no event: {said!r}")

    def leave(self) -> None:
        """End the connection."""
        self._say("1")
        self._line.close()
        self._beside.close()


class SocketIoEcho(SocketIoClient):
    """The same, which reads the answers to what it sends."""

    def receive(self) -> None:
        """Take an event, and the answer to what was sent."""
        super().receive()
        self._beside.answer()


class SocketIoSocket(Client):
    """A client of Socket.IO in the main namespace, on a WebSocket."""

    def _open(self) -> None:
        self._line.send(SOCKETIO_WEBSOCKET % self._line.port)
        self._line.until(b"\r\n\r\n")
        self._line.frame()  # what Engine.IO opens with
        self._line.send_frame("40")
        self.sid = msgspec.json.decode(self._line.frame()[2:], type=Welcome).sid

    def begin(self) -> None:
        """There is nothing to be done."""

    def go_on(self) -> None:
        """There is nothing to be done."""

    def send(self) -> None:
        """Send an event that comes back."""
        self._line.send_frame(event("echo"))

    def receive(self) -> None:
        """Take an event; answer what asks for a sign of life."""
        while (said := self._line.frame()) == b"2":
            self._line.send_frame("3")
        if not said.startswith(b"42["):
            raise RuntimeError(f"no event: {said!r}")

    def leave(self) -> None:
        """End the connection."""
        self._line.send_frame("1")
        self._line.close()


def event(name: str) -> str:
    """Return an event as clients of Socket.IO write it."""
    return f'42["{name}","{PAYLOAD}"]'


def packet(path: str) -> str:
    """Return a packet as a client or a back-end writes it."""
    return f'{{"path":"{path}","message":"{PAYLOAD}"}}'


class Opener(Client):
    """A connection on which one session after the other is opened."""

    def _open(self) -> None:
        self._opened: list[str] = []

    def send(self) -> None:
        """Ask for a session."""
        self._line.post("/comet", '{"rid":1}')

    def receive(self) -> None:
        """Take it."""
        self._opened.append(msgspec.json.decode(self._line.answer(), type=Welcome).sid)

    def leave(self) -> None:
        """End all sessions."""
        for sid in self._opened:
            self.sid, self._rid = sid, 1
            self._line.post("/comet", self._body(',"close":true'))
            self._line.answer()
        self._line.close()


class Visitor(Opener):
    """A connection on which a session is opened and ended, by turns."""

    def send(self) -> None:
        """Ask for a session, or end the one that there is."""
        if self._opened:
            self.sid, self._rid = self._opened[-1], 1
            self._line.post("/comet", self._body(',"close":true'))
        else:
            super().send()

    def receive(self) -> None:
        """Take the session, or its end."""
        if self._opened:
            self._line.answer()
            self._opened.clear()
        else:
            super().receive()
