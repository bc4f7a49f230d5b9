"""One prompt: what a line does, what it prints, and how names in it are completed.

1.  A line is Python, and may `await`. Its value, unless None, is shown, and is `_` for the next line.
2.  `print` prints here. What other code of the server prints goes where it always does.
3.  What a line raises is shown, and harms nobody else; `SystemExit` closes the prompt, not the server. A cancellation
    of the task that runs the line is passed on.
"""

from __future__ import annotations

import ast
import inspect
import traceback
from functools import partial
from io import TextIOBase
from rlcompleter import Completer
from typing import TYPE_CHECKING, Any, Final

from cometary.escapes import escapes
from cometary.log import show

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import CodeType

FILE: Final = "<manhole>"
MOST_COMPLETIONS: Final = 200
LONGEST: Final = 20_000
"""Characters of a value that are shown."""


class Prompt:
    """What one visitor of the manhole works with.

    Args:
        names: what is defined.
        write: shows text.

    Attributes:
        closed: whether a line has closed the prompt.
    """

    def __init__(self, names: Mapping[str, Any], write: Callable[[str], None]) -> None:
        self._write = write
        self._names: dict[str, Any] = {
            "__name__": "__manhole__",
            **names,
            "print": partial(print, file=_Writer(write)),
        }
        self.closed = False

    async def run(self, source: str) -> None:
        """Run a line, or several, and show the result."""
        try:
            value = await self._evaluate(source)
        except SystemExit:
            self.closed = True
        except BaseException as error:
            if escapes(error):
                raise
            self._write(told(error))
        else:
            if value is not None:
                self._names["_"] = value
                self._write(f"{shown(value)}\n")

    async def _evaluate(self, source: str) -> Any:
        tree = ast.parse(source, FILE)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        if tree.body:
            await self._execute(compile(tree, FILE, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT))
        if not isinstance(last, ast.Expr):
            return None
        expression = ast.Expression(last.value)
        return await self._execute(compile(expression, FILE, "eval", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT))

    async def _execute(self, code: CodeType) -> Any:
        outcome = eval(code, self._names)  # noqa: S307 - that is its purpose
        return await outcome if code.co_flags & inspect.CO_COROUTINE else outcome

    def complete(self, text: str) -> list[str]:
        """Return what a name, or an attribute, that begins with `text` may be."""
        completer, found = Completer(self._names), list[str]()
        try:
            while len(found) < MOST_COMPLETIONS and (one := completer.complete(text, len(found))) is not None:
                found.append(one)
        except BaseException as error:  # looking for attributes runs what users wrote
            if escapes(error):
                raise
        return found


def told(error: BaseException) -> str:
    """Return an error with its traceback, from the line on."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename != FILE:
        frames = frames.tb_next
    try:
        return "".join(traceback.format_exception(type(error), error, frames))
    except Exception:  # noqa: BLE001 - the error cannot be formatted
        return f"{type(error).__name__}\n"


def shown(value: object) -> str:
    """Return a value as text."""
    try:
        text = repr(value)
    except BaseException as error:
        if escapes(error):
            raise
        return show(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} … {len(text) - LONGEST} more characters"


class _Writer(TextIOBase):
    """A file that `print` can write to.

    Args:
        write: shows text.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        super().__init__()
        self._show = write

    def write(self, text: str, /) -> int:
        self._show(text)
        return len(text)
