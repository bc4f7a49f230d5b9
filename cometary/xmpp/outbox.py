"""What a component has yet to send: while it is away, and while its server is slow. No socket, no clock.

1.  There are two lines. Requests and answers (`iq`) go first, and everything else after them: nobody waits for an
    answer behind ten thousand who are told of something else.
2.  Each line has a bound, and when it is full the oldest in it makes room (`drop_oldest`): subscribers want to know how
    things are now. What is in one line never makes room for the other. What is too large for a line by itself is
    dropped alone.
3.  What is for many is there once, with their addresses, and is written out for each when its turn has come: it counts
    as one, with `ADDRESS` bytes for each that it is still for, and is dropped for all of these at once.
4.  What is being written is kept until it is written. If the stream breaks meanwhile, it is written again, by itself;
    and if the stream breaks again, it is dropped: it would end every stream that it came first in, for ever.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from cometary.errors import UsageError
from cometary.xmpp.xml import written_attribute

if TYPE_CHECKING:
    from collections.abc import Sequence

ADDRESS: Final = 16
"""Bytes that are counted for each address: the text itself is that of a subscription."""

MOST_BREAKS: Final = 2
"""How often a stream may break while something is being written."""


class Entry:
    """A stanza for one, or for many.

    Args:
        stanza: as it is written; without `to` if it is for many.
        name: how many bytes its name takes, with the bracket: the place for `to`.
        addresses: these; None if the stanza says itself whom it is for.

    Attributes:
        breaks: how often a stream has broken while it was being written.
    """

    def __init__(self, stanza: bytes, name: int = 0, addresses: Sequence[str] | None = None) -> None:
        self._head, self._tail = stanza[:name], stanza[name:]
        self._addresses = addresses
        self._begun = self._written = 0
        self.breaks = 0

    def __len__(self) -> int:
        """Return how many stanzas are not written yet."""
        return (1 if self._addresses is None else len(self._addresses)) - self._written

    @property
    def size(self) -> int:
        """The bytes that it counts."""
        one = len(self._head) + len(self._tail)
        return one if self._addresses is None else one + ADDRESS * len(self)

    @property
    def is_begun(self) -> bool:
        """Whether all of it is on its way."""
        return self._begun == len(self)

    def begin(self) -> bytes:
        """Return the next stanza, to be written."""
        number = self._written + self._begun
        self._begun += 1
        if self._addresses is None:
            return self._tail
        return self._head + written_attribute("to", self._addresses[number]) + self._tail

    def done(self) -> bool:
        """Take note that what was begun is written; returns whether all of it is."""
        self._written += self._begun
        self._begun = 0
        return not len(self)

    def failed(self) -> bool:
        """Take note that the stream has broken; returns whether it is to be dropped."""
        self.breaks += self._begun > 0
        self._begun = 0
        return self.breaks >= MOST_BREAKS


class Line:
    """What waits of one sort, within bounds.

    Args:
        most: how much at most.
        size: how many bytes at most.
    """

    def __init__(self, most: int, size: int) -> None:
        self._most, self._most_bytes = most, size
        self.entries: deque[Entry] = deque()
        self.writing = 0  # of these, the first ones, of which at least one stanza is on its way
        self.size = 0

    def add(self, entry: Entry) -> int:
        """Take an entry; returns how many stanzas were dropped."""
        if entry.size > self._most_bytes:
            return len(entry)
        self.entries.append(entry)
        self.size += entry.size
        dropped = 0
        while len(self.entries) > self._most or self.size > self._most_bytes:
            if len(self.entries) <= self.writing:
                break
            dropped += self._drop(self.writing)
        return dropped

    def begin(self, size: int) -> list[bytes]:
        """Return the first stanzas, about `size` bytes. One that may have broken a stream comes alone."""
        chosen: list[bytes] = []
        for entry in self.entries:
            if entry.breaks and chosen:
                break
            self.writing += 1
            while not entry.is_begun and size > 0:
                chosen.append(entry.begin())
                size -= len(chosen[-1])
                if entry.breaks:
                    return chosen
            if size <= 0:
                break
        return chosen

    def done(self) -> None:
        """Forget what has been written."""
        for _ in range(self.writing):
            entry = self.entries.popleft()
            self.size -= entry.size
            if not entry.done():
                self.size += entry.size
                self.entries.appendleft(entry)  # the last one of them
        self.writing = 0

    def failed(self) -> int:
        """Take note that the stream has broken; returns how many stanzas were dropped for it."""
        begun, self.writing = self.writing, 0
        bad = [entry for entry in list(self.entries)[:begun] if entry.failed()]
        return sum(self._drop(self.entries.index(entry)) for entry in bad)

    def _drop(self, index: int) -> int:
        entry = self.entries[index]
        del self.entries[index]
        self.size -= entry.size
        return len(entry)


class Outbox:
    """Both lines.

    Args:
        most: how much waits in each line at most.
        size: how many bytes this has at most.

    Raises:
        UsageError: if that is no bound; the caller's fault.

    Attributes:
        dropped: how many stanzas were dropped so far.
    """

    def __init__(self, most: int, size: int) -> None:
        if most < 1 or size < 1:
            raise UsageError("an outbox takes at least one stanza, and one byte")
        self._first, self._others = Line(most, size), Line(most, size)
        self.dropped = 0

    def __len__(self) -> int:
        """Return how many stanzas wait."""
        return sum(len(entry) for line in self._lines for entry in line.entries)

    def __bool__(self) -> bool:
        """Whether something waits."""
        return any(line.entries for line in self._lines)

    @property
    def size(self) -> int:
        """The bytes that wait."""
        return sum(line.size for line in self._lines)

    def add(self, stanza: bytes, *, first: bool = False) -> int:
        """Take a stanza, `first` a request or an answer; returns how many were dropped, or 1 if it is too large."""
        return self._count((self._first if first else self._others).add(Entry(stanza)))

    def add_for_each(self, stanza: bytes, name: int, addresses: Sequence[str]) -> int:
        """Take one that is for many; see `Entry`. It returns the same."""
        return self._count(self._others.add(Entry(stanza, name, addresses))) if addresses else 0

    def begin(self, size: int) -> bytes:
        """Return the first stanzas, about `size` bytes, to be written; `done` says when they are."""
        chosen = self._first.begin(size)
        left = size - sum(map(len, chosen))
        if left > 0 and not self._is_doubtful(self._first, chosen):
            others = self._others
            if not (chosen and others.entries and others.entries[0].breaks):
                chosen += others.begin(left)
        return b"".join(chosen)

    def done(self) -> None:
        """Forget what has been written."""
        for line in self._lines:
            line.done()

    def failed(self) -> int:
        """Take note that the stream has broken (rule 4); returns how many stanzas were dropped for it."""
        return self._count(sum(line.failed() for line in self._lines))

    @staticmethod
    def _is_doubtful(line: Line, chosen: list[bytes]) -> bool:
        return bool(chosen) and line.entries[0].breaks > 0

    @property
    def _lines(self) -> tuple[Line, Line]:
        return self._first, self._others

    def _count(self, dropped: int) -> int:
        self.dropped += dropped
        return dropped
