"""What a machine's class declares: which handler an event finds, what a subclass changes, and what is refused."""

# pyright: reportUnusedClass=false
# The classes that are refused are never made, let alone used.

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from cometary.errors import InvalidMachineError
from cometary.fsm import (
    ANY,
    END,
    Call,
    EventTimeout,
    State,
    StateMachine,
    StateTimeout,
    Step,
    TimedOut,
    Timeout,
    enter,
    event_timeout,
    goto,
    on,
    state_timeout,
    stay,
    timeout,
)


class Animal:
    pass


class Dog(Animal):
    pass


class Puppy(Dog):
    pass


class Cat(Animal):
    pass


@dataclass
class Heard:
    """An action that says which handler ran."""

    by: str


class Zoo(StateMachine):
    day = State(initial=True)
    night = State()

    @on(day, Animal, to=night)
    def animal(self, _event: Animal) -> Step:
        return stay(Heard("animal"))

    @on(day, Dog)
    def dog(self, _event: Dog) -> Step:
        return stay(Heard("dog"))

    @on(ANY, (Cat, Puppy))
    def anywhere(self, _event: Animal) -> Step:
        return stay(Heard("anywhere"))

    @on((day, night), (Call[Dog], timeout("bell")))
    def call(self, _event: Call[Dog] | TimedOut) -> Step:
        return stay(Heard("call"))

    @on(day, Call)
    def any_call(self, _event: Call[object]) -> Step:
        return stay(Heard("any call"))

    @on(day, state_timeout)
    def state_time_out(self, _event: TimedOut) -> Step:
        return stay(Heard("state"))

    @on(day, event_timeout)
    def event_time_out(self, _event: TimedOut) -> Step:
        return stay(Heard("event"))

    @on(day, TimedOut)
    def any_time_out(self, _event: TimedOut) -> Step:
        return stay(Heard("any time-out"))


def heard(machine: StateMachine, event: object) -> str:
    (action,) = machine.step(event)
    assert isinstance(action, Heard)
    return action.by


def zoo() -> Zoo:
    machine = Zoo()
    machine.start()
    return machine


class TestDispatch:
    @pytest.mark.parametrize(
        ("event", "handler"),
        [
            (Dog(), "dog"),
            (Animal(), "animal"),
            (Call(Dog(), None), "call"),
            (Call(Puppy(), None), "call"),
            (Call(Cat(), None), "any call"),
        ],
    )
    def test_the_nearest_class_wins(self, event: object, handler: str) -> None:
        machine = zoo()
        assert [heard(machine, event), heard(machine, event)] == [handler, handler]

    def test_the_states_own_handler_of_a_base_class_comes_before_any(self) -> None:
        assert heard(zoo(), Cat()) == "animal"
        assert heard(zoo(), Puppy()) == "dog"

    def test_any_is_for_the_states_without_a_handler(self) -> None:
        machine = zoo()
        machine.state = Zoo.night
        assert heard(machine, Cat()) == "anywhere"

    @pytest.mark.parametrize(
        ("action", "name", "handler"),
        [
            (StateTimeout(1), "state", "state"),
            (EventTimeout(1), "event", "event"),
            (Timeout("bell", 1), "bell", "call"),
            (Timeout("other", 1), "other", "any time-out"),
        ],
    )
    def test_time_outs_are_found_by_name(self, action: object, name: str, handler: str) -> None:
        class Timed(Zoo):
            @on(Zoo.day, StateMachine)
            def begin(self, _event: StateMachine) -> Step:
                return stay(action)

        machine = Timed()
        machine.start()
        machine.step(machine)
        (timer,) = machine.running_timers
        assert timer.name == name
        assert heard(machine, timer.timed_out()) == handler


class TestSubclasses:
    def test_one_adds_states_and_handlers(self) -> None:
        class Dusk(Zoo):
            dusk = State()

            @on(Zoo.day, int, to=dusk)
            def number(self, _event: int) -> Step:
                return goto(self.dusk)

        machine = Dusk()
        machine.start()
        machine.step(1)
        assert machine.state is Dusk.dusk
        assert heard(machine, Puppy()) == "anywhere"

    def test_a_method_defined_again_keeps_its_declarations(self) -> None:
        class Loud(Zoo):
            def dog(self, _event: Dog) -> Step:
                return stay(Heard("loud dog"))

        machine = Loud()
        machine.start()
        assert heard(machine, Dog()) == "loud dog"

    def test_a_handler_for_the_same_event_replaces_the_bases(self) -> None:
        class Other(Zoo):
            @on(Zoo.day, Dog)
            def other(self, _event: Dog) -> Step:
                return stay(Heard("other"))

        machine = Other()
        machine.start()
        assert heard(machine, Dog()) == "other"
        assert heard(zoo(), Dog()) == "dog"

    def test_a_method_declared_again_has_only_its_new_declarations(self) -> None:
        class Changed(Zoo):
            @on(Zoo.day, str)
            def dog(self, _event: object) -> Step:
                return stay(Heard("string"))

        machine = Changed()
        machine.start()
        assert heard(machine, "x") == "string"
        assert heard(machine, Dog()) == "animal"

    def test_slots_are_welcome(self) -> None:
        class Small(StateMachine):
            __slots__ = ("data",)
            a = State(initial=True)

        assert not hasattr(Small(), "__dict__")


class Good(StateMachine):
    start_here = State(initial=True)


class TestMistakes:
    def test_no_initial_state(self) -> None:
        with pytest.raises(InvalidMachineError, match="exactly one initial state, not \\[\\]"):

            class _Bad(StateMachine):
                a = State()

    def test_two_initial_states(self) -> None:
        with pytest.raises(
            InvalidMachineError, match=r"exactly one initial state, not \[<_Bad.a>, <_Bad.b>\]"
        ):

            class _Bad(StateMachine):
                a = State(initial=True)
                b = State(initial=True)

    def test_a_machine_without_states_cannot_be_made(self) -> None:
        class Empty(StateMachine):
            pass

        with pytest.raises(InvalidMachineError, match="Empty declares no states"):
            Empty()

    def test_a_handler_in_a_state_of_another_machine(self) -> None:
        with pytest.raises(InvalidMachineError, match=r"_Bad.x names the state <Good.start_here>"):

            class _Bad(StateMachine):
                a = State(initial=True)

                @on(Good.start_here, int)
                def x(self, _event: int) -> None: ...

    def test_a_target_of_another_machine(self) -> None:
        with pytest.raises(InvalidMachineError, match=r"_Bad.x names the state <Good.start_here>"):

            class _Bad(StateMachine):
                a = State(initial=True)

                @on(a, int, to=Good.start_here)
                def x(self, _event: int) -> None: ...

    def test_two_handlers_for_one_event_in_one_state(self) -> None:
        with pytest.raises(InvalidMachineError, match=r"_Bad declares int in <_Bad.a> twice: x, y"):

            class _Bad(StateMachine):
                a = State(initial=True)

                @on(a, int)
                def x(self, _event: int) -> None: ...

                @on(a, (str, int))
                def y(self, _event: str | int) -> None: ...

    def test_two_enter_actions_for_one_state(self) -> None:
        with pytest.raises(InvalidMachineError, match=r"_Bad declares enter in <_Bad.a> twice: x, y"):

            class _Bad(StateMachine):
                a = State(initial=True)

                @enter(a)
                def x(self, _: State) -> None: ...

                @enter(a)
                def y(self, _: State) -> None: ...

    def test_two_names_for_one_state(self) -> None:
        with pytest.raises(InvalidMachineError, match=r"_Bad.b is a second name for the state <_Bad.a>"):

            class _Bad(StateMachine):
                a = State(initial=True)
                b = a

    @pytest.mark.parametrize("name", ["step", "state", "observer", "table"])
    def test_a_state_that_hides_what_every_machine_has(self, name: str) -> None:
        with pytest.raises(InvalidMachineError, match=f"the state Bad.{name} hides"):
            type("Bad", (StateMachine,), {name: State(initial=True)})

    def test_a_state_declared_again(self) -> None:
        with pytest.raises(InvalidMachineError, match=r"the state _Bad.start_here hides Good.start_here"):

            class _Bad(Good):
                start_here = State(initial=True)

    def test_a_state_hidden_by_something_else(self) -> None:
        with pytest.raises(InvalidMachineError, match=r"_Bad.start_here hides the state <Good.start_here>"):

            class _Bad(Good):
                start_here = None  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]

    def test_an_unknown_policy(self) -> None:
        with pytest.raises(InvalidMachineError, match="unhandled cannot be 'drop'"):

            class _Bad(Good):
                unhandled = "drop"  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]

    def test_an_async_handler(self) -> None:
        with pytest.raises(InvalidMachineError, match=r"_Bad.x must be a plain method"):

            class _Bad(StateMachine):
                a = State(initial=True)

                @on(a, int)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
                async def x(self, _event: int) -> None: ...

    def test_a_handler_that_is_a_generator(self) -> None:
        with pytest.raises(InvalidMachineError, match=r"_Bad.x: write x without yield"):

            class _Bad(StateMachine):
                a = State(initial=True)

                @on(a, int)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
                def x(self, _event: int) -> Iterator[int]:
                    yield 1

    def test_a_handler_that_does_not_take_the_event(self) -> None:
        with pytest.raises(InvalidMachineError, match=r"_Bad.x: write def x\(self, event\), not x\(self\)"):

            class _Bad(StateMachine):
                a = State(initial=True)

                @on(a, int)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
                def x(self) -> None: ...

    def test_an_enter_action_that_does_not_take_the_state(self) -> None:
        wanted = r"_Bad.x: write def x\(self, came_from\), not x\(self\)"
        with pytest.raises(InvalidMachineError, match=wanted):

            class _Bad(StateMachine):
                a = State(initial=True)

                @enter(a)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
                def x(self) -> None: ...

    def test_a_handler_that_is_no_method_any_more(self) -> None:
        with pytest.raises(
            InvalidMachineError, match=r"_Bad.dog is declared as a handler but is not a method"
        ):

            class _Bad(Zoo):
                dog = None  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]

    @pytest.mark.parametrize("event", [3, "Dog", Zoo.day, list[int], None, AsyncIterator[int]])
    def test_an_event_that_is_none(self, event: Any) -> None:
        with pytest.raises(InvalidMachineError, match="is not an event"):
            on(Zoo.day, event)

    def test_a_state_that_is_none(self) -> None:
        with pytest.raises(InvalidMachineError, match="'day' is not a State"):
            on("day", int)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
        with pytest.raises(InvalidMachineError, match="'day' is not a State"):
            enter("day")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    def test_pseudo_states_in_the_wrong_place(self) -> None:
        with pytest.raises(InvalidMachineError, match="END is for to="):
            on(END, int)
        with pytest.raises(InvalidMachineError, match="ANY stands for all states"):
            on(Zoo.day, int, to=ANY)
        with pytest.raises(InvalidMachineError, match="ANY stands for all states"):
            enter((ANY, Zoo.day))
        with pytest.raises(InvalidMachineError, match="second name for the state END"):
            type("Bad", (StateMachine,), {"a": State(initial=True), "done": END})


def test_what_is_put_beside_a_machine_hears_of_its_subclasses() -> None:
    heard: list[tuple[type, str]] = []

    class Listed:
        def __init_subclass__(cls, *, under: str, **kwargs: object) -> None:
            super().__init_subclass__(**kwargs)
            heard.append((cls, under))

    class Machine(StateMachine, Listed, under="machines"):
        only = State(initial=True)

    assert heard == [(Machine, "machines")]


def test_the_states_that_are_none_have_their_names() -> None:
    assert (ANY.name, END.name) == ("ANY", "END")
