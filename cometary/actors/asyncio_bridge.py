"""Futures of actors, awaited by tasks of asyncio; the actors run on Trio's loop in another thread, or in guest mode.

It is apart from the futures because it imports asyncio, for which most programs have no use: it is loaded when a future
is first awaited on asyncio's loop.
"""

# pyright: reportPrivateUsage=false
# ruff: noqa: SLF001 - it is a part of the futures
from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pykka

from cometary.actors.future import Future, get_quietly
from cometary.actors.futures import Joined


async def awaited(future: Future[Any]) -> Any:
    """Return the value of `future` once it has one; to be awaited on asyncio's loop.

    Raises:
        pykka.Timeout: if it takes longer than `within` allows.
        Exception: what was set as the exception.
    """
    await ready(future)
    return future.get()


async def ready(future: pykka.Future[Any]) -> None:
    """Wait until there is a value or an exception; to be awaited on asyncio's loop.

    Raises:
        pykka.Timeout: if it takes longer than `within` allows.
    """
    seconds = getattr(future, "_timeout", None)
    if seconds is None:
        await _settled(future)
        return
    try:
        async with asyncio.timeout(seconds):
            await _settled(future)
    except TimeoutError:
        raise future._too_late(seconds) from None  # type: ignore[attr-defined]


async def _settled(future: Any) -> None:
    if isinstance(future, Joined):
        await _all_told(future)
        return
    sources = getattr(future, "_sources", ())
    if not isinstance(future, Future) or (future._get_hook is not None and not sources):
        with contextlib.suppress(Exception):  # whoever reads the value gets it
            await asyncio.to_thread(future.get)
    elif future._get_hook is None:
        await _told(future)  # pyright: ignore[reportUnknownArgumentType]
    for source in sources:
        await ready(source)


async def _all_told(joined: Joined) -> None:
    """Wait until all have a value, or one has failed, whichever it is; whoever reads the value gets that."""
    over = asyncio.Event()
    waiting: dict[asyncio.Task[bool], pykka.Future[Any]] = {}
    left = len(joined._sources)

    def note(task: asyncio.Task[bool]) -> None:
        nonlocal left
        left -= 1
        if task.cancelled():
            return
        if task.exception() is None and not task.result():
            joined._failed = waiting[task]
        if left == 0 or task.exception() is not None or not task.result():
            over.set()

    for source in joined._sources:
        task = asyncio.ensure_future(_is_good(source))
        waiting[task] = source
        task.add_done_callback(note)
    try:
        if waiting:
            await over.wait()
    finally:
        for task in waiting:
            task.cancel()
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException) and not isinstance(outcome, asyncio.CancelledError):
            raise outcome


async def _is_good(source: pykka.Future[Any]) -> bool:
    await ready(source)
    return get_quietly(source)  # does not block any more


async def _told(future: Future[Any]) -> None:
    loop = asyncio.get_running_loop()
    told = asyncio.Event()

    def tell() -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(told.set)

    if future.subscribe(tell):
        try:
            await told.wait()
        finally:
            future._unsubscribe(tell)
