"""The log of an actor: the latest of what happened to it, kept for whoever looks later."""

from __future__ import annotations

from collections import deque
from typing import Any, Final, Literal

from cometary.actors.cell import Cell
from cometary.actors.names import Whom
from cometary.actors.sys.calls import TIMEOUT, call_at_once, living
from cometary.actors.sys.debugging import TraceEvent, debug_of, debugged, print_event
from cometary.errors import UsageError
from cometary.log import show

SIZE: Final = 10
"""Events that a log keeps unless the caller says otherwise, as in OTP."""
LARGEST: Final = 10_000
"""Events that a log can keep: it keeps what they are about, too."""


def log(
    ref: Whom,
    flag: Literal["get", "print", True, False] = "get",
    *,
    size: int = SIZE,
    timeout: float | None = TIMEOUT,
) -> Any:
    """Begin to keep the latest events of the actor (`True`), end it (`False`), return them, or print them.

    The events are those of `trace`. An actor without a log pays nothing for this. The log ends with the incarnation.
    Source: OTP, `sys:log/3`.

    Args:
        ref: the actor, or its name.
        flag: what to do; `"print"` writes a line for each event to standard error, as `trace` does.
        size: with `True`: events that are kept, at most 10,000. If there is a log, it keeps its latest ones.
        timeout: seconds to wait.

    Returns:
        On the Trio loop a future, elsewhere the answer: for `"get"` a list of `TraceEvent`s, the oldest first, which is
        empty if there is no log; else None.

    Raises:
        UsageError: if an argument is none of these; the caller's fault.
        pykka.ActorDeadError: if the actor does not run, or nobody has the name.
    """
    if flag not in ("get", "print", True, False):
        raise UsageError(f"a log is told True, False, 'get' or 'print', not {show(flag)}")
    if type(size) is not int or not 1 <= size <= LARGEST:
        raise UsageError(f"a log keeps 1 to {LARGEST} events, not {show(size)}")
    if flag is True:
        return call_at_once(ref, lambda cell: _begin(cell, size), timeout)
    return call_at_once(ref, _end if flag is False else _events if flag == "get" else _print, timeout)


def _begin(cell: Cell, size: int) -> None:
    debug = debugged(living(cell))
    debug.log = deque(debug.log or (), maxlen=size)


def _end(cell: Cell) -> None:
    debug = debug_of(living(cell))
    if debug is not None:
        debug.log = None
        debug.take_off_if_unwanted()


def _events(cell: Cell) -> list[TraceEvent]:
    debug = debug_of(living(cell))
    return [] if debug is None else list(debug.log or ())


def _print(cell: Cell) -> None:
    for event in _events(cell):
        print_event(event)
