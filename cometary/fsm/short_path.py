"""The short path of the engine: the actions of the commonest steps.

Functions of a module, and not the engine's methods: compiled, the call of a method that a subclass in Python may have
replaced is made as Python makes it, and this runs for every event.
"""

# pyright: reportPrivateUsage=false
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cometary.fsm.actions import Cancel, StateTimeout, Timeout
from cometary.fsm.shell import CANCEL_STATE_TIMER, CancelTimer, StartTimer
from cometary.fsm.step import NOT_FOR_SHELL

if TYPE_CHECKING:
    from cometary.fsm.engine import Engine

SHORT_SETTINGS: Final = frozenset({StateTimeout, Timeout, Cancel})

PAIR: Final = 2
"""Actions of the commonest steps: perhaps one for the shell, and the time-out of the state that is entered."""


def apply(engine: Engine, actions: tuple[Any, ...], *, changed: bool) -> list[object] | None:
    """Set the timers and return the actions for the shell; do nothing if that is for the full path."""
    if engine._fsm_state_timer is None and len(actions) <= PAIR and actions:
        setting = actions[-1]
        if type(setting) is Timeout and setting.plain:
            if len(actions) == 1:
                return [_start_timer(engine, setting)]
            if type(actions[0]) not in NOT_FOR_SHELL:
                return [actions[0], _start_timer(engine, setting)]
    return _apply_several(engine, actions, changed=changed)


def _apply_several(engine: Engine, actions: tuple[Any, ...], *, changed: bool) -> list[object] | None:  # noqa: C901
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
    timers = engine._fsm_timers
    for setting in settings:
        if type(setting) is Cancel:
            if timers is not None and timers.pop(setting.name, None) is not None:
                outputs.append(CancelTimer(setting.name))
            continue
        engine._fsm_token = token = engine._fsm_token + 1
        timer = StartTimer(setting.name, setting.seconds, None, setting.content, token)
        outputs.append(timer)
        if type(setting) is StateTimeout:
            engine._fsm_state_timer = timer
        elif timers is None:
            engine._fsm_timers = timers = {timer.name: timer}
        else:
            timers[timer.name] = timer
    return outputs


def _start_timer(engine: Engine, setting: Timeout) -> StartTimer:
    engine._fsm_token = token = engine._fsm_token + 1
    timer = StartTimer(setting.name, setting.seconds, None, setting.content, token)
    if engine._fsm_timers is None:
        engine._fsm_timers = {timer.name: timer}
    else:
        engine._fsm_timers[timer.name] = timer
    return timer
