"""Tasks: async functions that run beside an actor's mailbox, or under a supervisor, each with its result.

1.  A task is a future: it has a result when its function has returned or raised, and everything in it has unwound.
2.  Cancelling it cancels its function only. Whoever waits for it then gets `TaskCancelledError`; so they do if its
    actor, or its supervisor, has ended.
3.  Who waits for a task, and gives up, does not cancel it.
4.  What its function raises that is no `Exception` is not raised again by those who wait: see `as_told`.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import CoroutineType
from typing import TYPE_CHECKING, Any, TypeVar

import trio
from pykka import ActorDeadError

from cometary.actors.future import Future
from cometary.errors import TaskCancelledError, UsageError
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

    # Defaults for all, as in the base: sessions start a task for each packet whose handler is async.
    _scope: trio.CancelScope | None = None
    _cancelled = False

    def __init__(  # pyright: ignore[reportMissingSuperCall]
        self, system: ActorSystem, function: Callable[..., Awaitable[T]], args: tuple[Any, ...]
    ) -> None:
        self._system = system
        self.function = function
        self.args = args

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

    def begin(self) -> trio.CancelScope:
        """Return the scope in which the function is to run, inside of whatever looks at what it raises.

        The scope takes the cancellation out of a group that the function raises.
        """
        self._scope = scope = trio.CancelScope()
        if self._cancelled:
            scope.cancel()
        return scope

    def finish(self, outcome: tuple[T] | None) -> None:
        """Tell those who wait: of the result that is in `outcome`; or without one that it was cancelled."""
        if outcome is None:
            self.lost("cancelled")
        else:
            self.offer(outcome[0])

    def lost(self, why: str) -> None:
        """Tell those who wait that there is going to be no result, unless there is one."""
        if not self._done:
            self.offer(error=TaskCancelledError(f"{show(self.function)} was {why}"))


def check_function(function: Any) -> None:
    """Check that `function` can be called, which is all that is known of it before.

    Raises:
        UsageError: if it cannot, like a coroutine, which somebody has called already; the caller's fault.
    """
    if callable(function):
        return
    if issubclass(type(function), CoroutineType):
        function.close()
    raise UsageError(
        f"a task is an async function and its arguments, `(fetch, url)`, and not {show(function)}"
    )


def call_async(function: Callable[..., Awaitable[T]], args: tuple[Any, ...]) -> Awaitable[T]:
    """Call a function; returns what is to be awaited then.

    Raises:
        UsageError: if that cannot be awaited: the function is not async.
    """
    result: Awaitable[T] = function(*args)
    if not hasattr(type(result), "__await__") and not inspect.isawaitable(result):
        raise UsageError(
            f"{show(function)} is not async: write `async def`, or run it by `trio.to_thread.run_sync`"
        )
    return result
