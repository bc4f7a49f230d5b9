"""Waiting on the Trio loop: for other threads, in worker threads, and for no longer than agreed."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Generator
from typing import TypeVar

import pykka
import trio

from cometary.errors import UsageError

R = TypeVar("R")


class Waiter:
    """Parks the current task until `wake` is called, from whichever thread.

    What another thread brings about reaches the loop a moment later. By then the wait may
    have been cancelled, and a task that is not parked must not be rescheduled: `_parked` is
    read and written on the loop's thread only.
    """

    __slots__ = ("_parked", "_task", "_thread", "_token")

    def __init__(self) -> None:
        self._task = trio.lowlevel.current_task()
        self._token = trio.lowlevel.current_trio_token()
        self._thread = threading.get_ident()
        self._parked = False

    async def park(self, on_cancel: Callable[[], None]) -> None:
        """Wait for `wake`.

        There must be no checkpoint between arranging for `wake` to be called and this.

        Args:
            on_cancel: called if the wait is cancelled, so that `wake` need not be called.
        """

        def abort(_: object) -> trio.lowlevel.Abort:
            self._parked = False
            on_cancel()
            return trio.lowlevel.Abort.SUCCEEDED

        self._parked = True
        await trio.lowlevel.wait_task_rescheduled(abort)

    def wake(self) -> None:
        """End the wait. Harmless if it has been cancelled."""
        if threading.get_ident() == self._thread:
            self._reschedule()
        else:
            with contextlib.suppress(trio.RunFinishedError):  # then nobody waits any more
                self._token.run_sync_soon(self._reschedule)

    def _reschedule(self) -> None:
        if self._parked:
            self._parked = False
            trio.lowlevel.reschedule(self._task)


@contextlib.contextmanager
def at_most(seconds: float, too_late: Callable[[float], pykka.Timeout]) -> Generator[None]:
    """Raise what `too_late(seconds)` returns if the block takes longer."""
    with trio.move_on_after(seconds) as scope:
        yield
    if scope.cancelled_caught:
        raise too_late(seconds)


async def in_thread(function: Callable[..., R], *args: object) -> R:
    """Call `function(*args)`, which may block for ever, without making the wait uncancellable."""
    return await trio.to_thread.run_sync(function, *args, abandon_on_cancel=True)


def in_asyncio() -> bool:
    """Whether this thread is in the middle of an asyncio loop."""
    asyncio = sys.modules.get("asyncio")  # a program that has not imported it runs none
    if asyncio is None:
        return False
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def on_a_loop() -> bool:
    """Whether this thread must not block, because a loop runs in it: Trio's, or asyncio's."""
    return trio.lowlevel.in_trio_run() or in_asyncio()


def check_on_trio(what: str) -> None:
    """Check that Trio's loop runs here.

    Raises:
        UsageError: if not; it says what to do. The calling code's fault.
    """
    if trio.lowlevel.in_trio_run():
        return
    if in_asyncio():
        hint = "an asyncio program uses `with system_in_thread():`, and awaits what actors answer"
        raise UsageError(f"{what} runs on Trio's loop; {hint}")
    raise UsageError(
        f"{what} runs on Trio's loop: call it in what `trio.run` runs, or use `with system_in_thread():`"
    )
