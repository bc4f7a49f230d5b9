"""What belongs to one incarnation of an actor, and is gone before the next one begins: its tasks and its promises."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import trio

from cometary.actors.future import Future
from cometary.escapes import escapes

if TYPE_CHECKING:
    from cometary.actors.cell import Cell


class OwnedTasks:
    """The Trio tasks that an actor started: its crash is theirs, and theirs is its crash.

    Args:
        cell: the actor's cell.
        begun: whether the incarnation has begun; the tasks of an actor that is still being
            built wait, because another thread may be building it.
    """

    __slots__ = ("_cell", "_scopes", "_waiting", "_when_gone")

    def __init__(self, cell: Cell, *, begun: bool) -> None:
        self._cell = cell
        self._scopes: set[trio.CancelScope] = set()
        self._waiting: list[tuple[Callable[..., Awaitable[object]], Any]] | None = None if begun else []
        self._when_gone: Callable[[], None] | None = None

    def start(self, function: Callable[..., Awaitable[object]], *args: object) -> None:
        """Run `function(*args)` in a task, as soon as the actor has begun."""
        if self._waiting is not None:
            self._waiting.append((function, args))
            return
        self._cell.system.post(self._start, function, args)

    def _start(self, function: Callable[..., Awaitable[object]], args: Any) -> None:
        # Nothing starts in a system that is closed: the task would never run, and the actor's end,
        # which waits for it, never come. Another thread may not know yet that the actor has ended.
        if self._cell.system.closed or self._when_gone is not None:
            return
        scope = trio.CancelScope()  # made here: it must be there if the actor ends before the task runs
        self._scopes.add(scope)
        self._cell.system.start_soon(self._run, scope, function, args)

    def begin(self) -> None:
        """Start what has been waiting for the actor to begin."""
        waiting, self._waiting = self._waiting, None
        for function, args in waiting or ():
            self.start(function, *args)

    def end(self, when_gone: Callable[[], None]) -> None:
        """Cancel all tasks, and call `when_gone` once the last one has unwound."""
        self._when_gone = when_gone
        if not self._scopes:
            when_gone()
            return
        for scope in self._scopes:
            scope.cancel()

    async def _run(
        self, scope: trio.CancelScope, function: Callable[..., Awaitable[object]], args: Any
    ) -> None:
        # The scope is inside the `try`: a function that is cancelled while something else in it
        # fails raises both at once, and only the scope takes the cancellation out of the group.
        try:
            with scope:
                await function(*args)
        except BaseException as error:
            if escapes(error):
                raise
            self._failed(error)
        finally:
            self._scopes.discard(scope)
            if self._when_gone is not None and not self._scopes:
                self._when_gone()

    def _failed(self, error: BaseException) -> None:
        if self._when_gone is None:
            self._cell.fail(error, None)
        else:
            self._cell.log_crash(error)  # the actor has ended already


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
