"""Driving a state machine by hand: events go in, time passes when told to, actions come out.

1.  The driver is the machine's shell: it starts and cancels the timers, and lets them run out in the
    order of their time; of two for the same time, the one that was started first.
2.  Its clock begins at zero and moves in `advance` alone.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Final, Generic, TypeVar

from cometary.errors import UsageError
from cometary.fsm import Call, CancelTimer, Reply, StartTimer, State, StateMachine

M = TypeVar("M", bound=StateMachine)

LIMIT: Final = 10_000
"""The most timers that may run out in one `advance`."""


class MachineDriver(Generic[M]):
    """Starts a machine and drives it; neither actor, loop nor real time is involved.

    Args:
        machine: not started yet.

    Attributes:
        machine: the machine.
        now: seconds since its start.
        actions: everything that has come out of it, in order, but for the timers, which are the driver's.

    Raises:
        NotRunningError: if the machine has been started before; the test's fault.
    """

    def __init__(self, machine: M) -> None:
        self.machine = machine
        self.now = 0.0
        self.actions: list[object] = []
        self._timers: dict[Hashable, tuple[float, StartTimer]] = {}
        self._carry_out(machine.start())

    @property
    def state(self) -> State:
        """The state that the machine is in."""
        return self.machine.state

    @property
    def timers(self) -> dict[Hashable, float]:
        """The timers that are running: name, and seconds until it runs out."""
        return {name: due - self.now for name, (due, _) in self._timers.items()}

    def send(self, *events: object) -> list[object]:
        """Have the machine handle events.

        Returns:
            The actions that came out.

        Raises:
            CometaryError: what `StateMachine.step` raises.
        """
        mark = len(self.actions)
        for event in events:
            self._carry_out(self.machine.step(event))
        return self.actions[mark:]

    def call(self, message: object) -> Any:
        """Have the machine handle a `Call` of this message, and return what it replies.

        Raises:
            AssertionError: if it does not reply at once.
            CometaryError: what `StateMachine.step` raises.
        """
        caller = object()
        actions = self.send(Call(message, caller))
        for action in actions:
            if isinstance(action, Reply) and action.to is caller:
                return action.value
        raise AssertionError(f"{self.machine!r} did not reply to {message!r}, but did {actions!r}")

    def advance(self, seconds: float) -> list[object]:
        """Let time pass, and the timers run out that are due by then.

        Args:
            seconds: how much time.

        Returns:
            The actions that came out.

        Raises:
            AssertionError: if more than `LIMIT` timers run out: the machine starts them over and over.
            UsageError: if `seconds` is negative; the test's fault.
        """
        if not seconds >= 0:  # so that NaN is refused as well
            raise UsageError(f"time cannot pass by {seconds} seconds")
        mark, until = len(self.actions), self.now + seconds
        for _ in range(LIMIT):
            timer = self._next_due(until)
            if timer is None:
                self.now = until
                return self.actions[mark:]
            self._carry_out(self.machine.step(timer.timed_out()))
        raise AssertionError(f"more than {LIMIT} timers of {self.machine!r} ran out in {seconds:g} s")

    def _next_due(self, until: float) -> StartTimer | None:
        due, timer = min(self._timers.values(), key=lambda each: each[0], default=(until, None))
        if timer is None or due > until:
            return None
        self.now = max(self.now, due)
        del self._timers[timer.name]
        return timer

    def _carry_out(self, actions: Any) -> None:
        for action in actions:
            if isinstance(action, StartTimer):
                self._timers.pop(action.name, None)  # so that it is the youngest of those for the same time
                due = action.at if action.seconds is None else self.now + action.seconds
                self._timers[action.name] = (self.now if due is None else due, action)
            elif isinstance(action, CancelTimer):
                self._timers.pop(action.name, None)
            else:
                self.actions.append(action)
