"""Firenze's rules: one browser's long-poll. No socket, no clock: times go in, actions come out through `Host`.

1.  The first GET is answered at once, so that the client learns its id. A later one is answered at once if something
    is waiting; otherwise it is parked for `hold` seconds.
2.  What comes is bundled: the first message starts the bundling timer, and when that expires all go in one answer.
    Without a delay the first goes alone.
3.  Messages are numbered. An answer's token names the last one in it, and a GET with the token acknowledges them up
    to there. So a token that comes again acknowledges nothing that came since, and what it does not acknowledge is
    sent again. (The original's token was a count, so that a repeated GET acknowledged others.)
4.  A second GET has the first one answered, with nothing. One that was dropped is forgotten; its messages wait.
5.  After an answer, or a drop, the client has `die` seconds for the next GET; then it is gone.
6.  A message is kept for `keep` seconds at most. What waits is bounded as well; a client for which too much waits is
    gone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Protocol

MOST: Final = 1_000
"""Messages that wait."""

HOLD, BUNDLE, DIE = "hold", "bundle", "die"
"""The timers."""


class Times(NamedTuple):
    """Seconds: how long a GET is parked, messages are bundled and kept, and a client may be away."""

    hold: float = 30
    bundle: float = 0.25
    die: float = 30
    keep: float = 60


class Waiting(NamedTuple):
    """One message."""

    number: int
    path: str
    message: Any
    since: float


class Host(Protocol):
    """What is to be done."""

    def answer(self, parked: object, updates: Sequence[Waiting], number: int) -> None:
        """Answer a GET; `number` is for its token."""
        ...

    def start_timer(self, timer: str, seconds: float) -> None:
        """Call `expired` in so many seconds, instead of when it would have been called."""
        ...

    def stop_timer(self, timer: str) -> None:
        """Do not call it."""
        ...

    def gone(self) -> None:
        """The client is gone."""
        ...


class Polling:
    """One client.

    Args:
        host: does what is to be done.
        times: how long things take.
    """

    def __init__(self, host: Host, times: Times) -> None:
        self._host = host
        self._times = times
        self._queue: deque[Waiting] = deque()
        self._last = 0
        self._parked: object = None
        self._bundling = False
        self._answered = False

    def poll(self, asked: object, acknowledged: int, now: float) -> None:
        """Take a GET."""
        while self._queue and self._queue[0].number <= acknowledged:
            self._queue.popleft()
        if self._parked is not None:
            self._answer([])
        self._host.stop_timer(DIE)
        self._parked = asked
        self._forget_old(now)
        if self._queue or not self._answered:
            self._answer(self._queue)
        else:
            self._host.start_timer(HOLD, self._times.hold)

    def update(self, path: str, message: Any, now: float) -> None:
        """Take a message."""
        if len(self._queue) >= MOST:
            self._end()
            return
        self._last += 1
        self._queue.append(Waiting(self._last, path, message, now))
        if self._bundling:
            return
        if self._times.bundle:
            self._bundling = True
            self._host.start_timer(BUNDLE, self._times.bundle)
        elif self._parked is not None:
            self._answer(self._queue)

    def dropped(self, asked: object) -> None:
        """Take note that a GET can no longer be answered (rule 4)."""
        if self._parked is asked:
            self._parked = None
            self._host.stop_timer(HOLD)
            self._host.start_timer(DIE, self._times.die)

    def expired(self, timer: str, now: float) -> None:
        """Take note that a timer has expired."""
        self._forget_old(now)
        if timer == DIE:
            self._end()
        elif timer == BUNDLE:
            self._bundling = False
            if self._parked is not None and self._queue:
                self._answer(self._queue)
        elif self._parked is not None:
            self._answer([])

    def _answer(self, updates: Sequence[Waiting]) -> None:
        parked, self._parked = self._parked, None
        self._answered = True
        self._host.stop_timer(HOLD)
        # What an empty answer acknowledges is what has been acknowledged already.
        number = updates[-1].number if updates else (self._queue[0].number - 1 if self._queue else self._last)
        self._host.answer(parked, [*updates], number)
        self._host.start_timer(DIE, self._times.die)

    def _end(self) -> None:
        if self._parked is not None:
            self._answer([])
        self._queue.clear()
        self._host.gone()

    def _forget_old(self, now: float) -> None:
        while self._queue and now - self._queue[0].since > self._times.keep:
            self._queue.popleft()
