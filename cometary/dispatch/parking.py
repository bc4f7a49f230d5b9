"""Parked updates: those that wait because a session that hears them is behind (`cometary.sessions.flow`).

1.  Updates to one path are routed in the order in which they came: while one is parked, so are those behind it.
    Those to other paths go on.
2.  Only so many are routed in one turn of the dispatcher, and so many bytes: half of what a session's queue takes at
    most. The rest stands in line for a moment, in order, and those who hear the first ones have their turns. So a
    session that has no room left is noticed before it has had more than there is room for.
3.  What may be dropped (`drop_oldest`, `drop_newest`), or has a limit of its own (`close`), is never parked.
4.  Nor is an update offered to more than `MOST_OFFERED` in one batch of the scheduler, all updates together: the others
    get it in the next ones, before anything else is routed. It is handed to them (`Shortcut`), so that most of those
    who hear it have it at once. Between two batches sockets are looked at; so nobody waits for all who hear a
    broadcast. Who hears it is settled when it is routed.
    What those who have it ask for next comes at once. Where so much has come that not all of it could be read in one
    turn of the loop, the broadcast gives way, for `MOST_TURNS` turns at a time, or for `LONGEST_WAY` seconds if that is
    sooner: else whatever else comes would wait behind the next requests of all who hear it.
5.  Updates that already have their number, since they were given one for several servers, keep the order of the
    numbers, whatever their paths: for rule 1 they all count as one path. What is kept is kept when it is routed, in
    that order.
6.  Other things than updates may have to stand in line as well (`in_turn`): the next round begins when everything
    that the last one brought about has been offered to all.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from cometary.actors.scheduled_cell import hand_to_each
from cometary.packets.tracked import TrackedPacket

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cometary.actors import ActorRef
    from cometary.dispatch.subscriptions import Subscriptions
    from cometary.sessions import Packet
    from cometary.sessions.flow import Flow

    Route = Callable[[Any], None]
    Refs = Sequence[ActorRef[Any]]

MOST_AT_A_TIME: Final = 50
"""Updates that are routed in one turn of the dispatcher at most."""

MOST_OFFERED: Final = 200
"""Receivers that updates are offered to in one turn of the dispatcher at most: they are one batch of the scheduler."""

MOST_TURNS: Final = 8
"""Turns of the loop for which a part of a broadcast gives way to what is to be read."""

LONGEST_WAY: Final = 0.25
"""Seconds for which it does so."""

WAITING: Final = ("keep", "conflate")
"""The policies whose packets may be parked."""


NUMBERED: Final = ""
"""Stands for the paths of all that has its number (rule 5); it is none itself."""


class Parking:
    """The updates that wait. It stands beside the dispatcher, like the table, and survives its crashes.

    Args:
        table: who hears what.
        flow: who is behind.
        max_packets: packets that a session's queue takes.
        max_bytes: bytes that it takes.
        most_offered: receivers that updates are offered to in one turn at most.
    """

    __slots__ = (
        "_began",
        "_by_path",
        "_bytes",
        "_flow",
        "_given",
        "_given_since",
        "_left",
        "_left_bytes",
        "_line",
        "_most_offered",
        "_offers",
        "_packets",
        "_rest",
        "_table",
    )

    def __init__(
        self,
        table: Subscriptions[Any],
        flow: Flow,
        max_packets: int = 1_000,
        max_bytes: int = 1 << 20,
        *,
        most_offered: int = MOST_OFFERED,
    ) -> None:
        self._table = table
        self._flow = flow
        self._packets = self._left = max(1, min(MOST_AT_A_TIME, max_packets // 2))
        self._bytes = self._left_bytes = max_bytes // 2
        self._most_offered = self._offers = most_offered
        self._began = -1.0
        self._given = 0  # turns in a row for which the rest has given way
        self._given_since = 0.0
        self._rest: tuple[Packet, Refs, int] | None = None  # rule 4: from which one on they lack it
        self._line: deque[tuple[Packet | None, Route]] = deque()  # rules 2 and 6
        self._by_path: dict[str, deque[tuple[Packet, Route]]] = {}  # rule 1

    def takes(self, packet: Packet, route: Route) -> bool:
        """Keep an update, to be routed by `route` later, if it has to wait; returns whether it has."""
        if self._left <= 0 or self._line:
            self._line.append((packet, route))
        elif (self._by_path or self._flow.behind) and self._is_blocked(packet):
            self._by_path.setdefault(_lane(packet), deque()).append((packet, route))
        else:
            self._count(packet)
            return False
        self._park(packet)
        return True

    def in_turn(self, step: Route) -> None:
        """Call `step`, with None, when all that stands in line has been routed; now if nothing does (rule 6)."""
        if self._rest is None and not self._line:
            step(None)
        else:
            self._line.append((None, step))

    def offer(self, packet: Packet, subscribers: Refs, now: Callable[[], float]) -> None:
        """Offer an update that is being routed to those who hear it: to some now, and to the others later (rule 4).

        Args:
            packet: the update.
            subscribers: those who hear it.
            now: tells when the scheduler's batch began: in another one, as many may be offered something anew.
        """
        count = len(subscribers)
        if count > self._offers and now() != self._began:
            self._began, self._offers = now(), self._most_offered
        if count <= self._offers:
            self._offers -= count
            hand_to_each(subscribers, packet)
        else:
            self._park(packet)
            self._offer_rest(packet, subscribers, 0)

    def route_some(self, now: float = 0.0) -> None:
        """Route updates that need not wait any more, those that were parked first, unless sockets come first.

        Args:
            now: when the scheduler's batch began, in seconds.
        """
        self._flow.rerouting = False
        if self._rest is not None and self._gives_way(now):
            self._flow.reroute_later()
        else:
            self._began = now
            self._begin_turn()

    def _begin_turn(self) -> None:
        self._left, self._left_bytes, self._offers = self._packets, self._bytes, self._most_offered
        if self._rest is not None:
            self._offer_rest(*self._rest)
        for lane in list(self._by_path):
            if self._left <= 0:
                return
            waiting = self._by_path[lane]
            while waiting and self._left > 0 and not self._waits(waiting[0][0]):
                self._route(*waiting.popleft())
            if not waiting:
                del self._by_path[lane]
        while self._line and self._left > 0:
            packet, route = self._line.popleft()
            if packet is None:
                route(None)
            elif self._is_blocked(packet):
                self._by_path.setdefault(_lane(packet), deque()).append((packet, route))
            else:
                self._route(packet, route)

    def _gives_way(self, now: float) -> bool:
        """Whether the rest of a broadcast waits for another turn, since sockets have more than was read in this one."""
        if not self._given:
            self._given_since = now
        may = self._given < MOST_TURNS and now - self._given_since < LONGEST_WAY
        self._given = self._given + 1 if may and self._flow.pressed() else 0
        return self._given > 0

    def _is_blocked(self, packet: Packet) -> bool:
        if packet.extra is not None and NUMBERED in self._by_path:
            return True
        if isinstance(packet, TrackedPacket) and packet.contract.when_full not in WAITING:
            return False
        return packet.path in self._by_path or self._waits(packet)

    def _waits(self, packet: Packet) -> bool:
        """Whether somebody who is behind hears it, and it may not be dropped."""
        if isinstance(packet, TrackedPacket) and packet.contract.when_full not in WAITING:
            return False
        return self._table.any_hears(packet.path, self._flow.behind)

    def _offer_rest(self, packet: Packet, subscribers: Refs, begin: int) -> None:
        """Offer an update to those from number `begin` on, as far as this turn goes."""
        some = subscribers[begin : begin + self._offers]
        self._offers -= len(some)
        if begin + len(some) < len(subscribers):
            self._rest = (
                packet,
                subscribers,
                begin + len(some),
            )  # before they are offered it: that may crash
        else:
            self._rest = None
            self._unpark(packet)
        if not self._offers:
            self._end_turn()
        hand_to_each(some, packet)

    def _end_turn(self) -> None:
        self._left = 0
        self._flow.reroute_later()  # not in this batch: those who hear have had their turns in it

    def _route(self, packet: Packet, route: Route) -> None:
        self._unpark(packet)
        self._count(packet)
        route(packet)

    def _park(self, packet: Packet) -> None:
        self._flow.parked += 1
        if packet.cause is not None:
            packet.cause.holds += 1

    def _unpark(self, packet: Packet) -> None:
        self._flow.parked -= 1
        if packet.cause is not None:
            self._flow.release(packet.cause)

    def _count(self, packet: Packet) -> None:
        self._left_bytes -= packet.size
        self._left = self._left - 1 if self._left_bytes > 0 else 0
        if self._left == 0:
            self._end_turn()


def _lane(packet: Packet) -> str:
    """Return behind what of the same an update waits."""
    return packet.path if packet.extra is None else NUMBERED
