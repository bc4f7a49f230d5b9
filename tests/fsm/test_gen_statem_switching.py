"""The rules of gen_statem's `change_callback_module`, `push_callback_module` and `pop_callback_module`, one by one."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import pytest

from cometary.errors import InvalidStepError, UndeclaredTransitionError
from cometary.fsm import (
    ANY,
    ChangeMachine,
    EventTimeout,
    NextEvent,
    PopMachine,
    Postpone,
    PushMachine,
    State,
    StateMachine,
    StateTimeout,
    Step,
    Timeout,
    enter,
    goto,
    on,
    repeat,
    stay,
    stop,
)
from tests.fsm.scripted import Do, Out


class Phone(StateMachine):
    """The base that two classes share: its states, and what is written down."""

    idle = State(initial=True)
    busy = State()

    def __init__(self) -> None:
        super().__init__()
        self.log: list[str] = []

    @on(ANY, Do, to=(idle, busy), switches=True)
    def do(self, event: Do) -> Step | None:
        self.log.append(f"{type(self).__name__}: {event.name} in {self.state.name}")
        return event.a

    @enter(ANY)
    def entered(self, came_from: State) -> tuple[object, ...]:
        self.log.append(f"{type(self).__name__}: enter {self.state.name} from {came_from.name}")
        return (Out(type(self).__name__),)


class Old(Phone):
    """One way to be a phone."""


class New(Phone):
    """Another."""


class Stranger(StateMachine):
    """A machine that shares no base, but the name of a state."""

    idle = State(initial=True)
    away = State()

    @on(idle, Do, to=away)
    def leave(self, _event: Do) -> Step:
        return goto(self.away)


@dataclass(frozen=True)
class Plain:
    """An event whose handler does not declare that it switches."""

    step: Step


class Undeclared(Phone):
    @on(Phone.idle, Plain, to=Phone.busy)
    def plain(self, event: Plain) -> Step:
        return event.step


def old() -> Phone:
    machine = Old()
    machine.start()
    machine.log.clear()
    return machine


def class_of(machine: StateMachine) -> type:
    """Its class, which a type checker would otherwise believe to be what it was before."""
    return type(machine)


class TestChange:
    def test_the_new_class_handles_what_comes_next(self) -> None:
        machine = old()
        machine.step(Do("1", stay(ChangeMachine(New))))
        machine.step(Do("2"))
        assert machine.log == ["Old: 1 in idle", "New: 2 in idle"]

    def test_state_and_data_are_kept(self) -> None:
        machine = old()
        log = machine.log
        machine.step(Do("1", goto(Phone.busy)))
        machine.step(Do("2", stay(ChangeMachine(New))))
        assert machine.state is Phone.busy
        assert machine.log is log

    def test_it_is_no_state_change(self) -> None:
        machine = old()
        late = Do("late", stay(Postpone()))
        machine.step(late)
        machine.step(Do("1", stay(StateTimeout(5), Timeout("t", 6))))
        assert list(machine.step(Do("2", stay(ChangeMachine(New))))) == []
        assert machine.postponed == (late,)
        assert {timer.name for timer in machine.running_timers} == {"state", "t"}

    def test_with_a_state_change_the_new_class_enters_the_state(self) -> None:
        machine = old()
        assert list(machine.step(Do("1", goto(Phone.busy, ChangeMachine(New))))) == [Out("New")]
        assert machine.log == ["Old: 1 in idle", "New: enter busy from idle"]

    def test_on_repeat_the_new_class_enters_the_state(self) -> None:
        machine = old()
        assert list(machine.step(Do("1", repeat(ChangeMachine(New))))) == [Out("New")]

    def test_the_new_class_handles_what_is_inserted_with_it(self) -> None:
        machine = old()
        machine.step(Do("1", stay(NextEvent(Do("2")), ChangeMachine(New))))
        assert machine.log == ["Old: 1 in idle", "New: 2 in idle"]

    def test_the_new_class_handles_what_was_postponed_before(self) -> None:
        machine = old()
        machine.step(Do("late", stay(Postpone())))
        machine.step(Do("1", goto(Phone.busy, ChangeMachine(New))))
        assert machine.log[-1] == "New: late in busy"

    def test_a_timer_of_before_runs_out_afterwards(self) -> None:
        machine = old()
        machine.step(Do("1", stay(EventTimeout(5), ChangeMachine(New))))
        (timer,) = machine.running_timers
        with pytest.raises(Exception, match="does not handle"):
            machine.step(timer.timed_out())

    def test_the_last_of_several_wins(self) -> None:
        machine = old()
        machine.step(Do("1", stay(ChangeMachine(New), ChangeMachine(Old))))
        assert class_of(machine) is Old

    def test_the_observer_stays(self) -> None:
        machine = old()
        seen: list[object] = []

        def observe(_before: State, event: object, _after: State, _actions: object) -> None:
            seen.append(event)

        machine.observer = observe
        machine.step(Do("1", stay(ChangeMachine(New))))
        machine.step(Do("2"))
        assert len(seen) == 2

    def test_a_class_that_shares_no_base_has_a_state_of_the_same_name(self) -> None:
        machine: StateMachine = old()
        machine.step(Do("1", stay(ChangeMachine(Stranger))))
        assert machine.state is Stranger.idle
        machine.step(Do("2"))
        assert machine.state is Stranger.away


class TestStack:
    def test_pop_goes_back_to_the_class_that_pushed(self) -> None:
        machine = old()
        machine.step(Do("1", stay(PushMachine(New))))
        assert class_of(machine) is New
        assert machine.below == (Old,)
        machine.step(Do("2", stay(PopMachine())))
        assert class_of(machine) is Old
        assert not machine.below
        assert machine.log == ["Old: 1 in idle", "New: 2 in idle"]

    def test_the_stack_is_last_in_first_out(self) -> None:
        class Third(Phone):
            pass

        machine = old()
        machine.step(Do("1", stay(PushMachine(New), PushMachine(Third))))
        assert machine.below == (Old, New)
        machine.step(Do("2", stay(PopMachine())))
        assert class_of(machine) is New
        machine.step(Do("3", stay(PopMachine())))
        assert class_of(machine) is Old

    def test_a_change_leaves_the_stack_alone(self) -> None:
        machine = old()
        machine.step(Do("1", stay(PushMachine(New), ChangeMachine(Old))))
        assert machine.below == (Old,)

    def test_pop_from_an_empty_stack_fails(self) -> None:
        machine = old()
        with pytest.raises(InvalidStepError, match="nothing was pushed"):
            machine.step(Do("1", stay(Out("lost"), PopMachine())))
        assert class_of(machine) is Old

    def test_a_copy_has_the_class_and_the_stack(self) -> None:
        machine = old()
        machine.step(Do("1", stay(PushMachine(New))))
        twin = copy.deepcopy(machine)
        assert type(twin) is New
        assert twin.below == (Old,)


class TestRefused:
    @pytest.mark.parametrize("action", [ChangeMachine(New), PushMachine(New), PopMachine()])
    def test_from_an_enter_action(self, action: object) -> None:
        class Entering(Old):
            def entered(self, came_from: State) -> tuple[object, ...]:
                return () if self.state is came_from else (action,)

        machine = Entering()
        machine.start()
        with pytest.raises(InvalidStepError, match="an enter action may not do that"):
            machine.step(Do("1", goto(Phone.busy)))
        assert machine.state is Phone.idle

    @pytest.mark.parametrize("action", [ChangeMachine(New), PushMachine(New), PopMachine()])
    def test_while_stopping(self, action: object) -> None:
        with pytest.raises(ValueError, match="a stopped machine cannot do"):
            stop("normal", action)

    @pytest.mark.parametrize("step", [stay(ChangeMachine(New)), goto(Phone.busy, ChangeMachine(New))])
    def test_by_a_handler_that_does_not_declare_it(self, step: Step) -> None:
        machine = Undeclared()
        machine.start()
        with pytest.raises(UndeclaredTransitionError, match="without switches=True"):
            machine.step(Plain(step))
        assert machine.state is Phone.idle
        assert class_of(machine) is Undeclared

    def test_to_what_is_no_machine(self) -> None:
        machine = old()
        with pytest.raises(InvalidStepError, match="is no StateMachine"):
            machine.step(Do("1", stay(ChangeMachine(int))))

    def test_to_a_class_without_such_a_state(self) -> None:
        machine = old()
        machine.step(Do("1", goto(Phone.busy)))
        with pytest.raises(InvalidStepError, match="has no such state"):
            machine.step(Do("2", stay(ChangeMachine(Stranger))))
        assert class_of(machine) is Old

    def test_to_a_class_that_stores_its_attributes_in_another_way(self) -> None:
        class Slotted(StateMachine):
            __slots__ = ("log",)
            idle = State(initial=True)

        machine = old()
        with pytest.raises(InvalidStepError, match="cannot go on as Slotted"):
            machine.step(Do("1", stay(ChangeMachine(Slotted))))

    def test_a_step_that_fails_later_has_not_switched(self) -> None:
        machine = old()
        machine.step(Do("1", stay(PushMachine(New))))
        fails = NextEvent(Do("3", stay(PopMachine(), PopMachine())))
        with pytest.raises(InvalidStepError):
            machine.step(Do("2", stay(ChangeMachine(Old), fails)))
        assert class_of(machine) is New
        assert machine.below == (Old,)


class TestStart:
    def test_init_may_switch(self) -> None:
        class Starting(Old):
            def init(self) -> tuple[object, ...]:
                return (PushMachine(New),)

        machine = Starting()
        assert list(machine.start()) == [Out("New")]
        assert machine.below == (Starting,)


def test_the_table_tells_who_may_switch() -> None:
    assert "| any | Do | `idle`, `busy`, (another machine) |" in Old.table()
    assert [row.switches for row in Undeclared.transitions()] == [True, False]
