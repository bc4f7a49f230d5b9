"""The server: its parts, its supervision tree, and the order in which it starts.

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

A stop goes the other way round; see `cometary.server.stopping`.
"""

from __future__ import annotations

from contextlib import ExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import trio

from cometary.actors import ActorRef, ActorSystem
from cometary.app.receipt_reader import ReceiptReader
from cometary.doors.control.door import ControlDoor
from cometary.doors.control.settings import master_secret
from cometary.doors.door import Inside, Operations
from cometary.server.authenticator import reload_authenticator
from cometary.server.children import (
    authenticator_children,
    delegate_children,
    dispatcher_child,
    engine_children,
    socket_children,
    task_children,
    with_pauses,
)
from cometary.server.cluster import cluster_children
from cometary.server.colleagues import ALONE
from cometary.server.core import Core
from cometary.server.doors import Doors
from cometary.server.endpoints import CLIENTS
from cometary.server.entrance import Entrance
from cometary.server.metrics.crashes import Crashes
from cometary.server.metrics.metrics import Metrics
from cometary.server.metrics.sources import Sources
from cometary.server.reloading import Reloading
from cometary.server.running import Running
from cometary.server.stopping import Stopping
from cometary.sessions import SessionSupervisor
from cometary.sessions.locator import look_elsewhere
from cometary.sessions.settings import session_settings
from cometary.supervision import ChildSpec, start_child, subscribe, supervise, tree, unsubscribe
from cometary.transport.http.body_queue import BodyQueue
from cometary.transport.http.settings import limits_for
from cometary.transport.net.certificate import Certificate
from cometary.transport.net.listener import SYSTEM, Network

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncGenerator, Iterable

    from cometary.app import App, Authenticator
    from cometary.cluster.engine import Engine as Cluster
    from cometary.dispatch.engine import Engine
    from cometary.doors.door import Door
    from cometary.server.colleagues import Colleagues
    from cometary.server.reloading import Source
    from cometary.server.tracing import Tracing
    from cometary.settings import Settings
    from cometary.supervision import Supervisor


class Server:
    """One server: what its supervised parts share.

    Args:
        settings: how it is set up.
        app: the application.
        authenticator: says who is let in; None lets all in.
        actors: the system it lives in.
        network: where its connections come from.
        engine: by what updates travel; None for one that goes no further than this server.
        doors: see `serve` (`cometary.server.serving`).
        listens: whether clients connect to it; else their requests are handed to it.
        source: see `serve`.
        tracing: writes traces; None if nobody wants any.
        colleagues: see `serve`.
        cluster: see `serve`; None for none.
        shows: the supervisor above the tree that operators see; None for the server's own.

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
        self._settings, self._app, self._listens = settings, app, listens
        self._authenticator, self._tracing = authenticator, tracing
        self._colleagues, self._cluster = colleagues, cluster
        self._actors, self._shows = actors, shows
        self._state = "starting"
        self._reader: ReceiptReader | None = None
        self._crashes = Crashes()
        self._doors = Doors(settings, doors)
        self._core = self._new_core(engine)
        self._certificate = None if settings.files_of_tls is None else Certificate(*settings.files_of_tls)
        self._reloading = Reloading(settings, source, self._certificate, self._take)
        inside = self._new_inside()
        self._doors.open(inside)
        self._entrance = self._new_entrance(inside, network)
        self._front_end = self._entrance.front_end
        self.service, self.limits = self._entrance.service, inside.limits
        self._metrics = Metrics(self._sources(), actors.start_soon)
        self._stopping = self._new_stopping()

    # -- its parts, as they are put together

    def _new_core(self, engine: Engine | None) -> Core:
        core = Core(
            self._settings,
            self._app,
            self._doors.around(self._app),
            engine=engine,
            colleagues=self._colleagues,
            cluster=self._cluster,
            start_soon=self._actors.start_soon,
        )
        if self._tracing is not None:
            core.hub.probes.told = self._tracing.tell
        return core

    def _new_inside(self) -> Inside:
        """Return what doors find in here."""
        core, start_soon = self._core, self._actors.start_soon
        return Inside(
            core.manager,
            hub=core.hub,
            directories=self._app.directories,
            tree=self._tree,
            statistics=lambda: {**self._statistics()},
            bodies=BodyQueue(start_soon),
            limits=limits_for(self._settings, self._settings.die),
            start_soon=start_soon,
            login=self._app.of_login,
            crashes=self._crashes.listed,
            operations=Operations(self._reload, self.drain, lambda: self._state, self._colleagues.listed),
            metrics=lambda accept: self._metrics.write(accept),  # noqa: PLW0108 - it is made later
            actors=self._actors,
            root=self._root,
            worker=self._colleagues.place,
            others=self._colleagues.others,
            look_elsewhere=partial(look_elsewhere, core.locator),
        )

    def _new_entrance(self, inside: Inside, network: Network) -> Entrance:
        return Entrance(
            self._settings,
            self._app,
            self._core,
            self._doors,
            inside,
            authenticator=self._authenticator,
            colleagues=self._colleagues,
            network=network,
            certificate=self._certificate,
            listens=self._listens,
        )

    def _sources(self) -> Sources:
        return Sources(
            self._actors,
            self._core.manager,
            self._core.hub,
            self._front_end,
            self._doors.statistics,
            self._crashes,
            self._colleagues.statistics,
            None if self._cluster is None else self._cluster.counts,
        )

    def _new_stopping(self) -> Stopping:
        return Stopping(
            self._actors.scheduler,
            self._core.manager,
            self._doors,
            self._front_end,
            colleagues=self._colleagues,
            cluster=self._cluster,
            tracing=self._tracing,
        )

    # -- how it starts

    @asynccontextmanager
    async def running(self, leave: trio.Event) -> AsyncGenerator[Running]:
        """Run the supervision tree, and in it the application's tasks.

        Args:
            leave: what `Running.stop` sets.
        """
        children = self._children()
        self._read_receipts()
        await self._colleagues.join(self._cluster)
        with ExitStack() as at_the_end:
            self._claim_application(at_the_end)
            await self._listen(at_the_end)
            self._attach_application(at_the_end)
            async with supervise(children, id="cometary", intensity=10, period=5.0) as root:
                self._note_crashes(root, at_the_end)
                running = self._describe(root, leave)
                await self._start_tasks(root, running)
                self._state = "ready"
                self._meet_colleagues()
                yield running

    def _children(self) -> list[ChildSpec]:
        """Return the children of the tree, in the order in which they start; the application's tasks come last."""
        core = self._core
        return [
            *engine_children(core.engine),
            *cluster_children(self._cluster),
            dispatcher_child(core.table, core.engine, core.manager),
            *self._colleagues.once(delegate_children(self._app, core.hub)),
            *(with_pauses(name, specs) for name, specs in self._doors.children()),
            *authenticator_children(self._authenticator),
            *socket_children(self._app),
            ChildSpec("sessions", SessionSupervisor, (core.manager,)),
            ChildSpec("front-end", self._front_end.run),
        ]

    def _read_receipts(self) -> None:
        """Have the application told of all receipts from now on; before the first session is adopted."""
        if self._app.of_receipt:
            self._reader = ReceiptReader(
                self._core.manager.receipts, self._app.received_receipt, self._core.application.failed
            )

    def _claim_application(self, at_the_end: ExitStack) -> None:
        self._app.claim()
        at_the_end.callback(self._app.release)
        for pattern, taker in self._doors.takes():
            self._app.handle_packets(pattern, taker)
            at_the_end.callback(self._app.leave_packets, pattern, taker)

    async def _listen(self, at_the_end: ExitStack) -> None:
        await self._front_end.listen(at_the_end)
        self._doors.listening(self._colleagues.seen_at(self._front_end.addresses))

    def _attach_application(self, at_the_end: ExitStack) -> None:
        at_the_end.callback(self._app.attach, None)
        self._app.attach(self._core.hub)

    def _note_crashes(self, root: ActorRef[Supervisor], at_the_end: ExitStack) -> None:
        self._shows = seen = self._shows or root
        subscribe(seen, self._crashes.note)
        at_the_end.callback(unsubscribe, seen, self._crashes.note)

    def _meet_colleagues(self) -> None:
        control, tell_gaps = self._doors.find(ControlDoor), self._core.hub.tell_gaps
        self._colleagues.meet(self._front_end, control, self.service, tell_gaps)

    def _describe(self, root: ActorRef[Supervisor], leave: trio.Event) -> Running:
        urls, settings = self._front_end.urls, self._settings
        comet = urls[CLIENTS] + settings.comet if self._listens else ""
        control = urls.get(ControlDoor.name, "")
        return Running(
            comet,
            control,
            master_secret(settings),
            urls,
            self._core.manager,
            root,
            leave,
            self._statistics,
            self._reloading.reload,
        )

    async def _start_tasks(self, root: ActorRef[Supervisor], running: Running) -> None:
        once, app = self._colleagues.once, self._app
        for child in task_children(once(app.tasks), once(app.children), running, self._reader):
            await start_child(root, child)

    # -- how it stops

    async def stop(self) -> None:
        """Tell every session `shutdown`, and let what is still to be sent go out."""
        self._state = "stopping"
        await self._stopping.stop(self._settings, self._reader)

    def drain(self) -> int:
        """Take no more sessions, and have the existing ones told `shutdown`; all else goes on until `stop`.

        Returns:
            How many there are.
        """
        if self._state == "ready":
            self._state = "draining"
            self._actors.start_soon(self._stopping.shut_down, self._settings)
        return len(self._core.manager.directory)

    # -- what it is asked while it runs

    def adopt(self, sock: socket.socket, peer: str) -> None:
        """Serve a socket as if a client at the address `peer` had connected by it."""
        self._front_end.adopt(sock, peer)

    def _reload(self) -> dict[str, Any]:
        return self._reloading.reload()._asdict()

    def _take(self, settings: Settings) -> None:
        """Go by other settings from now on; see `Reloading`."""
        self._settings = settings
        self._core.manager.change(session_settings(settings))
        self._entrance.change(settings)
        self._doors.reload(settings)
        reload_authenticator(self._authenticator, settings)

    def _statistics(self) -> dict[str, int]:
        return {
            **self._core.manager.statistics(),
            **self._doors.statistics(),
            **self._colleagues.statistics(),
        }

    def _tree(self) -> dict[str, object]:
        return tree(self._root()).as_dict()

    def _root(self) -> ActorRef[Any]:
        return cast("ActorRef[Any]", self._shows)
