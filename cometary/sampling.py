"""Sampling: of which of many the time is taken, where to take it of all would cost too much.

It is the first `FEW` since somebody has read what was measured, and besides one in `EVERY`. So a quiet server has all
of its events measured, and a busy one pays for few of them. No clock is read to decide.
"""

from __future__ import annotations

from typing import Final

FEW: Final = 16
EVERY: Final = 64


class Sampler:
    """Says whose turn it is to be measured.

    Attributes:
        left: how many there are before the next one.
    """

    __slots__ = ("_few", "left")

    def __init__(self) -> None:
        self.left: int = 0
        self._few: int = FEW

    def take(self) -> bool:
        """Whether this one is measured."""
        if self.left > 0:
            self.left -= 1
            return False
        if self._few > 0:
            self._few -= 1
        else:
            self.left = EVERY - 1
        return True

    def was_read(self) -> None:
        """Measure the next few."""
        self.left = 0
        self._few = FEW
