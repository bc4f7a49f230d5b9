"""The server: its supervision tree, and how it starts and stops.

    cometary (one_for_one)
    ├── dispatcher     an actor: routes updates
    ├── sessions       a dynamic supervisor: one actor a session
    ├── front-end      an async function: the switchboard with both listeners
    └── application    a supervisor: the application's own tasks, if it has any

A stop goes the other way round: no new sessions, every session is told `shutdown` and signs off,
then the front end sends what is still to be sent and closes.
"""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

import trio

from cometary.actors import ActorRef, ActorSystem, system
from cometary.app import App
from cometary.config import Address
from cometary.dispatch.dispatcher import Dispatcher, Table
from cometary.errors import ChildStartError, ProtocolError
from cometary.sessions import SessionManager, SessionSettings, SessionSupervisor
from cometary.supervision import Backoff, ChildSpec, SupervisorSpec, start_child, supervise, tree
from cometary.supervision.tree import SHOWN
from cometary.transport.comet import CometEndpoint
from cometary.transport.control import ControlEndpoint
from cometary.transport.cors import CorsPolicy
from cometary.transport.files import file_endpoints
from cometary.transport.limits import Limits
from cometary.transport.rate_limit import OpenLimiter
from cometary.transport.router import Router
from cometary.transport.service import Service
from cometary.transport.switchboard import Listen, Switchboard

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Sequence

    from cometary.config import Settings
    from cometary.sessions import Session
    from cometary.sessions.machine import SessionMachine
    from cometary.supervision import CrashReport, Supervisor, TreeNode

STOP_GRACE: Final = 5.0
"""Seconds that sessions have to sign off when the server stops, and then again answers to go out."""


TASK_BACKOFF: Final = Backoff(min=0.1, max=5.0)
"""How long a task of the application that crashed waits for its restart."""

REPORTS_WAITING: Final = 100
"""Crash reports that wait for one reader at most; further ones are dropped (the log has them all)."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that runs; handed to whoever started it, and to the application's tasks.

    Attributes:
        comet: the URL of the comet endpoint.
        control: the URL of the control interface.
        secret: what every call of the control interface must bear, if anything.
    """

    comet: str
    control: str
    secret: str | None = field(repr=False)
    _manager: SessionManager
    _root: ActorRef[Supervisor]
    _leave: trio.Event

    def stop(self) -> None:
        """Stop gracefully; `serve` returns when that is done."""
        self._leave.set()

    def machine(self, session: Session) -> SessionMachine | None:
        """Return the machine of a session, to look at or to observe; None if the session has ended."""
        with suppress(ProtocolError):
            return self._manager.find(session.sid).machine
        return None

    def tree(self, *, shown: int = SHOWN) -> TreeNode:
        """Return the supervision tree as it is now, with at most `shown` of the sessions."""
        return tree(self._root, shown=shown)

    @contextmanager
    def crash_reports(self) -> Generator[trio.MemoryReceiveChannel[CrashReport]]:
        """Receive every crash report of the tree while the block lasts."""
        send, receive = trio.open_memory_channel["CrashReport"](REPORTS_WAITING)

        def take(report: CrashReport) -> None:
            with suppress(trio.WouldBlock):
                send.send_nowait(report)

        supervisor = cast("Supervisor", self._root.actor_inbox.actor)
        supervisor.subscribe(take)
        try:
            yield receive
        finally:
            supervisor.unsubscribe(take)


async def serve(
    settings: Settings,
    app: App | None = None,
    *,
    task_status: trio.TaskStatus[Running] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until stopped or cancelled.

    Args:
        settings: how the server is set up.
        app: the application; without one, client packets are refused.
        task_status: told the addresses once connections are accepted there.

    Raises:
        OSError: an address cannot be listened on: the configuration's fault.
    """
    leave = trio.Event()
    async with system() as actors:
        server = Server(settings, app or App(), actors)
        async with server.running(leave) as running:
            task_status.started(running)
            await leave.wait()
            await server.stop()


class Server:
    """One server: what its supervised parts share.

    Args:
        settings: how it is set up.
        app: the application.
        actors: the system it lives in.
    """

    def __init__(self, settings: Settings, app: App, actors: ActorSystem) -> None:
        self._settings = settings
        self._app = app
        self._table: Table = Table()
        self._manager = SessionManager(session_settings(settings), app, self._table)
        self._services = self._make_services(actors)
        self._switchboard: Switchboard | None = None
        self._addresses: list[tuple[str, int]] = [
            (settings.host, settings.port),
            (settings.control.host, settings.control.port),
        ]
        self._root: ActorRef[Any] | None = None

    @asynccontextmanager
    async def running(self, leave: trio.Event) -> AsyncGenerator[Running]:
        """Run the supervision tree, and in it the application's tasks.

        Args:
            leave: what `Running.stop` sets.
        """
        children = [
            ChildSpec("dispatcher", Dispatcher, (self._table, self._app.attach)),
            ChildSpec("sessions", SessionSupervisor, (self._manager,)),
            ChildSpec("front-end", self._front_end),
        ]
        try:
            async with supervise(children, id="cometary", intensity=10, period=5.0) as root:
                self._root = root
                running = self._describe(root, leave)
                await self._start_tasks(root, running)
                yield running
        except ChildStartError as error:
            cause: BaseException | None = error
            while cause is not None and not isinstance(cause, OSError):
                cause = cause.__cause__
            raise cause or error from None
        finally:
            self._app.attach(None)

    def _describe(self, root: ActorRef[Supervisor], leave: trio.Event) -> Running:
        settings = self._settings
        public, control = [f"http://{Address(*address)}" for address in self._addresses]
        return Running(public + settings.comet, control, settings.secret, self._manager, root, leave)

    async def _start_tasks(self, root: ActorRef[Supervisor], running: Running) -> None:
        specs = [ChildSpec(task.__name__, task, (running,)) for task in self._app.tasks]
        if specs:
            application = SupervisorSpec(specs, intensity=10, period=5.0, backoff=TASK_BACKOFF)
            await start_child(root, ChildSpec("application", application))

    async def stop(self) -> None:
        """Tell every session `shutdown`, and let what is still to be sent go out."""
        with trio.move_on_after(STOP_GRACE):
            await self._manager.shut_down()
        if self._switchboard is not None:
            await self._switchboard.aclose(STOP_GRACE)

    async def _front_end(self, *, task_status: trio.TaskStatus[None]) -> None:
        listen = [
            Listen(service, host, port)
            for service, (host, port) in zip(self._services, self._addresses, strict=True)
        ]
        self._switchboard = switchboard = Switchboard(listen, Limits(body_bytes=self._settings.body_bytes))
        await switchboard.serve(task_status=_Listening(self, task_status))
        await trio.sleep_forever()  # it was closed by `stop`, so the supervisor will cancel this

    def listening(self, addresses: Sequence[tuple[str, int]]) -> None:
        """Take note of the addresses, so that a restarted front end listens where the first one did."""
        self._addresses = [*addresses]

    def _make_services(self, actors: ActorSystem) -> tuple[Service, Service]:
        settings, app = self._settings, self._app
        limiter = OpenLimiter(settings.opens_per_minute, trio.current_time)
        comet = CometEndpoint(self._manager, limiter, app, actors.start_soon)
        control = ControlEndpoint(self._manager, app.route, self._tree, settings.secret)
        public = Router()
        public.add("POST", settings.comet, comet)
        for prefix, directory in app.directories:
            for path, endpoint in file_endpoints(prefix, directory).items():
                public.add("GET", path, endpoint)
        return Service(public, CorsPolicy(settings.origins)), Service(control)

    def _tree(self) -> dict[str, object]:
        return tree(cast("ActorRef[Any]", self._root)).as_dict()


class _Listening(trio.TaskStatus[list[tuple[str, int]]]):
    """Hands the switchboard's addresses to the server before the supervisor goes on."""

    def __init__(self, server: Server, task_status: trio.TaskStatus[None]) -> None:
        self._server = server
        self._task_status = task_status

    def started(self, value: list[tuple[str, int]]) -> None:
        self._server.listening(value)
        self._task_status.started()


def session_settings(settings: Settings) -> SessionSettings:
    """Return the part of the settings that sessions go by."""
    return SessionSettings(
        wait=settings.wait,
        die=settings.die,
        requests=settings.requests,
        max_queued_packets=settings.queue_packets,
        max_queued_bytes=settings.queue_bytes,
        max_response_bytes=settings.response_bytes,
        max_sessions=settings.max_sessions,
    )
