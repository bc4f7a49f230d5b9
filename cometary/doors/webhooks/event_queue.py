"""The queue of webhook events: which are to be sent now, which wait, and for whom.

1.  The events of one session are a stream. Only the first of a stream is ever sent; the next one follows
    when that has been delivered, or given up. Different streams do not wait for one another.
2.  An attempt that fails is made again after a pause that doubles, until `patience` seconds have passed
    since the event's first attempt. Then the event is given up.
3.  So each event is sent at least once, unless it is dropped (4); exactly once, when no attempt fails. An
    attempt that failed may have arrived: the receiver knows a double by the event's id.
4.  What comes when the queue is full is dropped (`drop_newest`). Numbers are given before, so that the receiver sees
    the gap. Nothing in the queue gives way, since it may be under way. Messages of clients get only half of the room:
    no client can keep the queue from being told of sessions.
5.  At most `concurrency` attempts are under way at one time. Streams take turns.

Pure: time comes in as an argument, no socket.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable


MESSAGE: Final = "message"
"""The type of an event that a client can cause whenever it likes."""


@dataclass(slots=True, eq=False)
class Event:
    """One thing that happened.

    Args:
        id: the same for all attempts, and never used again.
        type: `signon`, `signoff`, `receipt`, `failure` or `message`.
        session: the public name of the session, whose stream it belongs to; None for those of no session.
        body: what is sent.
        settled: called when it has arrived, or was given up or dropped.

    Attributes:
        attempts: how many have been made or begun.
        first_attempt: when the first one was made, in seconds of the queue's clock; None before.
    """

    id: str
    type: str
    session: str | None
    body: bytes
    settled: Callable[[], object] | None = None
    attempts: int = 0
    first_attempt: float | None = None


@dataclass(slots=True)
class Counts:
    """What has become of all events so far."""

    delivered: int = 0
    retried: int = 0
    given_up: int = 0
    dropped: int = 0


@dataclass(slots=True)
class _Stream:
    session: str | None
    events: deque[Event] = field(default_factory=deque[Event])


class EventQueue:
    """Events that are to be sent.

    Args:
        pause: returns the seconds to wait after so many attempts of an event have failed, at least
            one.
        patience: seconds since its first attempt after which an event is given up.
        concurrency: attempts under way at most.
        max_events: events kept at most.
        max_bytes: bytes of their bodies at most; one event always has room.
    """

    def __init__(
        self,
        pause: Callable[[int], float],
        *,
        patience: float,
        concurrency: int,
        max_events: int,
        max_bytes: int,
    ) -> None:
        self.counts: Final = Counts()
        self._pause = pause
        self._patience = patience
        self._concurrency = concurrency
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._streams: dict[str | None, _Stream] = {}
        self._ready: deque[_Stream] = deque()
        self._later: list[tuple[float, int, _Stream]] = []
        self._under_way: dict[str | None, _Stream] = {}
        self._tiebreak = count()
        self._length = 0
        self._bytes = 0

    def __len__(self) -> int:
        return self._length

    def has_room(self, kind: str, size: int) -> bool:
        """Whether an event of a type, and of so many bytes, would be taken now (rule 4)."""
        share = 2 if kind == MESSAGE else 1
        room = self._max_bytes // share - self._bytes
        full = self._length >= self._max_events // share or size > room
        return not (full and self._length)

    def add(self, event: Event) -> bool:
        """Take an event, behind those of its session; returns False if it was dropped, for want of room."""
        if not self.has_room(event.type, len(event.body)):
            self.counts.dropped += 1
            _settle(event)
            return False
        self._length += 1
        self._bytes += len(event.body)
        stream = self._streams.get(event.session)
        if stream is None:
            stream = self._streams[event.session] = _Stream(event.session)
            self._ready.append(stream)
        stream.events.append(event)
        return True

    def take(self, now: float) -> list[Event]:
        """Return the events for which an attempt is to be made now; each is then under way."""
        while self._later and self._later[0][0] <= now:
            self._ready.append(heappop(self._later)[2])
        taken: list[Event] = []
        while self._ready and len(self._under_way) < self._concurrency:
            stream = self._ready.popleft()
            self._under_way[stream.session] = stream
            event = stream.events[0]
            event.attempts += 1
            if event.first_attempt is None:
                event.first_attempt = now
            taken.append(event)
        return taken

    def next_time(self) -> float | None:
        """Return when an event is to be tried again, if nothing happens before; None if none is due."""
        return self._later[0][0] if self._later else None

    def delivered(self, event: Event) -> None:
        """Take note that an event that was under way has arrived."""
        self.counts.delivered += 1
        self._finish(event)

    def failed(self, event: Event, now: float) -> bool:
        """Take note that an attempt has failed; returns whether the event has been given up."""
        again = now + self._pause(event.attempts)
        first = now if event.first_attempt is None else event.first_attempt
        if again > first + self._patience:
            self.counts.given_up += 1
            self._finish(event)
            return True
        self.counts.retried += 1
        stream = self._under_way.pop(event.session)
        heappush(self._later, (again, next(self._tiebreak), stream))
        return False

    def put_back(self) -> None:
        """Take note that the outcome of the attempts under way is unknown: they are made again."""
        self._ready.extendleft(reversed(self._under_way.values()))
        self._under_way.clear()

    def _finish(self, event: Event) -> None:
        stream = self._under_way.pop(event.session)
        stream.events.popleft()
        self._length -= 1
        self._bytes -= len(event.body)
        _settle(event)
        if stream.events:
            self._ready.append(stream)
        else:
            del self._streams[stream.session]


def _settle(event: Event) -> None:
    if event.settled is not None:
        event.settled()
