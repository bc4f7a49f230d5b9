"""The process above the workers: it has the listening sockets and the control interface, and supervises the workers.

    cometary             one_for_one
    ├── engine           a supervisor: the engine, if it is embedded
    ├── workers          a supervisor: a process for each worker
    └── front-end        an async function: the control interface

1.  The sockets are open before a worker is started, and stay open when one ends: callers wait meanwhile.
2.  All workers are told at once to stop, before their supervisor stops them one after the other.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from signal import SIGKILL
from typing import TYPE_CHECKING, Any, Final

import trio

from cometary.actors import system
from cometary.cluster.settings import EMBEDDED, WITHIN
from cometary.config.kinds import Address, UnixAddress
from cometary.doors.control.door import ControlDoor
from cometary.doors.door import Listener
from cometary.server.children import with_pauses
from cometary.server.front_end import FrontEnd, taken
from cometary.supervision import Backoff, ChildSpec, SupervisorSpec, supervise, tree
from cometary.transport.http.body_queue import BodyQueue
from cometary.transport.http.hosts import HostRule
from cometary.transport.http.protocol import Http
from cometary.transport.http.service import Service
from cometary.transport.http.settings import limits_for
from cometary.workers.common import Common
from cometary.workers.control import WorkersControl
from cometary.workers.embedded_engine import EmbeddedEngine
from cometary.workers.family import Family
from cometary.workers.process import WorkerProcess
from cometary.workers.relay import Relay

if TYPE_CHECKING:
    import socket

    from cometary.actors import ActorRef, ActorSystem
    from cometary.packets.contract_table import Contracts
    from cometary.settings import Settings
    from cometary.transport.net.listener import Network

PAUSES: Final = Backoff(min=0.1, max=1.0)
"""How long a worker that has ended waits for its restart; clients wait for what it would do."""

STOP_GRACE: Final = 5.0
"""Seconds that answers of the control interface have to go out."""

TASKS_GRACE: Final = 60.0
"""Seconds that a worker has to end beyond those that its settings say."""


class Above:
    """What is above the workers.

    Args:
        settings: those of each worker.
        command: starts a worker.
        network: where listening sockets come from.
        actors: the system that the supervisors live in.
        folder: where the control interface of each worker is.
        contracts: which paths have a history.
    """

    def __init__(
        self,
        settings: Settings,
        command: Sequence[str],
        network: Network,
        actors: ActorSystem,
        folder: Path,
        *,
        contracts: Contracts,
    ) -> None:
        self._settings = settings
        self._network = network
        self._listening: list[socket.socket] = []
        common = Common(contracts, secrets.token_urlsafe(6), trio.current_time)
        self._relay = relay = Relay(lambda number: self.workers[number - 1].send_signal(SIGKILL), common)
        count = settings.workers
        soon = actors.scheduler.at_next_batch
        grace = settings.stop_grace + settings.drain + TASKS_GRACE
        self._engine = EmbeddedEngine(folder / "engine") if settings.engine == EMBEDDED else None
        engine = settings.engine if self._engine is None else self._engine.url
        family = None if engine == WITHIN else Family(folder, engine)
        self.workers = [
            WorkerProcess(
                number,
                count,
                command,
                self._listening,
                folder,
                relay,
                network.successor,
                grace,
                soon,
                family=family,
            )
            for number in range(1, count + 1)
        ]
        self._root: ActorRef[Any] | None = None
        bodies = BodyQueue(actors.start_soon)
        limits = limits_for(settings, settings.die)
        hosts = HostRule(settings.hosts if settings.control.is_loopback else ())
        self._endpoint = endpoint = WorkersControl(relay, str(folder), count, self._tree, actors.start_soon)
        service = Service(endpoint, hosts=hosts, metered=bodies.metered)
        control = Listener(
            ControlDoor.name,
            settings.control,
            partial(Http, service, limits),
            reserve=True,
            opened=hosts.listening_at,
        )
        self._front_end = FrontEnd(
            [control], network, actors.scheduler, lambda: Http(service, limits), bodies.begin_turn
        )

    def _tree(self) -> dict[str, Any]:
        assert self._root is not None  # noqa: S101 - nobody asks before it is there
        return tree(self._root).as_dict()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Run it until the end of the block. Workers that are told to stop while they start have started.

        Raises:
            OSError: the address in `filename` cannot be listened on: the configuration's fault.
            ChildStartError: a worker does not start.
            RestartIntensityError: workers have ended again and again.
        """
        processes = [
            ChildSpec(f"worker-{each.number}", each.run, shutdown="infinity") for each in self.workers
        ]
        engine = (
            [] if self._engine is None else [with_pauses("engine", [ChildSpec("valkey", self._engine.run)])]
        )
        children = [
            *engine,
            ChildSpec("workers", SupervisorSpec(processes, intensity=10, period=5.0, backoff=PAUSES)),
            ChildSpec("front-end", self._front_end.run),
        ]
        with ExitStack() as at_the_end:
            await self._listen(at_the_end)
            await self._front_end.listen(at_the_end)
            for each in self.workers:
                each.above = str(self._front_end.addresses[ControlDoor.name])
            try:
                async with supervise(children, id="cometary", intensity=10, period=5.0) as root:
                    self._root = root
                    yield
                    self.tell_to_stop()
                    self._endpoint.close()
                    await self._front_end.aclose(STOP_GRACE)
            finally:
                self.tell_to_stop()

    async def _listen(self, until: ExitStack) -> None:
        where = self.address
        try:
            if isinstance(where, UnixAddress):
                self._listening.append(self._network.open_unix_socket(*where))
            else:
                self._listening += await self._network.open_sockets(*where)
        except OSError as error:
            error.filename = str(where)
            raise
        for sock in self._listening:
            until.callback(sock.close)

    @property
    def address(self) -> Address | UnixAddress:
        """Where clients connect."""
        settings = self._settings
        return settings.listen or Address(settings.host, settings.port)

    @property
    def comet(self) -> str:
        """The URL of the comet endpoint."""
        return (
            taken(self.address, self._listening).url_of(secure=self._settings.files_of_tls is not None)
            + self._settings.comet
        )

    @property
    def control(self) -> str:
        """The URL of the control interface."""
        return self._front_end.urls[ControlDoor.name]

    def reload(self) -> None:
        """Make all workers read their configuration again."""
        for worker in self.workers:
            worker.reload()

    def tell_to_stop(self) -> None:
        """Tell all workers to stop gracefully."""
        for worker in self.workers:
            worker.stop()

    def kill(self) -> None:
        """End all workers at once."""
        for worker in self.workers:
            worker.send_signal(SIGKILL)


@asynccontextmanager
async def above(
    settings: Settings, command: Sequence[str], network: Network, contracts: Contracts
) -> AsyncGenerator[Above]:
    """Make workers, and what is above them, which can run until the end of the block; see `Above`."""
    with tempfile.TemporaryDirectory(prefix="cometary-") as folder:  # nobody else can look into it
        async with system() as actors:
            yield Above(settings, command, network, actors, Path(folder), contracts=contracts)
