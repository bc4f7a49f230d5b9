"""The traceback of a crash as text that is made when it is first read, because most are not.

Making the text reads source lines and takes several times as long as all the rest of a restart. What it
is made from is taken down at once: file names, line numbers and the texts of the exceptions, but no
frame, so that nothing that the actor had in its variables stays alive.
"""

from __future__ import annotations

from traceback import TracebackException

from cometary.escapes import class_name, exit_in, traceback_of
from cometary.log import show_traceback

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
        self._summary: TracebackException | None = None
        try:
            self._summary = TracebackException(
                type(error), error, traceback_of(error), lookup_lines=False, compact=True
            )
            many = _frames(self._summary) > MANY
        except BaseException as second:  # of what the exception's class does in the place of BaseException
            if exit_in(second) is not None:
                raise
            self._text, self._summary = show_traceback(error), None
        else:
            if many:
                str(self)

    def __str__(self) -> str:
        summary = self._summary
        if summary is not None:
            self._text = self._in_words(summary)
            self._summary = None  # last: another thread may read it meanwhile
        return self._text

    @staticmethod
    def _in_words(summary: TracebackException) -> str:
        try:
            return "".join(summary.format())
        except BaseException as error:  # such as notes that are none, or groups in groups without end
            if exit_in(error) is not None:
                raise
            frames = "".join(summary.stack.format())
            name = class_name(summary.exc_type)
            return f"Traceback (most recent call last):\n{frames}{name}\n"

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
    count, waiting = 0, [summary]
    while waiting:
        each = waiting.pop()
        count += len(each.stack)
        related = [each.__cause__, each.__context__, *(each.exceptions or ())]
        waiting.extend(one for one in related if one is not None)
    return count
