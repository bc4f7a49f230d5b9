"""The receive time-out: an actor is told that no message has come for a while.

1.  The time runs from the end of one message to the beginning of the next. It goes on until it is changed: one that
    has been told is told again after as long.
2.  An actor that has never asked for it pays nothing: the one that does hides its `on_receive` behind `Idleness`, as
    `cometary.actors.sys` does for a trace. The two know of each other: where both are wanted, the trace is outside.
3.  When the time is up, a message goes to the mailbox. If others are handled before it, or were just being handled, it
    comes too late: the timer runs again then, and by that it is known.
4.  It belongs to the incarnation.

Source: OTP, `gen_server`, `{noreply, State, Timeout}`; Akka, `setReceiveTimeout`.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cometary.actors.messages import ForLife
from cometary.actors.timers import Timer

if TYPE_CHECKING:
    from cometary.actors.actor import Actor

IDLENESS: Final = "_idleness"
"""Where an actor keeps it."""


class ReceiveTimeout(NamedTuple):
    """To the actor that has called `receive_timeout`: no message has come for so many `seconds`."""

    seconds: float


class _TimeIsUp:
    """To itself, and to nobody's handler."""


_TIME_IS_UP: Final = _TimeIsUp()


class Idleness:
    """Handles messages in place of an actor's `on_receive`, which it calls; and watches how long there are none."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor
        cell = actor.actor_inbox
        self._timer = Timer(cell.system.scheduler.timers, cell, ForLife(cell.life, _TIME_IS_UP))
        self._seconds: float | None = None
        self._message: object = None
        self.on_receive = (
            self._receive_async if inspect.iscoroutinefunction(type(actor).on_receive) else self._receive
        )
        cell.go_on_in_full()
        vars(actor)[IDLENESS] = self
        vars(actor).setdefault("on_receive", self.on_receive)  # else it is traced

    def change(self, seconds: float | None, message: object) -> None:
        """Begin anew: with this time, and this message; None for no time."""
        if seconds is not None:
            self._timer.start(seconds)
        self._seconds, self._message = seconds, message

    def restart(self) -> None:
        """Note that a message has been handled."""
        if self._seconds is not None:
            self._timer.start(self._seconds)

    def _receive(self, message: Any) -> Any:
        if message is _TIME_IS_UP:
            if self._too_late():
                return None
            message = self._message
        try:
            return type(self._actor).on_receive(self._actor, message)
        finally:
            self.restart()

    async def _receive_async(self, message: Any) -> Any:
        if message is _TIME_IS_UP:
            if self._too_late():
                return None
            message = self._message
        try:
            return await type(self._actor).on_receive(self._actor, message)
        finally:
            self.restart()

    def _too_late(self) -> bool:
        return self._timer.running or self._seconds is None


def set_idleness(actor: Actor, seconds: float | None, message: object) -> None:
    """See `Actor.receive_timeout`."""
    found: Idleness | None = vars(actor).get(IDLENESS)
    if found is None:
        if seconds is None:
            return
        found = Idleness(actor)
    if seconds is not None and message is None:
        message = ReceiveTimeout(seconds)
    found.change(seconds, message)
