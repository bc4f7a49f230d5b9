"""A Pykka future that can be awaited on Trio, and still be waited for by any other thread.

A derived future (`map`, `filter`, `join`, `reduce`) computes its value in a get hook, as in
Pykka. Awaiting one first awaits what it was derived from and only then runs the hook, which
by then has nothing left to block on.
"""

from __future__ import annotations

import contextlib
import functools
import queue
import sys
import threading
from typing import TYPE_CHECKING, Any, TypeVar, cast

import pykka
import trio

from cometary.errors import BlockingCallError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from types import TracebackType

    ExcInfo = tuple[type[BaseException] | None, BaseException | None, TracebackType | None]

T = TypeVar("T")
M = TypeVar("M")
J = TypeVar("J")
R = TypeVar("R")

# One lock for all futures: it is held for a few bytecodes, and a lock in each would cost
# every `ask` an allocation.
_lock = threading.Lock()


class Future(pykka.Future[T]):
    """A value that is available now or later.

    `await` it on the Trio loop; call `get()` from any other thread. May be awaited and read
    any number of times.
    """

    def __init__(self) -> None:
        super().__init__()
        self._done = False
        self._value: T | None = None
        self._error: BaseException | None = None
        self._callbacks: list[Callable[[], None]] = []
        self._sources: tuple[pykka.Future[Any], ...] = ()
        self._timeout: float | None = None

    def done(self) -> bool:
        """Whether a value or an exception has been set (derived futures: never)."""
        return self._done

    def set(self, value: T | None = None) -> None:
        """Set the value, once.

        Raises:
            queue.Full: if it was set before; the caller's fault (Pykka's behaviour).
        """
        self._settle(value, None)

    def set_exception(self, exc_info: ExcInfo | None = None) -> None:
        """Set an exception, by default the one that is being handled."""
        kind, error, traceback = sys.exc_info() if exc_info is None else exc_info
        if error is None:
            error = kind() if kind is not None else RuntimeError("no exception was given")
        self._settle(None, error if traceback is None else error.with_traceback(traceback))

    def set_get_hook(self, func: Callable[[float | None], T]) -> None:
        """Compute the value with `func(timeout)` when it is first asked for."""
        if self._done:
            raise queue.Full
        super().set_get_hook(func)

    def _settle(self, value: T | None, error: BaseException | None) -> None:
        with _lock:
            if self._done or self._get_hook is not None:
                raise queue.Full
            self._value, self._error = value, error
            self._done = True
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def add_done_callback(self, callback: Callable[[], None]) -> None:
        """Call `callback` once there is a result: at once if there is, else in the thread that sets it."""
        with _lock:
            if not self._done:
                self._callbacks.append(callback)
                return
        callback()

    def _remove_callback(self, callback: Callable[[], None]) -> None:
        with _lock:
            if callback in self._callbacks:
                self._callbacks.remove(callback)

    def get(self, *, timeout: float | None = None) -> T:
        """Wait for the value, blocking this thread for at most `timeout` seconds.

        Raises:
            BlockingCallError: on the Trio thread, if there is no value yet; the caller's fault.
            pykka.Timeout: if it takes longer than `timeout`.
            Exception: what was set as the exception.
        """
        if self._get_hook is not None:
            return super().get(timeout=timeout)
        if not self._done:
            self._block(timeout)
        if self._error is not None:
            raise self._error
        return cast("T", self._value)

    def _block(self, timeout: float | None) -> None:
        if trio.lowlevel.in_trio_run():
            msg = "get() would block the event loop; write `await future` instead"
            raise BlockingCallError(msg)
        event = threading.Event()
        self.add_done_callback(event.set)
        if not event.wait(timeout):
            self._remove_callback(event.set)
            msg = f"{timeout} seconds"
            raise pykka.Timeout(msg)

    def within(self, seconds: float | None) -> Future[T]:
        """Make awaiting this future raise `pykka.Timeout` after `seconds`; returns it."""
        self._timeout = seconds
        return self

    def __await__(self) -> Generator[Any, Any, T]:
        return self._wait().__await__()

    __iter__ = __await__

    async def _wait(self) -> T:
        if self._timeout is None:
            return await self._result()
        with trio.move_on_after(self._timeout):
            return await self._result()
        msg = f"{self._timeout} seconds"
        raise pykka.Timeout(msg)

    async def _result(self) -> T:
        if self._get_hook is None:
            await self._parked()
            return self.get()
        if not self._sources:  # a hook of the user's own may block: not on this thread
            return await trio.to_thread.run_sync(self.get)
        for source in self._sources:
            if isinstance(source, Future):
                await source.settled()
            else:
                await trio.to_thread.run_sync(_wait_quietly, source)
        return self.get()

    async def settled(self) -> None:
        """Wait until there is a result, without raising it."""
        if self._get_hook is None:
            await self._parked()
            return
        try:
            await self._result()
        except Exception:  # noqa: BLE001  # whoever reads the value gets it
            return

    async def _parked(self) -> None:
        if self._done:
            await trio.lowlevel.checkpoint()
            return
        waiter = _Waiter()
        self.add_done_callback(waiter.wake)

        def abort(_: object) -> trio.lowlevel.Abort:
            waiter.parked = False
            self._remove_callback(waiter.wake)
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)

    def filter(self: Future[Iterable[J]], func: Callable[[J], bool]) -> Future[Iterable[J]]:
        """Return a future of the items for which `func(item)` is true."""
        return _derived([self], lambda timeout: list(filter(func, self.get(timeout=timeout))))

    def join(self: Future[Any], *futures: pykka.Future[Any]) -> Future[Iterable[Any]]:
        """Return a future of the list of this value and those of `futures`."""
        sources = [self, *futures]
        return _derived(sources, lambda timeout: [each.get(timeout=timeout) for each in sources])

    def map(self, func: Callable[[T], M]) -> Future[M]:
        """Return a future of `func(value)`."""
        return _derived([self], lambda timeout: func(self.get(timeout=timeout)))

    def reduce(self: Future[Iterable[J]], func: Callable[[R, J], R], *args: R) -> Future[R]:
        """Return a future of the items folded with `func`, as `functools.reduce` does."""
        return _derived([self], lambda timeout: functools.reduce(func, self.get(timeout=timeout), *args))


class _Waiter:
    """A Trio task that waits for a result, to be woken from whichever thread sets it.

    A result that another thread sets reaches the loop a moment later. By then the wait may
    have been cancelled, and a task that is not parked must not be rescheduled: `parked` is
    read and written on the loop's thread only.
    """

    def __init__(self) -> None:
        self._task = trio.lowlevel.current_task()
        self._token = trio.lowlevel.current_trio_token()
        self._thread = threading.get_ident()
        self.parked = True

    def wake(self) -> None:
        if threading.get_ident() == self._thread:
            self._reschedule()
        else:
            with contextlib.suppress(trio.RunFinishedError):  # then nobody waits any more
                self._token.run_sync_soon(self._reschedule)

    def _reschedule(self) -> None:
        if self.parked:
            self.parked = False
            trio.lowlevel.reschedule(self._task)


def _derived(sources: Iterable[pykka.Future[Any]], hook: Callable[[float | None], Any]) -> Future[Any]:
    future: Future[Any] = Future()
    future._sources = tuple(sources)  # noqa: SLF001  # a second constructor
    future.set_get_hook(hook)
    return future


def _wait_quietly(source: pykka.Future[Any]) -> None:
    try:
        source.get()
    except Exception:  # noqa: BLE001  # whoever reads the value gets it
        return
