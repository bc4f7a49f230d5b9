"""State machines as values: events in, actions out.

1. A machine does no I/O, reads no clock and starts no timer: it returns actions, and whoever steps it acts on them.
2. `step` has a short path for what nearly every event is: a handler that stays or changes the state, with actions
   for the shell and at most a state time-out. Everything else takes the full path (`cometary.fsm.run`), which
   could do the short path's work just as well.
3. A machine that is running plainly keeps three things: its state, its state timer and a count of timers.
   Whatever else there is to keep is in `Extra`, and the short path is only for machines that have none.
4. A step that raises has not happened, as far as the engine goes: state, timers and postponed events are
   unchanged and no action comes out. Attributes that the handler set stay set, so a handler decides first.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, Literal, Self, cast

from cometary.errors import InvalidMachineError, NotRunningError
from cometary.fsm.actions import CANCEL_STATE_TIMER, ENGINE_ACTIONS, STATE_TIMER, StartTimer, StateTimeout
from cometary.fsm.definition import read_table
from cometary.fsm.diagram import Transition, markdown, mermaid, transitions
from cometary.fsm.run import Run, checked
from cometary.fsm.state import State
from cometary.fsm.step import Step
from cometary.fsm.table import Handler, TransitionTable

Observer = Callable[[State, object, State, Sequence[object]], None]

Stage = Literal["not started", "running", "stopped"]

_UNDECLARED: Final = object()


@dataclass(frozen=True, slots=True)
class Extra:
    """What a machine keeps beyond its state and its state timer.

    Attributes:
        stage: Whether it is running.
        timers: The other timers that are running, by name; never changed in place.
        postponed: The postponed events, oldest first.
        observer: Who is told of every event.
    """

    stage: Stage = "running"
    timers: dict[Hashable, StartTimer] | None = None
    postponed: tuple[object, ...] = ()
    observer: Observer | None = None


_NOTHING: Final = Extra()
_NOT_STARTED: Final = Extra("not started")


class StateMachine:
    """A state machine; a subclass declares its states and handlers and holds its data as attributes.

    Names of attributes that begin with `_fsm` are the engine's. A subclass may have `__slots__`.

    Attributes:
        state: The state it is in; only the engine sets it.
        unhandled: What becomes of an event without a handler: `"raise"` refuses it with `UnhandledEventError`,
            `"ignore"` drops it, `"postpone"` keeps it until the state changes.
        max_postponed: The most postponed events it may hold; one more is refused with `EventOverflowError`.
        max_chain: The most events that one event may set off within its step (inserted, retried and due at
            once); more is taken for an endless loop and refused with `EventOverflowError`.
    """

    __slots__ = ("_fsm_extra", "_fsm_timer", "_fsm_token", "state")

    unhandled: ClassVar[Literal["raise", "ignore", "postpone"]] = "raise"
    max_postponed: ClassVar[int] = 1000
    max_chain: ClassVar[int] = 10_000

    _fsm_table: ClassVar[TransitionTable]
    _fsm_rows: ClassVar[dict[State, dict[object, Handler | None]]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.unhandled not in ("raise", "ignore", "postpone"):
            raise InvalidMachineError(f"{cls.__name__}.unhandled cannot be {cls.unhandled!r}")
        cls._fsm_table = read_table(cls)
        cls._fsm_rows = cls._fsm_table.rows

    def __init__(self) -> None:
        initial = self._fsm_table.initial
        if initial is None:
            raise InvalidMachineError(f"{type(self).__name__} declares no states")
        self.state: State = initial
        self._fsm_timer: StartTimer | None = None
        self._fsm_token = 0
        self._fsm_extra: Extra | None = _NOT_STARTED

    def start(self) -> Sequence[object]:
        """Run the initial state's enter action.

        Returns:
            The actions for the shell, in order.

        Raises:
            NotRunningError: The machine was started before: the shell's fault.
        """
        if self._fsm_extra is None or self._fsm_extra.stage != "not started":
            raise NotRunningError(f"{self!r} was started before")
        return self._in_full(Run.start)

    def step(self, event: object) -> Sequence[object]:
        """Handle one event, and all that it sets in motion.

        Args:
            event: Any object; `TimedOut` when a timer has run out, `Call` when someone waits for a `Reply`.

        Returns:
            The actions for the shell, in order.

        Raises:
            NotRunningError: The machine has not been started, or has stopped: the shell's fault.
            UnhandledEventError: No handler, and the machine's policy is to raise: the sender's fault.
            UndeclaredTransitionError: A handler went where its `to=` does not say: the machine's fault.
            InvalidStepError: A handler returned what it may not: the machine's fault.
            EventOverflowError: Too many events postponed, or set off: the machine's fault.
        """
        handler = self._fsm_rows[self.state].get(event.__class__)
        if handler is None or self._fsm_extra is not None:
            self._check_running()
            return self._in_full(lambda run: run.receive(event))
        step = handler.function(self, event)
        if step is None:
            return ()
        if step.__class__ is Step:
            outputs = self._take_short(handler, step)
            if outputs is not None:
                return outputs
        return self._in_full(lambda run: run.take(event, handler, checked(step, handler)))

    def _take_short(self, handler: Handler, step: Step) -> list[object] | None:
        """Take the short path, or do nothing and return None if the step asks for more than that path knows."""
        target = step.target
        if target is None or target is self.state:
            target = None
        # An undeclared target is for the full path to refuse, and an enter action for it to run.
        elif handler.enters.get(target, _UNDECLARED) is not None:
            return None
        outputs: list[object] = []
        timeout = None
        for action in step.actions:
            if action.__class__ not in ENGINE_ACTIONS:
                outputs.append(action)
            elif isinstance(action, StateTimeout) and action.seconds and action.seconds != math.inf:
                timeout = action
            else:
                return None
        if timeout is not None:
            self._fsm_token = token = self._fsm_token + 1
            self._fsm_timer = timer = StartTimer(STATE_TIMER, timeout.seconds, None, timeout.content, token)
            outputs.append(timer)
        elif target is not None and self._fsm_timer is not None:
            self._fsm_timer = None
            outputs.append(CANCEL_STATE_TIMER)
        if target is not None:
            self.state = target
        return outputs

    def _in_full(self, begin: Callable[[Run], None]) -> Sequence[object]:
        extra = self._fsm_extra or _NOTHING
        before = self.state
        running = dict(extra.timers or {})
        if self._fsm_timer is not None:
            running[STATE_TIMER] = self._fsm_timer
        run = Run(self, self._fsm_table, running, self._fsm_token, extra.postponed)
        try:
            begin(run)
            run.drain()
        except BaseException:
            self.state = before
            raise
        self._keep(run, extra.observer)
        if extra.observer is not None:
            for observation in run.observations:
                extra.observer(*observation)
        return run.actions

    def _keep(self, run: Run, observer: Observer | None) -> None:
        """Take over what a run has come to, now that nothing can go wrong any more."""
        timers = run.timers.running
        self._fsm_token = run.timers.token
        self._fsm_timer = timers.pop(STATE_TIMER, None)
        if run.stopped or timers or run.postponed or observer is not None:
            stage: Stage = "stopped" if run.stopped else "running"
            self._fsm_extra = Extra(stage, timers, tuple(run.postponed), observer)
        else:
            self._fsm_extra = None

    def _check_running(self) -> None:
        if self.stage != "running":
            raise NotRunningError(f"{self!r} is not running")

    @property
    def stage(self) -> Stage:
        """`"not started"`, `"running"` or `"stopped"`."""
        return (self._fsm_extra or _NOTHING).stage

    @property
    def running_timers(self) -> Sequence[StartTimer]:
        """The timers that the shell should have running, with their latest content."""
        others = (self._fsm_extra or _NOTHING).timers or {}
        return [timer for timer in (self._fsm_timer, *others.values()) if timer is not None]

    @property
    def postponed(self) -> Sequence[object]:
        """The postponed events, oldest first."""
        return (self._fsm_extra or _NOTHING).postponed

    @property
    def observer(self) -> Observer | None:
        """Told `(state before, event, state after, actions)` of every event that a step handles, when the step is done.

        For debugging and display: it must not raise and must not step the machine. It costs nothing when None.
        """
        return (self._fsm_extra or _NOTHING).observer

    @observer.setter
    def observer(self, observer: Observer | None) -> None:
        extra = replace(self._fsm_extra or _NOTHING, observer=observer)
        self._fsm_extra = None if extra == _NOTHING else extra

    def snapshot(self) -> Self:
        """An independent copy: the machine as it is now, with deep copies of its attributes.

        Events and the content of timers are values and are shared. The observer is not copied.
        """
        return copy.deepcopy(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        twin = object.__new__(type(self))
        memo[id(self)] = twin
        attributes, slots = cast("tuple[dict[str, Any] | None, dict[str, Any]]", super().__getstate__())
        for name, value in ((attributes or {}) | slots).items():
            setattr(twin, name, value if name in _ENGINE_SLOTS else copy.deepcopy(value, memo))
        twin.observer = None
        return twin

    def __repr__(self) -> str:
        running = [f"{timer.name} timer" for timer in self.running_timers]
        postponed = [f"{len(self.postponed)} postponed"] if self.postponed else []
        stage = [] if self.stage == "running" else [self.stage]
        return f"<{type(self).__name__} {', '.join([self.state.name, *stage, *running, *postponed])}>"

    @classmethod
    def transitions(cls) -> Sequence[Transition]:
        """The transition table as data, in order of declaration."""
        return transitions(cls._fsm_table)

    @classmethod
    def table(cls) -> str:
        """The transition table as Markdown."""
        return markdown(cls._fsm_table)

    @classmethod
    def mermaid(cls) -> str:
        """The machine as a Mermaid `stateDiagram-v2`."""
        return mermaid(cls._fsm_table)


_ENGINE_SLOTS: Final = frozenset(StateMachine.__slots__)
