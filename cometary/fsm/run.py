"""One step of a machine, in full: gen_statem's order of things.

For every event:

1. Its handler runs and answers with a step.
2. The step's actions are looked at in order: those for the shell go out, the others are collected, the last of a
   kind wins.
3. If the state changes, or on `repeat`, the enter action runs, and its actions count as if they came last.
4. The event is postponed if that was asked for.
5. If the state has changed, the postponed events are put before the queued ones, oldest first.
6. Inserted events are put before all of these.
7. Time-outs are set and cancelled (`cometary.fsm.timers`).
8. The next event is the first of the queue, or else a time-out that is due; when there is none, the step is over.

A run works on its own copies and the machine takes them over at the end, so a step that fails leaves no trace.
(Source: the OTP reference manual, gen_statem, `transition_option()`.)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING, cast

from cometary.errors import (
    EventOverflowError,
    InvalidStepError,
    UndeclaredTransitionError,
    UnhandledEventError,
)
from cometary.fsm.actions import NextEvent, Postpone, StartTimer, Stopped, TimerAction
from cometary.fsm.events import TimedOut
from cometary.fsm.state import State
from cometary.fsm.step import NOT_FOR_SHELL, STAY, TIMER_ACTIONS, Repeat, Step, Stop, stay
from cometary.fsm.table import EnterFunction, Handler, TransitionTable
from cometary.fsm.timers import Timers

if TYPE_CHECKING:
    from cometary.fsm.engine import Engine

Observation = tuple[State, object, State, tuple[object, ...]]


class Wanted:
    """What one transition asks the engine for."""

    __slots__ = ("next_events", "postpone", "timers")

    def __init__(self) -> None:
        self.next_events: list[object] = []
        self.postpone = False
        self.timers: dict[Hashable, TimerAction] = {}

    def sort(self, actions: Iterable[object], outputs: list[object]) -> None:
        """Take the engine's actions and put the shell's into `outputs`."""
        for action in actions:
            if action.__class__ not in NOT_FOR_SHELL:
                outputs.append(action)
            elif isinstance(action, NextEvent):
                self.next_events.append(action.event)
            elif isinstance(action, Postpone):
                self.postpone = action.postpone
            elif action.__class__ not in TIMER_ACTIONS:
                raise InvalidStepError(f"{action!r} is not an action")
            else:
                timer = cast("TimerAction", action)
                # Taken out first, so that the order is that of the last settings.
                self.timers.pop(timer.name, None)
                self.timers[timer.name] = timer


class Run:
    """One step in progress.

    Args:
        machine: Whose step; of it, the run changes nothing but `state`.
        table: The table of the machine's class.
        running: Copy of the machine's running timers, by name.
        token: The token of the timer that the machine started last.
        postponed: The machine's postponed events, oldest first.
        observed: Whether to keep a record for the machine's observer.

    Attributes:
        actions: The actions for the shell, so far.
        timers: The machine's timers, as changed so far.
        postponed: The postponed events, oldest first.
        observations: What to tell the machine's observer, if it has one.
        stopped: Whether the machine has stopped.
    """

    __slots__ = (
        "_machine",
        "_observed",
        "_queue",
        "_table",
        "actions",
        "observations",
        "postponed",
        "stopped",
        "timers",
    )

    def __init__(
        self,
        machine: Engine,
        table: TransitionTable,
        running: dict[Hashable, StartTimer],
        token: int,
        postponed: Iterable[object],
        *,
        observed: bool,
    ) -> None:
        self._machine = machine
        self._table = table
        self._observed = observed
        self._queue = deque[object]()
        self.actions: list[object] = []
        self.timers = Timers(running, token, self.actions)
        self.postponed = list(postponed)
        self.observations: list[Observation] = []
        self.stopped = False

    def start(self) -> None:
        """Enter the initial state."""
        wanted = Wanted()
        self._enter(self._machine.state, wanted)
        self.timers.apply(wanted.timers, state_changed=False)

    def receive(self, event: object) -> None:
        """Handle an event from outside; a time-out that has been cancelled since is none."""
        if isinstance(event, TimedOut):
            current = self.timers.expire(event)
            if current is None:
                return
            event = current
        self._handle(event)

    def take(
        self, event: object, handler: Handler | None, step: Step, entered: Iterable[object] | None = None
    ) -> None:
        """Take the step that answers an event; `entered` is what the enter action returned, if it has run already."""
        machine = self._machine
        before = machine.state
        mark = len(self.actions)
        wanted = Wanted()
        wanted.sort(step.actions, self.actions)
        after = before if step.target is None else step.target
        changed = after is not before
        if changed and (handler is None or not handler.may_go(step)):
            raise UndeclaredTransitionError(_undeclared(machine, event, handler, step))
        if isinstance(step, Stop):
            self._stop(step.reason)
        else:
            machine.state = after
            if changed or isinstance(step, Repeat):
                self._enter(before, wanted, entered)
            self._requeue(event, wanted, state_changed=changed)
            self.timers.apply(wanted.timers, state_changed=changed)
        if self._observed:
            self.observations.append((before, event, machine.state, tuple(self.actions[mark:])))

    def drain(self) -> None:
        """Handle what is queued and what is due, until nothing is."""
        limit = self._machine.max_chain
        handled = 0
        while self._queue or self.timers.due:
            handled += 1
            if handled > limit:
                raise EventOverflowError(f"{self._machine!r} set off more than {limit} events with one")
            self._handle(self._queue.popleft() if self._queue else self.timers.next_due())

    def _handle(self, event: object) -> None:
        handler = self._table.find(self._machine.state, event)
        if handler is None:
            self.take(event, None, self._unhandled(event))
        else:
            self.take(event, handler, checked(handler.function(self._machine, event), handler))

    def _unhandled(self, event: object) -> Step:
        policy = self._machine.unhandled
        if policy == "raise":
            raise UnhandledEventError(f"{self._machine!r} does not handle {event!r}")
        return STAY if policy == "ignore" else stay(Postpone())

    def _enter(self, came_from: State, wanted: Wanted, entered: Iterable[object] | None = None) -> None:
        enter = self._table.enters.get(self._machine.state)
        if enter is None:
            return
        actions = checked_entered(enter, enter(self._machine, came_from)) if entered is None else entered
        for action in actions:
            if isinstance(action, (NextEvent, Postpone)):
                raise InvalidStepError(
                    f"{enter.__qualname__} returned {action!r}: an enter action may not do that"
                )
        wanted.sort(actions, self.actions)

    def _requeue(self, event: object, wanted: Wanted, *, state_changed: bool) -> None:
        if wanted.postpone:
            self.postponed.append(event)
        if state_changed:
            self._queue.extendleft(reversed(self.postponed))
            self.postponed.clear()
        elif len(self.postponed) > self._machine.max_postponed:
            raise EventOverflowError(
                f"{self._machine!r} cannot postpone {event!r}: it may hold {self._machine.max_postponed}"
            )
        self._queue.extendleft(reversed(wanted.next_events))

    def _stop(self, reason: object) -> None:
        self.stopped = True
        self._queue.clear()
        self.postponed.clear()
        self.timers.cancel_all()
        self.actions.append(Stopped(reason))


def checked_entered(enter: EnterFunction, actions: Iterable[object] | None) -> tuple[object, ...]:
    """What an enter action returned, as a tuple of actions.

    Raises:
        InvalidStepError: It is neither actions nor None: the machine's fault.
    """
    if actions.__class__ is tuple:
        return cast("tuple[object, ...]", actions)
    if actions is None:
        return ()
    if isinstance(actions, list):
        return tuple(actions)
    raise InvalidStepError(
        f"{enter.__qualname__} returned {actions!r}: an enter action returns a tuple of actions or None"
    )


def checked(step: object, handler: Handler) -> Step:
    """What a handler returned, as a step.

    Raises:
        InvalidStepError: It is none: the machine's fault.
    """
    if step is None:
        return STAY
    if isinstance(step, Step):
        return step
    raise InvalidStepError(
        f"{handler.function.__qualname__} returned {step!r}: a handler returns goto, stay, repeat, stop or None"
    )


def _undeclared(machine: Engine, event: object, handler: Handler | None, step: Step) -> str:
    name, targets = (handler.name, handler.targets) if handler else ("?", ())
    went = "stopped" if isinstance(step, Stop) else f"went to {step.target!r}"
    declared = ", ".join(target.name for target in targets) or "nothing"
    return f"{machine!r}: {name} {went} on {event!r}, but its to= names {declared}"
