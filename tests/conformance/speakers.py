"""What is the same on every wire, whatever its messages are: somebody who speaks, and what is at the other end.

A wire that is new is one more class in `SPEAKERS` of `test_every_wire`. `wires` has those of the comet protocol, of
which more can be said.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Final

import trio
from trio.testing import MockClock

from cometary.app import App
from cometary.sessions import Packet, Session
from tests.conformance.wires import Events, Poll, RefusedError, WebSocket, Wire
from tests.protocol.client import PATIENCE, Connection, World
from tests.protocol.sockets import ClosedError
from tests.transport.wires.csp.client import CSP, CspClient, Streaming, response_of
from tests.transport.wires.socketio.talking import SOCKETIO, Frames, Polling, begun

TOO_MUCH: Final = 10_000
"""Bytes that are more than the server takes at once."""

SAID: Final = "talk"
HEARD: Final = "news"


class House:
    """A server, and what its application is told.

    Attributes:
        app: the application.
        world: the server, once it runs.
        sessions: all that were opened, in order.
        said: what each of them has said, by its name.
        ended: the names of those that are over.
        updates: what was sent to each path, by whoever may.
        stomp_speakers: how many have come by STOMP.
    """

    def __init__(self, clock: MockClock) -> None:
        self.app = App()
        self.clock = clock
        self.world: World
        self.sessions: list[Session] = []
        self.said: dict[str, list[Any]] = {}
        self.ended: list[str] = []
        self.updates: dict[str, list[Any]] = {}
        self.stomp_speakers = 0
        self.app.delegate(self)
        self.app.signon(self._enter)
        self.app.packet(SAID)(self._hear)
        self.app.signoff(self._leave)

    def update(self, _sender: object, path: str, message: object) -> None:
        """Take note of an update; see `App.delegate`."""
        self.updates.setdefault(path, []).append(message)

    def _enter(self, session: Session) -> None:
        self.sessions.append(session)
        self.said[session.name] = []

    def _hear(self, session: Session, _path: str, message: object) -> None:
        self.said[session.name].append(message)

    def _leave(self, session: Session, _reason: str, _undelivered: Sequence[Packet]) -> None:
        self.ended.append(session.name)

    async def pass_time(self, seconds: float) -> None:
        """Let time go by."""
        await self.world.pass_time(self.clock, seconds)


class Speaker(ABC):
    """Somebody who speaks one wire; what is at the other end is a session, unless a subclass says otherwise.

    Attributes:
        settings: those of a server that speaks it.
        is_limited: whether the server limits how fast it speaks.
    """

    settings: ClassVar[dict[str, Any]] = {}
    is_limited: ClassVar[bool] = True

    def __init__(self, house: House) -> None:
        self.house = house
        self.world = house.world
        self.session: Session

    async def begin(self) -> None:
        """Open, and take note of what is at the other end."""
        await self.open()
        await self.world.settle()
        self.session = self.house.sessions[-1]

    # -- what every wire has its own way for ------------------------------------------------------------

    @abstractmethod
    async def open(self) -> None:
        """Connect."""

    @abstractmethod
    async def say(self, text: str) -> None:
        """Say something; returns once it was taken, or surely will be.

        Raises:
            RefusedError: it is to be said again later.
        """

    @abstractmethod
    async def read(self) -> list[str]:
        """Wait for something, and return what has come.

        Raises:
            EndedError: it has ended.
        """

    @abstractmethod
    async def listen(self) -> None:
        """Be there for what comes, without reading it yet."""

    @abstractmethod
    async def cut(self) -> None:
        """Break the connection by which it listens, with what has come on it."""

    @abstractmethod
    async def come_back(self) -> None:
        """Go on."""

    @abstractmethod
    async def say_nonsense(self) -> None:
        """Say something that is nothing on this wire, and be told so."""

    @abstractmethod
    async def say_too_much(self) -> None:
        """Say something that is longer than the server takes, and be told so."""

    # -- what follows -----------------------------------------------------------------------------------

    async def hear(self, count: int) -> list[str]:
        """Return what comes next."""
        heard: list[str] = []
        with trio.fail_after(PATIENCE):
            while len(heard) < count:
                heard += await self.read()
        return heard

    async def end_is_told(self) -> bool:
        """Read until the end is told."""
        with trio.fail_after(PATIENCE):
            while True:
                try:
                    await self.read()
                except EndedError:
                    return True

    async def hurry(self, texts: Sequence[str]) -> None:
        """Say it all as fast as may be."""
        for text in texts:
            while True:
                try:
                    await self.say(text)
                except RefusedError:
                    await self.house.pass_time(1)
                else:
                    break
        while len(self.said) < len(texts):
            await self.house.pass_time(1)

    # -- the other end ----------------------------------------------------------------------------------

    @property
    def said(self) -> list[Any]:
        """What has been said, as it has come."""
        return self.house.said[self.session.name]

    @property
    def is_over(self) -> bool:
        """Whether the other end knows that it has ended."""
        return self.session.name in self.house.ended

    async def push(self, *texts: str) -> None:
        """Have the other end say something."""
        for text in texts:
            self.session.send(HEARD, text)
        await self.world.settle()

    async def end(self) -> None:
        """Have the other end end it."""
        self.session.kick()
        await self.world.settle()


class EndedError(Exception):
    """It is told that it has ended."""


class OfComet(Speaker):
    """A wire of the comet protocol."""

    kind: ClassVar[type[Wire]]

    async def open(self) -> None:
        self.wire = self.kind(self.world, self.house.clock)
        await self.wire.open()

    async def say(self, text: str) -> None:
        await self.wire.send((SAID, text))

    async def read(self) -> list[str]:
        try:
            return await self.wire.receive()
        except RefusedError as refused:
            raise EndedError from refused

    async def listen(self) -> None:
        """It always does."""

    async def cut(self) -> None:
        self.wire.drop()
        await self.world.settle()

    async def come_back(self) -> None:
        await self.wire.attach()

    async def say_nonsense(self) -> None:
        connection = await self.world.connect()
        assert (await connection.ask(b'{"rid":')).status == 400

    async def say_too_much(self) -> None:
        connection = await self.world.connect()
        assert (await connection.ask(b" " * TOO_MUCH)).status == 413


class LongPolling(OfComet):
    kind = Poll


class ServerSentEvents(OfComet):
    kind = Events


class WebSockets(OfComet):
    kind = WebSocket

    async def say_nonsense(self) -> None:
        assert isinstance(self.wire, WebSocket)
        socket = self.wire._socket
        assert socket is not None
        socket.protocol.send_text(b'{"rid":')
        await socket.flush()
        assert (await socket.body())["error"] == "bad-request"

    async def say_too_much(self) -> None:
        assert isinstance(self.wire, WebSocket)
        socket = self.wire._socket
        assert socket is not None
        socket.protocol.send_text(b" " * TOO_MUCH)
        await socket.flush()
        assert await socket.closed() == 1009


class OfEngineIo(Speaker):
    """Socket.IO, whose clients come back to their sessions."""

    settings: ClassVar[dict[str, Any]] = {**SOCKETIO, "socketio_recovery": "on"}

    def __init__(self, house: House) -> None:
        super().__init__(house)
        self._auth: dict[str, str] = {}

    def taken(self, packets: Sequence[str]) -> list[str]:
        """Return what packets say, of which each has its number."""
        heard: list[str] = []
        for packet in packets:
            if packet in {"1", "41"}:
                raise EndedError
            if packet.startswith("42"):
                event, text, self._auth["offset"] = json.loads(packet[2:])
                assert event == HEARD
                heard.append(text)
        return heard


class EngineIoPolling(OfEngineIo):
    _held: Connection | None = None

    async def open(self) -> None:
        self._polling = await Polling(self.world).open()
        self._auth["pid"] = (await self._polling.connect(auth=self._auth))["pid"]

    async def say(self, text: str) -> None:
        connection = await self.world.connect()
        payload = f'42["{SAID}",{json.dumps(text)}]'
        target = f"/socket.io/?EIO=4&transport=polling&sid={self._polling.sid}"
        await connection.request("POST", target, data=payload.encode())
        await self.world.settle()

    async def read(self) -> list[str]:
        held, self._held = self._held or await self._polling.hold(), None
        response = await response_of(held)
        if response.status != 200:
            raise EndedError
        return self.taken(response.body.decode().split("\x1e"))

    async def listen(self) -> None:
        self._held = self._held or await self._polling.hold()

    async def cut(self) -> None:
        assert self._held is not None
        self._held.wire.reset()
        self._held = None
        await self.world.settle()

    async def come_back(self) -> None:
        self._polling = await Polling(self.world).open()
        await self._polling.say(f"40{json.dumps(self._auth)}")

    async def say_nonsense(self) -> None:
        assert (await self._polling.post("abc")).status == 400

    async def say_too_much(self) -> None:
        assert (await self._polling.post("4" * TOO_MUCH)).status == 413


class EngineIoSocket(OfEngineIo):
    async def open(self) -> None:
        self._socket: Frames = await begun(self.world)
        self._auth["pid"] = (await self._socket.connect(auth=self._auth))["pid"]

    async def say(self, text: str) -> None:
        await self._socket.say(f'42["{SAID}",{json.dumps(text)}]')

    async def read(self) -> list[str]:
        try:
            return self.taken(await self._socket.hear())
        except ClosedError as closed:
            raise EndedError from closed

    async def listen(self) -> None:
        """It always does."""

    async def cut(self) -> None:
        self._socket.connection.wire.reset()
        await self.world.settle()

    async def come_back(self) -> None:
        self._socket = await begun(self.world)
        await self._socket.say(f"40{json.dumps(self._auth)}")

    async def say_nonsense(self) -> None:
        await self._socket.say("abc")
        await self._socket.closed()

    async def say_too_much(self) -> None:
        await self._socket.say("4" * TOO_MUCH)
        await self._socket.closed()


class CspPolling(Speaker):
    """The Comet Session Protocol."""

    settings: ClassVar[dict[str, Any]] = CSP
    _held: Connection | None = None

    async def open(self) -> None:
        self._client = await CspClient(self.world).open()

    async def say(self, text: str) -> None:
        sent = self._client.sent
        response = await self._client.send(json.dumps({"path": SAID, "message": text}))
        if response.status != 200:
            self._client.sent = sent
            raise RefusedError(json.loads(response.body))

    async def read(self) -> list[str]:
        if self._client.closed:
            raise EndedError
        held, self._held = self._held or await self._client.comet(), None
        return [json.loads(one)["message"] for one in await self._client.hear(held)]

    async def listen(self) -> None:
        self._held = self._held or await self._client.comet()

    async def cut(self) -> None:
        assert self._held is not None
        self._held.wire.reset()
        self._held = None
        await self.world.settle()

    async def come_back(self) -> None:
        """The next request is all that it takes."""

    async def say_nonsense(self) -> None:
        assert (await self._client.ask("send", data="[[")).status == 400

    async def say_too_much(self) -> None:
        assert (await self._client.ask("send", data=" " * TOO_MUCH)).status == 413


class CspStreaming(CspPolling):
    _stream: Streaming | None = None

    async def read(self) -> list[str]:
        if self._client.closed:
            raise EndedError
        await self.listen()
        assert self._stream is not None
        text = await self._stream.chunk()
        if not text:
            self._stream = None
            return []
        return [json.loads(one)["message"] for one in self._client.take(text)]

    async def listen(self) -> None:
        if self._stream is None:
            self._stream = await Streaming(await self._client.comet(bs="\n", **{"is": "1"})).begin()

    async def cut(self) -> None:
        assert self._stream is not None
        self._stream.connection.wire.reset()
        self._stream = None
        await self.world.settle()
