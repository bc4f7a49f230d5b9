"""Which of a machine's timers are running, and which time-outs are due at once.

1. One timer a name: starting it again replaces it, and the token tells the two apart.
2. A time-out of zero seconds is never a timer. It is due: it waits until no event is queued, and comes before
   anything that the machine has not yet received.
3. A state change cancels the state timer, and any event the event timer, unless the same transition sets it anew.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Hashable, Mapping

from cometary.fsm.actions import (
    EVENT_TIMER,
    STATE_TIMER,
    Cancel,
    EventTimeout,
    StateTimeout,
    Timeout,
    TimerAction,
    Update,
)
from cometary.fsm.events import TimedOut
from cometary.fsm.shell import CancelTimer, StartTimer


class Timers:
    """The timers of one machine for the length of one step.

    Args:
        running: The timers that run before the step, by name.
        token: The token of the last timer that the machine has started.
        actions: Where to put `StartTimer` and `CancelTimer`.
    """

    __slots__ = ("_actions", "due", "running", "token")

    def __init__(self, running: dict[Hashable, StartTimer], token: int, actions: list[object]) -> None:
        self.running = running
        self.token = token
        # Not a dict: to find the first key of one, all that have been taken out before it are passed.
        self.due: OrderedDict[Hashable, object] = OrderedDict()
        self._actions = actions

    def expire(self, event: TimedOut) -> TimedOut | None:
        """Take note that a timer has run out.

        Returns:
            The event to handle, with the timer's latest content. None if the timer was cancelled or started
            anew while its event was on the way: a shell can only cancel what has not yet run out.
        """
        timer = self.running.get(event.name)
        if timer is None or timer.token != event.token:
            return None
        del self.running[event.name]
        return timer.timed_out()

    def next_due(self) -> TimedOut:
        """Take the time-out that has been due longest."""
        name, content = self.due.popitem(last=False)
        return TimedOut(name, content)

    def apply(self, wanted: Mapping[Hashable, TimerAction], *, state_changed: bool) -> None:
        """Carry out what one transition wants done, the last action for each name, in order."""
        if state_changed and not isinstance(wanted.get(STATE_TIMER), StateTimeout):
            self._cancel(STATE_TIMER)
        if not isinstance(wanted.get(EVENT_TIMER), EventTimeout):
            self._cancel(EVENT_TIMER)
        for name, action in wanted.items():
            if isinstance(action, Cancel):
                self._cancel(name)
            elif isinstance(action, Update):
                self._update(name, action.content)
            else:
                self._start(name, action)

    def cancel_all(self) -> None:
        """Cancel everything, as the machine has stopped."""
        for name in list(self.running):
            self._cancel(name)
        self.due.clear()

    def _start(self, name: Hashable, action: StateTimeout | EventTimeout | Timeout) -> None:
        if action.seconds == 0:
            self._cancel(name)
            self.due[name] = action.content
        elif action.seconds == math.inf:
            self._cancel(name)
        else:
            self.due.pop(name, None)
            self.token += 1
            timer = StartTimer(name, action.seconds, action.at, action.content, self.token)
            self.running[name] = timer
            self._actions.append(timer)

    def _cancel(self, name: Hashable) -> None:
        self.due.pop(name, None)
        if self.running.pop(name, None) is not None:
            self._actions.append(CancelTimer(name))

    def _update(self, name: Hashable, content: object) -> None:
        timer = self.running.get(name)
        if timer is None:
            self.due[name] = content
        else:
            # The shell's timer stays as it is: the content comes from here when it runs out.
            self.running[name] = StartTimer(name, timer.seconds, timer.at, content, timer.token)
