"""gen_statem's rules once more, as naively as they can be written down, to compare the engine with.

One plain function for one event, no short path, no copies, no tables: only what `Scripted` needs.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Hashable
from typing import NamedTuple

from cometary.fsm import (
    Cancel,
    EventTimeout,
    NextEvent,
    Postpone,
    StateTimeout,
    Step,
    TimedOut,
    Timeout,
    Update,
)
from cometary.fsm.step import Repeat, Stop
from tests.fsm.scripted import Do, Scripts

MAX_CHAIN = 30


class EndlessError(Exception):
    """An event sets off too many others."""


class Timer(NamedTuple):
    seconds: float | None
    content: object


class Model:
    def __init__(self, scripts: Scripts) -> None:
        self.scripts = scripts
        self.state = "a"
        self.stopped = False
        self.timers: dict[Hashable, Timer] = {}
        self.postponed: list[object] = []
        self.queue: list[object] = []
        self.zero: list[tuple[Hashable, object]] = []
        self.log: list[str] = []
        self.outputs: list[object] = []

    def start(self) -> None:
        self._set_timers(self._enter("a"))
        self._run()

    def step(self, event: object) -> list[object]:
        """Handle an event and return the actions for the shell, timers apart.

        Raises:
            EndlessError: The event sets off more than `MAX_CHAIN` others; nothing has changed.
        """
        before = {name: copy.copy(value) for name, value in vars(self).items()}
        self.outputs = []
        try:
            self._handle(event)
            self._run()
        except EndlessError:
            vars(self).update(before)
            raise
        return self.outputs

    def time_out(self, name: Hashable) -> list[object]:
        """Let a running timer run out."""
        timer = self.timers.pop(name)
        try:
            return self.step(TimedOut(name, timer.content))
        except EndlessError:
            self.timers[name] = timer
            raise

    def _run(self) -> None:
        for _ in range(MAX_CHAIN):
            if self.queue:
                self._handle(self.queue.pop(0))
            elif self.zero:
                self._handle(TimedOut(*self.zero.pop(0)))
        if self.queue or self.zero:
            raise EndlessError

    def _handle(self, event: object) -> None:
        before = self.state
        step = self._answer(event)
        options: list[object] = self._output(step.actions if step else ())
        if isinstance(step, Stop):
            self.stopped = True
            self.timers, self.postponed, self.queue, self.zero = {}, [], [], []
            return
        if step and step.target:
            self.state = step.target.name
        changed = self.state != before
        if changed or isinstance(step, Repeat):
            options += self._enter(before)
        if [option.postpone for option in options if isinstance(option, Postpone)][-1:] == [True]:
            self.postponed.append(event)
        if changed:
            self.queue = self.postponed + self.queue
            self.postponed = []
            self._forget("state")
        self.queue = [option.event for option in options if isinstance(option, NextEvent)] + self.queue
        self._forget("event")
        self._set_timers(options)

    def _answer(self, event: object) -> Step | None:
        if isinstance(event, TimedOut):
            self.log.append(f"{event.name} time-out in {self.state}: {event.content}")
            return self.scripts.timed_out.get(str(event.name))
        assert isinstance(event, Do)
        self.log.append(f"{event.name} in {self.state}")
        answer: Step | None = getattr(event, self.state)
        return answer

    def _enter(self, came_from: str) -> list[object]:
        self.log.append(f"enter {self.state} from {came_from}")
        return self._output(self.scripts.entering.get(self.state, ()))

    def _output(self, actions: tuple[object, ...]) -> list[object]:
        engine = (StateTimeout, EventTimeout, Timeout, Cancel, Update, NextEvent, Postpone)
        self.outputs += [action for action in actions if not isinstance(action, engine)]
        return [action for action in actions if isinstance(action, engine)]

    def _forget(self, name: Hashable) -> None:
        self.timers.pop(name, None)
        self.zero = [zero for zero in self.zero if zero[0] != name]

    def _set_timers(self, options: list[object]) -> None:
        timer_actions = [
            option
            for option in options
            if isinstance(option, (StateTimeout, EventTimeout, Timeout, Cancel, Update))
        ]
        for index, action in enumerate(timer_actions):
            if action.name not in [later.name for later in timer_actions[index + 1 :]]:
                self._set_timer(action)

    def _set_timer(self, action: StateTimeout | EventTimeout | Timeout | Cancel | Update) -> None:
        name = action.name
        if isinstance(action, Update):
            if name in self.timers:
                self.timers[name] = Timer(self.timers[name].seconds, action.content)
            elif name in [zero for zero, _ in self.zero]:
                self.zero = [(zero, action.content if zero == name else old) for zero, old in self.zero]
            else:
                self.zero.append((name, action.content))
            return
        self._forget(name)
        if isinstance(action, Cancel) or action.seconds == math.inf:
            return
        if action.seconds == 0:
            self.zero.append((name, action.content))
        else:
            self.timers[name] = Timer(action.seconds, action.content)
