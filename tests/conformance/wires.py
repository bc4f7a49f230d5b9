"""Every wire, as one client speaks it: what a test of all of them can say without knowing which one it is.

A wire that is new is one more class in `WIRES`.
"""

from __future__ import annotations

import socket
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import Any, ClassVar, Final, cast

import trio
import trio.testing

from cometary.transport.codecs import Codec, cbor, json
from tests.protocol.client import PATIENCE, Answer, Connection, World
from tests.protocol.sockets import Socket
from tests.protocol.streaming import ITEMS, LINES, SSE, Streamed

SMALL_BUFFER: Final = 4096

MOST_LOOKS: Final = 4
"""Seconds in which a request is confirmed, whatever is to be said besides."""


class RefusedError(Exception):
    """The server has answered with an error, or ended the session.

    Args:
        body: what it said.
    """

    def __init__(self, body: dict[str, Any]) -> None:
        super().__init__(body)
        self.condition: str = body["error"]
        self.reason: str | None = body.get("reason")


class Wire(ABC):
    """A client with one session.

    Args:
        world: the server.
        clock: the test's, and the server's.
        cookie: what its browser sends with every request; nothing if empty.

    Attributes:
        stays: whether what carries its packets stays after it has carried some.
        sid: the id of its session, once it has one.
        welcome: what it was told when that opened.
        rid: the request id that was used last.
        ack: the highest packet number that was received.
        proof: what goes with every request, since the session is bound to it.
    """

    stays: ClassVar[bool] = True
    codec: ClassVar[Codec] = json

    def __init__(self, world: World, clock: trio.testing.MockClock, cookie: str = "") -> None:
        self.world = world
        self.clock = clock
        self.cookie = cookie
        self.sid = ""
        self.welcome: dict[str, Any] = {}
        self.rid: int = 1
        self.ack: int = 0
        self.proof: dict[str, object] = {}
        self._came: list[Any] = []
        self.begin()

    def begin(self) -> None:  # noqa: B027 - not every wire needs any
        """Make what the wire needs of its own."""

    @property
    def headers(self) -> tuple[bytes, ...]:
        """The headers of all its requests."""
        return (f"Cookie: {self.cookie}".encode(),) if self.cookie else ()

    # -- what every wire has its own way for --------------------------------------------------------

    async def open(self, **members: object) -> None:
        """Open a session, and have it carried."""
        connection = await self.world.connect(self.codec)
        answer = await connection.ask({"rid": self.rid, **members}, *self.headers)
        self.take_welcome(answer.body, members)
        await self.attach()

    @abstractmethod
    async def attach(self, **members: object) -> None:
        """Have the session carried, from what was received on.

        Raises:
            RefusedError: the server will not have it.
        """

    @abstractmethod
    async def read(self) -> None:
        """Wait for something more, and take it.

        Raises:
            RefusedError: it is an error, or the end of the session.
        """

    @abstractmethod
    async def look(self) -> None:
        """Take what has come, without waiting for more; answer what is to be answered."""

    @abstractmethod
    async def acknowledge(self) -> None:
        """Say what has been received."""

    @abstractmethod
    async def send(self, *packets: tuple[str, object], **members: object) -> None:
        """Send a request, and wait until it is confirmed.

        Raises:
            RefusedError: it was refused.
        """

    @abstractmethod
    async def send_and_drop(self, *packets: tuple[str, object]) -> None:
        """Send a request, and lose the connection before the answer is read."""

    @abstractmethod
    def drop(self) -> None:
        """Lose the connection that carries packets, with all that has come on it unread."""

    # -- what follows ---------------------------------------------------------------------------------

    def take_welcome(self, body: dict[str, Any], members: dict[str, object]) -> None:
        """Take the answer to the opening, which had these members."""
        if "error" in body:
            raise RefusedError(body)
        self.welcome, self.sid = body, body["sid"]
        if body.get("bind") == "token":
            self.proof = {"token": members["token"]}

    def body(self, *packets: tuple[str, object], **members: object) -> dict[str, object]:
        """Return the body of the next new request; `members` may say otherwise."""
        self.rid += 1
        body: dict[str, object] = {"rid": self.rid, "ack": self.ack}
        if packets:
            body["packets"] = [{"path": path, "message": message} for path, message in packets]
        return {**body, **members}

    def take(self, packets: list[Any], first_seq: int) -> None:
        """Take packets; those that have come before are dropped, and none may be missing."""
        assert first_seq <= self.ack + 1, f"packet {first_seq} has come after {self.ack}"
        new = packets[self.ack + 1 - first_seq :]
        self._came += new
        self.ack += len(new)

    async def receive(self, count: int = 1) -> list[Any]:
        """Return the messages of so many new packets, in order."""
        while len(self._came) < count:
            await self.read()
        came, self._came = self._came[:count], self._came[count:]
        return [packet["message"] for packet in came]

    async def last_word(self) -> RefusedError:
        """Read to the end of the session, and return what was said of it."""
        with trio.fail_after(PATIENCE):
            while True:
                try:
                    await self.read()
                except RefusedError as refused:
                    return refused

    async def connect_slowly(self) -> Connection:
        """Connect with a kernel that takes in only little for the reader."""
        sock = trio.socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        await sock.connect(("127.0.0.1", int(self.world.running.comet.rpartition(":")[2].partition("/")[0])))
        connection = Connection(trio.SocketStream(sock), self.codec)
        self.world.connections.append(connection)
        return connection


class Poll(Wire):
    """Long-polling: one request is held, the others are sent beside it."""

    stays = False

    def begin(self) -> None:
        self._held: Connection | None = None

    async def attach(self, **members: object) -> None:
        await self._hold(self.body(sid=self.sid, **{**self.proof, **members}))

    async def _hold(self, body: dict[str, object]) -> None:
        connection = await self.connect_slowly()
        await connection.send(body, *self.headers)
        await self.world.settle()
        self._held = connection
        if self._answer_is_there() and b"error" in connection.wire._buffer:
            self._held = None
            raise RefusedError((await connection.answer()).body)

    def _answer_is_there(self) -> bool:
        assert self._held is not None
        self._held.is_closed()
        return bool(self._held.wire._buffer)

    async def read(self) -> None:
        assert self._held is not None
        answer = await self._held.answer()
        self._take(answer)
        await self.attach()

    def _take(self, answer: Answer) -> None:
        if answer.status != 200:
            raise RefusedError(answer.body)
        if answer.body["packets"]:
            self.take(answer.body["packets"], answer.body["seq"])

    async def look(self) -> None:
        if self._answer_is_there():
            await self.read()

    async def acknowledge(self) -> None:
        """That is done already, by the request that is held."""

    async def send(self, *packets: tuple[str, object], **members: object) -> None:
        older = self._held
        try:
            await self._hold(self.body(*packets, sid=self.sid, **{**self.proof, **members}))
        except RefusedError:
            self._held = older
            self.rid -= 1  # as if it had never been
            raise
        if older is not None:
            self._take(await older.answer())

    async def send_and_drop(self, *packets: tuple[str, object]) -> None:
        older = self._held
        await self._hold(self.body(*packets, sid=self.sid, **self.proof))
        self.drop()
        if older is not None:
            older.wire.reset()
        await self.world.settle()

    def drop(self) -> None:
        assert self._held is not None
        self._held.wire.reset()
        self._held = None


class PollInCbor(Poll):
    codec: ClassVar[Codec] = cbor


class StreamedWire(Wire):
    """A stream that is a response; what is sent goes beside it."""

    accept: ClassVar[str]

    def begin(self) -> None:
        self._stream: Streamed | None = None
        self._seq = 0

    async def attach(self, **members: object) -> None:
        connection = await self.connect_slowly()
        await self._ask(connection, {**self.proof, **members})
        self._stream = stream = Streamed(connection, self.accept)
        with suppress(UnicodeDecodeError, ValueError):  # an error in CBOR
            await stream.begin()
        if stream.head.status != 200:
            in_cbor = stream.head.headers["content-type"] == "application/cbor"
            raise RefusedError(cast("dict[str, Any]", (cbor if in_cbor else json).decode(stream.head.body)))
        await self.read()  # the hello

    async def _ask(self, connection: Connection, members: dict[str, object]) -> None:
        accept = f"Accept: {self.accept}".encode()
        body = {"sid": self.sid, "ack": self.ack, **members}
        await connection.send(body, accept, *self.headers)

    async def read(self) -> None:
        assert self._stream is not None
        self._take((await self._stream.piece()).body)

    def _take(self, body: dict[str, Any]) -> None:
        if "error" in body:
            raise RefusedError(body)
        if "path" in body:  # an event
            self.take([body], self.ack + 1)
        elif "packets" in body:
            first_seq = body.get("seq", self._seq)
            self.take(body["packets"], first_seq)
            self._seq = first_seq + len(body["packets"])

    async def look(self) -> None:
        stream = self._stream
        assert stream is not None
        asked_for_a_sign = False
        stream.connection.is_closed()
        while has_a_chunk(stream.connection.wire.received):
            await stream._read()
        while (piece := stream._take()) is not None:
            asked_for_a_sign |= not piece.body
            self._take(piece.body)
        if asked_for_a_sign:
            await self.acknowledge()

    async def acknowledge(self) -> None:
        await self.send()

    async def send(self, *packets: tuple[str, object], **members: object) -> None:
        connection = await self.world.connect(self.codec)
        members = {"sid": self.sid, "hold": False, **self.proof, **members}
        answer = await connection.ask(self.body(*packets, **members), *self.headers)
        if answer.status != 200:
            self.rid -= 1
            raise RefusedError(answer.body)

    async def send_and_drop(self, *packets: tuple[str, object]) -> None:
        connection = await self.world.connect(self.codec)
        await connection.send(self.body(*packets, sid=self.sid, hold=False), *self.headers)
        connection.wire.reset()
        self.drop()
        await self.world.settle()

    def drop(self) -> None:
        assert self._stream is not None
        self._stream.connection.wire.reset()
        self._stream = None


def has_a_chunk(received: bytes) -> bool:
    size, line, rest = received.partition(b"\r\n")
    return bool(line) and len(rest) >= int(size, 16) + 2


class Events(StreamedWire):
    accept = SSE

    async def _ask(self, connection: Connection, members: dict[str, object]) -> None:
        lines = [f"Accept: {SSE}", f"X-Comet-Session: {self.sid}", f"Last-Event-ID: {self.ack}"]
        if "token" in members:
            lines.append(f"Authorization: Bearer {members['token']}")
        await connection.request("GET", "/comet", *[line.encode() for line in lines], *self.headers)


class Lines(StreamedWire):
    accept = LINES


class Items(StreamedWire):
    accept = ITEMS
    codec: ClassVar[Codec] = cbor


class WebSocket(Wire):
    """Everything on one connection."""

    subprotocol: ClassVar[str] = "cometary.1"

    def begin(self) -> None:
        self._socket: Socket | None = None
        self._seq = 0
        self._confirmed = 0

    async def _connect(self) -> Socket:
        headers = {"Cookie": self.cookie} if self.cookie else {}
        self._socket = Socket(await self.connect_slowly(), self.subprotocol, headers)
        await self._socket.handshake()
        return self._socket

    async def open(self, **members: object) -> None:
        opened = await self._connect()
        await opened.send({"rid": self.rid, **members})
        self.take_welcome(await opened.body(), members)
        await self.read()  # the hello

    async def attach(self, **members: object) -> None:
        opened = await self._connect()
        self._confirmed = 0
        await opened.send({"sid": self.sid, "ack": self.ack, **self.proof, **members})
        await self.read()

    async def read(self) -> None:
        assert self._socket is not None
        await self._take(await self._socket.body())

    async def _take(self, body: Any) -> None:
        if not body:
            await self.acknowledge()
        elif "error" in body:
            raise RefusedError(body)
        if "rid" in body:
            assert body["rid"] > self._confirmed
            self._confirmed = body["rid"]
        if "packets" in body:
            first_seq = body.get("seq", self._seq)
            self.take(body["packets"], first_seq)
            self._seq = first_seq + len(body["packets"])

    async def look(self) -> None:
        assert self._socket is not None
        self._socket.look()
        while (body := self._socket.next()) is not None:
            await self._take(body)

    async def acknowledge(self) -> None:
        assert self._socket is not None
        await self._socket.send({"ack": self.ack})
        await self.world.settle()

    async def send(self, *packets: tuple[str, object], **members: object) -> None:
        assert self._socket is not None
        body = self.body(*packets, **members)
        await self._socket.send(body)
        try:
            await self._until_confirmed(int(str(body["rid"])))
        except RefusedError:
            self.rid -= 1
            raise

    async def _until_confirmed(self, rid: int) -> None:
        for _ in range(MOST_LOOKS):
            await self.world.settle()
            await self.look()
            if self._confirmed >= rid:
                return
            await self.world.pass_time(self.clock, 1)
        raise AssertionError("the request has not been confirmed")

    async def send_and_drop(self, *packets: tuple[str, object]) -> None:
        assert self._socket is not None
        await self._socket.send(self.body(*packets))
        await self.world.settle()
        self.drop()
        await self.world.settle()

    def drop(self) -> None:
        assert self._socket is not None
        self._socket.connection.wire.reset()
        self._socket = None


class WebSocketInCbor(WebSocket):
    subprotocol = "cometary.1.cbor"
    codec: ClassVar[Codec] = cbor


WIRES: Final = (Poll, PollInCbor, Events, Lines, Items, WebSocket, WebSocketInCbor)
