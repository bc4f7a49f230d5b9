"""Answers as mail, for an actor that cannot wait, or has better things to do; and many answers, whichever comes first.

1.  For each request the actor gets one `Response`: with the answer, with what was raised, or with `Timeout`. It gets
    none if it has cancelled the request, or has ended: the next incarnation did not ask.
2.  A response is the runtime's own message: a full mailbox takes it. There are as many as the actor has asked for.
3.  An answer may come from another thread, a time-out comes on the actor's own loop; which of them is first is
    decided there.

Source: OTP, `gen_server:send_request/2`, `check_response/2`, and `receive_response/3` with a collection of request
ids; Akka, `pipeToSelf`.
"""

# pyright: reportPrivateUsage=false
# ruff: noqa: SLF001 - it is a part of the futures
from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Self, TypeVar

from cometary.actors.future import Future
from cometary.actors.messages import Answer, ForLife
from cometary.actors.timers import Timer
from cometary.errors import UsageError

if TYPE_CHECKING:
    from cometary.actors.cell import Cell

L = TypeVar("L")


class Response(NamedTuple):
    """How one request, or another future, has ended.

    Args:
        tag: what it was given to be known by.
        value: the answer; None if there is none.
        error: what was raised instead; None for an answer.
    """

    tag: Any
    value: Any = None
    error: BaseException | None = None

    def result(self) -> Any:
        """Return the answer.

        Raises:
            Exception: what was raised instead.
        """
        if self.error is not None:
            raise self.error
        return self.value


class Request:
    """An answer on its way to an actor's mailbox; made by `Actor.request` and `Actor.expect`."""

    __slots__ = ("_cell", "_future", "_life", "_open", "_tag", "_timer")

    life = mail_since = 0
    """For its timer, see `Recipient`: it looks itself at whether it is for the incarnation that lives."""

    def __init__(self, cell: Cell, future: Future[Any], tag: Any, seconds: float | None) -> None:
        self._cell = cell
        self._life = cell.life
        self._future = future
        self._tag = tag
        self._open = True
        self._timer: Timer | None = None
        if seconds is not None and seconds != inf:
            self._timer = Timer(cell.system.scheduler.timers, self, seconds)
            self._timer.start(seconds)
        if not future.subscribe(self._answered):
            self._settle()

    def cancel(self) -> None:
        """Get no `Response`, except one that is in the mailbox already; on the actor's loop."""
        self._end()
        self._future._unsubscribe(self._answered)

    def _answered(self) -> None:  # in the thread in which the future is set
        self._cell.system.post(self._settle)

    def _settle(self) -> None:
        if self._end():
            self._put(Response(self._tag, self._future._value, self._future._error))

    def put_if_open(self, seconds: Any) -> None:
        """Take note that the time is up; called by the timer."""
        if self._end():
            self._future._unsubscribe(self._answered)
            self._put(Response(self._tag, error=self._future._too_late(seconds)))

    @property
    def closed(self) -> bool:
        """Whether the timer is of no use any more."""
        return not self._open or self._cell.closed

    def _end(self) -> bool:
        was_open, self._open = self._open, False
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.close()
        return was_open

    def _put(self, response: Response) -> None:
        self._cell.put_if_open(ForLife(self._life, response))


class Requests(Generic[L]):
    """Futures that are waited for together, and handed out as they come; OTP's collection of request ids.

    Any futures that are set, answers to `ask` and tasks among them; not those derived by `map` and the like.
    `async for response in requests` goes on until none is left. One waits at a time.
    """

    def __init__(self) -> None:
        self._open: dict[Future[Any], tuple[L, Callable[[], None]]] = {}
        self._settled: deque[Future[Any]] = deque()
        self._told: Future[None] | None = None

    def __len__(self) -> int:
        return len(self._open)

    def add(self, future: Future[Any], label: L) -> None:
        """Wait for this one, too; `label` is the `tag` of its `Response`.

        Raises:
            UsageError: if it is there already, or is derived from another; the caller's fault.
        """
        check_settable(future)
        if future in self._open:
            raise UsageError(f"{future} is waited for already")
        if isinstance(future, Answer):
            future.refuse_itself()  # it would not come while the actor waits
        note = partial(self._note, future)
        self._open[future] = label, note
        if not future.subscribe(note):
            note()

    def _note(self, future: Future[Any]) -> None:  # in the thread in which the future is set
        self._settled.append(future)
        told = self._told
        if told is not None:
            told.offer()

    async def receive(self, timeout: float | None = None) -> Response:  # noqa: ASYNC109 - as `ask` has it
        """Wait for whichever comes first, and take it out.

        Args:
            timeout: seconds until the wait gives up; then all is as before.

        Returns:
            How it ended; its `result()` returns or raises.

        Raises:
            pykka.Timeout: after `timeout` seconds.
            UsageError: if there is nothing to wait for, or somebody else waits; the caller's fault.
        """
        if not self._open:
            raise UsageError("there is nothing to wait for")
        if self._told is not None:
            raise UsageError("somebody waits for these already")
        try:
            self._told = told = Future[None]()
            if self._settled:  # looked at after that: other threads note first, and look for it then
                told.offer()
            await told.within(timeout)
            future = self._settled.popleft()
        finally:
            self._told = None
        label, _ = self._open.pop(future)
        return Response(label, future._value, future._error)

    def abandon(self) -> None:
        """Wait for none of them any more; what is asked in vain of a full mailbox is not sent."""
        if self._told is not None:
            raise UsageError("somebody waits for these")
        waiting, self._open = self._open, {}
        for future, (_, note) in waiting.items():
            future._unsubscribe(note)
        self._settled.clear()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Response:
        if not self._open:
            raise StopAsyncIteration
        return await self.receive()


def check_settable(future: object) -> None:
    """Check that a future is one that is set.

    Raises:
        UsageError: if not; the caller's fault.
    """
    if not isinstance(future, Future) or future._get_hook is not None:
        raise UsageError(f"only a Future of cometary.actors that is not derived from another, not {future!r}")
