"""What is said during a run: one line, rewritten in place on a terminal, and written now and then elsewhere."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final, TextIO

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

ON_TERMINAL: Final = 1.0
ELSEWHERE: Final = 10.0
"""Seconds between two lines."""

CLEAR: Final = "\r\x1b[K"
"""Back to the beginning of the line, which is cleared."""


class Progress:
    """Says how far the run is.

    Args:
        out: where to; standard error, so that the report has standard output to itself.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._terminal = out.isatty()

    async def run(self, line: Callable[[], str]) -> None:
        """Write `line()` again and again until cancelled."""
        try:
            while True:
                await trio.sleep(ON_TERMINAL if self._terminal else ELSEWHERE)
                self._write(line())
        finally:
            if self._terminal:
                self._put(CLEAR)

    def say(self, line: str) -> None:
        """Write a line that stays."""
        self._put(f"{CLEAR if self._terminal else ''}{line}\n")

    def _write(self, line: str) -> None:
        if self._terminal:
            width = shutil.get_terminal_size().columns - 1
            self._put(f"{CLEAR}{line[:width]}")
        else:
            self._put(f"{line}\n")

    def _put(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()
