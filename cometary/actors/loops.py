"""Trio's loop: waiting on it, whether it runs here or asyncio's does, and what is Trio's and what only looks so.

1.  A `trio.Cancelled` is Trio's as long as the task that raises it is being cancelled. It is never kept from Trio then.
2.  One that comes out of a task that nobody cancels was kept from somewhere else and raised again. Raised further it
    would end the whole system, since no scope is waiting for it; so it is whoever's raised it.
3.  A coroutine that is closed gets a `GeneratorExit`. That is so only when Trio itself has come to its end, and there
    is no current task any more.
4.  A coroutine says what it waits for by yielding it to its event loop. Trio refuses what it does not know, such as an
    asyncio future, and shows it in the error: so the `repr` of anybody's object would be called in the middle of
    Trio's loop, where its raising ends everything. Such coroutines are told before Trio looks (`Watched`).
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Awaitable, Callable, Generator
from math import inf
from typing import Any, Final, TypeVar

import pykka
import trio

from cometary.errors import UsageError
from cometary.escapes import class_name, leaves, recognise_cancellation

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


def in_asyncio_alone() -> bool:
    """Whether it is for asyncio to wait here, and not for Trio: it runs alone, or Trio runs as its guest.

    A guest's loop has a task only while it runs one; in between, the host's code runs in the same thread.
    """
    return not trio.lowlevel.in_trio_task() and in_asyncio()


def on_a_loop() -> bool:
    """Whether this thread must not block, because a loop runs in it: Trio's, or asyncio's."""
    return trio.lowlevel.in_trio_run() or in_asyncio()


def check_on_trio(what: str) -> None:
    """Check that Trio's loop runs here.

    Raises:
        UsageError: if not; it says what to do. The calling code's fault.
    """
    if trio.lowlevel.in_trio_task():
        return
    if trio.lowlevel.in_trio_run():  # but in no task of its: its host's code, in guest mode
        raise UsageError(
            f"{what} runs on Trio's loop, which is a guest here: call it in the function that the guest runs, or in "
            "an actor, not in code of its host"
        )
    if in_asyncio():
        hint = "an asyncio program uses `with system_in_thread():`, and awaits what actors answer"
        raise UsageError(f"{what} runs on Trio's loop; {hint}")
    raise UsageError(
        f"{what} runs on Trio's loop: call it in what `trio.run` runs, or use `with system_in_thread():`"
    )


def is_cancellation(error: BaseException) -> bool:
    """Whether `error` is, or holds, Trio's cancellation of the task that has raised it."""
    kinds = {type(each) for each in leaves(error)}
    if not trio.lowlevel.in_trio_task():
        return trio.Cancelled in kinds or GeneratorExit in kinds
    return trio.Cancelled in kinds and trio.current_effective_deadline() == -inf


recognise_cancellation(is_cancellation)


class Watched:
    """Awaits `awaitable`, which gets a `TypeError` where it waits for something that is not Trio's."""

    __slots__ = ("_awaitable",)

    def __init__(self, awaitable: Awaitable[object]) -> None:
        self._awaitable = awaitable

    def __await__(self) -> Generator[Any, Any, object]:
        coroutine: Any = self._awaitable.__await__()
        send = coroutine.send
        try:
            trap = send(None)
            while True:
                kind = type(trap)  # pyright: ignore[reportUnknownVariableType]
                if kind is not WAIT and kind is not CHECKPOINT and not _is_trios(trap):
                    trap = coroutine.throw(_foreign(trap))
                    continue
                try:
                    answer = yield trap
                except GeneratorExit:
                    coroutine.close()
                    raise
                except BaseException as error:  # noqa: BLE001 - it is for the coroutine
                    trap = coroutine.throw(error)
                else:
                    trap = send(answer)
        except StopIteration as end:
            return end.value


def _kind_of(coroutine: Any) -> type:
    """Return the class of what a coroutine yields first, without a loop."""
    try:
        return type(coroutine.send(None))  # pyright: ignore[reportUnknownVariableType]
    finally:
        coroutine.close()


WAIT: Final = _kind_of(trio.lowlevel.wait_task_rescheduled(lambda _: trio.lowlevel.Abort.SUCCEEDED))  # noqa: ASYNC105
CHECKPOINT: Final = _kind_of(trio.lowlevel.cancel_shielded_checkpoint())  # noqa: ASYNC105
"""With `WAIT`, the classes of nearly all that Trio's coroutines yield."""


def _is_trios(trap: object) -> bool:
    # There is another, rare one, for coroutines that leave Trio for good.
    if type(type(trap)) is not type:
        return False
    return str(vars(type(trap)).get("__module__")).partition(".")[0] == "trio"


def _foreign(trap: object) -> TypeError:
    return TypeError(
        f"Trio cannot wait for a {class_name(type(trap))}: it belongs to another framework, such as asyncio, "
        "or to nobody; what is awaited in an actor must be Trio's, or a coroutine that awaits such"
    )
