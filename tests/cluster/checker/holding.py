"""A node that holds the session, while it makes a move: the machine of production, and the session beneath it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from cometary.cluster.change import Change, Fields, Verdict
from cometary.cluster.due_receipts import DueReceipts, accounted_for, read_due
from cometary.cluster.owner import OwnerMachine
from cometary.cluster.owner_events import ClientRequest, ClientSign, Committed, Renewed, Sent
from cometary.cluster.record import Record
from cometary.packets.receipts import Receipt
from tests.cluster.checker.world import (
    SIGN_OFF,
    Answer,
    Desk,
    Holder,
    shifted,
    shifted_change,
    shifted_record,
    shifted_request,
)

ALL = 1 << 20
"""How many packets are accounted for, where none wants a receipt."""

SLOTS = OwnerMachine.__slots__
AT = {name: place for place, name in enumerate(SLOTS, 1)}
REQUESTS = (AT["_handed"], AT["_waiting"])
DOUBTS = (AT["_doubts"], AT["_confirming"])
CHANGES = (AT["_gathered"], AT["_under_way"])  # what is redone has no id yet


def frozen(machine: Any) -> tuple[Any, ...]:
    """Return the machine as a value."""
    return (machine.state.name, *[getattr(machine, name) for name in SLOTS])


def thawed(kind: type[Any], value: tuple[Any, ...]) -> Any:
    """Return a machine that is as one was that was frozen."""
    machine = kind(value[AT["record"]], adopted=False)
    machine.start()
    for name, each in zip(SLOTS, value[1:], strict=True):
        setattr(machine, name, each)
    machine.state = kind._fsm_table.states[value[0]]
    return machine


def requests_of(holder: Holder) -> list[ClientRequest]:
    """Return the requests that the node has and has not answered."""
    value = holder.machine
    doubted = [request for request, _ in doubts_of(holder) if isinstance(request, ClientRequest)]
    held = [] if holder.desk.held is None else [holder.desk.held]
    return [*value[REQUESTS[0]], *doubted, *value[REQUESTS[1]], *held]


def doubts_of(holder: Holder) -> list[tuple[Any, str]]:
    """Return what the engine is asked about."""
    return [doubt for place in DOUBTS for doubt in holder.machine[place]]


def record_of(holder: Holder) -> Record:
    """Return the record as the node knows it."""
    record: Record = holder.machine[AT["record"]]
    return record


def with_record(holder: Holder, record: Record) -> Holder:
    """Return a node that knows another record."""
    value = list(holder.machine)
    value[AT["record"]] = record
    return holder._replace(machine=tuple(value))


def under_way(holder: Holder) -> Change | None:
    """Return the change for which the engine's answer is awaited."""
    change: Change | None = holder.machine[AT["_under_way"]]
    return change


def shifted_holder(holder: Holder, by: int) -> Holder:
    """Return the same with smaller ids."""
    value = list(holder.machine)
    value[AT["record"]] = shifted_record(value[AT["record"]], by)
    value[AT["_expected"]] = shifted(value[AT["_expected"]], by)
    for place in REQUESTS:
        value[place] = tuple([shifted_request(request, by) for request in value[place]])
    for place in DOUBTS:
        value[place] = tuple(
            [
                (shifted_request(asked, by) if isinstance(asked, ClientRequest) else asked, why)
                for asked, why in value[place]
            ]
        )
    for place in CHANGES:
        value[place] = value[place] and shifted_change(value[place], by)
    desk = holder.desk
    if desk.held is not None:
        desk = desk._replace(held=shifted_request(desk.held, by))
    return holder._replace(machine=tuple(value), desk=desk)


def recorded_receipts(holder: Holder) -> DueReceipts:
    """Return those that the record has, as far as a node knows."""
    recorded: DueReceipts = type(holder.receipts)(*read(dict(record_of(holder).fields).get("receipts")))
    return recorded


read = cache(read_due)


def awaits_receipts(calling: bytes | None, receipts: DueReceipts | None) -> bool:
    """Whether the call for the end is held up by receipts whose handlers have still to be called."""
    return calling == SIGN_OFF and receipts is not None and bool(receipts.due)


class Holding:
    """A node that makes a move.

    Args:
        holder: the node as it is.
        kind: the machine's class.

    Attributes:
        answers: what it answers with.
        frames: what it writes to streams, each with the number of the stream.
        operations: what it sends to the engine.
        invoked: for which items handlers are called.
        reported: for which items a death is reported.
        buried: for which receipts.
        forwarded: requests that it passes on, if it forgets the session; else None.
    """

    def __init__(
        self,
        machine: Any,
        desk: Desk,
        calling: bytes | None,
        *,
        leased: bool,
        telling: bool = False,
        receipts: DueReceipts | None = None,
        touched: bool = False,
        receiving: int = 0,
        dying: tuple[int, ...] = (),
    ) -> None:
        self.machine = machine
        self.desk = desk
        self.calling = calling
        self.telling = telling
        self.receipts = receipts
        self.touched = touched
        self.receiving = receiving
        self.dying = dying
        self.buried: list[str] = []
        self.leased = machine.leased = leased
        self.answers: list[Answer] = []
        self.frames: list[tuple[int, Answer]] = []
        self.operations: list[Any] = []
        self.invoked: list[bytes] = []
        self.reported: list[bytes] = []
        self.forwarded: list[ClientRequest] | None = None
        self.handed_on = False

    @classmethod
    def of(cls, holder: Holder, kind: type[Any]) -> Holding:
        """Wake a node."""
        return cls(
            thawed(kind, holder.machine),
            holder.desk,
            holder.calling,
            leased=holder.leased,
            telling=holder.telling,
            receipts=holder.receipts,
            touched=holder.touched,
            receiving=holder.receiving,
            dying=holder.dying,
        )

    @property
    def generation(self) -> int:
        """The generation that it has adopted the session as."""
        generation: int = self.machine.record.generation
        return generation

    def frozen(self) -> Holder:
        """Return the node as it is afterwards."""
        more = (self.telling, self.receipts, self.touched, self.receiving, self.dying)
        return Holder(frozen(self.machine), self.desk, self.calling, self.leased, *more)

    def start(self) -> None:
        """Begin."""
        self.perform(self.machine.start())
        if self.dying:
            self.step(Renewed())

    def step(self, event: object) -> None:
        """Tell the machine."""
        if hasattr(self.machine, "sent"):  # that of a mirrored session
            self.machine.sent = self.desk.acknowledged + self.desk.answered
        self.perform(self.machine.step(event))
        if self.dying and event == Committed(Verdict.OK) and self.forwarded is None:
            self._bury()

    def perform(self, actions: Any) -> None:
        """Do what the machine says."""
        for action in actions:
            getattr(self, f"_{type(action).__name__}".lower())(action)

    def _commit(self, action: Any) -> None:
        self.operations.append(action)

    _putback = _commit

    def _invoke(self, action: Any) -> None:
        assert self.calling is None, "a handler is called while another one runs"
        self.calling, self.telling = action.item, False
        self.invoked.append(action.item)
        self._look_whether_last(action.item)

    def _reportdeath(self, action: Any) -> None:
        assert self.calling is None, "a death is told while a handler runs"
        self.calling, self.telling = action.item, True
        self.reported.append(action.item)
        self._look_whether_last(action.item)

    def _number(self, action: Any) -> None:
        record = self.machine.record
        self._make_receipts(record.out[: self.machine.deliveries.own - record.base], record.base)
        read = dict(action.logs).get("path")
        self.desk = Desk(action.acknowledged, read=read.offset if read else 0)

    def _takeforsent(self, action: Any) -> None:
        read = dict(self.machine.record.fields).get("path", b"0")
        answered = action.sent - action.acknowledged
        self.desk = Desk(action.acknowledged, action.packets, answered, read=int(read))

    def _deliver(self, action: Any) -> None:
        self.desk = desk = self.desk._replace(queue=self.desk.queue + action.packets)
        self._write()
        if desk.held is not None and len(desk.queue) > desk.answered:
            self._answer(desk.held, full=True)

    def _meet(self, action: Any) -> None:
        request, desk = action.request, self.desk
        if desk.over:
            self._refuse(request, "session-ended")
            return
        if not action.counts:
            self._answer(request, full=False)
            return
        self._acknowledge(request.ack)
        self.desk = desk = self.desk._replace(stream=0)
        if desk.held is not None and desk.held.rid != request.rid:
            self._answer(desk.held, full=False)
        if self.desk.acknowledged + len(self.desk.queue) > request.ack:
            self._answer(request, full=True)
        else:
            self.desk = self.desk._replace(held=request)
        self._attach_greeted()

    def _acknowledge(self, number: int) -> None:
        desk = self.desk
        by = number - desk.acknowledged
        if by > 0:
            self._make_receipts(desk.queue[:by])
            desk = desk._replace(acknowledged=number, queue=desk.queue[by:], answered=desk.answered - by)
            assert desk.answered >= 0, "what was never sent is acknowledged"
            self.desk = desk

    def _heed(self, action: Any) -> None:
        sign = action.sign
        kind, number, *_ = sign.exchange
        if action.counts:
            self._acknowledge(sign.ack)
        if kind == "attach":
            self.desk = self.desk._replace(greeted=number)
            if not action.counts:
                self._say(number, Answer(0, False, self.generation, 0, ()))
        if action.counts:
            self._attach_greeted()

    def _attach_greeted(self) -> None:
        desk = self.desk
        if desk.greeted:
            self.desk = desk._replace(stream=desk.greeted, greeted=0, carried=desk.acknowledged)
            self._say(desk.greeted, Answer(0, False, self.generation, 0, ()))
            if desk.held is not None:
                self._answer(desk.held, full=False)
            self._write()

    def _write(self) -> None:
        """Have the stream that is attached carry what it has not carried."""
        desk = self.desk
        last = desk.acknowledged + len(desk.queue)
        if not desk.stream or last <= desk.carried:
            return
        first = max(desk.carried, desk.acknowledged) + 1
        at = self.machine.deliveries.moved_by(first, last - first + 1)
        packets = desk.queue[first - 1 - desk.acknowledged :]
        self.desk = desk._replace(carried=last, answered=len(desk.queue))
        self._say(desk.stream, Answer(0, False, self.generation, first, packets, at))

    def _say(self, line: int, frame: Answer) -> None:
        self.frames.append((line, frame))

    def _dismiss(self, action: Any) -> None:
        if isinstance(action.request, ClientSign):
            answer = Answer(0, False, self.generation, 0, (), None, action.condition)
            self._say(action.request.exchange[1], answer)
        else:
            self._refuse(action.request, action.condition)

    # -- receipts

    def _make_receipts(self, packets: Iterable[bytes], number: int | None = None) -> None:
        """Make those of packets that leave; `number`: of the first of them, if some may have been made before."""
        for place, packet in enumerate(packets):
            made = (
                number is not None and self.receipts is not None and number + place < self.receipts.accounted
            )
            if self.receipts is not None and packet[:1] == b"P" and not made:
                receipt = Receipt(packet.decode(), "delivered", "path")
                self.receipts = self.receipts.with_receipt(receipt, due=True)
                self.touched = True

    def changes(self) -> tuple[Fields, int]:
        """Return what has changed of the receipts, and how many packets are accounted for in that."""
        if self.receipts is None:
            return (), ALL
        accounted = max(self.receipts.accounted, self._accounted())
        self.receipts = self.receipts._replace(accounted=accounted)
        fields = (("receipts", self.receipts.written()),) if self.touched else ()
        self.touched = False
        return fields, accounted

    def _accounted(self) -> int:
        deliveries, record = self.machine.deliveries, self.machine.record
        if self.desk.settled:
            every: int = record.base + len(record.out)
            return every
        if deliveries is None:
            return 0
        own: int = deliveries.own + deliveries.marks.count(None)
        waiting = [packet for packet in self.desk.queue if packet[:1] in {b"P", b"R"}]
        return accounted_for(own, [packet.decode() if packet[:1] == b"P" else None for packet in waiting])

    def send(self, *packets: bytes) -> None:
        """Have the application send packets; with that the receipts are recorded."""
        self.step(Sent(packets, *self.changes()))

    def begin(self, number: int) -> None:
        """Have it recorded that the handler of a receipt is about to be called."""
        assert self.receipts is not None
        self.receipts = self.receipts.with_begun(number)
        self.touched = True
        self.send()

    def finish(self, number: int) -> None:
        """Have it recorded that it was."""
        assert self.receipts is not None
        self.receiving, self.receipts, self.touched = 0, self.receipts.without(number), True
        self.send()

    def _bury(self) -> None:
        """Report the handlers of receipts that may have died with the node before."""
        assert self.receipts is not None
        self.buried += [each.receipt.id for each in self.receipts.due if each.number in self.dying]
        dying, self.dying = self.dying, ()
        for number in dying:
            self.finish(number)

    @property
    def waits(self) -> bool:
        """Whether the application has been told of the end, and has still to have receipts."""
        return awaits_receipts(self.calling, self.receipts)

    def _look_whether_last(self, item: bytes) -> None:
        if item != SIGN_OFF or self.receipts is None:
            return
        self.desk = self.desk._replace(settled=True)
        record, deliveries = self.machine.record, self.machine.deliveries
        if deliveries is None:
            self._make_receipts(record.out, record.base)
        else:
            self._make_receipts(self.desk.queue)
            self._make_receipts(self.machine.unnumbered)
        self.send()

    def _close(self, _: Any) -> None:
        held, lines = self.desk.held, (self.desk.stream, self.desk.greeted)
        self.desk = self.desk._replace(over=True, held=None, stream=0, greeted=0)
        for line in filter(None, lines):
            self._say(line, Answer(0, False, self.generation, 0, (), None, "session-ended"))
        if held is not None:
            self._refuse(held, "session-ended")

    def _forget(self, action: Any) -> None:
        held = [] if self.desk.held is None else [self.desk.held]
        asked = [each for each in action.requests if isinstance(each, ClientRequest)]
        self.forwarded = [*asked, *held]
        self.handed_on = action.hand_on

    def _stopped(self, _: Any) -> None:
        assert self.forwarded is not None

    def _refuse(self, request: ClientRequest, condition: str) -> None:
        self.answers.append(Answer(request.rid, False, self.generation, 0, (), None, condition))

    def _answer(self, request: ClientRequest, *, full: bool) -> None:
        desk = self.desk
        if desk.held is not None and desk.held.rid == request.rid:
            desk = desk._replace(held=None)
        if full:
            last = desk.acknowledged + len(desk.queue)
            at = self.machine.deliveries.position_at(last)
            answer = Answer(request.rid, False, self.generation, desk.acknowledged + 1, desk.queue, at)
            desk = desk._replace(answered=len(desk.queue))
        else:
            answer = Answer(request.rid, False, self.generation, 0, ())
        self.desk = desk
        self.answers.append(answer)

    def wait_is_over(self) -> None:
        """Answer the held request with nothing."""
        assert self.desk.held is not None
        self._answer(self.desk.held, full=False)
