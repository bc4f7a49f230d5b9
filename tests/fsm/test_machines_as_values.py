"""Copies, observers and what a machine says of itself."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Sequence

import pytest

from cometary.errors import UnhandledEventError
from cometary.fsm import NextEvent, Postpone, StartTimer, State, StateTimeout, Timeout, goto, stay, stop
from tests.fsm.scripted import A, B, Do, Out, Scripted, Scripts, started


class Recorder:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.seen: list[tuple[State, object, State, Sequence[object]]] = []

    def __call__(self, before: State, event: object, after: State, actions: Sequence[object]) -> None:
        self.seen.append((before, event, after, actions))


class Slotted(Scripted):
    __slots__ = ("data",)

    def __init__(self) -> None:
        super().__init__()
        self.data = [1]


class Compiled(Scripted):
    """As mypyc makes it: its attributes are in no `__dict__`, and named by what it writes into the class."""

    __slots__ = ("data",)
    __mypyc_attrs__ = __slots__
    data: list[int]


del Compiled.__slots__


SETTING = Do("x", a=stay(StateTimeout(5), Timeout("t", 6)))
LATE = Do("late", a=stay(Postpone()))


class TestSnapshots:
    def test_one_goes_its_own_way(self) -> None:
        machine = started()
        machine.step(SETTING)
        machine.step(LATE)
        twin = machine.snapshot()
        twin.step(Do("go", a=goto(B)))
        assert (twin.state, machine.state) == (B, A)
        assert machine.log == ["x in a", "late in a"]
        assert list(machine.postponed) == [LATE]
        assert [timer.name for timer in machine.running_timers] == ["t", "state"]

    def test_timers_started_before_time_out_in_both(self) -> None:
        machine = started()
        _, timer = machine.step(SETTING)
        twin = copy.deepcopy(machine)
        for each in (machine, twin):
            each.step(timer.timed_out())  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
            assert each.log[-1] == "t time-out in a: None"
            assert [timer.name for timer in each.running_timers] == ["state"]

    def test_one_of_a_machine_that_knows_itself_knows_itself(self) -> None:
        class Vain(Scripted):
            me: Vain

        machine = Vain()
        machine.me = machine
        machine.start()
        twin = machine.snapshot()
        assert twin.me is twin is not machine

    def test_named_timers_are_not_shared(self) -> None:
        machine = started()
        machine.step(SETTING)
        twin = machine.snapshot()
        twin.step(Do("y", a=stay(Timeout("u", 7))))
        assert [timer.name for timer in machine.running_timers] == ["t", "state"]

    def test_events_are_shared_and_not_copied(self) -> None:
        machine = started()
        machine.step(LATE)
        assert machine.snapshot().postponed[0] is LATE

    def test_the_observer_is_not_copied(self) -> None:
        machine = started()
        machine.observer = recorder = Recorder()
        twin = machine.snapshot()
        assert twin.observer is None
        twin.step(Do("x"))
        assert recorder.seen == []

    def test_one_of_a_machine_that_has_stopped_has_stopped(self) -> None:
        machine = started()
        machine.step(Do("end", a=stop()))
        assert machine.snapshot().stage == "stopped"

    def test_one_of_a_machine_that_was_not_started_was_not(self) -> None:
        assert Scripted().snapshot().stage == "not started"

    @pytest.mark.parametrize("kind", [Slotted, Compiled])
    def test_attributes_in_slots_are_copied(self, kind: type[Slotted | Compiled]) -> None:
        machine = kind()
        machine.data = [1]
        twin = machine.snapshot()
        twin.data.append(2)
        assert machine.data == [1]

    @pytest.mark.parametrize(
        "action",
        [Timeout("t", 1), Timeout("t", at=1), StateTimeout(2, "late"), StartTimer("t", 1, None, None, 1)],
    )
    def test_what_sets_a_timer_is_a_value_and_its_own_copy(self, action: object) -> None:
        assert copy.deepcopy(action) is action
        assert pickle.loads(pickle.dumps(action)) == action  # noqa: S301  # its own bytes

    def test_a_pickled_machine_still_knows_its_timers(self) -> None:
        machine = started()
        machine.step(Do("go", a=goto(B, Timeout("t", 1))))
        twin: Scripted = pickle.loads(pickle.dumps(machine))  # noqa: S301  # its own bytes
        assert twin.running_timers == machine.running_timers

    def test_a_pickled_machine_is_in_the_very_same_state(self) -> None:
        machine = started()
        machine.step(Do("go", a=goto(B)))
        assert pickle.loads(pickle.dumps(machine)).state is B  # noqa: S301  # its own bytes


class TestObserver:
    def test_it_is_told_of_every_event_of_a_step_when_the_step_is_done(self) -> None:
        machine = started(Scripts(entering={"b": (Out("entered"),)}))
        machine.observer = recorder = Recorder()
        inner = Do("inner", b=stay(Out("2")))
        outer = Do("outer", a=goto(B, Out("1"), NextEvent(inner)))
        machine.step(outer)
        assert recorder.seen == [
            (A, outer, B, (Out("1"), Out("entered"))),
            (B, inner, B, (Out("2"),)),
        ]

    @pytest.mark.parametrize("order", [(0, 1), (1, 0)])
    def test_further_ones_may_end_in_any_order_and_leave_the_first(self, order: tuple[int, int]) -> None:
        machine = started()
        machine.observer = first = Recorder()
        further = [Recorder(), Recorder()]
        ends = [machine.observe(each) for each in further]
        machine.step(Do("x"))
        for place in order:
            ends[place]()
            ends[place]()
            machine.step(Do("y"))
        assert len(first.seen) == 3
        assert [len(further[place].seen) for place in order] == [1, 2]
        assert machine.observer is first

    def test_it_changes_nothing_else(self) -> None:
        plain, observed = started(), started()
        observed.observer = Recorder()
        for event in (SETTING, LATE, Do("go", a=goto(B, Out("1")))):
            assert list(plain.step(event)) == list(observed.step(event))

    def test_it_can_be_taken_away(self) -> None:
        machine = started()
        machine.observer = recorder = Recorder()
        machine.observer = None
        machine.step(Do("x"))
        assert recorder.seen == []

    def test_it_is_not_told_of_a_step_that_failed(self) -> None:
        machine = started()
        machine.observer = recorder = Recorder()
        with pytest.raises(UnhandledEventError):
            machine.step(Do("x", a=stay(NextEvent("unknown"))))
        assert recorder.seen == []


class TestRepr:
    def test_it_says_where_the_machine_is_and_what_it_waits_for(self) -> None:
        machine = started()
        assert repr(machine) == "<Scripted a>"
        machine.step(SETTING)
        machine.step(LATE)
        assert repr(machine) == "<Scripted a, t timer, state timer, 1 postponed>"
        machine.step(Do("end", a=stop()))
        assert repr(machine) == "<Scripted a, stopped>"
        assert repr(Scripted()) == "<Scripted a, not started>"

    def test_states_say_whose_they_are(self) -> None:
        assert repr(A) == "<Scripted.a>"
        assert repr(goto(A, Out("1"))) == "Step(<Scripted.a>, (Out(what='1'),))"
