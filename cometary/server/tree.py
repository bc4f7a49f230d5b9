"""The server: its supervision tree, and how it starts and stops.

    cometary (one_for_one)
    ├── engine         a supervisor: what keeps the connections to other nodes, if there are any
    ├── cluster        a supervisor: what keeps up the engine that records sessions, if there is one
    ├── dispatcher     an actor: routes updates
    ├── delegates      a supervisor: what tells the application of all updates, if it has delegates
    ├── …              a supervisor for each door that runs anything, such as webhooks
    ├── authenticator  a supervisor: what keeps the connections to a back-end that judges tokens, if one does
    ├── sockets        a supervisor: a dynamic one for each namespace whose clients have coroutines, if there are any
    ├── sessions       a dynamic supervisor: one actor a session
    ├── front-end      an async function: the switchboard with all listeners
    └── application    a supervisor: the application's own tasks, if it has any

A stop goes the other way round: no new sessions, every session is told `shutdown` and signs off,
then the front end and the doors send what is still to be sent.
"""

from __future__ import annotations

import secrets
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from math import ceil
from typing import TYPE_CHECKING, Any, Final, cast

import trio

from cometary.actors import ActorRef, ActorSystem, system
from cometary.app import App
from cometary.app.receipt_reader import ReceiptReader
from cometary.cluster.settings import RESUME
from cometary.dispatch.dispatcher import Table
from cometary.dispatch.hub import Hub
from cometary.doors.control.door import ControlDoor
from cometary.doors.control.settings import master_secret
from cometary.doors.door import Inside, Operations
from cometary.packets.contract_table import Contracts
from cometary.packets.settings import read_contracts
from cometary.server.authenticator import choose_authenticator, reload_authenticator
from cometary.server.children import (
    authenticator_children,
    delegate_children,
    dispatcher_child,
    engine_children,
    socket_children,
    task_children,
    with_pauses,
)
from cometary.server.cluster import choose_cluster, cluster_children, new_recording
from cometary.server.colleagues import ALONE, new_engine
from cometary.server.csp import csp
from cometary.server.doors import Doors
from cometary.server.endpoints import (
    CLIENTS,
    change_service,
    make_gate,
    public_listener,
    public_service,
    within_tls,
)
from cometary.server.front_end import FrontEnd
from cometary.server.metrics.crashes import Crashes
from cometary.server.metrics.metrics import Metrics
from cometary.server.metrics.sources import Sources
from cometary.server.reloading import Reloading
from cometary.server.running import Running
from cometary.server.socketio import socketio
from cometary.server.tracing import choose_tracing
from cometary.sessions import SessionManager, SessionSupervisor
from cometary.sessions.locator import look_elsewhere
from cometary.sessions.settings import session_settings
from cometary.supervision import ChildSpec, start_child, subscribe, supervise, tree, unsubscribe
from cometary.transport.http.body_queue import BodyQueue
from cometary.transport.http.protocol import Http
from cometary.transport.http.settings import limits_for
from cometary.transport.net.certificate import Certificate
from cometary.transport.net.listener import SYSTEM, Network

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncGenerator, Iterable

    from cometary.app import Authenticator
    from cometary.cluster.engine import Engine as Cluster
    from cometary.cluster.recording import Recording
    from cometary.dispatch.engine import Engine
    from cometary.doors.door import Door, Listener
    from cometary.server.colleagues import Colleagues
    from cometary.server.reloading import Source
    from cometary.server.tracing import Tracing
    from cometary.settings import Settings
    from cometary.supervision import Supervisor

__all__ = ["Running", "Server", "serve"]

STOP_GRACE: Final = 5.0
"""Seconds that answers have to go out when the server stops, and what the doors still send."""

LAST_MOMENT: Final = 1.0
"""Seconds for what only waits for its turn on the loop, should one handler have taken all of the time."""


async def serve(
    settings: Settings,
    app: App | None = None,
    *,
    doors: Iterable[type[Door]] | None = None,
    network: Network = SYSTEM,
    source: Source | None = None,
    colleagues: Colleagues = ALONE,
    cluster: Cluster | None = None,
    task_status: trio.TaskStatus[Running] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until stopped or cancelled.

    Args:
        settings: how the server is set up.
        app: the application; without one, client packets are refused but for those that a door takes.
        network: where connections come from.
        source: where the settings come from, to be read again; None if they are not.
        doors: the ways in and out beside the clients' own; None for the built-in ones and all that are installed.
        colleagues: the other workers, or nodes, of several.
        cluster: the engine that records sessions; None for the one that the settings name, if they do.
        task_status: told the addresses once connections are accepted there.

    Raises:
        OSError: an address cannot be listened on, the one that `filename` says: the configuration's fault.
        ConfigError: settings, application and doors do not go together; nothing was started.
        UsageError: another server runs the application; the caller's fault, nothing was started.
        EngineError: the engine that records sessions cannot be used; the operator's fault, nothing was started.
    """
    leave = trio.Event()
    app = app or App()
    authenticator = choose_authenticator(settings, app)
    cluster = cluster or choose_cluster(settings)
    async with system(watchdog=settings.watchdog or None) as actors:
        server = Server(
            settings,
            app,
            authenticator,
            actors,
            network,
            doors=doors,
            source=source,
            tracing=choose_tracing(settings),
            colleagues=colleagues,
            cluster=cluster,
        )
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
        engine: by what updates travel; None for one that goes no further than this server.
        doors: see `serve`.
        listens: whether clients connect to it; else their requests are handed to it.
        source: see `serve`.
        tracing: writes traces; None if nobody wants any.
        colleagues: see `serve`.
        cluster: see `serve`; None for none.
        shows: the supervisor below which the tree is that operators see; None for the server's own.

    Attributes:
        service: what answers clients.
        limits: what one client may take.
    """

    def __init__(
        self,
        settings: Settings,
        app: App,
        authenticator: Authenticator | None,
        actors: ActorSystem,
        network: Network = SYSTEM,
        *,
        engine: Engine | None = None,
        doors: Iterable[type[Door]] | None = None,
        listens: bool = True,
        source: Source | None = None,
        tracing: Tracing | None = None,
        colleagues: Colleagues = ALONE,
        cluster: Cluster | None = None,
        shows: ActorRef[Any] | None = None,
    ) -> None:
        self._settings = settings
        self._listens = listens
        self._app = app
        self._authenticator = authenticator
        self._actors = actors
        self._binding_key = secrets.token_bytes(32)
        self._table: Table = Table()
        # What the operator says comes first: of the contracts that cover a path the first one holds.
        declared = [*read_contracts(settings.paths), *app.contracts.declared]
        contracts = Contracts(declared, settings.queue_bytes)
        self._crashes = Crashes()
        self._doors = Doors(settings, doors)
        self._application = self._doors.around(app)
        self._colleagues = colleagues
        self._cluster = cluster
        self._recording: Recording | None = None
        self._manager = manager = SessionManager(session_settings(settings), self._application)
        manager.new_sid, self._locator = colleagues.new_sid, colleagues.locator(manager.directory)
        colleagues.note_receipts(manager.receipts)
        self._engine = engine = colleagues.engine(engine or new_engine(contracts), contracts, manager.flow)
        self._hub = Hub(
            manager,
            self._table,
            contracts,
            engine=engine,
            locator=self._locator,
            start_soon=actors.start_soon,
        )
        if cluster is not None and settings.sessions == RESUME:
            self._recording = recording = new_recording(cluster, manager, actors.start_soon)
            colleagues.note_recording(recording, manager.directory)
        self._tracing = tracing
        if tracing is not None:
            self._hub.probes.told = tracing.tell
        self._reader: ReceiptReader | None = None
        self._certificate = None if settings.files_of_tls is None else Certificate(*settings.files_of_tls)
        self._reloading = Reloading(settings, source, self._certificate, self._take)
        self._state = "starting"
        self._bodies = bodies = BodyQueue(actors.start_soon)
        self._front_end = FrontEnd(
            self._listeners(),
            network,
            actors.scheduler,
            lambda: Http(self.service, self.limits),
            bodies.begin_turn,
        )
        self._manager.flow.pressed = lambda: self._front_end.pressed
        self._shows = shows
        self._metrics = Metrics(
            Sources(
                actors,
                self._manager,
                self._hub,
                self._front_end,
                self._doors.statistics,
                self._crashes,
                colleagues.statistics,
            ),
            actors.start_soon,
        )

    @asynccontextmanager
    async def running(self, leave: trio.Event) -> AsyncGenerator[Running]:
        """Run the supervision tree, and in it the application's tasks.

        Args:
            leave: what `Running.stop` sets.
        """
        children = [
            *engine_children(self._engine),
            *cluster_children(self._cluster),
            dispatcher_child(self._table, self._engine, self._manager),
            *self._colleagues.once(delegate_children(self._app, self._hub)),
            *(with_pauses(name, specs) for name, specs in self._doors.children()),
            *authenticator_children(self._authenticator),
            *socket_children(self._app),
            ChildSpec("sessions", SessionSupervisor, (self._manager,)),
            ChildSpec("front-end", self._front_end.run),
        ]
        await self._colleagues.join(self._cluster)
        with ExitStack() as at_the_end:
            self._app.claim()
            at_the_end.callback(self._app.release)
            for pattern, taker in self._doors.takes():
                self._app.handle_packets(pattern, taker)
                at_the_end.callback(self._app.leave_packets, pattern, taker)
            await self._front_end.listen(at_the_end)
            self._doors.listening(self._colleagues.seen_at(self._front_end.addresses))
            at_the_end.callback(self._app.attach, None)
            self._app.attach(self._hub)
            async with supervise(children, id="cometary", intensity=10, period=5.0) as root:
                self._shows = seen = self._shows or root
                subscribe(seen, self._crashes.note)
                at_the_end.callback(unsubscribe, seen, self._crashes.note)
                running = self._describe(root, leave)
                await self._start_tasks(root, running)
                self._state = "ready"
                self._colleagues.meet(
                    self._front_end, self._doors.find(ControlDoor), self.service, self._hub.tell_gaps
                )
                yield running

    def _describe(self, root: ActorRef[Supervisor], leave: trio.Event) -> Running:
        urls, settings = self._front_end.urls, self._settings
        comet = urls[CLIENTS] + settings.comet if self._listens else ""
        control = urls.get(ControlDoor.name, "")
        return Running(
            comet,
            control,
            master_secret(settings),
            urls,
            self._manager,
            root,
            leave,
            self._statistics,
            self._reloading.reload,
        )

    async def _start_tasks(self, root: ActorRef[Supervisor], running: Running) -> None:
        if self._app.of_receipt:
            self._reader = ReceiptReader(
                self._manager.receipts, self._app.received_receipt, self._application.failed
            )
        once, app = self._colleagues.once, self._app
        for child in task_children(once(app.tasks), once(app.children), running, self._reader):
            await start_child(root, child)

    async def stop(self) -> None:
        """Tell every session `shutdown`, and let what is still to be sent go out."""
        self._state = "stopping"
        self._front_end.leave_callers()
        await self._sign_off_all()
        if self._cluster is not None:
            await self._cluster.leave()
        self._colleagues.leave()
        self._doors.sessions_ended()
        self._front_end.stop_listening()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._doors.aclose, STOP_GRACE)
            await self._front_end.aclose(STOP_GRACE)
        if self._tracing is not None:
            await self._tracing.aclose()

    def drain(self) -> int:
        """Take no more sessions, and have those that there are told `shutdown`; all else goes on until `stop`.

        Returns:
            How many there are.
        """
        if self._state == "ready":
            self._state = "draining"
            self._actors.start_soon(self._shut_down)
        return len(self._manager.directory)

    async def _shut_down(self) -> None:
        await self._manager.shut_down(spread=ceil(self._settings.drain) or None)

    async def _sign_off_all(self) -> None:
        with trio.move_on_after(self._settings.stop_grace) as grace:
            await self._shut_down()
        last_moment = max(grace.deadline, trio.current_time() + LAST_MOMENT)
        while self._actors.scheduler.ready and trio.current_time() < last_moment:
            await trio.lowlevel.checkpoint()
        for session, reason, undelivered in self._manager.abandon():
            self._doors.abandoned(session, reason, undelivered)
        if self._reader is not None:
            with trio.move_on_at(last_moment):
                await self._reader.caught_up()

    def _listeners(self) -> list[Listener]:
        """Open the doors, and return where connections come in."""
        settings, app, manager, start_soon = self._settings, self._app, self._manager, self._actors.start_soon
        bodies, now = self._bodies, self._actors.scheduler.now
        self.limits = limits = limits_for(settings, settings.die)
        inside = Inside(
            manager,
            hub=self._hub,
            directories=app.directories,
            tree=self._tree,
            statistics=lambda: {**self._statistics()},
            bodies=bodies,
            limits=limits,
            start_soon=start_soon,
            login=app.of_login,
            crashes=self._crashes.listed,
            operations=Operations(self._reload, self.drain, lambda: self._state, self._colleagues.listed),
            metrics=lambda accept: self._metrics.write(accept),  # noqa: PLW0108 - it is made later
            actors=self._actors,
            root=self._root,
            worker=self._colleagues.place,
            look_elsewhere=partial(look_elsewhere, self._locator),
        )
        self._doors.open(inside)
        self._gate = gate = make_gate(
            settings,
            app,
            manager,
            self._authenticator,
            key=self._binding_key,
            locator=self._locator,
            recording=self._recording,
            forward_of=self._colleagues.forward_of,
            now=now,
            start_soon=start_soon,
        )
        beside = [
            *socketio(
                settings, app, gate, limits, bodies, now=now, start_soon=start_soon, new_sid=manager.new_sid
            ),
            *csp(settings, gate, limits, allows=self._allows, start_soon=start_soon),
        ]
        self.service = service = public_service(
            settings, self._doors, gate, limits, bodies=bodies, beside=beside
        )
        public = public_listener(settings, service, limits)
        spoken = within_tls(public, limits, self._certificate)
        own = [self._colleagues.spread(spoken, limits)] if self._listens else []
        return [*own, *(within_tls(each, limits, self._certificate) for each in self._doors.listeners())]

    def _allows(self, origin: bytes, host: bytes) -> bool:
        return self.service.allows(origin, host)

    def adopt(self, sock: socket.socket, peer: str) -> None:
        """Serve a socket as if a client at the address `peer` had connected by it."""
        self._front_end.adopt(sock, peer)

    def _reload(self) -> dict[str, Any]:
        return self._reloading.reload()._asdict()

    def _take(self, settings: Settings) -> None:
        """Go by other settings from now on; see `Reloading`."""
        self._settings = settings
        sessions = session_settings(settings)
        self._manager.change(sessions)
        self._gate.change(sessions, settings.opens_per_minute)
        change_service(self.service, settings)
        self._doors.reload(settings)
        reload_authenticator(self._authenticator, settings)

    def _statistics(self) -> dict[str, int]:
        return {**self._manager.statistics(), **self._doors.statistics(), **self._colleagues.statistics()}

    def _tree(self) -> dict[str, object]:
        return tree(self._root()).as_dict()

    def _root(self) -> ActorRef[Any]:
        return cast("ActorRef[Any]", self._shows)
