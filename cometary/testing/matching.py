"""What a probe is told to expect: a message, a class of messages, or a function that judges one."""

from __future__ import annotations

import inspect
from typing import Any


def matches(wanted: object, message: object) -> bool:
    """Whether a message is what is wanted.

    Args:
        wanted: a message that is to equal it; a class that it is to be an instance of; a function
            that is called with it and returns whether it will do.
        message: what has come.

    Raises:
        AssertionError: if the function raises, which then is the cause.
    """
    if isinstance(wanted, type):
        return isinstance(message, wanted)
    if not inspect.isroutine(wanted):
        return bool(message == wanted)
    judge: Any = wanted
    try:
        return bool(judge(message))
    except Exception as error:
        raise AssertionError(f"{describe(wanted)} cannot judge {message!r}: {error!r}") from error


def describe(wanted: object) -> str:
    """Return what is wanted, in words."""
    if isinstance(wanted, type):
        return f"a {wanted.__qualname__}"
    if not inspect.isroutine(wanted):
        return repr(wanted)
    name = getattr(wanted, "__name__", repr(wanted))
    code = getattr(wanted, "__code__", None)
    where = f", line {code.co_firstlineno}" if code is not None else ""
    return f"what {name}{where} accepts"
