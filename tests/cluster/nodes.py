"""Servers on one engine in the process of a test, which die whenever it wants, and an application with an account."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import trio

from cometary import App, Failure, Packet, Session
from cometary.cluster.engine import Engine
from cometary.config.kinds import Address
from cometary.server import Running, serve
from cometary.settings import Settings
from tests.cluster.switch import Switch, switch

SETTINGS = Settings(
    port=0, control=Address("127.0.0.1", 0), engine="redis://not-asked", sessions="resume", drain=0
)


class Application:
    """An application and its account."""

    def __init__(self, judge: Any = None) -> None:
        self.app = App(authenticate=judge)
        self.calls: list[tuple[Any, ...]] = []
        self.sessions: dict[str, Session] = {}
        self.app.signon(self._signed_on)
        self.app.recovered(self._recovered)
        self.app.signoff(self._signed_off)
        self.app.failure(self._failed)
        self.app.packet("say")(self._say)
        self.app.packet("hear")(self._hear)
        self.app.packet("dawdle")(self._dawdle)

    def _signed_on(self, session: Session) -> None:
        self.calls.append(("on",))
        self.sessions[session.name] = session
        session.data["user"] = "kim"

    def _recovered(self, session: Session) -> None:
        self.calls.append(("recovered", session.data.get("said"), session.user, session.paths))
        self.sessions[session.name] = session

    def _signed_off(self, session: Session, reason: str, undelivered: Sequence[Packet]) -> None:
        self.calls.append(("off", reason, [packet.message for packet in undelivered]))

    def _failed(self, failure: Failure) -> None:
        assert failure.session is not None
        reason = getattr(failure.error, "reason", None)
        self.calls.append(("failed", failure.hook, reason))
        failure.session.send("failed", reason)

    def _say(self, session: Session, path: str, message: int) -> None:
        session.data["said"] = message
        session.send("said", message)

    def _hear(self, session: Session, path: str, message: str) -> None:
        session.connect(message)

    async def _dawdle(self, session: Session, path: str, message: float) -> None:
        self.calls.append(("dawdle",))
        await trio.sleep(message)


class Node:
    """A server.

    Attributes:
        running: the server.
    """

    def __init__(self, scope: trio.CancelScope, dead: trio.Event, running: Running) -> None:
        self.running = running
        self._scope = scope
        self._dead = dead

    async def die(self) -> None:
        """From now on nothing is said or recorded any more."""
        self._scope.cancel()
        await self._dead.wait()

    async def stopped(self) -> None:
        """Wait until it has stopped."""
        await self._dead.wait()


async def node(nursery: trio.Nursery, engine: Engine, app: App, settings: Settings = SETTINGS) -> Node:
    """Start a server."""
    dead = trio.Event()

    async def run(*, task_status: trio.TaskStatus[Node] = trio.TASK_STATUS_IGNORED) -> None:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as inner:

                async def serving(*, task_status: trio.TaskStatus[Running]) -> None:
                    await serve(settings, app, cluster=engine, task_status=task_status)

                running = await inner.start(serving)
                task_status.started(Node(scope, dead, running))
        dead.set()

    started: Node = await nursery.start(run)
    return started


class AppNode:
    """A server with an application whose account it is.

    Attributes:
        application: the application.
        running: the server.
    """

    def __init__(self, application: Application, server: Node) -> None:
        self.application = application
        self.running = server.running
        self.die = server.die
        self.stopped = server.stopped

    @property
    def calls(self) -> list[tuple[Any, ...]]:
        """What the application was told."""
        return self.application.calls

    @property
    def session(self) -> Session:
        """The one session that was opened here, or went on here."""
        [session] = self.application.sessions.values()
        return session


async def start(
    nursery: trio.Nursery, engine: Engine, settings: Settings = SETTINGS, *, judge: Any = None
) -> AppNode:
    """Start one."""
    application = Application(judge)
    return AppNode(application, await node(nursery, engine, application.app, settings))


async def until(condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait until something is so at a server, which tells nobody."""
    with trio.fail_after(seconds):
        while not condition():  # noqa: ASYNC110 - see above
            await trio.sleep(0.01)


@asynccontextmanager
async def cluster() -> AsyncGenerator[tuple[trio.Nursery, Switch]]:
    """Have servers, and what stands before them, until the end of the block."""
    async with switch() as way, trio.open_nursery() as nursery:
        yield nursery, way
        nursery.cancel_scope.cancel()
