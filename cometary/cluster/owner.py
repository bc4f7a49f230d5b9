"""The machine of a session's owner: what it records, and before what.

1.  It stands between those who bring requests and the session that answers them. It keeps the record as the engine is
    known to have it, and has at most one change under way. What is to be recorded meanwhile is gathered for the next
    one.
2.  A packet sent to the session alone is delivered when it is in the record (R2). One of a path's log is delivered at
    once; the client says how much of it it has (R7).
3.  Requests are processed in the order of their ids. One with packets is met when its packets are in the record and
    were handled, or their handler waits; and no later request is met before they are in the record (R3). `redo`: the
    handlers are called first, and all of it is one change. So they may be called again, should the node die.
4.  The record says which call is begun before it begins, and none begins while the node's lease has run out by its
    own clock (R8), nor before the engine has confirmed the generation after that. A call that had begun when the node
    died is not made again: the next owner reports it when the engine has confirmed its generation, and records that it
    has done so when the application has been told. Should that owner be taken for dead in between, the one after it
    reports the call once more, rather than leave it unreported.
5.  An owner that has adopted the session delivers nothing until a request, or a sign, of its own generation has told
    where the client is. Those of older generations are processed, and answered with nothing; their acknowledgements are
    of other numbers (R4). All ids up to a request's `done` were processed before (R6). A sign, by which a stream is
    attached or acknowledged, has no id and no packets, so it waits for nothing.
6.  A fenced change says that another node owns the session: it is forgotten. A request of a later generation only
    raises a doubt about that, since it is the word of a client: the engine is asked, and if the session is still
    owned, the request is refused. Where the engine has lost changes, the record is restored, and the change is sent
    again.
7.  What ends a session for its client, whether its end or a wrong request, is told once the engine has confirmed the
    generation after the cause arose: a node that was taken for dead must not tell (M5).
8.  When it is drained, it finishes what is under way, begins no further call, and is handed on. Once it has ended it is
    not handed on, but ends here, unless somebody is in a hurry: then its last call is left to the next owner.
9.  The record lets go of a packet that the client has when the shell has accounted for it: when its receipt, if it
    wants one, is in the same change, or an earlier one (R10).

Pure: no clock, no socket. The shell sets `leased` before each step.
"""

from __future__ import annotations

from typing import Final, Literal

from cometary.cluster.change import NOTHING, Change, Verdict
from cometary.cluster.client_position import ClientPosition
from cometary.cluster.deliveries import Deliveries
from cometary.cluster.owner_events import (
    Asking,
    ClientRequest,
    ClientSign,
    Close,
    Commit,
    Committed,
    Deliver,
    Dismiss,
    Drain,
    End,
    Forget,
    Heed,
    Invoke,
    Meet,
    Number,
    Published,
    PutBack,
    Renewed,
    ReportDeath,
    RequestBroken,
    Restored,
    Returned,
    Sent,
    Yielded,
)
from cometary.cluster.record import Record
from cometary.fsm import ANY, END, State, StateMachine, Step, goto, on, stay, stop

WIDTH: Final = 2
"""How many requests a client may have unanswered."""

MOST_WAITING: Final = 4 * WIDTH
"""Requests that wait their turn, and doubts that wait for the engine: each may have been sent again."""

Handling = Literal["report", "redo"]
Doubts = tuple[tuple[Asking | None, str], ...]

LEASE: Final = "lease"
"""A doubt that comes of no request: whether the session is still owned, since the lease has run out."""


class OwnerMachine(StateMachine):
    """One session at the node that owns it, as far as it knows.

    Args:
        record: as it was opened or adopted.
        adopted: whether it was adopted.
        handling: what becomes of calls that a death interrupts.

    Attributes:
        record: as the engine is known to have it.
        leased: whether the node's lease has not run out; the shell sets it before each step.
        deliveries: which packets were numbered and not acknowledged; None before the client has told where it is.
    """

    __slots__ = (
        "_accounted",
        "_call",
        "_confirming",
        "_died",
        "_doubts",
        "_expected",
        "_gathered",
        "_handed",
        "_handling",
        "_hurries",
        "_redoing",
        "_redone",
        "_todo",
        "_under_way",
        "_waiting",
        "deliveries",
        "leased",
        "record",
    )

    unsynced = State("adopted; no request has told yet where the client is", initial=True)
    owned = State("packets are numbered, and answered with")
    leaving = State("what is under way is finished, then the session is handed on")
    ending = State("the session has ended; its sign-off is to be settled")

    def __init__(self, record: Record, *, adopted: bool, handling: Handling = "report") -> None:
        first = self.ending if record.ended is not None else self.unsynced if adopted else self.owned
        super().__init__(first)
        self.record = record
        self.leased = True
        self.deliveries: Deliveries | None = None if adopted else Deliveries()
        self._handling: Handling = handling
        self._expected = record.rid + 1
        self._under_way: Change | None = None
        self._gathered = NOTHING
        self._accounted = 0
        self._handed: tuple[ClientRequest, ...] = ()  # their packets are handed over; they are not met yet
        self._waiting: tuple[ClientRequest, ...] = ()
        self._todo: tuple[bytes, ...] = ()  # of `redo`: packets of the request that is handed over
        self._redone = NOTHING  # what the handlers of those before have sent and changed
        self._doubts: Doubts = ()
        self._confirming: Doubts = ()  # those that the change under way will settle
        self._call: Literal["none", "running", "waits", "over"] = "none"
        self._died: bytes | None = None
        self._redoing = False  # whether the call that was begun is for one of these
        self._hurries = False
        if adopted and record.begun:
            self._call, self._died = "over", record.inbox[0]
            self._doubts = ((None, LEASE),)

    def init(self) -> list[object]:
        """Go on with the inbox."""
        return self._actions([])

    # -- requests

    @on(ANY, ClientRequest, to=(owned, END))
    def hear(self, request: ClientRequest) -> Step:
        """Take it in its turn; or ask the engine, if the client says that there is a later owner (rule 6)."""
        if request.generation > self.record.generation:
            return self._go_on(self._doubt(request, "bad-request"))
        # What one request says of answers holds for all that wait, of which an earlier one was written before that.
        self._expected = max(self._expected, request.done + 1)
        self._waiting = (*[one for one in self._waiting if one.rid != request.rid], request)
        actions: list[object] = []
        if len(self._waiting) > MOST_WAITING:
            actions.append(Dismiss(self._waiting[0], "unavailable"))
            self._waiting = self._waiting[1:]
        return self._go_on(actions)

    @on(ANY, ClientSign, to=(owned, END))
    def hear_sign(self, sign: ClientSign) -> Step:
        """Take what it acknowledges, and where its client is, as those of a request; or ask the engine."""
        if sign.generation > self.record.generation:
            return self._go_on(self._doubt(sign, "bad-request"))
        if self.state is self.ending:
            return self._go_on(self._doubt(sign, "session-ended"))
        if self.state is self.leaving or sign.generation < self.record.generation:
            return stay(Heed(sign, counts=False))
        placed = self._place(sign)
        if isinstance(placed, str):
            return self._go_on(self._doubt(sign, placed))
        return self._go_on([*placed, Heed(sign, counts=True)])

    @on(ANY, RequestBroken)
    def break_off(self, event: RequestBroken) -> None:
        """Let a request not wait any more."""
        self._waiting = tuple([one for one in self._waiting if one is not event.request])

    def _next_request(self) -> ClientRequest | None:
        """Take out the request whose turn it is (rule 3)."""
        if self.state is self.leaving or (self._handed and self._handed[-1].rid > self.record.rid):
            return None
        for request in self._waiting:
            done = self._expected - 1
            if request.rid <= done + 1 or request.rid > done + WIDTH or self.state is self.ending:
                self._waiting = tuple([one for one in self._waiting if one is not request])
                return request
        return None

    def _take(self, request: ClientRequest) -> list[object]:
        if self.state is self.ending:
            return self._doubt(request, "session-ended")
        counts = request.generation == self.record.generation
        actions: list[object] = []
        if counts:
            placed = self._place(request)
            if isinstance(placed, str):
                return self._doubt(request, placed)
            actions += placed
        if request.rid > self._expected:
            return self._doubt(request, "rid-out-of-window")
        new = request.rid == self._expected
        self._expected += new
        if new and self._records(request):
            self._hand_over(request)
            return actions
        return [*actions, Meet(request, counts and self.deliveries is not None)]

    def _records(self, request: ClientRequest) -> bool:
        """Whether a new request is recorded before it is met."""
        return bool(request.packets)

    def _place(self, asking: Asking) -> list[object] | str:
        """Take what was received, by a client of this generation; returns what is to be done, or what is wrong."""
        if self.deliveries is None:
            return self._sync(asking) if self._knows(asking.position) else "unknown-session"
        return [] if self._acknowledge(asking.ack) else "bad-ack"

    def _knows(self, place: ClientPosition) -> bool:
        """Whether the record has all that a client lacks, and all that it has."""
        return 0 <= place.own - self.record.base <= len(self.record.out)

    def _sync(self, request: Asking) -> list[object]:
        """Go on where the client is (rule 5)."""
        place = request.position
        lacks = self.record.out[place.own - self.record.base :]
        self.deliveries = Deliveries(request.ack, place).with_own(len(lacks))
        return [Number(request.ack, place.logs), Deliver(lacks)]

    def _acknowledge(self, number: int) -> bool:
        after = None if self.deliveries is None else self.deliveries.acknowledge(number)
        if after is not None:
            self.deliveries = after
        return after is not None

    def _gather(self, change: Change) -> None:
        self._gathered = self._gathered.and_then(change)

    def _hand_over(self, request: ClientRequest) -> None:
        self._handed += (request,)
        if self._handling == "redo":
            self._todo = request.packets
        else:
            self._gather(Change(request.rid, accepted=request.packets))

    def _doubt(self, request: Asking | None, condition: str) -> list[object]:
        """Have the engine confirm the generation before this is said (rule 7)."""
        if condition == "session-ended" and self.record.ended is not None and request is not None:
            return [Dismiss(request, condition)]
        if request is not None and len(self._doubts) >= MOST_WAITING:
            return [Dismiss(request, "unavailable")]
        self._doubts += ((request, condition),)
        return []

    # -- what the shell may ask

    @property
    def sure(self) -> bool:
        """Whether the engine has confirmed the generation since the node's lease had run out."""
        return all(request is not None for request, _ in self._doubts + self._confirming)

    @property
    def expected(self) -> int:
        """The id of the next new request, as far as is known here."""
        return self._expected

    @property
    def waiting(self) -> tuple[ClientRequest, ...]:
        """The requests that wait for their turn."""
        return self._waiting

    @property
    def unmet(self) -> tuple[Asking, ...]:
        """What clients have said and was not met, whatever it waits for."""
        return self._requests()

    @property
    def unfinished(self) -> int:
        """How many packets of the client the application has not finished with."""
        under_way = () if self._under_way is None else self._under_way.accepted
        return len(self.record.inbox + under_way + self._gathered.accepted) + len(self._todo)

    @property
    def unacknowledged(self) -> tuple[bytes, ...]:
        """The packets sent to the session alone that its client is not known to have."""
        under_way = () if self._under_way is None else self._under_way.out
        return self.record.out + under_way + self._gathered.out

    @property
    def unnumbered(self) -> tuple[bytes, ...]:
        """Those of them that are recorded and were never delivered: nobody has come, or the session ended first."""
        if self.deliveries is None:
            return self.record.out
        known = self.deliveries.own - self.record.base + self.deliveries.marks.count(None)
        return self.record.out[known:]

    # -- the application

    @on(ANY, Sent, to=(owned, END))
    def send(self, event: Sent) -> Step:
        """Record it; it is delivered when that is done."""
        self._accounted = max(self._accounted, event.accounted)
        self._gather(Change(out=event.packets, fields=event.fields))
        return self._go_on([])

    @on(owned, Published)
    def publish(self, event: Published) -> Step:
        """Deliver it: the path's log has it, or nothing has."""
        assert self.deliveries is not None  # noqa: S101 - it has been told where the client is
        if event.log is None or event.position is None:
            self.deliveries = self.deliveries.with_passing()
        else:
            self.deliveries = self.deliveries.with_logged(event.log, event.position)
        return stay(Deliver((event.packet,)))

    @on((unsynced, leaving, ending), Published)
    def leave_in_the_log(self, _: Published) -> None:
        """Leave it: what the client lacks is read from the log when it has told where it is."""

    @on(ANY, Yielded, to=(owned, END))
    def go_on_without(self, _: Yielded) -> Step:
        """Meet the requests whose packets are in the record."""
        self._call = "waits"
        return self._go_on([])

    @on(ANY, Returned, to=(owned, END))
    def settle(self, event: Returned) -> Step:
        """Record what the handler has sent and changed, and that it has come to its end."""
        self._accounted = max(self._accounted, event.accounted)
        if not self._redoing:
            self._call = "over"
            self._gather(event.change._replace(settled=1))
            return self._go_on([])
        self._call, self._todo = "none", self._todo[1:]
        self._redone = self._redone.and_then(event.change)
        if not self._todo:
            self._gather(self._redone._replace(rid=self._handed[-1].rid))
            self._redone = NOTHING
        return self._go_on([])

    @on((unsynced, owned, leaving), End, to=ending)
    def end(self, event: End) -> Step:
        """Record it; the client and the application are told when that is done."""
        self._gather(Change(accepted=(event.sign_off,), end=event.reason))
        return goto(self.ending, *self._actions([]))

    # -- the engine

    @on(ANY, Committed, to=(owned, END))
    def hear_of_change(self, event: Committed) -> Step:
        """Go on with what had to wait for it; or forget the session, or put its record back (rule 6)."""
        if event.verdict is Verdict.BEHIND:
            return stay(PutBack(self.record))
        if event.verdict is not Verdict.OK:
            return self._forget()
        change, self._under_way = self._under_way, None
        assert change is not None  # noqa: S101 - the engine answers what was sent
        self.record = self.record.with_change(change)
        actions: list[object] = []
        if change.out and self.deliveries is not None and self.state is not self.ending:
            self.deliveries = self.deliveries.with_own(len(change.out))
            actions.append(Deliver(change.out))
        if change.settled:
            self._call = "none"
        if self._died is not None:
            actions.append(ReportDeath(self._died))
            self._call, self._died = "running", None
        confirmed, self._confirming = self._confirming, ()
        actions += [Dismiss(request, condition) for request, condition in confirmed if request is not None]
        if change.end is not None:
            actions.append(Close(change.end))
        return self._go_on(actions)

    @on(ANY, Restored, to=END)
    def hear_of_record(self, event: Restored) -> Step:
        """Send the change again."""
        if event.verdict is not Verdict.OK or self._under_way is None:
            return self._forget()
        return stay(Commit(self.record.generation, self.record.version, self._under_way))

    @on(ANY, Renewed, to=(owned, END))
    def verify(self, _: Renewed) -> Step:
        """Begin no call before the engine has confirmed the generation (rule 4)."""
        return self._go_on(self._doubt(None, LEASE))

    @on((unsynced, owned, leaving), Drain, to=(leaving, END))
    def leave(self, event: Drain) -> Step:
        """Begin nothing more."""
        self._hurries |= event.hurry
        return self._hand_on() if self._may_leave() else goto(self.leaving)

    @on(ending, End)
    def end_once(self, _: End) -> None:
        """Let it end, as it does."""

    @on(ending, Drain, to=END)
    def end_here(self, event: Drain) -> Step:
        """Let it end, here; or, in a hurry, wherever it is adopted."""
        self._hurries |= event.hurry
        return self._hand_on() if self._hurries and self._may_leave() else stay()

    # -- what is next

    def _go_on(self, actions: list[object]) -> Step:
        """Do what can be done now, and hand on or forget the session if nothing is left."""
        if self.record.gone:
            refused = [Dismiss(request, "session-ended") for request in self._requests()]
            return stop("ended", *actions, *refused, Forget(()))
        actions = self._actions(actions)
        if (self._hurries or self.state is self.leaving) and self._may_leave():
            return self._hand_on(*actions)
        if self.state is self.unsynced and self.deliveries is not None:
            return goto(self.owned, *actions)
        return stay(*actions)

    def _actions(self, actions: list[object]) -> list[object]:
        self._meet_handed(actions)
        while (request := self._next_request()) is not None:
            actions += self._take(request)
        self._begin_call(actions)
        self._flush(actions)
        return actions

    def _meet_handed(self, actions: list[object]) -> None:
        """Meet the requests whose packets are in the record, and were handled if that takes no waiting (rule 3)."""
        if self.record.inbox and self._call != "waits" and self.record.ended is None:
            return
        ready = [request for request in self._handed if request.rid <= self.record.rid]
        self._handed = self._handed[len(ready) :]
        for request in ready:
            counts = request.generation == self.record.generation and self.deliveries is not None
            actions.append(Meet(request, counts))

    def _begin_call(self, actions: list[object]) -> None:
        """Begin the next call, if it may begin (rule 4)."""
        if self._call != "none" or not self.leased or not self.sure:
            return
        # One that the record has as begun is made even by a session that leaves: the next owner would report it.
        if self.record.begun and not self._hurries and not (self._todo and self.record.ended):
            self._call, self._redoing = "running", False
            actions.append(Invoke(self.record.inbox[0]))
        elif self._todo:
            self._call, self._redoing = "running", True
            actions.append(Invoke(self._todo[0]))

    def _flush(self, actions: list[object]) -> None:
        """Send what was gathered, if nothing is under way (rule 1)."""
        if self._under_way is not None:
            return
        record, change = self.record, self._gathered
        if self.deliveries is not None:
            known = min(self.deliveries.own, self._accounted) - record.base  # rule 9
            change = change._replace(acknowledged=min(max(known, 0), len(record.out)))
        after = record.with_change(change)
        if after.inbox and not after.begun and self.state is not self.leaving and not self._hurries:
            change = change._replace(begun=True)
        if change._replace(acknowledged=0) == NOTHING and not self._doubts:
            return
        self._under_way, self._gathered = change, NOTHING
        self._confirming, self._doubts = self._doubts, ()
        actions.append(Commit(record.generation, record.version, change))

    # -- the end

    def _may_leave(self) -> bool:
        """Whether nothing is under way that has to be waited for (rule 8)."""
        idle = self._under_way is None and self._gathered == NOTHING
        return idle and (self._hurries or (self._call == "none" and not self._todo))

    def _hand_on(self, *actions: object) -> Step:
        return stop("moved", *actions, Forget(self._requests(), hand_on=True))

    def _forget(self) -> Step:
        return stop("moved", Forget(self._requests()))

    def _requests(self) -> tuple[Asking, ...]:
        doubted = [request for request, _ in self._confirming + self._doubts if request is not None]
        return (*self._handed, *doubted, *self._waiting)
