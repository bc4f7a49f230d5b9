"""Parked updates: those that wait since a session that hears them is behind (`cometary.sessions.flow`).

1.  Updates to one path are routed in the order in which they came: while one is parked, so are those behind it.
    Those to other paths go on.
2.  Only so many are routed in one turn of the dispatcher, and so many bytes: half of what a session's queue takes at
    most. The rest stands in line for a moment, in order, and those who hear the first ones have their turns. So a
    session that has no room left is noticed before it has had more than there is room for.
3.  What may be dropped (`drop_oldest`, `drop_newest`), or has a limit of its own (`close`), is never parked.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from cometary.packets.tracked import TrackedPacket

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.dispatch.subscriptions import Subscriptions
    from cometary.sessions import Packet
    from cometary.sessions.flow import Flow

    Route = Callable[[Any], None]

MOST_AT_A_TIME: Final = 50
"""Updates that are routed in one turn of the dispatcher at most."""

WAITING: Final = ("keep", "conflate")
"""The policies whose packets may be parked."""


class Parking:
    """The updates that wait. It stands beside the dispatcher, like the table, and survives its crashes.

    Args:
        table: who hears what.
        flow: who is behind.
        max_packets: packets that a session's queue takes.
        max_bytes: bytes that it takes.
    """

    __slots__ = ("_by_path", "_bytes", "_flow", "_left", "_left_bytes", "_line", "_packets", "_table")

    def __init__(
        self, table: Subscriptions[Any], flow: Flow, max_packets: int = 1_000, max_bytes: int = 1 << 20
    ) -> None:
        self._table = table
        self._flow = flow
        self._packets = self._left = max(1, min(MOST_AT_A_TIME, max_packets // 2))
        self._bytes = self._left_bytes = max_bytes // 2
        self._line: deque[tuple[Packet, Route]] = deque()  # rule 2
        self._by_path: dict[str, deque[tuple[Packet, Route]]] = {}  # rule 1

    def takes(self, packet: Packet, route: Route) -> bool:
        """Keep an update, to be routed by `route` later, if it has to wait; returns whether it has."""
        if self._left <= 0 or self._line:
            self._line.append((packet, route))
        elif (self._by_path or self._flow.behind) and self._is_blocked(packet):
            self._by_path.setdefault(packet.path, deque()).append((packet, route))
        else:
            self._count(packet)
            return False
        self._flow.parked += 1
        if packet.cause is not None:
            packet.cause.holds += 1
        return True

    def route_some(self) -> None:
        """Route updates that need not wait any more, those that were parked first: a new turn has begun."""
        self._flow.rerouting = False
        self._left, self._left_bytes = self._packets, self._bytes
        for path in list(self._by_path):
            if self._left <= 0:
                return
            if self._table.any_hears(path, self._flow.behind):
                continue
            waiting = self._by_path[path]
            while waiting and self._left > 0:
                self._route(*waiting.popleft())
            if not waiting:
                del self._by_path[path]
        while self._line and self._left > 0:
            packet, route = self._line.popleft()
            if self._is_blocked(packet):
                self._by_path.setdefault(packet.path, deque()).append((packet, route))
            else:
                self._route(packet, route)

    def _is_blocked(self, packet: Packet) -> bool:
        if isinstance(packet, TrackedPacket) and packet.contract.when_full not in WAITING:
            return False
        return packet.path in self._by_path or self._table.any_hears(packet.path, self._flow.behind)

    def _route(self, packet: Packet, route: Route) -> None:
        self._flow.parked -= 1
        if packet.cause is not None:
            self._flow.release(packet.cause)
        self._count(packet)
        route(packet)

    def _count(self, packet: Packet) -> None:
        self._left_bytes -= packet.size
        self._left = self._left - 1 if self._left_bytes > 0 else 0
        if self._left == 0:
            self._flow.reroute()  # in a turn behind those of the ones who hear
