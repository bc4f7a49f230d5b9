"""Calls that may block, made in threads; and what becomes of one that nobody waits for any more.

1.  A thread cannot be killed. Whoever waits for a call may be cancelled, and the call is then
    ABANDONED: it goes on in its thread, which is a daemon and does not hold up the end of the
    program; its result is dropped, and an exception that it raises is logged.
2.  To abandon a call is logged as an error, and `abandoned_threads` lists it until it returns.
3.  There are at most `ABANDONED_LIMIT` of them: no thread is started for an actor beyond that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast

import trio

from cometary.actors.future import Future
from cometary.errors import ChildStartError
from cometary.log import get_logger

R = TypeVar("R")

logger = get_logger("cometary.actors")

ABANDONED_LIMIT = 100
"""Abandoned threads of one process beyond which no actor that wants a thread is started."""

_abandoned: dict[BlockingCall[Any], None] = {}


class BlockingCall(Generic[R]):
    """One call of `function(*args)`: `run` makes it in a thread, `result` waits for it on the loop.

    Args:
        what: what the log calls it.
        function: what to call.
        *args: its arguments.
    """

    def __init__(self, what: str, function: Callable[..., R], *args: object) -> None:
        self.what = what
        self._function = function
        self._args = args
        self._outcome: Future[R] = Future()
        self._begun: Future[bool] = Future()
        """Set by whoever comes first: the thread, or the one who wants it not to begin any more."""

    def run(self) -> None:
        """Make the call, in this thread, unless it was abandoned before it began; never raises."""
        if not self._begun.offer(True):  # noqa: FBT003 - it is the value
            return
        try:
            value = self._function(*self._args)
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is waited for
            if not self._outcome.offer(error=error):
                self._tell_of_late(error)
        else:
            self._outcome.offer(value)
        # Last, so that it is there as long as the thread is: see the order in `abandon`.
        _abandoned.pop(self, None)

    async def result(self) -> R:
        """Wait for the call to return, and return or raise what it did; if cancelled, abandon it."""
        try:
            return await self._outcome
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Wait no more for the call. Harmless if it has returned."""
        if self._outcome.done() or self._begun.offer(False):  # noqa: FBT003 - it is the value
            return
        # The thread sets the outcome first and leaves the list then; so it must be entered here
        # before the outcome is looked at, or it could stay there for ever.
        _abandoned[self] = None
        if self._outcome.offer(error=RuntimeError("abandoned")):
            text = f"{self.what} was killed during a call that blocks: its thread is abandoned and goes on"
            logger.error("thread abandoned", text=text, thread=self.what, abandoned=len(_abandoned))
        else:
            _abandoned.pop(self, None)

    def _tell_of_late(self, error: BaseException) -> None:
        if not isinstance(error, trio.Cancelled):  # `trio.from_thread` tells it so that it was abandoned
            text = f"The abandoned thread of {self.what} raised an exception:"
            logger.error("abandoned thread raised", text=text, thread=self.what, exc_info=error)


async def run_in_thread(function: Callable[[], object], name: str) -> None:
    """Run `function`, which must not raise, in a thread of its own; if cancelled, let it go on there.

    In the thread, `trio.from_thread` works.
    """
    # A limiter of its own: a thread that runs as long as its actor must not take the place of
    # those that Trio's own limiter counts, which are short.
    limiter = trio.CapacityLimiter(1)
    await trio.to_thread.run_sync(
        cast("Callable[[], None]", function), abandon_on_cancel=True, limiter=limiter, thread_name=name
    )


def abandoned_threads() -> tuple[str, ...]:
    """Return what the abandoned threads of this process belonged to, the oldest first; from any thread."""
    return tuple(call.what for call in list(_abandoned))


def check_room_for_thread() -> None:
    """Check that another thread may be started.

    Raises:
        ChildStartError: if too many abandoned ones still run; their fault.
    """
    if len(_abandoned) >= ABANDONED_LIMIT:
        raise ChildStartError(f"no thread is started while {len(_abandoned)} abandoned ones still run")
