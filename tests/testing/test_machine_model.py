"""State machines as models: events and time-outs in every order, and a finite number of states."""

from __future__ import annotations

from collections.abc import Sequence

from cometary.fsm import (
    END,
    EventTimeout,
    StartTimer,
    State,
    StateMachine,
    StateTimeout,
    Step,
    Timeout,
    event_timeout,
    goto,
    on,
    state_timeout,
    stay,
    stop,
    timeout,
)
from cometary.testing import MachineModel, check_model


class Lamp(StateMachine):
    """Shines for a while; a click while it shines makes that longer, but for two more while at most."""

    off = State(initial=True)
    shining = State()

    def __init__(self) -> None:
        super().__init__()
        self.longer = 0

    @on(off, str, to=shining)
    def switch_on(self, _event: str) -> Step:
        """Shines."""
        self.longer = 0
        return goto(self.shining, StateTimeout(5.0), Timeout("cool", 60.0))

    @on(shining, str)
    def shine_longer(self, _event: str) -> Step:
        """Shines for a while more."""
        self.longer = min(self.longer + 1, 2)
        return stay(StateTimeout(5.0), EventTimeout(1.0))

    @on(shining, event_timeout)
    def rest(self, _event: object) -> Step:
        """Nothing to do."""
        return stay()

    @on((off, shining), timeout("cool"))
    def cool(self, _event: object) -> Step:
        """Nothing to do."""
        return stay()

    @on(shining, state_timeout, to=off)
    def switch_off(self, _event: object) -> Step:
        """Shines no more."""
        return goto(self.off)


def test_states_are_finite_however_often_timers_start() -> None:
    exploration = check_model(MachineModel(Lamp, ["click"]))
    assert exploration.complete
    # Off: 0 to 2 longer. Shining: 0, or 1 to 2 with an event timer or without. And each with the lamp hot or cool.
    assert exploration.states == (3 + 1 + 2 * 2) * 2


def test_every_step_is_checked_with_what_came_out() -> None:
    came_out: list[object] = []

    def never_longer(lamp: Lamp, actions: Sequence[object]) -> None:
        came_out.extend(actions)
        assert lamp.longer < 2, "it shines too long"

    counterexample = check_model(MachineModel(Lamp, ["click"], never_longer)).counterexample
    assert counterexample is not None
    assert counterexample.told == ("click", "click", "click")
    assert counterexample.problem == "it shines too long"
    assert any(isinstance(action, StartTimer) for action in came_out)


def test_an_event_that_is_not_handled_is_trouble() -> None:
    counterexample = check_model(MachineModel(Lamp, [1])).counterexample
    assert counterexample is not None
    assert "UnhandledEventError" in counterexample.problem


def test_a_goal_may_be_left_to_time() -> None:
    model = MachineModel(Lamp, ["click"])
    off = model.goal("it is off", lambda lamp: lamp.state is Lamp.off, by_time_alone=True)
    shining = model.goal("it shines", lambda lamp: lamp.state is Lamp.shining)
    by_itself = model.goal("it shines", lambda lamp: lamp.state is Lamp.shining, by_time_alone=True)
    assert check_model(model, goals=[off, shining]).complete
    counterexample = check_model(model, goals=[by_itself]).counterexample
    assert counterexample is not None
    assert counterexample.moves == ()


def test_it_goes_no_further_than_it_is_to() -> None:
    model = MachineModel(Lamp, ["click"], within=lambda lamp: lamp.longer < 1)
    assert check_model(model).states < check_model(MachineModel(Lamp, ["click"])).states


class Fuse(StateMachine):
    whole = State(initial=True)

    @on(whole, str, to=END)
    def blow(self, _event: str) -> Step:
        """Ends it."""
        return stop("blown")


def test_a_machine_that_has_stopped_takes_no_more() -> None:
    exploration = check_model(MachineModel(Fuse, ["surge"]))
    assert (exploration.states, exploration.transitions, exploration.complete) == (2, 1, True)
