"""A Pykka future that can be awaited on Trio, and still be waited for by any other thread.

A derived future (`map`, `filter`, `join`, `reduce`) computes its value in a get hook, as in
Pykka. Awaiting one first awaits what it was derived from and only then runs the hook, which
by then has nothing left to block on.
"""

from __future__ import annotations

import functools
import os
import queue
import sys
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from math import inf
from types import TracebackType
from typing import Any, TypeVar, cast

import pykka
import trio

from cometary.actors.in_process import InProcess
from cometary.actors.loops import Waiter, at_most, in_asyncio_alone, in_thread, on_a_loop
from cometary.errors import BlockingCallError, UsageError
from cometary.escapes import escapes, exit_in, traceback_of
from cometary.log import get_logger, show

ExcInfo = tuple[type[BaseException] | None, BaseException | None, TracebackType | None]
Anyones = pykka.Future[Any]

T = TypeVar("T")
M = TypeVar("M")
J = TypeVar("J")
R = TypeVar("R")

# One lock for all futures: it is held for a few bytecodes, and a lock in each would cost
# every `ask` an allocation. It is re-entrant because the garbage collector may run a
# finalizer that sets another future at any of these bytecodes.
_lock = threading.RLock()
_acquire, _release = _lock.acquire, _lock.release
if hasattr(os, "register_at_fork"):  # so that no other thread has it when this process is forked
    os.register_at_fork(before=_acquire, after_in_parent=_release, after_in_child=_release)

logger = get_logger("cometary.actors")


_SET_TWICE = "the future has a result already: a reply is sent once (`offer` would not mind)"


class Future(InProcess, pykka.Future[T]):
    """A value that is available now or later.

    `await` it on the Trio loop, or on asyncio's in another thread; call `get()` from any other thread. May be
    awaited and read any number of times.
    """

    # Defaults for all, and not Pykka's constructor: each `ask` makes a future.
    _get_hook: Callable[[float | None], T] | None = None
    _done = False
    _value: T | None = None
    _error: BaseException | None = None
    _traceback: TracebackType | None = None
    # A dict, because thousands may wait for one future, and give up.
    _callbacks: dict[Callable[[], None], None] | None = None
    _sources: tuple[Anyones, ...] = ()
    _timeout: float | None = None
    _given_up = False
    on_abandoned: Callable[[], None] | None = None
    """Called when the last one who waited for it has given up; for whoever is to settle it."""

    def __init__(self) -> None:  # pyright: ignore[reportMissingSuperCall]
        pass

    def __repr__(self) -> str:
        return f"<Future, {'done' if self.done() else 'pending'}>"

    # -- setting --------------------------------------------------------------------------

    def done(self) -> bool:
        """Whether `get()` would return or raise at once. False if that is not known."""
        sources = self._sources
        return self._done or (
            bool(sources) and all(isinstance(each, Future) and each.done() for each in sources)
        )

    def set(self, value: T | None = None) -> None:
        """Set the value, once; from any thread.

        Raises:
            queue.Full: if it was set before; the caller's fault (Pykka's behaviour).
        """
        if not self.offer(value):
            raise queue.Full(_SET_TWICE)

    def set_exception(self, exc_info: ExcInfo | None = None) -> None:
        """Set an exception, by default the one that is being handled; from any thread.

        Raises:
            queue.Full: if the future was set before; the caller's fault (Pykka's behaviour).
        """
        kind, error, traceback = sys.exc_info() if exc_info is None else exc_info
        if error is None:
            error = kind() if kind is not None else RuntimeError("no exception was given")
        if traceback is not None:
            error = BaseException.with_traceback(error, traceback)
        if not self.offer(error=error):
            raise queue.Full(_SET_TWICE)

    def set_get_hook(self, func: Callable[[float | None], T]) -> None:
        """Compute the value with `func(timeout)` when it is first asked for.

        Raises:
            queue.Full: if the future was set before; the caller's fault (Pykka's behaviour).
        """
        if self._done:
            raise queue.Full(_SET_TWICE)
        self._get_hook = func

    def offer(self, value: T | None = None, *, error: BaseException | None = None) -> bool:
        """Set the value or the error unless there is one; returns whether it did. From any thread."""
        _acquire()  # `with` takes twice as long, and this is every answer
        try:
            if self._done or self._get_hook is not None:
                return False
            self._value = value
            if error is not None:
                self._error, self._traceback = error, traceback_of(error)
            self._done = True
            callbacks = self._callbacks
            if callbacks is None:
                return True
            self._callbacks = None
        finally:
            _release()
        _call_each(iter(callbacks))
        return True

    # -- being told -----------------------------------------------------------------------

    def add_done_callback(self, callback: Callable[[], None]) -> None:
        """Call `callback` once the future is set: at once if it is, else in the thread that sets it.

        One that raises is logged, and harms neither whoever sets the future nor the others who wait for it.

        A derived future is never set; ask what it is derived from.
        """
        # By identity, so that the same one can be added twice, and one that cannot be hashed.
        guarded = functools.partial(_call_guarded, callback)
        if not self.subscribe(guarded):
            guarded()

    def subscribe(self, callback: Callable[[], None]) -> bool:
        """Do as `add_done_callback` for what cannot raise; returns False if the future is set already."""
        with _lock:
            if self._done:
                return False
            if self._callbacks is None:
                self._callbacks = {}
            self._callbacks[callback] = None
            return True

    def _unsubscribe(self, callback: Callable[[], None]) -> None:
        with _lock:
            if not self._callbacks or callback not in self._callbacks:
                return
            del self._callbacks[callback]
            self._given_up = True
            abandoned = None if self._callbacks else self.on_abandoned
        if abandoned is not None:
            _call_guarded(abandoned)

    @property
    def awaited(self) -> bool:
        """Whether somebody waits for it."""
        return bool(self._callbacks)

    @property
    def abandoned(self) -> bool:
        """Whether somebody has waited for it, and nobody does any more."""
        return self._given_up and not self._callbacks and not self._done

    # -- waiting in a thread --------------------------------------------------------------

    def get(self, *, timeout: float | None = None) -> T:
        """Wait for the value, blocking this thread for at most `timeout` seconds.

        Raises:
            BlockingCallError: on the Trio thread, if there is no value yet; the caller's fault.
            pykka.Timeout: if it takes longer than `timeout`.
            UsageError: if `timeout` is negative; the caller's fault.
            Exception: what was set as the exception.
        """
        check_seconds(timeout)
        if not self._done:
            if self._get_hook is None:
                self._block(timeout)
            else:
                self._value = self._get_hook(timeout)
                self._done = True  # a hook that raises is tried again next time, as in Pykka
        if self._error is not None:
            # With the traceback it had: each raise would add another frame to it.
            raise BaseException.with_traceback(self._error, self._traceback)
        return cast("T", self._value)

    def _block(self, timeout: float | None) -> None:
        if on_a_loop():
            from cometary.actors.system import instead_of_blocking  # noqa: PLC0415 - systems have futures

            raise BlockingCallError(
                f"get() would block the event loop; {instead_of_blocking('await future')}"
            )
        event = threading.Event()
        if self.subscribe(event.set) and not event.wait(None if timeout == inf else timeout):
            self._unsubscribe(event.set)
            raise self._too_late(timeout or 0)

    def _too_late(self, seconds: float) -> pykka.Timeout:
        """Return the error for whoever has waited so long in vain."""
        for source in self._sources[:1]:
            if len(self._sources) == 1 and isinstance(source, Future):
                return source._too_late(seconds)  # noqa: SLF001 - it is one of these
        return pykka.Timeout(f"{seconds} seconds")

    # -- waiting on the loop --------------------------------------------------------------

    def within(self, seconds: float | None) -> Future[T]:
        """Make awaiting this future raise `pykka.Timeout` after `seconds`; returns it.

        Raises:
            UsageError: if `seconds` is negative; the caller's fault.
        """
        check_seconds(seconds)
        self._timeout = seconds
        return self

    def __await__(self) -> Generator[Any, Any, T]:
        return self._wait().__await__()

    __iter__ = __await__

    async def _wait(self) -> T:
        if in_asyncio_alone():
            from cometary.actors.asyncio_bridge import awaited  # noqa: PLC0415 - most programs have no use for asyncio

            return cast("T", await awaited(self))
        if self._timeout is None:
            return await self._result()
        with at_most(self._timeout, self._too_late):
            return await self._result()

    async def _result(self) -> T:
        if self._get_hook is not None and not self._sources:
            return await in_thread(self.get)  # the user's own hook: it may block
        await self._until_ready()
        return self.get()

    async def ready(self) -> None:
        """Wait until there is a value or an exception, without raising it.

        Raises:
            pykka.Timeout: if that takes longer than `within` allows.
        """
        if in_asyncio_alone():
            from cometary.actors.asyncio_bridge import ready  # noqa: PLC0415 - see above

            await ready(self)
        elif self._timeout is None:
            await self._until_ready()
        else:
            with at_most(self._timeout, self._too_late):
                await self._until_ready()

    async def _until_ready(self) -> None:
        if self._done:
            await trio.lowlevel.checkpoint()
        elif self._get_hook is None:
            await self._until_set()
        elif not self._sources:
            await in_thread(get_quietly, self)
        for source in self._sources:
            await (source.ready() if isinstance(source, Future) else in_thread(get_quietly, source))

    async def _until_set(self) -> None:
        waiter = Waiter()
        if self.subscribe(waiter.wake):
            await waiter.park(on_cancel=lambda: self._unsubscribe(waiter.wake))
        else:
            await trio.lowlevel.checkpoint()

    # -- deriving -------------------------------------------------------------------------

    def filter(self: Future[Iterable[J]], func: Callable[[J], bool]) -> Future[Iterable[J]]:
        """Return a future of the items for which `func(item)` is true."""
        return derive([self], lambda timeout: list(filter(func, self.get(timeout=timeout))))

    def join(self: Future[Any], *futures: Anyones) -> Future[Iterable[Any]]:
        """Return a future of the list of this value and those of `futures`; it fails as soon as one of them has."""
        from cometary.actors.futures import Joined  # noqa: PLC0415 - which are futures themselves

        return Joined([self, *futures])

    def map(self, func: Callable[[T], M]) -> Future[M]:
        """Return a future of `func(value)`."""
        return derive([self], lambda timeout: func(self.get(timeout=timeout)))

    def reduce(self: Future[Iterable[J]], func: Callable[[R, J], R], *args: R) -> Future[R]:
        """Return a future of the items folded with `func`, as `functools.reduce` does."""
        return derive([self], lambda timeout: functools.reduce(func, self.get(timeout=timeout), *args))


def derive(sources: Iterable[Anyones], hook: Callable[[float | None], M]) -> Future[M]:
    """Return a future of `hook(timeout)`, which does not block once all `sources` have a value."""
    future: Future[M] = Future()
    future._sources = tuple(sources)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - a second constructor
    future.set_get_hook(hook)
    return future


def _call_each(callbacks: Iterator[Callable[[], None]]) -> None:
    try:
        for callback in callbacks:
            callback()
    except BaseException:  # an exit: the others must not wait for ever, or that would never come about
        _call_each(callbacks)
        raise


def _call_guarded(callback: Callable[[], object]) -> None:
    try:
        callback()
    except BaseException as error:
        if exit_in(error) is not None:
            raise
        text = f"A callback of a future raised, and is not called again: {show(callback)}"
        logger.exception("callback failed", text=text, callback=show(callback))


def check_seconds(seconds: float | None) -> None:
    """Check a time-out.

    Raises:
        UsageError: if it is negative; the caller's fault.
    """
    if seconds is not None and not seconds >= 0:  # so that NaN is refused as well
        raise UsageError(f"a time-out must be 0 seconds or more, not {seconds!r}")


def get_quietly(source: Anyones) -> bool:
    """Get the value, and return whether there is one, and no exception: whoever reads that gets it."""
    try:
        source.get()
    except BaseException as error:
        if escapes(error):
            raise
        return False
    return True
