"""A driver is a machine's shell without actor, loop or clock: time passes when it is told to."""

from __future__ import annotations

import pytest

from cometary.errors import NotRunningError, UnhandledEventError, UsageError
from cometary.fsm import (
    Call,
    Cancel,
    EventTimeout,
    Postpone,
    Reply,
    Step,
    Stopped,
    Timeout,
    goto,
    on,
    stay,
    stop,
)
from cometary.testing import MachineDriver
from examples.door_lock import Bolt, Button, CodeLength, DoorLock
from tests.fsm.scripted import A, B, Do, Out, Scripted, Scripts, Unknown


def driver() -> MachineDriver[Scripted]:
    return MachineDriver(Scripted(Scripts(timed_out={"t": stay(Out("t"))})))


class Question:
    """Someone asks something."""


class Shy(Scripted):
    """Answers in state b alone."""

    @on(A, Call[Question])
    def not_now(self, _event: Call[Question]) -> Step:
        return stay(Postpone())

    @on(B, Call[Question])
    def answer(self, event: Call[Question]) -> Step:
        return stay(Reply(event.reply_to, 42))


def test_it_starts_the_machine_and_keeps_what_comes_out() -> None:
    lock = MachineDriver(DoorLock("42"))
    assert lock.actions == [Bolt(locked=True)]
    assert lock.send(Button("4"), Button("2")) == [Bolt(locked=False)]
    assert lock.state is DoorLock.unlocked
    assert lock.actions == [Bolt(locked=True), Bolt(locked=False)]


def test_timers_run_out_when_their_time_has_passed() -> None:
    lock = MachineDriver(DoorLock("42"))
    lock.send(Button("4"), Button("2"))
    assert lock.timers == {"state": 10.0}
    assert lock.advance(9.5) == []
    assert lock.timers == {"state": 0.5}
    assert lock.advance(0.5) == [Bolt(locked=True)]
    assert lock.timers == {}
    assert lock.now == 10.0


def test_a_timer_that_is_started_again_or_cancelled_does_not_run_out_as_before() -> None:
    lock = MachineDriver(DoorLock("42"))
    lock.send(Button("4"), Button("2"))
    lock.advance(9)
    lock.send(Button("7"))
    assert lock.advance(9) == []
    assert lock.advance(1) == [Bolt(locked=True)]
    machine = driver()
    machine.send(Do("set", a=stay(Timeout("t", 1))), Do("cancel", a=stay(Cancel("t"))))
    assert machine.advance(2) == []


def test_timers_run_out_in_the_order_of_their_time_each_at_its_own() -> None:
    seen: list[tuple[object, float]] = []
    machine = driver()
    machine.machine.observer = lambda _before, event, _after, _actions: seen.append((event, machine.now))
    machine.send(Do("set", a=stay(Timeout("late", 3), Timeout("soon", 1), Timeout("absolute", at=2.0))))
    seen.clear()
    machine.advance(10)
    assert [(getattr(event, "name", None), at) for event, at in seen] == [
        ("soon", 1.0),
        ("absolute", 2.0),
        ("late", 3.0),
    ]
    assert machine.now == 10


def test_of_two_for_the_same_time_the_one_started_first_runs_out_first() -> None:
    machine = driver()
    machine.send(Do("set", a=stay(Timeout("x", 1), Timeout("y", 1))), Do("again", a=stay(Timeout("x", 1))))
    machine.advance(1)
    assert machine.machine.log[-2:] == ["y time-out in a: None", "x time-out in a: None"]


def test_what_a_time_out_starts_runs_out_in_the_same_advance() -> None:
    machine = MachineDriver(
        Scripted(Scripts(timed_out={"t": goto(B, EventTimeout(2)), "event": stay(Out("later"))}))
    )
    machine.send(Do("set", a=stay(Timeout("t", 1))))
    assert machine.advance(3) == [Out("later")]


def test_an_absolute_time_in_the_past_is_now() -> None:
    machine = driver()
    machine.advance(5)
    machine.send(Do("set", a=stay(Timeout("t", at=2.0))))
    seen: list[float] = []
    machine.machine.observer = lambda _before, _event, _after, _actions: seen.append(machine.now)
    assert machine.advance(0) == [Out("t")]
    assert seen == [5.0]


def test_a_call_returns_the_reply() -> None:
    assert MachineDriver(DoorLock("42")).call(CodeLength()) == 2


def test_a_call_that_is_not_answered_at_once_says_so_and_the_answer_comes_as_an_action() -> None:
    machine = MachineDriver(Shy())
    with pytest.raises(AssertionError, match=r"did not reply to <.*Question"):
        machine.call(Question())
    (reply,) = machine.send(Do("go", a=goto(B)))
    assert isinstance(reply, Reply)
    assert reply.value == 42


class Slow(Scripted):
    """Answers the one who called before."""

    before: object = "nobody"

    @on(A, Call[Question])
    def answer(self, event: Call[Question]) -> Step:
        before, self.before = self.before, event.reply_to
        return stay(Reply(before, 42))


def test_an_answer_to_someone_else_is_not_taken_for_ones_own() -> None:
    machine = MachineDriver(Slow())
    for _ in range(2):
        with pytest.raises(AssertionError, match="did not reply"):
            machine.call(Question())


def test_the_end_comes_out_as_an_action_and_then_nothing_is_taken() -> None:
    machine = driver()
    assert machine.send(Do("end", a=stop("enough"))) == [Stopped("enough")]
    with pytest.raises(NotRunningError):
        machine.send(Do("more"))


def test_an_event_without_a_handler_is_the_senders_fault() -> None:
    with pytest.raises(UnhandledEventError):
        driver().send(Unknown())


def test_a_machine_that_runs_already_is_refused() -> None:
    machine = DoorLock("42")
    machine.start()
    with pytest.raises(NotRunningError):
        MachineDriver(machine)


def test_a_machine_that_never_comes_to_rest_is_noticed() -> None:
    again = goto(A, Timeout("t", at=0.0))
    machine = MachineDriver(Scripted(Scripts(timed_out={"t": again})))
    machine.send(Do("set", a=again))
    with pytest.raises(AssertionError, match="more than 10000 timers"):
        machine.advance(1)


@pytest.mark.parametrize("seconds", [-1, float("nan")])
def test_time_does_not_go_backwards(seconds: float) -> None:
    with pytest.raises(UsageError, match="time cannot pass by"):
        driver().advance(seconds)
