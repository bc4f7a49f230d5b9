"""The engine of a state machine: its memory, and the short path that nearly every event takes.

1. The short path (`Engine.step` and `Engine.start`, and `_apply`) is for a machine that has nothing `Extra`, and
   a step that does no more than change the state or stop, run an enter action, hand out actions, and start or cancel
   state and named timers.
2. Everything else takes the full path (`cometary.fsm.full_path`), which could do the short path's work just as
   well: the short path is there for speed alone.
3. A step that raises has not happened, as far as the engine goes: state, timers and postponed events are
   unchanged and no action comes out. Attributes that a handler set stay set, so a handler decides first.
"""

# pyright: reportPrivateUsage=false
# ruff: noqa: SLF001 - `_apply` and what it calls are the engine's methods in all but form
from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal

from mypy_extensions import mypyc_attr

from cometary.errors import NotRunningError
from cometary.fsm.actions import EVENT_TIMER, STATE_TIMER, Cancel, StateTimeout, Timeout
from cometary.fsm.full_path import Run, checked
from cometary.fsm.shell import CANCEL_STATE_TIMER, CancelTimer, StartTimer, Stopped
from cometary.fsm.state import State
from cometary.fsm.step import NOT_FOR_SHELL, Repeat, Step, Stop
from cometary.fsm.switch import go_back
from cometary.fsm.table import Handler, TransitionTable

Observer = Callable[[State, object, State, Sequence[object]], None]

Stage = Literal["not started", "running", "stopped"]

UnhandledPolicy = Literal["raise", "ignore", "postpone"]


@dataclass(frozen=True, slots=True)
class Extra:
    """What a machine keeps that most machines most of the time have no need to.

    Attributes:
        stage: Whether it is running.
        event_timer: The event timer, if that is running.
        postponed: The postponed events, oldest first.
        observer: Who is told of every event.
        below: The classes that `PushMachine` has left, the latest last.
    """

    stage: Stage = "running"
    event_timer: StartTimer | None = None
    postponed: tuple[object, ...] = ()
    observer: Observer | None = None
    below: tuple[type, ...] = ()


ENGINE_ATTRIBUTES: Final = ("_fsm_extra", "_fsm_state_timer", "_fsm_timers", "_fsm_token", "state")
"""What an engine holds, by name: one that was compiled has no `__slots__`."""

SHORT_SETTINGS: Final = frozenset({StateTimeout, Timeout, Cancel})

PAIR: Final = 2
"""Actions of the commonest steps: perhaps one for the shell, and the time-out of the state that is entered."""

NOTHING_EXTRA: Final = Extra()
NOT_STARTED: Final = Extra("not started")
STOPPED: Final = Extra("stopped")


@mypyc_attr(allow_interpreted_subclasses=True)
class Engine:
    """What `StateMachine` stands on; not for use by itself."""

    __slots__ = ENGINE_ATTRIBUTES

    unhandled: ClassVar[UnhandledPolicy] = "raise"
    max_postponed: ClassVar[int] = 1000
    max_chain: ClassVar[int] = 10_000

    _fsm_table: ClassVar[TransitionTable]
    _fsm_rows: ClassVar[dict[State, dict[object, Handler | None]]]

    def __init__(self, initial: State) -> None:
        self.state = initial
        self._fsm_state_timer: StartTimer | None = None
        self._fsm_timers: tuple[StartTimer, ...] = ()
        self._fsm_token = 0
        self._fsm_extra: Extra | None = NOT_STARTED

    def init(self) -> Iterable[object] | None:
        """Say what to do at the start; a subclass may have its own.

        Returns:
            Actions, for the engine or the shell, done just before the initial state's enter action; or None.
            To postpone means nothing here, as there is no event. Source: gen_statem, `init_result()`.
        """
        return None

    def start(self) -> Sequence[object]:
        """Do what `init` says and run the initial state's enter action.

        Returns:
            The actions for the shell, in order.

        Raises:
            NotRunningError: The machine was started before: the shell's fault.
            InvalidStepError: `init` or the enter action returned what it may not: the machine's fault.
        """
        if self._fsm_extra is None or self._fsm_extra.stage != "not started":
            raise NotRunningError(f"{self!r} was started before")
        entered: Any = None
        if self._fsm_extra is NOT_STARTED and type(self).init is Engine.init:
            enter = self._fsm_table.enters.get(self.state)
            said = None if enter is None else enter(self, self.state)
            entered = () if said is None else said
            is_plain = type(entered) is tuple
            outputs = _apply(self, entered, changed=False) if is_plain else None  # pyright: ignore[reportUnknownArgumentType]
            if outputs is not None:
                self._fsm_extra = None
                return outputs
        return self._in_full(lambda run: run.start(entered))

    def step(  # noqa: C901, PLR0911 - in one piece, because it runs for every event
        self, event: object
    ) -> Sequence[object]:
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
        before = self.state
        handler = self._fsm_rows[before].get(type(event))
        if handler is None or self._fsm_extra is not None:
            return self._receive_in_full(event)
        answer = handler.function(self, event)
        if answer is None:
            return ()
        kind = type(answer)  # pyright: ignore[reportUnknownVariableType]
        if kind is not Step and kind is not Repeat:  # to stop, or what no handler may return
            last = _stop(self, handler, answer) if kind is Stop else None
            return self._take_in_full(event, handler, answer) if last is None else last
        step: Step = answer
        actions = step.actions
        target = step.target
        if target is None and kind is Step and len(actions) == 1 and type(actions[0]) not in NOT_FOR_SHELL:
            return actions  # to stay and do this one thing is all that there is to it
        after = before if target is None else target
        entered: Any = None  # what an enter action returns is checked
        if after is not before:
            if type(after) is not State or after not in handler.enters:
                return self._take_in_full(event, handler, step)
            enter = handler.enters[after]
        else:
            enter = None if kind is Step else self._fsm_table.enters.get(before)
        if enter is not None:
            self.state = after
            try:
                entered = enter(self, before)
            finally:
                self.state = before
            if entered is None:
                entered = ()
            elif type(entered) is not tuple:
                return self._take_in_full(event, handler, step, entered)
            actions += entered
        outputs = _apply(self, actions, changed=after is not before)
        if outputs is None:
            return self._take_in_full(event, handler, step, entered)
        self.state = after
        return outputs

    def _receive_in_full(self, event: object) -> Sequence[object]:
        if self._fsm_extra is not None and self._fsm_extra.stage != "running":
            raise NotRunningError(f"{self!r} is not running")
        return self._in_full(lambda run: run.receive(event))

    def _take_in_full(
        self, event: object, handler: Handler, step: object, entered: Any = None
    ) -> Sequence[object]:
        return self._in_full(lambda run: run.take(event, handler, checked(step, handler), entered))

    def _in_full(self, begin: Callable[[Run], None]) -> Sequence[object]:
        """Make one step in full: what `begin` says, and all that it sets in motion."""
        extra = self._fsm_extra or NOTHING_EXTRA
        before, machine = self.state, self.__class__
        run = Run(
            self,
            self._timers_by_name(),
            self._fsm_token,
            extra.postponed,
            extra.below,
            observed=extra.observer is not None,
        )
        try:
            begin(run)
            run.drain()
        except BaseException:
            self.state = before
            go_back(self, machine)
            raise
        self._keep(run, extra.observer)
        if extra.observer is not None:
            for observation in run.observations:
                extra.observer(*observation)
        return run.actions

    def _timers_by_name(self) -> dict[Hashable, StartTimer]:
        extra = self._fsm_extra or NOTHING_EXTRA
        timers = {timer.name: timer for timer in self._fsm_timers}
        if self._fsm_state_timer is not None:
            timers[STATE_TIMER] = self._fsm_state_timer
        if extra.event_timer is not None:
            timers[EVENT_TIMER] = extra.event_timer
        return timers

    def _keep(self, run: Run, observer: Observer | None) -> None:
        """Take over what a run has come to, now that nothing can go wrong any more."""
        timers = run.timers.running
        self._fsm_token = run.timers.token
        self._fsm_state_timer = timers.pop(STATE_TIMER, None)
        event_timer = timers.pop(EVENT_TIMER, None)
        self._fsm_timers = tuple(timers.values())
        if run.stopped or event_timer or run.postponed or run.below or observer is not None:
            stage: Stage = "stopped" if run.stopped else "running"
            self._fsm_extra = Extra(stage, event_timer, tuple(run.postponed), observer, tuple(run.below))
        else:
            self._fsm_extra = None


def _apply(engine: Engine, actions: tuple[Any, ...], *, changed: bool) -> list[object] | None:
    """Set the timers and return the actions for the shell; do nothing if that is for the full path.

    A function, as is what it calls, and not the engine's method: compiled, the call of a method that a subclass in
    Python may have replaced is made as Python makes it, and this runs for every event.
    """
    if engine._fsm_state_timer is None and len(actions) <= PAIR and actions:
        setting = actions[-1]
        if type(setting) is Timeout and setting.plain:
            if len(actions) == 1:
                return [_start_timer(engine, setting)]
            if type(actions[0]) not in NOT_FOR_SHELL:
                return [actions[0], _start_timer(engine, setting)]
    return _apply_several(engine, actions, changed=changed)


def _apply_several(engine: Engine, actions: tuple[Any, ...], *, changed: bool) -> list[object] | None:
    outputs: list[object] = []
    settings: list[Any] = []
    keeps_state_timer = not changed or engine._fsm_state_timer is None
    for action in actions:
        kind = type(action)  # pyright: ignore[reportUnknownVariableType]
        if kind not in NOT_FOR_SHELL:
            outputs.append(action)
        elif kind not in SHORT_SETTINGS or not action.plain:
            return None
        elif settings and (len(settings) > 1 or settings[0].name == action.name):
            return None  # which of several counts is for the full path to say
        else:
            keeps_state_timer |= kind is StateTimeout
            settings.append(action)
    if not keeps_state_timer:
        engine._fsm_state_timer = None
        outputs.append(CANCEL_STATE_TIMER)
    for setting in settings:
        if type(setting) is Cancel:
            left = tuple([timer for timer in engine._fsm_timers if timer.name != setting.name])
            if len(left) < len(engine._fsm_timers):
                engine._fsm_timers = left
                outputs.append(CancelTimer(setting.name))
            continue
        engine._fsm_token = token = engine._fsm_token + 1
        timer = StartTimer(setting.name, setting.seconds, None, setting.content, token)
        outputs.append(timer)
        if type(setting) is StateTimeout:
            engine._fsm_state_timer = timer
        else:
            keep_timer(engine, timer)
    return outputs


def _stop(engine: Engine, handler: Handler, step: Stop) -> list[object] | None:
    """Stop the machine and return the actions for the shell; do nothing if that is for the full path."""
    if not handler.may_go(step):
        return None
    outputs: list[object] = list(step.actions)
    for action in outputs:
        if type(action) in NOT_FOR_SHELL:
            return None
    outputs += [CancelTimer(timer.name) for timer in engine._fsm_timers]
    if engine._fsm_state_timer is not None:
        outputs.append(CANCEL_STATE_TIMER)
    outputs.append(Stopped(step.reason))
    engine._fsm_timers, engine._fsm_state_timer = (), None
    engine._fsm_extra = STOPPED
    return outputs


def _start_timer(engine: Engine, setting: Timeout) -> StartTimer:
    engine._fsm_token = token = engine._fsm_token + 1
    timer = StartTimer(setting.name, setting.seconds, None, setting.content, token)
    keep_timer(engine, timer)
    return timer


def keep_timer(engine: Engine, timer: StartTimer) -> None:
    """Take note that a named timer runs, in the place of the one with its name; nearly every machine has no other."""
    timers = engine._fsm_timers
    if not timers or (len(timers) == 1 and timers[0].name == timer.name):
        engine._fsm_timers = (timer,)
    else:
        named = {each.name: each for each in timers}
        named[timer.name] = timer
        engine._fsm_timers = tuple(named.values())
