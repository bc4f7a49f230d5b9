"""Tasks: async functions that run beside an actor's mailbox, or under a supervisor, each with its result.

1.  A task is a future: it has a result when its function has returned or raised, and everything in it has unwound.
2.  Cancelling it cancels its function only. Whoever waits for it then gets `TaskCancelledError`; so they do if its
    actor, or its supervisor, has ended.
3.  Who waits for a task, and gives up, does not cancel it.
4.  What its function raises that is no `Exception` is not raised again by those who wait: see `as_told`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import trio
from pykka import ActorDeadError

from cometary.actors.future import Future
from cometary.errors import TaskCancelledError
from cometary.log import show

if TYPE_CHECKING:
    from cometary.actors.system import ActorSystem

T = TypeVar("T")


class Task(Future[T]):
    """An async function that runs: `await` its result, or `cancel` it. Made by `Actor.start_task` and `async_nolink`.

    Args:
        system: where it runs.
        function: what runs.
        args: its arguments.
    """

    def __init__(
        self, system: ActorSystem, function: Callable[..., Awaitable[T]], args: tuple[Any, ...]
    ) -> None:
        super().__init__()
        self._system = system
        self.function = function
        self.args = args
        self._scope: trio.CancelScope | None = None
        self._outcome: tuple[T] | None = None
        self._cancelled = False

    def __repr__(self) -> str:
        return f"<Task {show(self.function)}, {'done' if self.done() else 'running'}>"

    def cancel(self) -> None:
        """Cancel it. Harmless if it is over. From any thread; `await task.ready()` waits until it has unwound.

        Source: Elixir, `Task.shutdown/2`.
        """
        self._system.post(self._cancel)

    def cancel_soon(self) -> None:
        """Cancel it a moment later: for finalizers, which may be called at any point."""
        with suppress(ActorDeadError):  # then it is over
            self._system.call_soon(self._cancel)

    def _cancel(self) -> None:
        self._cancelled = True
        if self._scope is not None:
            self._scope.cancel()

    @property
    def begun(self) -> bool:
        """Whether its function has been called."""
        return self._scope is not None

    # -- for whoever runs it, on the loop's thread -----------------------------------------

    async def run(self) -> None:
        """Run the function; raises what it raises. Those who wait are told by `finish`."""
        self._scope = scope = trio.CancelScope()
        if self._cancelled:
            scope.cancel()
        with scope:  # inside: it takes the cancellation out of a group that the function raises
            self._outcome = (await self.function(*self.args),)

    def finish(self) -> None:
        """Tell those who wait of the result, after `run` has returned."""
        if self._outcome is None:
            self.lost("cancelled")
        else:
            self.offer(self._outcome[0])

    def lost(self, why: str) -> None:
        """Tell those who wait that there is going to be no result, unless there is one."""
        if not self._done:
            self.offer(error=TaskCancelledError(f"{show(self.function)} was {why}"))
