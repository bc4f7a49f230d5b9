"""The traceback of a crash, which becomes text when it is first read, because most are not.

1.  Making the text reads source lines and takes several times as long as all the rest of a restart.
2.  What it is made from is taken down at once: the code and the lines, and the texts of the exceptions, but no frame,
    so that nothing that the actor had in its variables stays alive.
3.  Of an exception that Python shows with more than its frames, Python takes it down, which takes longer.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from traceback import FrameSummary, StackSummary, TracebackException
from types import CodeType, TracebackType
from typing import Final

from cometary.escapes import class_name, exit_in, traceback_of
from cometary.log import show_traceback

MANY = 50
"""Frames whose text takes less room than they do, since most of so many are repetitions."""


class TracebackText:
    """The text of one exception and its traceback: `str()` of this.

    Args:
        error: the exception; it is not kept.
    """

    __slots__ = ("_kind", "_places", "_summary", "_text")

    def __init__(self, error: BaseException) -> None:
        self._text = ""
        # Python 3.13 keeps no more of it than its name, by another name than before.
        self._kind = type(error)
        self._summary: TracebackException | None = None
        self._places: list[Place] | None = None
        try:
            trace = traceback_of(error)
            if is_alone(error):
                self._places, trace = places_in(trace), None
            self._summary = TracebackException(type(error), error, trace, lookup_lines=False, compact=True)
            many = (_frames(self._summary) if self._places is None else len(self._places)) > MANY
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
            if self._places is not None:
                summary.stack = stack_of(self._places)
            self._text = self._in_words(summary)
            self._summary = None  # last: another thread may read it meanwhile
        return self._text

    def _in_words(self, summary: TracebackException) -> str:
        try:
            return "".join(summary.format())
        except BaseException as error:  # such as notes that are none, or groups in groups without end
            if exit_in(error) is not None:
                raise
            frames = "".join(summary.stack.format())
            name = class_name(self._kind)
            return f"Traceback (most recent call last):\n{frames}{name}\n"

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        return str(self) == str(other) if isinstance(other, TracebackText) else NotImplemented

    def __hash__(self) -> int:
        return hash(str(self))

    def __getstate__(self) -> str:
        return str(self)

    def __setstate__(self, text: str) -> None:
        self._text, self._summary, self._places = text, None, None


Place = tuple[CodeType, int, int]
"""A frame without its variables: its code, and the instruction and the line in it."""

_LOOKING_AROUND: Final = (NameError, AttributeError, ImportError, SyntaxError, BaseExceptionGroup)
"""What Python shows with more than its frames: with what was meant, where in a file, with other exceptions."""


def is_alone(error: BaseException) -> bool:
    """Whether the traceback of `error` is all that Python has to show of it."""
    return (
        error.__cause__ is None and error.__context__ is None and not issubclass(type(error), _LOOKING_AROUND)
    )


def places_in(trace: TracebackType | None) -> list[Place]:
    """Return the places that a traceback leads through. Where in its line one is takes longer to find out."""
    places: list[Place] = []
    while trace is not None:
        places.append((trace.tb_frame.f_code, trace.tb_lasti, trace.tb_lineno))
        trace = trace.tb_next
    return places


def stack_of(places: Iterable[Place]) -> StackSummary:
    """Return what Python would have made of the traceback."""
    return StackSummary.from_list([_frame_at(*place) for place in places])


def _frame_at(code: CodeType, instruction: int, line: int) -> FrameSummary:
    position = next(islice(code.co_positions(), instruction // 2, None), (None,) * 4)
    _, end_lineno, colno, end_colno = position
    return FrameSummary(
        code.co_filename,
        line,
        code.co_name,
        lookup_line=False,
        end_lineno=end_lineno,
        colno=colno,
        end_colno=end_colno,
    )


def _frames(summary: TracebackException) -> int:
    count, waiting = 0, [summary]
    while waiting:
        each = waiting.pop()
        count += len(each.stack)
        related = [each.__cause__, each.__context__, *(each.exceptions or ())]
        waiting.extend(one for one in related if one is not None)
    return count
