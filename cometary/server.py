"""The server: its supervision tree, and how it starts and stops.

    cometary (one_for_one)
    ├── dispatcher     an actor: routes updates
    ├── sessions       a dynamic supervisor: one actor a session
    └── front-end      an async function: the switchboard with both listeners

A stop goes the other way round: no new sessions, every session is told `shutdown` and signs off,
then the front end sends what is still to be sent and closes.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import trio

from cometary.actors import ActorRef, ActorSystem, system
from cometary.app import App
from cometary.config import Address
from cometary.dispatch.dispatcher import Dispatcher, Table
from cometary.errors import ChildStartError
from cometary.sessions import SessionManager, SessionSettings, SessionSupervisor
from cometary.supervision import ChildSpec, supervise, tree
from cometary.transport.comet import CometEndpoint
from cometary.transport.control import ControlEndpoint
from cometary.transport.cors import CorsPolicy
from cometary.transport.limits import Limits
from cometary.transport.rate_limit import OpenLimiter
from cometary.transport.router import Router
from cometary.transport.service import Service
from cometary.transport.switchboard import Listen, Switchboard

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from cometary.config import Settings

STOP_GRACE: Final = 5.0
"""Seconds that sessions have to sign off when the server stops, and then again answers to go out."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that runs; handed to whoever started it.

    Attributes:
        comet: the URL of the comet endpoint.
        control: the URL of the control interface.
    """

    comet: str
    control: str
    _leave: trio.Event

    def stop(self) -> None:
        """Stop gracefully; `serve` returns when that is done."""
        self._leave.set()


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
        async with server.running() as (comet, control):
            task_status.started(Running(comet + settings.comet, control, leave))
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
    async def running(self) -> AsyncIterator[list[str]]:
        """Run the supervision tree; yields the addresses of both listeners as URLs."""
        children = [
            ChildSpec("dispatcher", Dispatcher, (self._table, self._app.attach)),
            ChildSpec("sessions", SessionSupervisor, (self._manager,)),
            ChildSpec("front-end", self._front_end),
        ]
        try:
            async with supervise(children, id="cometary", intensity=10, period=5.0) as self._root:
                yield [f"http://{Address(*address)}" for address in self._addresses]
        except ChildStartError as error:
            cause: BaseException | None = error
            while cause is not None and not isinstance(cause, OSError):
                cause = cause.__cause__
            raise cause or error from None

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
