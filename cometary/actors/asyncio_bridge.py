"""Futures of actors, awaited by tasks of asyncio; the actors run on Trio's loop in another thread, or in guest mode.

It is apart from the futures because it imports asyncio, for which most programs have no use: it is loaded when a future
is first awaited on asyncio's loop.
"""

# pyright: reportPrivateUsage=false
# ruff: noqa: SLF001 - it is a part of the futures
from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pykka

if TYPE_CHECKING:
    from cometary.actors.future import Future


async def awaited(future: Future[Any]) -> Any:
    """Return the value of `future` once it has one; to be awaited on asyncio's loop.

    Raises:
        pykka.Timeout: if it takes longer than `within` allows.
        Exception: what was set as the exception.
    """
    await _ready(future)
    return future.get()


async def _ready(future: pykka.Future[Any]) -> None:
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
    sources = getattr(future, "_sources", ())
    if not isinstance(future, _our_future()) or (future._get_hook is not None and not sources):
        with contextlib.suppress(Exception):  # whoever reads the value gets it
            await asyncio.to_thread(future.get)
    elif future._get_hook is None:
        await _told(future)  # pyright: ignore[reportUnknownArgumentType]
    for source in sources:
        await _ready(source)


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


def _our_future() -> type[Future[Any]]:
    from cometary.actors.future import Future  # noqa: PLC0415 - which awaits itself by this module

    return Future
