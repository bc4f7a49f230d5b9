"""What a component has still to send: while it is away, and while its server is slow. No socket, no clock.

It has a bound, and when it is full the oldest makes room (`drop_oldest`): whoever subscribes wants to know how things
are now. What is being written is kept until it is written.
"""

from __future__ import annotations

from collections import deque

from cometary.errors import UsageError


class Outbox:
    """Stanzas in order.

    Args:
        stanzas: how many wait at most.
        size: how many bytes these have at most.

    Raises:
        UsageError: if that is no bound; the caller's fault.

    Attributes:
        dropped: how many were dropped so far.
        size: bytes that wait.
    """

    def __init__(self, stanzas: int, size: int) -> None:
        if stanzas < 1 or size < 1:
            raise UsageError("an outbox takes at least one stanza, and one byte")
        self._most, self._most_bytes = stanzas, size
        self._waiting: deque[bytes] = deque()
        self._writing = 0  # of these, the first ones, which are on their way
        self.size = 0
        self.dropped = 0

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._waiting)

    def add(self, stanza: bytes) -> int:
        """Take a stanza; returns how many others were dropped for it. One that is too large itself is dropped."""
        self._waiting.append(stanza)
        self.size += len(stanza)
        dropped = 0
        while len(self._waiting) > self._most or self.size > self._most_bytes:
            if len(self._waiting) <= self._writing:
                break
            self.size -= len(self._waiting[self._writing])
            del self._waiting[self._writing]
            dropped += 1
        self.dropped += dropped
        return dropped

    def begin(self, size: int) -> bytes:
        """Return the first ones, about `size` bytes, to be written; `done` says when they are."""
        chosen: list[bytes] = []
        for stanza in self._waiting:
            chosen.append(stanza)
            size -= len(stanza)
            if size <= 0:
                break
        self._writing = len(chosen)
        return b"".join(chosen)

    def done(self) -> None:
        """Forget what has been written."""
        for _ in range(self._writing):
            self.size -= len(self._waiting.popleft())
        self._writing = 0

    def failed(self) -> None:
        """Take note that the writing has failed: what was to be written is written again."""
        self._writing = 0
