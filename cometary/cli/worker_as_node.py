"""A worker that is a node: what it is to the process above it, and what to the other workers.

1.  Sessions, and what is published, are matters of nodes: the others find its sessions, and go on with them when it is
    gone. Connections, tasks, the control interface and receipts are matters of workers.
2.  Requests for another worker's session are forwarded, one by one, and no connection is handed over for them: where
    the session is may change at any time.
3.  Nobody else may use the engine with the same keys, since nobody else can be linked with this server's workers. The
    workers of one that was killed a moment ago are waited for until their leases have run out.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, Final, TypeVar

import trio

from cometary.doors.others import NO_OTHERS
from cometary.errors import ConfigError
from cometary.nodes.handshake import Identity
from cometary.nodes.nodes import OtherNodes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cometary.cluster.engine import Engine as Cluster
    from cometary.config.kinds import Address, UnixAddress
    from cometary.doors.control.door import ControlDoor
    from cometary.doors.door import Listener
    from cometary.packets.receipts import ReceiptLog
    from cometary.server.front_end import FrontEnd
    from cometary.settings import Settings
    from cometary.transport.http.limits import Limits
    from cometary.transport.http.service import Service
    from cometary.workers.colleagues import OtherWorkers
    from cometary.workers.part import AsNode

T = TypeVar("T")

LOOK: Final = 0.5
"""Seconds between two looks at whether others use the engine."""

BACKLOG: Final = 128


class WorkersAsNodes(OtherNodes):
    """The other workers, which are nodes (`Colleagues`).

    Args:
        settings: how this one is set up.
        node: as what it is one.
        cluster: the engine.
        workers: the others, as workers.
    """

    def __init__(self, settings: Settings, node: AsNode, cluster: Cluster, workers: OtherWorkers) -> None:
        own = Identity(node.name, cluster.incarnation, node.address, node.secret.encode())
        super().__init__(settings, own, cluster)
        self._family = node.family
        self._engine_of_all = cluster
        self._patience = settings.lease + settings.stop_grace + 1
        self._workers = workers
        self.place = workers.place
        self.others = NO_OTHERS  # operators are shown workers

    def once(self, what: Sequence[T]) -> Sequence[T]:
        """Return all of it in the first of them, and nothing in the others."""
        return self._workers.once(what)

    def note_receipts(self, receipts: ReceiptLog) -> None:
        """Take note of them, and tell the process above of each."""
        super().note_receipts(receipts)
        self._workers.note_receipts(receipts)

    def spread(self, listener: Listener, limits: Limits) -> Listener:
        """Return a listener whose callers are shared out among all."""
        return self._workers.spread(listener, limits)

    def seen_at(self, addresses: Mapping[str, Address | UnixAddress]) -> Mapping[str, Address | UnixAddress]:
        """Return where callers find the listeners: the control interface is that of all."""
        return self._workers.seen_at(addresses)

    async def _take_name(self, until: float) -> None:
        """Take out the lease, and see that nobody else has one (rule 3)."""
        await super()._take_name(until)
        until = trio.current_time() + self._patience
        while strangers := self._strangers():
            if trio.current_time() > until:
                raise ConfigError(
                    "engine",
                    f"another server uses it, with the node {strangers[0]!r}: give each an engine-prefix of its own",
                )
            await trio.sleep(LOOK)
            await self._engine_of_all.look()

    def _strangers(self) -> list[str]:
        """Return the nodes that are there, and none of this server's workers."""
        engine = self._engine_of_all
        return [
            node
            for node, address in engine.addresses().items()
            if address and not node.startswith(self._family) and engine.alive(node)
        ]

    def meet(
        self,
        front_end: FrontEnd,
        control: ControlDoor | None,
        clients: Service,
        gaps: Callable[[str | None], object],
    ) -> None:
        """Take note that the server takes clients."""
        super().meet(front_end, control, clients, gaps)
        self._workers.meet(front_end, control, clients, gaps)

    def listed(self) -> list[dict[str, Any]]:
        """Return none: to operators they are workers."""
        return []


def listening_at(path: str) -> socket.socket:
    """Return a socket that listens at a path, at which nobody has listened before."""
    sock = socket.socket(socket.AF_UNIX)
    try:
        sock.bind(path)
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        error.filename = path
        raise
    return sock
