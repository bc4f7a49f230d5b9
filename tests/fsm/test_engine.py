"""What the engine does on its short path, which the commonest steps take, is what it does in full."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cometary.fsm import CancelTimer, StartTimer, StateTimeout, Step, Timeout, goto, stay
from tests.fsm.scripted import B, Do, Out, Scripted, started


def observed() -> Scripted:
    """A machine that never takes the short path."""
    machine = started()
    machine.observer = ignore
    return machine


def ignore(*_: object) -> None:
    """An observer."""


def timer(name: str, seconds: float, token: int) -> StartTimer:
    return StartTimer(name, seconds, None, None, token)


@pytest.mark.parametrize("machine", [started, observed])
@pytest.mark.parametrize(
    ("before", "step", "actions"),
    [
        ((), stay(Timeout("t", 5)), [timer("t", 5, 1)]),
        ((), stay(Out("1"), Timeout("t", 5)), [Out("1"), timer("t", 5, 1)]),
        ((), goto(B, Out("1"), Timeout("t", 5)), [Out("1"), timer("t", 5, 1)]),
        (
            (),
            stay(Timeout("t", 1), Timeout("u", 2), Timeout("u", 3)),
            [timer("t", 1, 1), timer("u", 3, 2)],
        ),
        ((StateTimeout(9),), goto(B, Timeout("t", 5)), [CancelTimer("state"), timer("t", 5, 2)]),
        (
            (StateTimeout(9),),
            goto(B, Out("1"), Timeout("t", 5)),
            [Out("1"), CancelTimer("state"), timer("t", 5, 2)],
        ),
        ((StateTimeout(9),), stay(Timeout("t", 5)), [timer("t", 5, 2)]),
    ],
)
def test_time_outs_are_started_and_what_they_replace_is_cancelled(
    machine: Callable[[], Scripted], before: tuple[object, ...], step: Step, actions: list[object]
) -> None:
    one = machine()
    one.step(Do("x"))  # the first of its kind is looked up in full
    one.step(Do("x", a=stay(*before)))
    assert list(one.step(Do("y", a=step))) == actions
    started = {each.name: each for each in actions if isinstance(each, StartTimer)}
    assert started.items() <= {each.name: each for each in one.running_timers}.items()


@pytest.mark.parametrize("machine", [started, observed])
def test_a_timer_that_is_started_anew_leaves_the_others_running(machine: Callable[[], Scripted]) -> None:
    one = machine()
    for name, seconds in (("t", 1), ("t", 2), ("u", 3), ("t", 4), ("v", 5), ("t", 6)):
        one.step(Do("x", a=stay(Timeout(name, seconds))))
    assert sorted((each.name, each.seconds) for each in one.running_timers) == [("t", 6), ("u", 3), ("v", 5)]
