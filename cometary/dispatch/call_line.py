"""The line of back-ends' calls: those that send wait while what was sent before has not been passed on.

1.  A call that sends is answered when what it sends has been taken. While very much waits to be routed, or for one
    session's turn (`cometary.sessions.flow.MANY`), further calls wait, and go on in order. So a back-end that sends
    faster than the server can pass on is slowed to the server's speed, whichever door it comes by.
2.  Other calls do not wait: a back-end can always end a session, or look.
3.  At most `MOST_WAITING` calls wait; one more is `too-many-requests`, and has changed nothing.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import trio

from cometary.actors import Future
from cometary.errors import ProtocolError
from cometary.sessions.flow import MANY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cometary.sessions.flow import Flow
    from cometary.sessions.keeper import SessionKeeper

T = TypeVar("T")

TAKEN: Final[Future[Any]] = Future()
"""The answer to calls that have been made, and tell nothing."""

TAKEN.offer()

MOST_WAITING: Final = 1_000
PAUSE: Final = 0.002
"""Seconds between two looks whether there is room."""


class CallLine:
    """Has calls made at once, or in their order later.

    Args:
        flow: how much waits to be routed.
        start_soon: runs an async function beside everything else.
    """

    def __init__(self, flow: Flow, start_soon: Callable[..., None]) -> None:
        self._flow = flow
        self._start_soon = start_soon
        self._waiting: deque[Callable[[], None]] = deque()
        self._busy: SessionKeeper | None = None

    def make(self, call: Callable[[], T | Future[T]]) -> Future[T]:
        """Make a call when its turn comes, which may be now; what it waits for then holds up no other.

        Returns:
            What it returns or raises, or what a future that it returns is settled with; `too-many-requests` if too
            many wait, nobody's fault.
        """
        if self.free:
            return _made(call)
        answer: Future[T] = Future()
        if len(self._waiting) >= MOST_WAITING:
            error = ProtocolError("too-many-requests", "too many calls wait already", retry_after=1)
            answer.offer(error=error)
        else:
            self._waiting.append(partial(settle, answer, call))
            if len(self._waiting) == 1:
                self._start_soon(self._work_off)
        return answer

    @property
    def free(self) -> bool:
        """Whether a call may be made at once."""
        if self._waiting or self._busy is not None:
            return not self._waiting and not self._full()
        return not self._flow.crowded

    def sent_to(self, keeper: SessionKeeper) -> None:
        """Take note that a call has sent to a session."""
        if keeper.mail >= MANY:
            self._busy = keeper

    def _full(self) -> bool:
        if self._busy is not None and self._busy.mail < MANY:
            self._busy = None
        return self._busy is not None or self._flow.crowded

    async def _work_off(self) -> None:
        while self._waiting:
            if self._full():
                await trio.sleep(PAUSE)
                continue
            self._waiting[0]()
            self._waiting.popleft()  # only now: meanwhile others wait behind it


def _made(call: Callable[[], T | Future[T]]) -> Future[T]:
    """Make a call, and return its answer; the commonest, that it is made, is one object for all."""
    try:
        value = call()
    except Exception as error:  # noqa: BLE001 - it is raised where the answer is asked for
        return failed(error)
    if value is None:
        return TAKEN
    return cast("Future[T]", value) if isinstance(value, Future) else settled(value)


def settled(value: T) -> Future[T]:
    """Return the answer to a call that has been made already."""
    answer: Future[T] = Future()
    answer.offer(value)
    return answer


def failed(error: Exception) -> Future[Any]:
    """Return the answer to a call that has raised."""
    answer: Future[Any] = Future()
    answer.offer(error=error)
    return answer


def settle(answer: Future[T], call: Callable[[], T | Future[T]]) -> None:
    """Make a call, and settle `answer` with what it returns or raises; if that is a future, once it is settled."""
    try:
        value = call()
    except Exception as error:  # noqa: BLE001 - it is raised where the answer is asked for
        answer.offer(error=error)
    else:
        if isinstance(value, Future):
            value.add_done_callback(partial(settle, answer, value.get))
        else:
            answer.offer(value)


def when_all(futures: Sequence[Future[None]]) -> Future[None]:
    """Return a future that is settled when all of `futures` are: with the first one's error that has any."""
    answer: Future[None] = Future()
    after_all(futures, partial(settle, answer, partial(_get_all, futures)))
    return answer


def after_all(futures: Sequence[Future[None]], then: Callable[[], None], begin: int = 0) -> None:
    """Call `then` when all of `futures`, from number `begin` on, are settled, with whatever."""
    for number in range(begin, len(futures)):
        if not futures[number].done():
            futures[number].add_done_callback(partial(after_all, futures, then, number + 1))
            return
    then()


def _get_all(futures: Sequence[Future[None]]) -> None:
    for future in futures:
        future.get()
