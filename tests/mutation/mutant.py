"""One small change of a source, and how it is told from all others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Key(NamedTuple):
    """What names a mutant, whatever else changes in its file: no line number, but the line itself."""

    module: str
    function: str
    was: str
    now: str
    nth: int
    """Which of those that are alike in all the rest, from 1."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A change of `module` (its path from the root of the checkout)."""

    key: Key
    start: int
    end: int
    """What is replaced: from byte `start` of the source up to byte `end`."""
    replacement: bytes
    lines: range
    """The lines of the statement that is changed, of a compound one those of its head."""
    at_import: bool
    """Whether the change is run when the module is imported, and not in a function of it."""

    def applied_to(self, source: bytes) -> bytes:
        """The whole source with this change."""
        return source[: self.start] + self.replacement + source[self.end :]

    def __str__(self) -> str:
        place = f"{self.key.module}:{self.lines.start} {self.key.function}"
        ordinal = f" (number {self.key.nth} of its kind)" if self.key.nth > 1 else ""
        return f"{place}{ordinal}\n    - {self.key.was}\n    + {self.key.now}"
