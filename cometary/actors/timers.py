"""Timers that cost an assignment to move.

A session re-arms its timers at every delivery, so starting, moving and cancelling must not
touch the heap. The rules:

1.  A timer has a deadline (infinity while it is not running) and at most one live heap entry,
    due at `entry_due`, never later than the deadline.
2.  Moving the deadline later, or cancelling, leaves the entry where it is. When the entry
    comes up early, the timer is entered again at its real deadline, or forgotten.
3.  Moving the deadline before `entry_due` adds an entry; the old one is now stale and is skipped
    when it comes up, because its time is no longer the timer's `entry_due`. Timers that are due at the same
    moment expire in the order in which they were started last: each start has a number, and an entry that
    comes up with an older one is entered again with that.
4.  A timer belongs to the mailbox. When that is emptied for the next life of an actor, its timers are as if cancelled.
5.  Stale entries cannot pile up: whenever the heap has doubled since the last look, they are
    thrown out. So are those of timers that were closed, because an ended actor closes its own.
6.  A closed timer changes over to a queue whose clock refuses to be read: starting one is an error, and
    starting any other need not ask whether it was closed. It keeps nobody, as its entry may be there for long.
7.  A timer that is entered `FAR` seconds ahead or more may be late by `GRAIN`, if nothing else wakes the loop: timers
    due within it expire together, so that thousands of held requests do not wake the loop one by one. They still expire
    in the order of their deadlines. The `entry_due` of such a timer is when it is certain to be looked at.

It is apart from the scheduler because it is one of the modules that can be compiled (`scripts/compile.py`); the
scheduler is not.
"""

from __future__ import annotations

import heapq
from math import inf
from typing import TYPE_CHECKING, ClassVar, Final, Protocol

from cometary.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable


FAR: Final = 10.0
GRAIN: Final = 0.25
"""Seconds; a power of two, whose multiples are exact."""


class Recipient(Protocol):
    """Whatever takes a message when a timer expires: an actor's mailbox."""

    def put_if_open(self, item: object, /) -> None:
        """Take the message, or drop it when the actor has ended."""
        ...

    @property
    def closed(self) -> bool:
        """Whether the actor has ended for good."""
        ...

    @property
    def life(self) -> int:
        """The number of the actor's incarnation."""
        ...

    @property
    def mail_since(self) -> int:
        """The life since which mail has been kept."""
        ...


class Nobody:
    """The recipient of a timer that was closed."""

    closed: Final = True
    life: Final = 0
    mail_since: Final = 0

    def put_if_open(self, item: object, /) -> None:
        """Drop the message."""


NOBODY: Final = Nobody()


class Timer:
    """Sends one message to one mailbox when its time comes; may be started over and over.

    Made by `Actor.timer(message)`. A timer that expires just before it is cancelled has
    already sent its message: the receiver must be ready for that, as in OTP
    (`erlang:cancel_timer/1`).
    """

    __slots__ = ("_queue", "deadline", "entry_due", "life", "message", "recipient", "started")

    def __init__(self, queue: TimerQueue, recipient: Recipient, message: object) -> None:
        self._queue = queue
        self.recipient = recipient
        self.life = recipient.life
        self.entry_due = inf
        self.message = message
        self.deadline = inf
        self.started = 0

    def start(self, seconds: float) -> None:
        """Expire `seconds` from now instead of whenever it would have.

        In a turn of a scheduled actor, now is when the scheduler's batch began.

        Raises:
            UsageError: if `seconds` is negative, or the timer was closed; the caller's fault, nothing
                has changed.
        """
        if not seconds >= 0:  # so that NaN is refused as well
            raise UsageError(f"a timer cannot expire in the past: {seconds} seconds")
        queue = self._queue
        now = queue.batch_began  # as `TimerQueue.now`, without a call
        self.deadline = deadline = (queue.now() if now is None else now) + seconds
        queue.starts = self.started = queue.starts + 1
        if deadline < self.entry_due:
            queue.enter(self, deadline)

    def start_at(self, deadline: float) -> None:
        """Expire at `deadline`, in seconds of Trio's clock, instead of whenever it would have; at once if that is past.

        Raises:
            UsageError: if the timer was closed; the caller's fault, nothing has changed.
        """
        queue = self._queue
        self.deadline = deadline = max(deadline, queue.now())
        queue.starts = self.started = queue.starts + 1
        if deadline < self.entry_due:
            queue.enter(self, deadline)

    def cancel(self) -> None:
        """Do not expire. Harmless when the timer is not running."""
        self.deadline = inf

    def close(self) -> None:
        """Never expire again: the timer is not going to be started any more."""
        self.deadline = inf
        self.entry_due = -inf  # no entry is due then, so the one it has is stale from now on
        self.recipient = NOBODY  # who has ended, while that entry waits for its time
        self._queue = _CLOSED

    @property
    def running(self) -> bool:
        """Whether the timer is going to expire."""
        return self.deadline < inf

    def __repr__(self) -> str:
        return f"<Timer {self.message!r} at {self.deadline}>"


class TimerQueue:
    """The heaps of all timers of one actor system.

    Args:
        clock: tells the time, in seconds.
        on_earlier: called when the next entry is due sooner than it was, so that whoever
            sleeps until then can wake up and look again.
    """

    _SMALL: ClassVar[int] = 64

    def __init__(self, clock: Callable[[], float], on_earlier: Callable[[], None]) -> None:
        self._clock = clock
        self.batch_began: float | None = None
        """When the scheduler's batch that runs now began; None while none runs."""
        self._on_earlier = on_earlier
        self._near: list[tuple[float, int, Timer]] = []
        self._far: list[tuple[float, int, Timer]] = []  # rule 7
        self.starts = 0
        """How often timers have been started."""
        self._compact_at = self._SMALL
        self.next_due = inf
        """When `expire` next has something to look at: a Trio clock reading in seconds."""

    def __len__(self) -> int:
        return len(self._near) + len(self._far)

    def now(self) -> float:
        """Return the time in seconds; within a batch, the time when the batch began."""
        return self._clock() if self.batch_began is None else self.batch_began

    def of(self, recipient: Recipient) -> list[Timer]:
        """Return the timers of one mailbox that are going to expire, the soonest first; looks at all there are."""
        entries = [*self._near, *self._far]
        found = {timer for _, _, timer in entries if timer.recipient is recipient and timer.running}
        return sorted(found, key=lambda timer: (timer.deadline, timer.started))

    def enter(self, timer: Timer, wake: float) -> None:
        """Look at `timer` again at `wake`."""
        if len(self) >= self._compact_at:
            self._compact()
        far = wake - self.now() >= FAR
        timer.entry_due = due = grained(wake) if far else wake
        heapq.heappush(self._far if far else self._near, (wake, timer.started, timer))
        if due < self.next_due:
            self.next_due = due
            self._on_earlier()

    def expire(self, now: float, limit: int) -> None:
        """Send the messages of timers whose deadline is not after `now`; look at no more than `limit`."""
        near, far = self._near, self._far
        while limit > 0:
            limit -= 1
            is_far = bool(far) and (not near or far[0][:2] < near[0][:2])
            heap = far if is_far else near
            if not heap or heap[0][0] > now:
                break
            wake, started, timer = heapq.heappop(heap)
            if (grained(wake) if is_far else wake) == timer.entry_due:  # else stale, by rule 3
                self._look_at(timer, started, now)
        self.next_due = near[0][0] if near else inf
        if far:
            self.next_due = min(self.next_due, grained(far[0][0]))

    def _look_at(self, timer: Timer, started: int, now: float) -> None:
        timer.entry_due = inf
        if timer.deadline <= now and timer.started == started:
            timer.deadline = inf
            if timer.life >= timer.recipient.mail_since:
                timer.recipient.put_if_open(timer.message)
        elif timer.deadline < inf:
            self.enter(timer, timer.deadline)

    def _compact(self) -> None:
        # A timer that is not running keeps its entry: it is likely to be started again, and has
        # only this one. By timer, because on a clock that stands still two entries of one timer
        # may have the same time.
        for heap, far in ((self._near, False), (self._far, True)):
            kept: dict[Timer, tuple[float, int, Timer]] = {}
            for entry in heap:
                wake, _, timer = entry
                if (grained(wake) if far else wake) == timer.entry_due:
                    if timer.recipient.closed:
                        timer.entry_due = timer.deadline = inf
                    else:
                        kept[timer] = entry
            heap[:] = kept.values()  # in place: `expire` may be in the middle of it
            heapq.heapify(heap)
        self._compact_at = max(self._SMALL, 2 * len(self))


def grained(time: float) -> float:
    """Return the next time at which timers of rule 7 are looked at; `time` is finite, as that of every entry."""
    return -(-time // GRAIN) * GRAIN


def _refuse() -> float:
    raise UsageError("the timer was closed, and cannot be started again")


_CLOSED: Final = TimerQueue(_refuse, lambda: None)
