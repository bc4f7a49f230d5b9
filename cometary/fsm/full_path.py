"""One step of a machine, in full: gen_statem's order of things; and the check of what its methods return.

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
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final, cast

from cometary.errors import (
    EventOverflowError,
    InvalidStepError,
    UndeclaredTransitionError,
    UnhandledEventError,
)
from cometary.fsm.actions import NextEvent, Postpone, SwitchAction, TimerAction
from cometary.fsm.events import Internal, TimedOut
from cometary.fsm.shell import StartTimer, Stopped
from cometary.fsm.state import State
from cometary.fsm.step import (
    FORBIDDEN_ON_ENTERING,
    NOT_FOR_SHELL,
    STAY,
    SWITCH_ACTIONS,
    TIMER_ACTIONS,
    Repeat,
    Step,
    Stop,
    stay,
)
from cometary.fsm.switch import switch
from cometary.fsm.table import EnterFunction, Handler
from cometary.fsm.timers import Timers
from cometary.log import show

if TYPE_CHECKING:
    from cometary.fsm.engine import Engine


STEPS: Final = "goto, stay, repeat, stop or None"

Observation = tuple[State, object, State, tuple[object, ...]]


class Wanted:
    """What one transition asks the engine for."""

    __slots__ = ("next_events", "postpone", "switches", "timers")

    def __init__(self) -> None:
        self.next_events: list[object] = []
        self.postpone = False
        self.switches: list[SwitchAction] = []
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
            elif action.__class__ in SWITCH_ACTIONS:
                self.switches.append(cast("SwitchAction", action))
            elif action.__class__ not in TIMER_ACTIONS:
                raise InvalidStepError(f"{show(action)} is not an action")
            else:
                timer = cast("TimerAction", action)
                # Taken out first, so that the order is that of the last settings.
                self.timers.pop(timer.name, None)
                self.timers[timer.name] = timer


class Run:
    """One step in progress.

    Args:
        machine: Whose step; of it, the run changes nothing but `state` and the class.
        running: Copy of the machine's running timers, by name.
        token: The token of the timer that the machine started last.
        postponed: The machine's postponed events, oldest first.
        below: The classes that the machine has left by `PushMachine`, the latest last.
        observed: Whether to keep a record for the machine's observer.

    Attributes:
        actions: The actions for the shell, so far.
        timers: The machine's timers, as changed so far.
        postponed: The postponed events, oldest first.
        below: The classes left by `PushMachine`, as changed so far.
        observations: What to tell the machine's observer, if it has one.
        stopped: Whether the machine has stopped.
    """

    __slots__ = (
        "_machine",
        "_observed",
        "_queue",
        "actions",
        "below",
        "observations",
        "postponed",
        "stopped",
        "timers",
    )

    def __init__(
        self,
        machine: Engine,
        running: dict[Hashable, StartTimer],
        token: int,
        postponed: Iterable[object],
        below: Iterable[type],
        *,
        observed: bool,
    ) -> None:
        self._machine = machine
        self._observed = observed
        self._queue = deque[object]()
        self.actions: list[object] = []
        self.timers = Timers(running, token, self.actions)
        self.postponed = list(postponed)
        self.below = list(below)
        self.observations: list[Observation] = []
        self.stopped = False

    def start(self, entered: Step | Iterable[object] | None = None) -> None:
        """Do what `init` says, and enter the initial state; `entered` is what its action returned, if it has run."""
        machine = self._machine
        wanted = Wanted()
        wanted.sort(machine.init() or (), self.actions)
        self._switch(wanted)
        halt = self._enter(machine.state, wanted, entered)
        if halt is None:
            self._queue.extend(wanted.next_events)
            self.timers.apply(wanted.timers, state_changed=False)
        else:
            self._stop(halt.reason)

    def receive(self, event: object) -> None:
        """Handle an event from outside; a time-out that has been cancelled since is none."""
        kind = type(event)
        if kind is TimedOut:
            current = self.timers.expire(cast("TimedOut", event))
            if current is None:
                return
            event = current
        elif kind is Internal:
            raise UnhandledEventError(f"{self._machine!r} takes {show(event)} from nobody but itself")
        self._handle(event)

    def take(
        self,
        event: object,
        handler: Handler | None,
        step: Step,
        entered: Step | Iterable[object] | None = None,
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
            raise UndeclaredTransitionError(undeclared(machine, event, handler, step))
        if wanted.switches and (handler is None or not handler.switches):
            raise UndeclaredTransitionError(
                f"{machine!r}: {handler and handler.name} changes its class on {show(event)} without switches=True"
            )
        halt = step if isinstance(step, Stop) else None
        if halt is None:
            machine.state = after
            self._switch(wanted)
            if changed or isinstance(step, Repeat):
                halt = self._enter(before, wanted, entered)
        if halt is None:
            self._requeue(event, wanted, state_changed=changed)
            self.timers.apply(wanted.timers, state_changed=changed)
        else:
            self._stop(halt.reason)
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
        machine: Any = self._machine
        handler: Handler | None = machine._fsm_table.find(machine.state, event)  # noqa: SLF001 - this is part of it
        if handler is None:
            self.take(event, None, self._unhandled(event))
        else:
            self.take(event, handler, checked(handler.function(machine, event), handler))

    def _unhandled(self, event: object) -> Step:
        policy = self._machine.unhandled
        if policy == "raise":
            raise UnhandledEventError(f"{self._machine!r} does not handle {show(event)}")
        return STAY if policy == "ignore" else stay(Postpone())

    def _switch(self, wanted: Wanted) -> None:
        for action in wanted.switches:
            switch(self._machine, action, self.below)

    def _enter(
        self, came_from: State, wanted: Wanted, entered: Step | Iterable[object] | None = None
    ) -> Stop | None:
        """Run the enter action of the state, as the present class has it; returns how it stops the machine, if so."""
        machine: Any = self._machine
        enter = machine._fsm_table.enters.get(machine.state)  # noqa: SLF001 - this is part of it
        if enter is None:
            return None
        for _ in range(machine.max_chain):
            step = checked_entering(machine, enter, enter(machine, came_from) if entered is None else entered)
            wanted.sort(step.actions, self.actions)
            if isinstance(step, Stop):
                return step
            if not isinstance(step, Repeat):
                return None
            came_from, entered = machine.state, None
        raise EventOverflowError(
            f"{machine!r} entered a state more than {machine.max_chain} times with one event"
        )

    def _requeue(self, event: object, wanted: Wanted, *, state_changed: bool) -> None:
        if wanted.postpone:
            self.postponed.append(event)
        if state_changed:
            self._queue.extendleft(reversed(self.postponed))
            self.postponed.clear()
        elif len(self.postponed) > self._machine.max_postponed:
            raise EventOverflowError(
                f"{self._machine!r} cannot postpone {show(event)}: it may hold {self._machine.max_postponed}"
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
        f"{enter.__qualname__} returned {_said(actions)}: an enter action returns a tuple of actions or None,"
        " or else stay, repeat or stop"
    )


def checked_entering(machine: Engine, enter: EnterFunction, returned: Step | Iterable[object] | None) -> Step:
    """What an enter action returned, as a step that it may take.

    Raises:
        InvalidStepError: It may not: the machine's fault.
        UndeclaredTransitionError: It stops the machine without saying so in its `to=`: the machine's fault.
    """
    step = returned if isinstance(returned, Step) else stay(*checked_entered(enter, returned))
    for action in step.actions:
        if action.__class__ in FORBIDDEN_ON_ENTERING:
            raise InvalidStepError(
                f"{enter.__qualname__} returned {show(action)}: an enter action may not do that"
            )
    if isinstance(step, Stop):
        if machine.state not in machine._fsm_table.stopping:  # noqa: SLF001 - this is part of it  # pyright: ignore[reportPrivateUsage]
            raise UndeclaredTransitionError(f"{machine!r}: {enter.__qualname__} stopped it without to=END")
    elif step.target is not None and step.target is not machine.state:
        raise InvalidStepError(
            f"{enter.__qualname__} returned {show(step)}: an enter action may not change the state"
        )
    return step


def checked(step: object, handler: Handler) -> Step:
    """What a handler returned, as a step.

    Raises:
        InvalidStepError: It is none: the machine's fault.
    """
    if step is None:
        return STAY
    if isinstance(step, Step):
        if step.target is None or isinstance(step.target, State):  # pyright: ignore[reportUnnecessaryIsInstance] - untyped machines exist
            return step
        raise InvalidStepError(
            f"{handler.function.__qualname__} went to {show(step.target)}, which is not a state"
        )
    raise InvalidStepError(
        f"{handler.function.__qualname__} returned {_said(step)}: a handler returns {STEPS}"
    )


def _said(returned: object) -> str:
    """What a machine's author is told of a wrong value; a coroutine is closed, as nobody will await it."""
    if isinstance(returned, CoroutineType):
        returned.close()
        return "a coroutine (a handler is a plain `def`)"
    return show(returned)


def undeclared(machine: Engine, event: object, handler: Handler | None, step: Step) -> str:
    """The message about a step that goes where its handler does not say."""
    name, targets = (handler.name, handler.targets) if handler else ("?", ())
    went = "stopped" if isinstance(step, Stop) else f"went to {step.target!r}"
    declared = ", ".join(target.name for target in targets) or "nothing"
    return f"{machine!r}: {name} {went} on {show(event)}, but its to= names {declared}"
