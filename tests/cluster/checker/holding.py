"""A node that holds the session, while it makes a move: the machine of production, and the session beneath it."""

from __future__ import annotations

from typing import Any

from cometary.cluster.change import Change
from cometary.cluster.owner import OwnerMachine
from cometary.cluster.owner_events import ClientRequest
from cometary.cluster.record import Record
from tests.cluster.checker.world import (
    Answer,
    Desk,
    Holder,
    shifted,
    shifted_change,
    shifted_record,
    shifted_request,
)

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
    doubted = [request for place in DOUBTS for request, _ in value[place] if request is not None]
    held = [] if holder.desk.held is None else [holder.desk.held]
    return [*value[REQUESTS[0]], *doubted, *value[REQUESTS[1]], *held]


def record_of(holder: Holder) -> Record:
    """Return the record as the node knows it."""
    record: Record = holder.machine[AT["record"]]
    return record


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
            [(request and shifted_request(request, by), why) for request, why in value[place]]
        )
    for place in CHANGES:
        value[place] = value[place] and shifted_change(value[place], by)
    desk = holder.desk
    if desk.held is not None:
        desk = desk._replace(held=shifted_request(desk.held, by))
    return holder._replace(machine=tuple(value), desk=desk)


class Holding:
    """A node that makes a move.

    Args:
        holder: the node as it is.
        kind: the machine's class.

    Attributes:
        answers: what it answers with.
        operations: what it sends to the engine.
        invoked: for which items handlers are called.
        reported: for which items a death is reported.
        forwarded: requests that it passes on, if it forgets the session; else None.
    """

    def __init__(self, machine: Any, desk: Desk, calling: bytes | None, *, leased: bool) -> None:
        self.machine = machine
        self.desk = desk
        self.calling = calling
        self.leased = machine.leased = leased
        self.answers: list[Answer] = []
        self.operations: list[Any] = []
        self.invoked: list[bytes] = []
        self.reported: list[bytes] = []
        self.forwarded: list[ClientRequest] | None = None
        self.handed_on = False

    @classmethod
    def of(cls, holder: Holder, kind: type[Any]) -> Holding:
        """Wake a node."""
        return cls(thawed(kind, holder.machine), holder.desk, holder.calling, leased=holder.leased)

    @property
    def generation(self) -> int:
        """The generation that it has adopted the session as."""
        generation: int = self.machine.record.generation
        return generation

    def frozen(self) -> Holder:
        """Return the node as it is afterwards."""
        return Holder(frozen(self.machine), self.desk, self.calling, self.leased)

    def start(self) -> None:
        """Begin."""
        self.perform(self.machine.start())

    def step(self, event: object) -> None:
        """Tell the machine."""
        self.perform(self.machine.step(event))

    def perform(self, actions: Any) -> None:
        """Do what the machine says."""
        for action in actions:
            getattr(self, f"_{type(action).__name__}".lower())(action)

    def _commit(self, action: Any) -> None:
        self.operations.append(action)

    _putback = _commit

    def _invoke(self, action: Any) -> None:
        assert self.calling is None, "a handler is called while another one runs"
        self.calling = action.item
        self.invoked.append(action.item)

    def _reportdeath(self, action: Any) -> None:
        self.reported.append(action.item)

    def _number(self, action: Any) -> None:
        read = dict(action.logs).get("path")
        self.desk = Desk(action.acknowledged, read=read.offset if read else 0)

    def _deliver(self, action: Any) -> None:
        self.desk = desk = self.desk._replace(queue=self.desk.queue + action.packets)
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
        if request.ack > desk.acknowledged:
            by = request.ack - desk.acknowledged
            desk = desk._replace(acknowledged=request.ack, queue=desk.queue[by:], answered=desk.answered - by)
            assert desk.answered >= 0, "what was never sent is acknowledged"
            self.desk = desk
        if desk.held is not None and desk.held.rid != request.rid:
            self._answer(desk.held, full=False)
        if self.desk.acknowledged + len(self.desk.queue) > request.ack:
            self._answer(request, full=True)
        else:
            self.desk = self.desk._replace(held=request)

    def _dismiss(self, action: Any) -> None:
        self._refuse(action.request, action.condition)

    def _close(self, _: Any) -> None:
        held = self.desk.held
        self.desk = self.desk._replace(over=True, held=None)
        if held is not None:
            self._refuse(held, "session-ended")

    def _forget(self, action: Any) -> None:
        held = [] if self.desk.held is None else [self.desk.held]
        self.forwarded = [*action.requests, *held]
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
