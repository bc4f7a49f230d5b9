"""An event may be any object: a machine knows it by its type, and shows it without harm."""

from __future__ import annotations

from unittest.mock import Mock

import pytest

from cometary.errors import UnhandledEventError
from cometary.fsm import State, StateMachine, StateTimeout, Step, TimedOut, on, state_timeout, stay
from tests.actors.hostile import RAISED, hostile


class Press:
    """An event."""


class Door(StateMachine):
    shut = State(initial=True)

    def __init__(self) -> None:
        super().__init__()
        self.handled: list[object] = []

    @on(shut, Press)
    def press(self, event: Press) -> Step:
        self.handled.append(event)
        return stay(StateTimeout(1.0))

    @on(shut, state_timeout)
    def wait(self, event: TimedOut) -> None:
        self.handled.append(event)


class Patient(Door):
    unhandled = "ignore"


class Keeping(Door):
    unhandled = "postpone"


def started(kind: type[Door]) -> Door:
    door = kind()
    door.start()
    return door


# Without Trio each `KeyboardInterrupt` in the main thread counts as a Ctrl-C.
@pytest.mark.parametrize(
    "what", [kind for kind in RAISED if kind is not KeyboardInterrupt], ids=lambda kind: kind.__name__
)
def test_an_event_that_raises_wherever_it_is_touched_is_one_like_any_other(what: type[BaseException]) -> None:
    started(Patient).step(hostile(what))
    keeping = started(Keeping)
    keeping.step(hostile(what))
    assert len(keeping.postponed) == 1
    with pytest.raises(
        UnhandledEventError, match=f"does not handle <Hostile, whose repr raised {what.__name__}>"
    ):
        started(Door).step(hostile(what))


@pytest.mark.parametrize("kind", [TimedOut, Press])
def test_an_event_is_what_its_type_says_and_not_what_it_says_itself(kind: type) -> None:
    door = started(Patient)
    (_,) = door.step(Press())  # a timer runs now
    door.step(Mock(spec=kind))
    assert [type(event) for event in door.handled] == [Press]


def test_a_long_event_is_shown_in_few_words() -> None:
    with pytest.raises(UnhandledEventError) as caught:
        started(Door).step("x" * 1_000_000)
    assert len(str(caught.value)) < 300
