"""Trio's cancellation, told from what only looks like it; see `cometary.escapes`.

1.  A `trio.Cancelled` is Trio's as long as the task that raises it is being cancelled. It is never kept from Trio then.
2.  One that comes out of a task that nobody cancels was kept from somewhere else and raised again. Raised further it
    would end the whole system, since no scope is waiting for it; so it is whoever's raised it.
3.  A coroutine that is closed gets a `GeneratorExit`. That is so only when Trio itself has come to its end, and there
    is no current task any more.
"""

from __future__ import annotations

from math import inf

import trio

from cometary.escapes import leaves, recognise_cancellation


def is_cancellation(error: BaseException) -> bool:
    """Whether `error` is, or holds, Trio's cancellation of the task that has raised it."""
    kinds = {type(each) for each in leaves(error)}
    if not trio.lowlevel.in_trio_task():
        return trio.Cancelled in kinds or GeneratorExit in kinds
    return trio.Cancelled in kinds and trio.current_effective_deadline() == -inf


recognise_cancellation(is_cancellation)
