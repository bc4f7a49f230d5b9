"""Pykka's futures, of whichever kind, on the Trio loop."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import pykka

from cometary.actors.future import Future, derive
from cometary.actors.joining import Joined
from cometary.actors.waiting import on_a_loop

T = TypeVar("T")


def get_all(futures: Iterable[pykka.Future[Any]], *, timeout: float | None = None) -> Any:
    """Collect the values of `futures`, in their order.

    Args:
        futures: any of Pykka's futures and ours.
        timeout: seconds until the wait gives up: in all on the loop, elsewhere for each (as
            in Pykka).

    Returns:
        The list, or, on the Trio loop, a future of it: `await get_all(...)`.

    Raises:
        pykka.Timeout: after `timeout` seconds.
        Exception: what the first one that has an exception raises; on the loop at once, whoever else is still awaited.
    """
    if on_a_loop():
        return Joined(futures).within(timeout)
    return pykka.get_all(futures, timeout=timeout)


def wrap_future(future: pykka.Future[T]) -> Future[T]:
    """Return a future that can be awaited on Trio for one that cannot: a `ThreadingActor`'s answer.

    While it is awaited, one of Trio's worker threads waits.
    """
    return derive([future], lambda timeout: future.get(timeout=timeout))
