"""The elements that wait for a request of the client, in order; an answer takes as many as fit."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

MOST_WAITING: Final = 512 * 1024
"""Bytes beyond which nothing more is read from the XMPP server."""

MOST_AT_ONCE: Final = 256 * 1024
"""Bytes of one answer; an element with more goes alone."""


class Waiting:
    """The elements for one client."""

    __slots__ = ("_elements", "_size")

    def __init__(self) -> None:
        self._elements: deque[bytes] = deque()
        self._size = 0

    def __len__(self) -> int:
        return len(self._elements)

    @property
    def is_full(self) -> bool:
        """Whether nothing more is to be read."""
        return self._size > MOST_WAITING

    def add(self, elements: Iterable[bytes]) -> None:
        """Have elements wait."""
        for element in elements:
            self._elements.append(element)
            self._size += len(element)

    def take(self) -> tuple[bytes, ...]:
        """Return what goes into one answer."""
        return self._take(MOST_AT_ONCE)

    def take_all(self) -> tuple[bytes, ...]:
        """Return all of it."""
        return self._take(self._size)

    def _take(self, most: int) -> tuple[bytes, ...]:
        taken: list[bytes] = []
        while self._elements and (not taken or len(self._elements[0]) <= most):
            element = self._elements.popleft()
            self._size -= len(element)
            most -= len(element)
            taken.append(element)
        return tuple(taken)
