"""The machine of a mirrored session's owner: its client knows nothing of positions, so all of it is in the record.

1.  A client of version 1 says its request's id and which packets it has, by their numbers, and no more. So the numbers
    that it knows have to go on wherever its session does: they are places in the record's outbox, which has all
    packets, those of paths as well.
2.  An answer goes out when the record has all that it says: its packets, and that its request was processed (M2).
    Therefore the id of each new request is recorded before that is met, whether it has packets or not. Otherwise the
    next owner would wait for a request that was answered, and does not come again.
3.  Who adopts the session takes every packet in the record for sent (M4): it may have been, and be acknowledged.
    What the client lacks, it gets with its next request, one that it repeats as well.
4.  A number that was never sent by this owner may have been sent by a later one: so such an acknowledgement is refused
    only when the engine has confirmed the generation, like everything that ends a session for its client (M5).

All else is as for other sessions: see `cometary.cluster.owner`. Pure; the shell sets `sent`, as it does `leased`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cometary.cluster.change import Change
from cometary.cluster.client_position import ClientPosition
from cometary.cluster.deliveries import Deliveries
from cometary.cluster.owner import LEASE, Handling, OwnerMachine
from cometary.cluster.owner_events import ClientRequest, ClientSign, TakeForSent

if TYPE_CHECKING:
    from cometary.cluster.record import Record
    from cometary.fsm import Step


class MirroredMachine(OwnerMachine):
    """One mirrored session at the node that owns it, as far as it knows; for the arguments see `OwnerMachine`.

    Attributes:
        sent: the number of the last packet that was ever part of an answer; the shell sets it before each step.
    """

    __slots__ = ("_adopted", "sent")

    def __init__(self, record: Record, *, adopted: bool, handling: Handling = "report") -> None:
        super().__init__(record, adopted=False, handling=handling)
        self._adopted = adopted
        self.sent = record.base + len(record.out)
        if adopted:
            kept = None if record.ended is not None else Deliveries(record.base, ClientPosition(record.base))
            self.deliveries = kept and kept.with_own(len(record.out))
        if adopted and record.begun:
            self._call, self._died = "over", record.inbox[0]
            self._doubts = ((None, LEASE),)

    def init(self) -> list[object]:
        """Go on with the outbox, and with the inbox."""
        record = self.record
        if not self._adopted or record.ended is not None:
            return self._actions([])
        return self._actions([TakeForSent(record.base, record.out, self.sent)])

    def hear(self, request: ClientRequest) -> Step:
        """Take it in its turn: it says nothing of generations."""
        return super().hear(request._replace(generation=self.record.generation, done=0))

    def hear_sign(self, sign: ClientSign) -> Step:
        """Take what it acknowledges; or ask the engine."""
        return super().hear_sign(sign._replace(generation=self.record.generation))

    def _records(self, request: ClientRequest) -> bool:  # noqa: ARG002 - whatever it has (rule 2)
        return True

    def _hand_over(self, request: ClientRequest) -> None:
        if request.packets:
            super()._hand_over(request)
        else:
            self._handed += (request,)
            self._gather(Change(request.rid))

    def _acknowledge(self, number: int) -> bool:
        return number <= self.sent and super()._acknowledge(number)
