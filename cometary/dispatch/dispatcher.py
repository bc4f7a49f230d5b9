"""The dispatch actor: routes `update(sender, path, message)` to all that are connected to the path.

1.  An update is a packet; the same object goes to every subscriber, so it is encoded once for
    each codec however many receive it.
2.  A subscriber is a reference to any actor that takes packets: a session, a log writer, another
    dispatcher.
3.  The table of subscriptions stands beside the actor: should routing one update crash it, its
    supervisor starts it again on the same table and with the updates still in its mailbox.
4.  An update for which a session that is behind has no room waits (`parking`); so does what comes behind it on the
    same path. It stands beside the actor as well.
    So do those who hear an update, if they are many: they are offered it in parts.
5.  The table changes at once, updates are routed in turns. So a subscriber may get an update that
    was sent just before it connected, never miss one that was sent after.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from pykka.messages import ProxyCall

from cometary.actors import Actor
from cometary.dispatch.parking import Parking
from cometary.dispatch.subscriptions import Subscriptions
from cometary.packets.receipts import Receipt
from cometary.packets.tracked import TrackedPacket
from cometary.sessions.flow import Flow, Reroute
from cometary.sessions.rounds import NextRound

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.actors import ActorRef
    from cometary.packets.receipts import ReceiptLog
    from cometary.sessions import Packet

    Record = Callable[[Packet], Packet]

Table = Subscriptions["ActorRef[Any]"]


class Dispatcher(Actor):
    """Routes packets; send it a `Packet` with `tell`.

    Args:
        table: who is connected to what.
        announce: told the dispatcher's reference when it has started.
        receipts: told to how many subscribers a packet went that wants receipts.
        parking: where updates wait for sessions that are behind.
        flow: who is behind.
        find: finds the actor of a session by its id; None if there is no such session.
    """

    def __init__(  # noqa: PLR0917 - a child specification gives them by position
        self,
        table: Table,
        announce: Callable[[ActorRef[Any]], None],
        receipts: ReceiptLog | None = None,
        parking: Parking | None = None,
        flow: Flow | None = None,
        find: Callable[[str], ActorRef[Any] | None] = lambda _: None,
    ) -> None:
        super().__init__()
        self._find_actor = find
        self._flow = Flow() if flow is None else flow
        self._parking = Parking(table, self._flow) if parking is None else parking
        self._table = table
        self._announce = announce
        self._receipts = receipts

    def on_start(self) -> None:
        """Let updates come."""
        self._now = self.system.scheduler.now
        self._flow.attach(self.actor_ref)
        self._announce(self.actor_ref)

    def on_receive(self, message: Any) -> None:
        """Hand a packet to every subscriber of its path."""
        if message.__class__ is NextRound:
            self._parking.in_turn(self._begin_round)
        elif message.__class__ is Reroute:
            self._parking.route_some(self._now())
        elif not self._parking.takes(message, self._route):
            self._route(message)

    def route_as_wished(self, packet: Packet, record: Record | None) -> None:
        """Keep a packet if it is to be kept, then hand it to the subscribers of its path, but for one perhaps.

        If it wants receipts, there is one that says how many they are.
        """
        route = partial(self._route_as_wished, record)
        if not self._parking.takes(packet, route):
            route(packet)

    def _begin_round(self, _: object) -> None:
        self._flow.rounds.next_round(self.system.scheduler.now())

    def _route(self, packet: Packet) -> None:
        subscribers = self._table.subscribers(packet.path)
        flow = self._flow
        flow.routed += 1
        rounds = flow.rounds
        if len(subscribers) > rounds.widest:  # noqa: PLR1730 - max() takes three times as long
            rounds.widest = len(subscribers)
        self._parking.offer(packet, subscribers, self._now)

    def _route_as_wished(self, record: Record | None, packet: Packet) -> None:
        if record is not None:
            packet = record(packet)
        if not (isinstance(packet, TrackedPacket) and packet.has_wishes):
            self._route(packet)
            return
        subscribers = self._table.subscribers(packet.path)
        rounds = self._flow.rounds
        rounds.widest = max(rounds.widest, len(subscribers))
        self._flow.routed += 1
        excluded = None if packet.exclude is None else self._find_actor(packet.exclude)
        if excluded is not None:
            subscribers = tuple(one for one in subscribers if one is not excluded)
        if self._receipts is not None and packet.receipt is not None:
            self._receipts.add(Receipt(packet.receipt, "routed", packet.path, sessions=len(subscribers)))
        self._parking.offer(packet, subscribers, self._now)


AS_WISHED: Final = ("route_as_wished",)


def as_wished(packet: Packet, record: Record | None = None) -> object:
    """Return the message that has a dispatcher route a packet for which a look at its path is not enough.

    It is the call of a method, which keeps its place among the packets that are messages, so that
    the handling of those need not tell one from the other.

    Args:
        packet: the packet.
        record: keeps it; None if it is not to be kept.
    """
    return ProxyCall(attr_path=AS_WISHED, args=(packet, record), kwargs={})
