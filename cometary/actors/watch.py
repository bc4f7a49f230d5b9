"""Deciding that a handler holds up the loop, from looks at what the loop's thread is doing.

1.  Each `tick` takes one look: at the call that the loop is in the middle of, if it is in any.
2.  A call that was seen before, without the loop having moved on since, has gone on all that time. From
    when it was first seen until now is how long it has held up the loop, at least.
3.  The same call again is not enough: an `async def` handler that computes, waits, and computes is one
    call. So the first look at a call also asks the loop for a sign of life (`beat`).
4.  A call that has lasted for the limit is reported, once, while it goes on.

It has no clock, no thread and no loop of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar


class Call(Protocol):
    """What the loop is in the middle of; `identity` is one object as long as it is the same call."""

    @property
    def identity(self) -> object:
        """The object that is the same at each look."""
        ...


C = TypeVar("C", bound=Call)


class Suspect:
    """A call since it was first seen."""

    __slots__ = ("identity", "moved_on", "reported", "since")

    def __init__(self, identity: object, since: float) -> None:
        self.identity = identity
        self.since = since
        self.moved_on = False
        self.reported = False

    def move_on(self) -> None:
        """Take note that the loop has come round."""
        self.moved_on = True


class Watch(Generic[C]):
    """Looks, compares, and reports.

    Args:
        limit: seconds that a call may take.
        now: reads a clock that goes on while the loop is blocked, in seconds.
        look: tells which call the loop is in the middle of; None: in none.
        beat: has the loop call a function when it next comes round.
        report: is told of a call that takes too long, and for how many seconds it has.

    Attributes:
        longest: the most seconds for which one call was seen to go on.
    """

    def __init__(
        self,
        limit: float,
        *,
        now: Callable[[], float],
        look: Callable[[], C | None],
        beat: Callable[[Callable[[], None]], object],
        report: Callable[[C, float], object],
    ) -> None:
        self._limit = limit
        self._now = now
        self._look = look
        self._beat = beat
        self._report = report
        self._suspect: Suspect | None = None
        self.longest = 0.0

    def tick(self) -> None:
        """Take a look; to be called several times in `limit` seconds."""
        call, suspect = self._look(), self._suspect
        if call is None:
            self._suspect = None
        elif suspect is None or suspect.moved_on or suspect.identity is not call.identity:
            self._suspect = suspect = Suspect(call.identity, self._now())
            self._beat(suspect.move_on)
        else:
            self._goes_on(suspect, call)

    def _goes_on(self, suspect: Suspect, call: C) -> None:
        seconds = self._now() - suspect.since
        self.longest = max(self.longest, seconds)
        if seconds >= self._limit and not suspect.reported:
            suspect.reported = True
            self._report(call, seconds)
