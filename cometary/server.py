"""The server: its supervision tree, and how it starts and stops.

    cometary (one_for_one)
    ├── dispatcher     an actor: routes updates
    ├── webhooks       a supervisor: what tells a back-end of sessions, if one wants to know
    ├── authenticator  a supervisor: what keeps the connections to a back-end that judges tokens, if one does
    ├── sessions       a dynamic supervisor: one actor a session
    ├── front-end      an async function: the switchboard with both listeners
    └── application    a supervisor: the application's own tasks, if it has any

A stop goes the other way round: no new sessions, every session is told `shutdown` and signs off,
then the front end and the webhooks send what is still to be sent.
"""

from __future__ import annotations

import time
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, cast

import trio

from cometary.actors import ActorRef, ActorSystem, system
from cometary.app import App
from cometary.authentication.served import ServedAuthenticator
from cometary.config import Address
from cometary.dispatch.contracts import Contracts, read_contracts
from cometary.dispatch.dispatcher import Dispatcher, Table
from cometary.errors import ProtocolError
from cometary.guard import choose_authenticator, make_comet_endpoint
from cometary.sessions import SessionManager, SessionSettings, SessionSupervisor
from cometary.sessions.receipt_reader import ReceiptReader
from cometary.sessions.saboteur import Saboteur
from cometary.supervision import Backoff, ChildSpec, SupervisorSpec, start_child, supervise, tree
from cometary.supervision.tree import SHOWN
from cometary.transport.control import ControlEndpoint
from cometary.transport.cors import CorsPolicy
from cometary.transport.files import file_endpoints
from cometary.transport.limits import Limits
from cometary.transport.network import SYSTEM, Network
from cometary.transport.rate_limit import OpenLimiter
from cometary.transport.receipts import ReceiptsEndpoint
from cometary.transport.router import Router
from cometary.transport.service import Service
from cometary.transport.switchboard import Listen, Switchboard
from cometary.webhooks import EVENTS, Reporting, WebhookSender, WebhookSettings

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncGenerator, Callable, Generator

    from cometary.app import Authenticator
    from cometary.config import Settings
    from cometary.sessions import Session
    from cometary.sessions.application import Application
    from cometary.sessions.machine import SessionMachine
    from cometary.sessions.receipts import ReceiptLog
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
    _statistics: Callable[[], dict[str, int]]

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

    @property
    def receipts(self) -> ReceiptLog:
        """What has become of the packets of which somebody wants to know: to subscribe to, or to read."""
        return self._manager.receipts

    def statistics(self) -> dict[str, int]:
        """Return how many sessions there are, and what has become of all packets since the start."""
        return self._statistics()

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
        ConfigError: settings and application do not go together; nothing was started.
    """
    leave = trio.Event()
    app = app or App()
    authenticator = choose_authenticator(settings, app)
    async with system(watchdog=settings.watchdog or None) as actors:
        server = Server(settings, app, authenticator, actors)
        async with server.running(leave) as running:
            task_status.started(running)
            await leave.wait()
            await server.stop()


class Server:
    """One server: what its supervised parts share.

    Args:
        settings: how it is set up.
        app: the application.
        authenticator: says who is let in; None lets all in.
        actors: the system it lives in.
        network: where its connections come from.
    """

    def __init__(
        self,
        settings: Settings,
        app: App,
        authenticator: Authenticator | None,
        actors: ActorSystem,
        network: Network = SYSTEM,
    ) -> None:
        self._settings = settings
        self._network = network
        self._app = app
        self._authenticator = authenticator
        self._actors = actors
        self._table: Table = Table()
        # What the operator says comes first: of the contracts that cover a path the first one holds.
        self._contracts = Contracts([*read_contracts(settings.paths).declared, *app.contracts.declared])
        self._webhooks = make_sender(settings)
        self._application = self._reporting(app)
        self._manager = SessionManager(
            session_settings(settings), self._application, self._table, self._contracts
        )
        if isinstance(self._application, Reporting):
            self._manager.receipts.subscribe(self._application.receipt)
        self._receipts = ReceiptsEndpoint(self._manager.receipts, actors.start_soon)
        self._reader: ReceiptReader | None = None
        self._services = self._make_services(actors)
        self._switchboard: Switchboard | None = None
        self._sockets: list[list[socket.socket]] = []
        self._root: ActorRef[Any] | None = None

    @asynccontextmanager
    async def running(self, leave: trio.Event) -> AsyncGenerator[Running]:
        """Run the supervision tree, and in it the application's tasks.

        Args:
            leave: what `Running.stop` sets.
        """
        children = [
            ChildSpec("dispatcher", Dispatcher, (self._table, self._app.attach, self._manager.receipts)),
            *self._webhook_children(),
            *self._authenticator_children(),
            ChildSpec("sessions", SessionSupervisor, (self._manager,)),
            ChildSpec("front-end", self._front_end),
        ]
        with ExitStack() as at_the_end:
            await self._open_sockets(at_the_end)
            at_the_end.callback(self._app.attach, None)
            self._app.use(self._contracts)
            async with supervise(children, id="cometary", intensity=10, period=5.0) as root:
                self._root = root
                running = self._describe(root, leave)
                await self._start_tasks(root, running)
                yield running

    def _reporting(self, app: App) -> Application:
        """Return whom sessions report to."""
        if self._webhooks is None:
            return app
        return Reporting(app, self._webhooks.post, self._settings.webhook_events or EVENTS, time.time)

    def _webhook_children(self) -> list[ChildSpec]:
        """Return what sends webhooks: under a supervisor of its own, whose pauses spare the server's intensity."""
        if self._webhooks is None:
            return []
        sender = ChildSpec("sender", self._webhooks.run)
        return [
            ChildSpec("webhooks", SupervisorSpec([sender], intensity=10, period=5.0, backoff=TASK_BACKOFF))
        ]

    def _authenticator_children(self) -> list[ChildSpec]:
        """Return what keeps up the connections of an authenticator that has any."""
        if not isinstance(self._authenticator, ServedAuthenticator):
            return []
        child = ChildSpec("connections", self._authenticator.run)
        return [
            ChildSpec(
                "authenticator", SupervisorSpec([child], intensity=10, period=5.0, backoff=TASK_BACKOFF)
            )
        ]

    def _describe(self, root: ActorRef[Supervisor], leave: trio.Event) -> Running:
        settings = self._settings
        public, control = [Address(*sockets[0].getsockname()[:2]).url for sockets in self._sockets]
        return Running(
            public + settings.comet, control, settings.secret, self._manager, root, leave, self._statistics
        )

    async def _start_tasks(self, root: ActorRef[Supervisor], running: Running) -> None:
        specs = [ChildSpec(task.__name__, task, (running,)) for task in self._app.tasks]
        if self._app.receipt_handlers:
            self._reader = ReceiptReader(
                self._manager.receipts, self._app.received_receipt, self._application.failed
            )
            specs.append(ChildSpec("receipt-handlers", self._reader.run))
        if specs:
            application = SupervisorSpec(specs, intensity=10, period=5.0, backoff=TASK_BACKOFF)
            await start_child(root, ChildSpec("application", application))

    async def stop(self) -> None:
        """Tell every session `shutdown`, and let what is still to be sent go out."""
        with trio.move_on_after(STOP_GRACE):
            await self._manager.shut_down()
            if self._reader is not None:
                await self._reader.caught_up()
        self._receipts.close()
        for sock in chain.from_iterable(self._sockets):
            sock.close()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._flush_webhooks)
            if self._switchboard is not None:
                await self._switchboard.aclose(STOP_GRACE)

    async def _flush_webhooks(self) -> None:
        if self._webhooks is not None:
            with trio.move_on_after(STOP_GRACE):
                await self._webhooks.flushed()
            self._webhooks.close()

    async def _front_end(self, *, task_status: trio.TaskStatus[object]) -> None:
        listen = [
            Listen(service, sockets=sockets)
            for service, sockets in zip(self._services, self._sockets, strict=True)
        ]
        self._switchboard = switchboard = Switchboard(
            listen,
            front_end_limits(self._settings),
            self._network.new_poller,
            run=self._actors.scheduler.run_with,
        )
        await switchboard.serve(task_status=task_status)
        await trio.sleep_forever()  # it was closed by `stop`, so the supervisor will cancel this

    async def _open_sockets(self, until: ExitStack) -> None:
        """Listen, before anything is started that could fail later; callers wait in the backlog.

        The sockets outlive the front end, so a front end that is restarted turns nobody away.
        """
        public = Address(self._settings.host, self._settings.port)
        for host, port in (public, self._settings.control):
            sockets = await self._network.open_sockets(host, port)
            self._sockets.append(sockets)
            for sock in sockets:
                until.callback(sock.close)

    def _make_services(self, actors: ActorSystem) -> tuple[Service, Service]:
        settings, app = self._settings, self._app
        limiter = OpenLimiter(settings.opens_per_minute, trio.current_time)
        comet = make_comet_endpoint(
            self._manager,
            limiter,
            app,
            self._authenticator,
            bind=settings.bind,
            start_soon=actors.start_soon,
        )
        crash = Saboteur(self._manager).crash if settings.crash_calls == "on" else None
        control = ControlEndpoint(
            self._manager,
            app.route,
            app.route_tracked,
            self._tree,
            lambda: {**self._statistics()},
            receipts=self._receipts,
            secret=settings.secret,
            crash=crash,
        )
        public = Router()
        public.add("POST", settings.comet, comet)
        for prefix, directory in app.directories:
            for path, endpoint in file_endpoints(prefix, directory).items():
                public.add("GET", path, endpoint)
        return Service(public, CorsPolicy(settings.origins, credentials=settings.binds_to_cookie)), Service(
            control
        )

    def _statistics(self) -> dict[str, int]:
        webhooks = {} if self._webhooks is None else self._webhooks.statistics()
        return {**self._manager.statistics(), **webhooks}

    def _tree(self) -> dict[str, object]:
        return tree(cast("ActorRef[Any]", self._root)).as_dict()


def front_end_limits(settings: Settings) -> Limits:
    """Return the part of the settings that the front end goes by.

    Nothing is waited for on a connection longer than `die`, after which there is no session that it
    could be of use to. So what a vanished client leaves is gone as soon as its session.
    """
    defaults = Limits()
    return Limits(
        body_bytes=settings.body_bytes,
        head_seconds=min(settings.die, defaults.head_seconds),
        body_seconds=min(settings.die, defaults.body_seconds),
        idle_seconds=min(settings.die, defaults.idle_seconds),
        write_seconds=min(settings.die, defaults.write_seconds),
        linger_seconds=min(settings.die, defaults.linger_seconds),
    )


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
        notice=settings.token_notice,
    )


def make_sender(settings: Settings) -> WebhookSender | None:
    """Return what sends webhooks, if there is a back-end that wants them."""
    if settings.webhook_url is None or settings.webhook_secret is None:
        return None
    return WebhookSender(
        WebhookSettings(
            settings.webhook_url,
            settings.webhook_secret,
            timeout=settings.webhook_timeout,
            patience=settings.webhook_patience,
            max_waiting=settings.webhook_queue,
            max_waiting_bytes=settings.webhook_queue_bytes,
            connections=settings.webhook_connections,
        )
    )
