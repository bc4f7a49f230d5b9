"""A state machine as a model: every order in which events and time-outs may come.

1.  In every state each of the events may come, and each running timer may run out: what takes how long is
    left out, so whatever is promised holds at any speed of the world.
2.  Two states of the machine are one if its state, its attributes, its running timers and its postponed events
    are equal. How often timers were started before does not count.
3.  A machine that has stopped stays so.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Generic, TypeVar

from cometary.fsm import StartTimer, StateMachine, TimedOut
from cometary.testing.frozen import Freezer
from cometary.testing.models import Goal

M = TypeVar("M", bound=StateMachine)


class MachineModel(Generic[M]):
    """A model for `check_model`.

    Args:
        new_machine: returns a machine that was not started yet. What its attributes hold must be
            such as `freeze` takes, and must not refer to what is shared with the outside.
        events: what may come, in any state and any order. They must not change, and a `Call` among them
            needs a `reply_to` of its own.
        check: told the machine and what came out of it, after the start and after each event; it raises, say by
            `assert`, if a promise is broken.
        within: how far to go: from where it is not true of the machine, no further. Without it everywhere.

    What the machine raises, as for an event that it does not handle, is trouble as well.
    """

    def __init__(
        self,
        new_machine: Callable[[], M],
        events: Iterable[object],
        check: Callable[[M, Sequence[object]], object] = lambda _machine, _actions: None,
        *,
        within: Callable[[M], bool] = lambda _machine: True,
    ) -> None:
        self._new_machine = new_machine
        self._events = list(events)
        self._check = check
        self._within = within
        self._freezer = Freezer()

    def initial(self) -> Hashable:
        """Return the state after the start."""
        machine = self._new_machine()
        self._check(machine, machine.start())
        return self._freeze(machine)

    def moves(self, state: Hashable) -> Sequence[object]:
        """Return every event, and the time-out of every timer that runs."""
        machine = self.machine(state)
        if machine.stage == "stopped" or not self._within(machine):
            return []
        return [*self._events, *[timer.timed_out() for timer in machine.running_timers]]

    def after(self, state: Hashable, move: object) -> Hashable:
        """Return the state after one of these."""
        machine = self.machine(state)
        self._check(machine, machine.step(move))
        return self._freeze(machine)

    def tell(self, moves: Sequence[object]) -> list[str]:
        """Say what has happened."""
        return [f"time-out: {move.name}" if isinstance(move, TimedOut) else str(move) for move in moves]

    def machine(self, state: Hashable) -> M:
        """Return a machine of its own that is in `state`."""
        machine: M = self._freezer.thaw(state)
        return machine

    def goal(
        self, name: str, reached: Callable[[M], bool], *, by_time_alone: bool = False
    ) -> Goal[Hashable, object]:
        """Return the goal that from everywhere there is a way to where `reached` is true of the machine.

        Args:
            name: what is reached, for the report.
            reached: whether a machine is there.
            by_time_alone: whether it must be reached without any event, by timers that run out.
        """
        return Goal(
            name,
            lambda state: reached(self.machine(state)),
            (lambda move: isinstance(move, TimedOut)) if by_time_alone else None,
        )

    def _freeze(self, machine: M) -> Hashable:
        count_timers_anew(machine)
        return self._freezer.freeze(machine)


def count_timers_anew(machine: Any) -> None:
    """Give the running timers the tokens that they had if none had been started before."""
    running: list[StartTimer] = sorted(machine.running_timers, key=lambda timer: timer.token)
    anew = {timer.token: replace(timer, token=token) for token, timer in enumerate(running, 1)}
    machine._fsm_token = len(running)  # noqa: SLF001 - the machine keeps its timers to itself
    state_timer = machine._fsm_state_timer  # noqa: SLF001
    if state_timer is not None:
        machine._fsm_state_timer = anew[state_timer.token]  # noqa: SLF001
    if machine._fsm_timers:  # noqa: SLF001
        machine._fsm_timers = tuple([anew[timer.token] for timer in machine._fsm_timers])  # noqa: SLF001
    extra = machine._fsm_extra  # noqa: SLF001
    if extra is not None and extra.event_timer is not None:
        machine._fsm_extra = replace(extra, event_timer=anew[extra.event_timer.token])  # noqa: SLF001
