"""Counting what an actor does, from when it is asked for."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Literal

from cometary.actors.cell import Cell
from cometary.actors.names import Whom
from cometary.actors.sys.calls import TIMEOUT, call_at_once, living
from cometary.actors.sys.debugging import Counts, debug_of, debugged
from cometary.errors import UsageError


@dataclass(frozen=True, slots=True)
class Statistics:
    """What has been counted.

    Attributes:
        start_time: when counting began, in seconds since the epoch.
        current_time: when this was told, in seconds since the epoch.
        messages_in: messages that its handler got.
        messages_out: answers to those who asked.
        busy: seconds in its handler, which stands in for OTP's reductions; for an async handler
            with the time that it waited.
    """

    start_time: float
    current_time: float
    messages_in: int
    messages_out: int
    busy: float


def statistics(
    ref: Whom,
    flag: Literal["get", True, False] = "get",
    *,
    timeout: float | None = TIMEOUT,
) -> Any:
    """Begin to count (`True`), end it (`False`), or tell what has been counted (`"get"`).

    An actor that is not counted pays nothing for this. The counts end with the incarnation.
    Source: OTP, `sys:statistics/3`.

    Returns:
        On the Trio loop a future, elsewhere the answer: for `"get"` the `Statistics`, or None if
        nothing is counted; else None.

    Raises:
        UsageError: if `flag` is none of these; the caller's fault.
        pykka.ActorDeadError: if the actor does not run.
    """
    if flag not in {"get", True, False}:
        raise UsageError(f"statistics can be True, False or 'get', not {flag!r}")
    return call_at_once(ref, _get if flag == "get" else _begin if flag else _end, timeout)


def _begin(cell: Cell) -> None:
    debugged(living(cell)).counts = Counts()


def _end(cell: Cell) -> None:
    debug = debug_of(living(cell))
    if debug is not None:
        debug.counts = None
        debug.take_off_if_unwanted()


def _get(cell: Cell) -> Statistics | None:
    debug = debug_of(living(cell))
    if debug is None or debug.counts is None:
        return None
    counts = debug.counts
    return Statistics(counts.since, time.time(), counts.messages_in, counts.messages_out, counts.busy)
