"""Whether the memory of a process stays flat."""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path
from statistics import median
from typing import Final

import trio

from cometary.chaos.plan import FIRST_MINUTE
from cometary.errors import TargetError

ALLOWED: Final = 0.05
"""The share by which it may grow after the first minute."""

EVERY: Final = 1.0
"""Seconds between two looks."""

SMOOTHED: Final = 5
"""Looks whose median counts as one."""


class Memory:
    """Watches the resident memory of one process.

    Args:
        pid: the process.

    Attributes:
        first: bytes at the end of the first minute; 0 before.
        most: the most bytes after it.
        now: bytes at the last look.
    """

    def __init__(self, pid: int) -> None:
        self._file = Path(f"/proc/{pid}/statm")
        self._looks: deque[int] = deque(maxlen=SMOOTHED)
        self.first = 0
        self.most = 0
        self.now = 0

    async def watch(self) -> None:
        """Look until cancelled.

        Raises:
            TargetError: there is no such process.
        """
        began = trio.current_time()
        while True:
            self.look(trio.current_time() - began)
            await trio.sleep(EVERY)

    def look(self, elapsed: float) -> None:
        """Look once, `elapsed` seconds after the beginning."""
        try:
            pages = int(self._file.read_text(encoding="ascii").split()[1])
        except OSError:
            raise TargetError(f"the memory of the server cannot be read from {self._file}") from None
        self.note(pages * os.sysconf("SC_PAGE_SIZE"), elapsed)

    def note(self, size: int, elapsed: float) -> None:
        """Take note of one look."""
        self._looks.append(size)
        self.now = int(median(self._looks))
        if elapsed >= FIRST_MINUTE:
            self.first = self.first or self.now
            self.most = max(self.most, self.now)

    @property
    def growth(self) -> float:
        """The share by which it has grown since the end of the first minute."""
        return self.most / self.first - 1 if self.first else 0.0

    @property
    def flat(self) -> bool:
        """Whether it was looked at after the first minute, and has not grown by more than is allowed."""
        return 0 < self.most <= self.first * (1 + ALLOWED)
