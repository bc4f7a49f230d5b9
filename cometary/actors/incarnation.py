"""What belongs to one incarnation of an actor, and is gone before the next one begins: its tasks and its promises."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from cometary.actors.future import Future
from cometary.actors.messages import as_told
from cometary.actors.tasks import Task, call_async, check_function
from cometary.escapes import escapes

if TYPE_CHECKING:
    from cometary.actors.cell import Cell

T = TypeVar("T")


class OwnedTasks:
    """The Trio tasks that an actor started: its crash is theirs, and theirs is its crash.

    Args:
        cell: the actor's cell.
        begun: whether the incarnation has begun; the tasks of an actor that is still being
            built wait, because another thread may be building it.
    """

    __slots__ = ("_cell", "_running", "_waiting", "_when_gone")

    def __init__(self, cell: Cell, *, begun: bool) -> None:
        self._cell = cell
        self._running: set[Task[Any]] = set()
        self._waiting: list[Task[Any]] | None = None if begun else []
        self._when_gone: Callable[[], None] | None = None

    @property
    def count(self) -> int:
        """How many tasks run."""
        return len(self._running)

    def start(self, function: Callable[..., Awaitable[T]], args: tuple[Any, ...]) -> Task[T]:
        """Run `function(*args)` in a task, as soon as the actor has begun."""
        check_function(function)
        task = Task(self._cell.system, function, args)
        if self._waiting is not None:
            self._waiting.append(task)
        else:
            self._cell.system.post(self._start, task)
        return task

    def _start(self, task: Task[Any]) -> None:
        # Nothing starts in a system that is closed: the task would never run, and the actor's end,
        # which waits for it, never come. Another thread may not know yet that the actor has ended.
        if self._cell.system.closed or self._when_gone is not None:
            task.lost(_TOO_LATE)
            return
        self._running.add(task)  # now: it must be there if the actor ends before the task runs
        self._cell.system.start_soon(self._run, task)

    def begin(self) -> None:
        """Start what has been waiting for the actor to begin."""
        waiting, self._waiting = self._waiting, None
        for task in waiting or ():
            self._cell.system.post(self._start, task)

    def drop(self) -> None:
        """Take note that the actor is not going to begin."""
        for task in self._waiting or ():
            task.lost(_TOO_LATE)

    def end(self, when_gone: Callable[[], None]) -> None:
        """Cancel all tasks, and call `when_gone` once the last one has unwound."""
        self._when_gone = when_gone
        if not self._running:
            when_gone()
            return
        for task in self._running:
            task.cancel()

    async def _run(self, task: Task[Any]) -> None:
        outcome: tuple[Any] | None = None
        try:
            with task.begin():
                outcome = (await call_async(task.function, task.args),)
        except BaseException as error:
            if escapes(error):
                raise
            self._failed(error)  # first: if it is the actor that waits for this, it ends now
            task.offer(error=as_told(error))
        else:
            task.finish(outcome)
        finally:
            self._running.discard(task)
            if not task.done():
                task.lost("cancelled")
            if self._when_gone is not None and not self._running:
                self._when_gone()

    def _failed(self, error: BaseException) -> None:
        if self._when_gone is None:
            self._cell.fail(error, None)
        else:
            self._cell.log_crash(error)  # the actor has ended already


_TOO_LATE = "started by an actor that has ended"


class Promises:
    """The replies that an actor has promised for later. Its end breaks those not kept."""

    __slots__ = ("_open",)

    def __init__(self) -> None:
        self._open: set[Future[Any]] = set()

    def add(self, reply: Future[Any]) -> Future[Any]:
        """Remember `reply` until it is set, from whichever thread; returns it."""
        self._open.add(reply)
        done = partial(self._open.discard, reply)
        if not reply.subscribe(done):
            done()
        return reply

    def break_all(self, error: Exception) -> None:
        """Answer all that are still open with `error`."""
        for reply in list(self._open):
            reply.offer(error=error)
