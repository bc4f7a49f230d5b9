"""The traceback of a crash as text that is made when it is first read, because most are not.

Making the text reads source lines and takes several times as long as all the rest of a restart. What it
is made from is taken down at once: file names, line numbers and the texts of the exceptions, but no
frame, so that nothing that the actor had in its variables stays alive.
"""

from __future__ import annotations

from traceback import TracebackException

MANY = 50
"""Frames whose text takes less room than they do, since most of so many are repetitions."""


class TracebackText:
    """The text of one exception and its traceback: `str()` of this.

    Args:
        error: the exception; it is not kept.
    """

    __slots__ = ("_summary", "_text")

    def __init__(self, error: BaseException) -> None:
        self._text = ""
        self._summary: TracebackException | None = TracebackException(
            type(error), error, error.__traceback__, lookup_lines=False, compact=True
        )
        if _frames(self._summary) > MANY:
            str(self)

    def __str__(self) -> str:
        summary = self._summary
        if summary is not None:
            self._text = "".join(summary.format())
            self._summary = None  # last: another thread may read it meanwhile
        return self._text

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        return str(self) == str(other) if isinstance(other, TracebackText) else NotImplemented

    def __hash__(self) -> int:
        return hash(str(self))

    def __getstate__(self) -> str:
        return str(self)

    def __setstate__(self, text: str) -> None:
        self._text, self._summary = text, None


def _frames(summary: TracebackException) -> int:
    related = [summary.__cause__, summary.__context__, *(summary.exceptions or ())]
    return len(summary.stack) + sum(_frames(each) for each in related if each is not None)
