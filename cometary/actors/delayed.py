"""Messages to others that are sent later, once or again and again.

1.  It is sent as by a `tell` of somebody who is not told: a message for which there is no room, by the receiver's own
    policy, is lost, and counted by its mailbox.
2.  It is the receiver's: it is sent whether or not whoever arranged for it still lives, goes on over the receiver's
    restarts, and ends with it.
3.  An interval has no drift. When the loop has stood still, the times that were missed are left out, not made up for.

Source: OTP, `erlang:send_after/3`, `erlang:cancel_timer/1`, `timer:send_interval/3`.
"""

from __future__ import annotations

from math import floor, inf
from typing import TYPE_CHECKING, Any

from cometary.actors.names import Whom
from cometary.actors.system import actor_meant
from cometary.actors.timers import Timer
from cometary.errors import UsageError

if TYPE_CHECKING:
    from cometary.actors.ref import ActorRef


class DelayedSend:
    """A message that is going to be sent; made by `send_after` and `send_interval`."""

    __slots__ = ("_cell", "_due", "_every", "_message", "_timer")

    life = mail_since = 0
    """For its timer, see `Recipient`: it belongs to no incarnation."""

    def __init__(self, ref: ActorRef[Any], message: object, seconds: float, every: float | None) -> None:
        self._cell = cell = ref.actor_inbox
        if not cell.system.on_thread():
            raise UsageError("a message is sent later only by code on the loop of the actor that gets it")
        self._message = message
        self._every = every
        self._timer = Timer(cell.system.scheduler.timers, self, message)
        self._timer.start(seconds)
        self._due = self._timer.deadline

    def __repr__(self) -> str:
        return f"<DelayedSend in {self.remaining} seconds>"

    @property
    def remaining(self) -> float | None:
        """Seconds until it is sent (next); None if it is not going to be sent (any more)."""
        if self.closed or not self._timer.running:
            return None
        return max(0.0, self._due - self._cell.system.scheduler.timers.now())

    def cancel(self) -> float | None:
        """Do not send it (any more); on the receiver's loop.

        Returns:
            The seconds that were left; None if it was sent, or cancelled, before.
        """
        left = self.remaining
        self._timer.close()
        return left

    def put_if_open(self, message: object) -> None:
        """Send it; called by the timer."""
        every = self._every
        if every is not None and not self.closed:
            now = self._cell.system.scheduler.timers.now()
            self._due += every * (1 + max(0, floor((now - self._due) / every)))
            self._timer.start_at(self._due)
        self._cell.offer(message)

    @property
    def closed(self) -> bool:
        """Whether the receiver has ended."""
        return self._cell.closed


def send_after(ref: Whom, message: object, seconds: float) -> DelayedSend:
    """Send `message` to the actor with this reference, or name, in `seconds`, unless that is cancelled before.

    Raises:
        ActorEndedError: if nobody has the name.
        UsageError: if `seconds` is negative, or this is not the loop of that actor; the caller's fault.
    """
    return DelayedSend(actor_meant(ref), message, seconds, None)


def send_interval(ref: Whom, message: object, seconds: float) -> DelayedSend:
    """Send `message` to the actor with this reference, or name, every `seconds`, for the first time in so many.

    It goes on until it is cancelled, or the actor has ended for good. A receiver that may be slower has a mailbox
    with a bound.

    Raises:
        ActorEndedError: if nobody has the name.
        UsageError: if `seconds` is not above 0, or this is not the loop of that actor; the caller's fault.
    """
    if not 0 < seconds < inf:
        raise UsageError(f"an interval is a number of seconds above 0, not {seconds!r}")
    return DelayedSend(actor_meant(ref), message, seconds, seconds)
