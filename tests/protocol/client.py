"""The server as a whole, in this process, and clients that reach it over real loopback sockets."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import trio
import trio.testing

from cometary.app import App
from cometary.asgi import CometASGI
from cometary.config import Address, Settings
from cometary.doors.door import Door
from cometary.server import Running, serve
from cometary.sessions import Packet, Session
from cometary.transport.codecs import Codec, cbor, json
from tests.asgi.servers import hypercorn
from tests.transport.wire import Client, Response

PATIENCE = 20.0
"""Seconds after which an answer is not going to come."""


@dataclass
class Answer:
    """An HTTP response and what its body says."""

    status: int
    headers: dict[str, str]
    raw: bytes
    body: Any

    @property
    def error(self) -> tuple[int, str]:
        """The status and the condition of a refusal, which has exactly the members it should have."""
        assert set(self.body) - {"reason", "processed"} == {"error", "detail"}, self.body
        assert isinstance(self.body["detail"], str)
        assert self.body["detail"]
        return self.status, self.body["error"]

    @property
    def packets(self) -> list[Any]:
        """The messages that it brings."""
        assert self.status == 200, self.body
        return [packet["message"] for packet in self.body["packets"]]


class Connection:
    """One connection to the server.

    Args:
        stream: the connected socket.
        codec: how bodies are written.
    """

    def __init__(self, stream: trio.SocketStream, codec: Codec = json) -> None:
        self.wire = Client(stream)
        self.codec = codec

    async def send(
        self, body: object, *headers: bytes, path: str = "/comet", content_type: bytes | None = None
    ) -> None:
        """Send a POST request with `body`, which bytes are already."""
        data = body if isinstance(body, bytes) else self.codec.encode(body)
        kind = self.codec.content_type if content_type is None else content_type
        await self.request("POST", path, b"Content-Type: " + kind, *headers, data=data)

    async def request(self, method: str, path: str, *headers: bytes, data: bytes | None = None) -> None:
        """Send any request."""
        lines = [f"{method} {path} HTTP/1.1".encode(), b"Host: 127.0.0.1", *headers]
        if data is not None:
            lines.append(b"Content-Length: %d" % len(data))
        await self.wire.send(b"\r\n".join(lines) + b"\r\n\r\n" + (data or b""))

    async def answer(self) -> Answer:
        """Read the next response."""
        with trio.fail_after(PATIENCE):
            response: Response = await self.wire.response()
        assert response.headers["cache-control"] == "no-store"
        body = None
        if response.body:
            body = (cbor if response.headers["content-type"] == "application/cbor" else json).decode(
                response.body
            )
        return Answer(response.status, response.headers, response.body, body)

    def is_closed(self) -> bool:
        """Whether the server has closed the connection by now; what it sent before is kept."""
        try:
            while data := os.read(self.wire.stream.socket.fileno(), 65536):
                self.wire._buffer += data
        except BlockingIOError:
            return False
        except ConnectionResetError:
            return True
        return True

    async def ask(self, body: object, *headers: bytes, path: str = "/comet") -> Answer:
        """Send a POST request and read the response."""
        await self.send(body, *headers, path=path)
        return await self.answer()

    async def get(self, path: str, *headers: bytes) -> Answer:
        """Send a GET request and read the response."""
        await self.request("GET", path, *headers)
        return await self.answer()


class World:
    """A running server and those who talk to it."""

    def __init__(self, running: Running, app: App) -> None:
        self.running = running
        self.app = app
        self.connections: list[Connection] = []

    async def connect(self, codec: Codec = json, *, control: bool = False) -> Connection:
        """Open a connection to the comet endpoint or to the control interface."""
        url = urlsplit(self.running.control if control else self.running.comet)
        assert url.hostname is not None
        assert url.port is not None
        connection = Connection(await trio.open_tcp_stream(url.hostname, url.port), codec)
        self.connections.append(connection)
        return connection

    async def open(self, codec: Codec = json, **members: object) -> Comet:
        """Open a session, and let it sign on."""
        connection = await self.connect(codec)
        answer = await connection.ask({"rid": 1, **members})
        assert answer.status == 200, answer.body
        await self.settle()
        return Comet(self, connection, answer.body["sid"], members.get("rid", 1))

    async def control(self, path: str, body: object, *headers: bytes, codec: Codec = json) -> Answer:
        """Make one call of the control interface."""
        connection = await self.connect(codec, control=True)
        return await connection.ask(body, *headers, path=path)

    async def sessions(self) -> list[dict[str, Any]]:
        """What operators see of the sessions."""
        connection = await self.connect(control=True)
        sessions: list[dict[str, Any]] = (await connection.get("/sessions")).body["sessions"]
        return sessions

    async def settle(self) -> None:
        """Wait until everything that is under way on the loopback has been dealt with."""
        await trio.testing.wait_all_tasks_blocked(0.003)

    async def pass_time(self, clock: trio.testing.MockClock, seconds: float) -> None:
        """Let time go by, with everything that happens then."""
        await self.settle()
        clock.jump(seconds)
        await self.settle()


class Comet:
    """A client with an open session, as small as can be: a test does each step itself.

    Attributes:
        sid: the session id.
        rid: the request id that was used last.
        ack: the highest packet number that was received.
    """

    def __init__(self, world: World, connection: Connection, sid: str, rid: Any) -> None:
        self.world = world
        self.connection = connection
        self.sid = sid
        self.rid: int = rid
        self.ack = 0

    @property
    def codec(self) -> Codec:
        return self.connection.codec

    def body(self, *packets: tuple[str, object], **members: object) -> dict[str, object]:
        """The body of the next new request; `members` may say otherwise."""
        self.rid += 1
        body: dict[str, object] = {"sid": self.sid, "rid": self.rid, "ack": self.ack}
        if packets:
            body["packets"] = [{"path": path, "message": message} for path, message in packets]
        return {**body, **members}

    async def hold(self, *packets: tuple[str, object], **members: object) -> Connection:
        """Send a request on a connection of its own, and leave it at that."""
        connection = await self.world.connect(self.codec)
        await connection.send(self.body(*packets, **members))
        await self.world.settle()
        return connection

    async def receive(self, connection: Connection) -> list[Any]:
        """Read an answer, and of its packets those that are new."""
        answer = await connection.answer()
        assert answer.status == 200, answer.body
        if not answer.body["packets"]:
            assert "seq" not in answer.body
            return []
        new = answer.body["packets"][self.ack + 1 - answer.body["seq"] :]
        self.ack = answer.body["seq"] + len(answer.body["packets"]) - 1
        return [packet["message"] for packet in new]

    async def poll(self, *packets: tuple[str, object], **members: object) -> list[Any]:
        """Send a request and wait for what comes."""
        await self.connection.send(self.body(*packets, **members))
        return await self.receive(self.connection)

    async def ask(self, *packets: tuple[str, object], **members: object) -> Answer:
        """Send a request and wait for the answer as it is."""
        return await self.connection.ask(self.body(*packets, **members))


class Recorder:
    """An application that notes what it is told; its packet handlers are the test's own.

    Attributes:
        app: the application.
        sessions: all sessions ever opened, in order.
        packets: the path and message of every packet, in order.
        ended: the reason and the undelivered messages of every session that has ended, in order.
    """

    def __init__(self) -> None:
        self.app = App()
        self.sessions: list[Session] = []
        self.packets: list[tuple[str, object]] = []
        self.ended: list[tuple[str, list[object]]] = []
        self.app.signon(self.sessions.append)
        self.app.packet("**")(self._note)
        self.app.signoff(self._sign_off)

    def _note(self, _session: Session, path: str, message: object) -> None:
        self.packets.append((path, message))

    def _sign_off(self, _session: Session, reason: str, undelivered: Sequence[Packet]) -> None:
        self.ended.append((reason, [packet.message for packet in undelivered]))


DOORS: dict[str, Callable[..., AbstractAsyncContextManager[Running]]] = {}
"""How a server is run, by the name of the door that clients come in by."""


@asynccontextmanager
async def serving(
    app: App | None = None, *, doors: Sequence[type[Door]] | None = None, **settings: Any
) -> AsyncGenerator[World, None]:
    """Run a server on free ports, with certain doors if not with all, and stop it.

    Clients come in by the door that `door` names at that moment.
    """
    app = app or App()
    options: dict[str, Any] = {"port": 0, "control": Address("127.0.0.1", 0), **settings}
    run = by_front_end if doors is not None else DOORS[door.get()]
    async with run(Settings(**options), app, doors) as running:
        world = World(running, app)
        try:
            yield world
        finally:
            for connection in world.connections:
                connection.wire.stream.socket.close()


@asynccontextmanager
async def by_front_end(
    settings: Settings, app: App, doors: Sequence[type[Door]] | None
) -> AsyncGenerator[Running]:
    """Run the server itself."""
    async with trio.open_nursery() as nursery:
        running: Running = await nursery.start(partial(serve, doors=doors), settings, app)
        try:
            yield running
        finally:
            nursery.cancel_scope.cancel()


@asynccontextmanager
async def by_hypercorn(
    settings: Settings, app: App, _: Sequence[type[Door]] | None
) -> AsyncGenerator[Running]:
    """Run Hypercorn, and in it the ASGI application."""
    comet = CometASGI(app, settings)
    with trio.CancelScope() as scope:
        async with hypercorn(comet, keep_alive_timeout=1e6) as url:
            assert comet._inside is not None
            try:
                yield replace(comet._inside.running, comet=url + settings.comet, urls={"clients": url})
            finally:
                scope.cancel()


DOORS.update({"front end": by_front_end, "hypercorn": by_hypercorn})
door = ContextVar("door", default="front end")
