"""A wire that is a list: openings and requests that note what they are told."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import trio

from cometary.actors import current_system, system
from cometary.app import App
from cometary.dispatch.dispatcher import Table
from cometary.dispatch.hub import Hub
from cometary.errors import ProtocolError
from cometary.gate.binding import binding_of
from cometary.gate.gate import Gate
from cometary.gate.judging import judge_of
from cometary.gate.opening import NO_TOKEN, Opening, Welcome
from cometary.gate.rate_limit import OpenLimiter
from cometary.gate.welcoming import Recording
from cometary.sessions import Packet, Request, SessionManager, SessionSettings, SessionSupervisor
from cometary.sessions.events import Stream
from cometary.sessions.locator import Locator
from cometary.sessions.policy import Policy
from cometary.supervision import ChildSpec, supervise

FAR = "192.0.2.1"
KEY = bytes(32)

Told = list[Any]


@dataclass
class Shown:
    """Credentials."""

    token: Any = NO_TOKEN
    peer: str = FAR
    origin: str | None = None
    headers: dict[bytes, bytes] = field(default_factory=dict[bytes, bytes])

    def header(self, name: bytes) -> bytes | None:
        return self.headers.get(name)


class Asks(Opening):
    """An opening that notes its answer."""

    def __init__(self, shown: Shown, wait: float | None = None, policy: Policy | None = None) -> None:
        super().__init__(1, shown, "list", wait, policy)
        self.told: Told = []

    def opened(self, welcome: Welcome) -> None:
        self.told.append(welcome)

    def refuse(self, error: ProtocolError) -> None:
        self.told.append(error.condition)


class Says(Request):
    """A request that notes its answer."""

    def __init__(self, rid: int, *packets: Packet, ack: int = 0, close: bool = False) -> None:
        super().__init__(rid, ack, packets, close=close)
        self.told: Told = []

    def answer(self, first_seq: int, packets: Sequence[Packet]) -> None:
        self.told.append([packet.message for packet in packets])

    def refuse(self, error: ProtocolError) -> None:
        self.told.append(error.condition)


class Carries(Stream):
    """A stream that notes what it is told; it takes more unless it is `full`."""

    def __init__(self) -> None:
        super().__init__()
        self.told: Told = []
        self.full = False

    def admitted(self) -> None:
        self.told.append("admitted")

    def write(self, first_seq: int, packets: Sequence[Packet]) -> bool:
        self.told.append([packet.message for packet in packets])
        return not self.full

    def beat(self) -> None:
        self.told.append("beat")

    def release(self) -> None:
        self.told.append("released")

    def refuse(self, error: ProtocolError) -> None:
        self.told.append(error.condition)


class House:
    """A gate with all that is behind it, and the list before it."""

    def __init__(
        self,
        app: App,
        *,
        bind: str = "off",
        opens_per_minute: int = 0,
        locator: Locator | None = None,
        recording: Recording | None = None,
        **settings: Any,
    ) -> None:
        self.manager = SessionManager(SessionSettings(**settings), app)
        Hub(self.manager, Table(), start_soon=current_system().start_soon)
        self.gate = Gate(
            self.manager,
            OpenLimiter(opens_per_minute, trio.current_time),
            app.accepts,
            judge=None if app.authenticator is None else judge_of(app.authenticator),
            binding=binding_of(bind, KEY),
            locator=locator,
            recording=recording,
            start_soon=current_system().start_soon,
        )

    async def open(self, token: Any = NO_TOKEN, **shown: Any) -> Any:
        """Open a session; returns what the wire was told."""
        opening = Asks(Shown(token, **shown))
        self.gate.open(opening)
        await trio.testing.wait_all_tasks_blocked()
        (told,) = opening.told
        return told

    async def say(self, sid: str, request: Says, token: Any = NO_TOKEN, **shown: Any) -> Told:
        """Submit a request; returns what the wire has been told so far, which is nothing while it is held."""
        self.gate.submit(sid, request, Shown(token, **shown))
        await trio.testing.wait_all_tasks_blocked()
        return request.told

    async def attach(self, sid: str, token: Any = NO_TOKEN, ack: int = 0, **shown: Any) -> Carries:
        """Attach a stream; returns it, with what it has been told."""
        stream = Carries()
        self.gate.attach(sid, stream, ack, Shown(token, **shown))
        await trio.testing.wait_all_tasks_blocked()
        return stream

    async def say_on(self, stream: Carries, request: Says, token: Any = NO_TOKEN) -> Told:
        """Submit a request on a stream; returns what the wire has been told so far."""
        self.gate.submit_further(stream.sid, request, Shown(token))
        await trio.testing.wait_all_tasks_blocked()
        return request.told


@asynccontextmanager
async def house(app: App | None = None, **options: Any) -> AsyncGenerator[House]:
    """Run sessions behind a gate."""
    async with system():
        behind = House(app or App(), **options)
        async with supervise([ChildSpec("sessions", SessionSupervisor, (behind.manager,))]):
            yield behind
