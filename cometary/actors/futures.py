"""Several futures as one, and Pykka's own, on the Trio loop; one that fails is told of at once."""

# pyright: reportPrivateUsage=false
# ruff: noqa: SLF001 - these are futures themselves
from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, TypeGuard, TypeVar

import pykka
import trio

from cometary.actors.future import Future, derive, get_quietly
from cometary.actors.loops import Waiter, in_thread, on_a_loop
from cometary.actors.messages import Answer

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


Anyones = pykka.Future[Any]


class Joined(Future[Any]):
    """The list of the values of some futures, in their order.

    Args:
        futures: any of Pykka's futures and ours.
    """

    def __init__(self, futures: Iterable[Anyones]) -> None:
        super().__init__()
        self._sources = tuple(futures)
        self._failed: Anyones | None = None
        self._too_slow: pykka.Timeout | None = None
        self.set_get_hook(self._values)

    def _values(self, timeout: float | None) -> list[Any]:
        for each in self._sources:
            if each is self._failed or (_is_plain(each) and each._error is not None):
                each.get()
        return [each.get(timeout=timeout) for each in self._sources]

    async def _until_ready(self) -> None:
        plain = [each for each in self._sources if _is_plain(each)]
        others = [each for each in self._sources if not _is_plain(each)]
        if not others:
            await _until_told(plain)
            return
        async with trio.open_nursery() as nursery:
            for each in others:
                nursery.start_soon(self._watch, each, nursery.cancel_scope)
            if await _until_told(plain):
                nursery.cancel_scope.cancel()
        if self._too_slow is not None:
            raise self._too_slow

    async def _watch(self, source: Anyones, scope: trio.CancelScope) -> None:
        """Wait for a future that takes a task to wait for; if it fails, end the wait for all."""
        try:
            if not await _is_good(source):
                self._failed = source
                scope.cancel()
        except pykka.Timeout as error:
            self._too_slow = error
            scope.cancel()


async def _is_good(source: Anyones) -> bool:
    if not isinstance(source, Future) or (source._get_hook is not None and not source._sources):
        return await in_thread(get_quietly, source)
    await source.ready()
    return get_quietly(source)  # does not block any more


def _is_plain(future: Anyones) -> TypeGuard[Future[Any]]:
    """Whether it says itself when it is set, and takes as long as it may."""
    return isinstance(future, Future) and future._get_hook is None and future._timeout is None


async def _until_told(futures: Sequence[Future[Any]]) -> bool:
    """Wait until all are set, or one has failed; returns whether one has."""
    waiter = Waiter()
    waiting: dict[Future[Any], partial[None]] = {}

    def told(future: Future[Any]) -> None:
        waiting.pop(future, None)
        if not waiting or future._error is not None:
            waiter.wake()

    def give_up() -> None:
        for future, callback in list(waiting.items()):
            future._unsubscribe(callback)

    for each in futures:
        if isinstance(each, Answer):
            each.refuse_itself()
        waiting[each] = callback = partial(told, each)  # first: it may be called at once, in another thread
        if not each.subscribe(callback):
            waiting.pop(each, None)
    if not waiting or _any_failed(futures):
        await trio.lowlevel.checkpoint()
    while waiting and not _any_failed(futures):  # one that was set meanwhile in another thread wakes early
        await waiter.park(on_cancel=give_up)
    give_up()
    return _any_failed(futures)


def _any_failed(futures: Iterable[Future[Any]]) -> bool:
    return any(each._error is not None for each in futures)
