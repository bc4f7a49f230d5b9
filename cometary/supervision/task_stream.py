"""Many tasks for many items, a few at a time, their results as they come or in the order of the items.

1.  Items are taken when there is room for a task. There are never more than `max_concurrency` that run, or whose result
    has not been handed out: in order, one slow task makes the others wait when they are through.
2.  Whoever stops before the end ends the tasks that run: by leaving the stream's `with`, by `close()`, or, later, by
    forgetting the stream.
3.  A task that takes too long is cancelled. It has not crashed, only its result is a `Timeout`.
4.  What prevents a task from starting ends the stream, linked or not: nothing is known of the item then.

Source: Elixir, `Task.Supervisor.async_stream/4`, `async_stream_nolink/4`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from types import TracebackType
from typing import Any, Generic, NamedTuple, Self, TypeVar, cast

import trio
from pykka import Timeout

from cometary.actors import Requests, Response, Task
from cometary.actors.names import Whom
from cometary.actors.tasks import call_async, check_function
from cometary.supervision.function import function_name
from cometary.supervision.options import check_count, check_seconds
from cometary.supervision.task_supervisor import async_nolink

I = TypeVar("I")  # noqa: E741 - of the item
R = TypeVar("R")

CONCURRENCY = 10
"""Tasks of a stream that run at a time, if it does not say."""


class _TooLate(NamedTuple):
    """The result of a task that was cancelled because it took so many seconds."""

    seconds: float


class TaskStream(Generic[R]):
    """Iterate over it with `async for`; made by `async_stream` and `async_stream_nolink`. One iterates at a time."""

    def __init__(
        self,
        start: Callable[[Any], Task[Any]],
        items: Iterable[Any],
        max_concurrency: int,
        *,
        ordered: bool,
        linked: bool,
    ) -> None:
        self._start = start
        self._items = iter(items)
        self._room = max_concurrency
        self._linked = linked
        self._ordered = ordered
        self._running: dict[Task[Any], Any] = {}
        self._requests = Requests[Task[Any]]()
        self._closed = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> R:
        self._fill()
        if not self._running:
            raise StopAsyncIteration
        task = await self._next()
        item = self._running.pop(task)
        error, value = _outcome(task)
        if error is not None and (self._linked or not task.begun):
            self.close()
            raise error
        return cast("R", value if self._linked else Response(item, value, error))

    async def _next(self) -> Task[Any]:
        if not self._ordered:
            return cast("Task[Any]", (await self._requests.receive()).tag)
        first = next(iter(self._running))
        await first.ready()
        return first

    def _fill(self) -> None:
        while not self._closed and len(self._running) < self._room:
            try:
                item = next(self._items)
            except StopIteration:
                return
            except BaseException:
                self.close()
                raise
            task = self._start(item)
            self._running[task] = item
            if not self._ordered:
                self._requests.add(task, task)

    def close(self) -> None:
        """Cancel the tasks that run, and take no more items. Harmless if it is at its end."""
        self._closed = True
        for task in self._running:
            task.cancel()
        self._running.clear()
        self._requests = Requests[Task[Any]]()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        # The garbage collector comes at any moment, in any thread, Trio's own code included.
        for task in getattr(self, "_running", ()):
            task.cancel_soon()


def async_stream(
    supervisor: Whom,
    items: Iterable[I],
    function: Callable[[I], Awaitable[R]],
    *,
    max_concurrency: int = CONCURRENCY,
    ordered: bool = True,
    timeout: float | None = None,
) -> TaskStream[R]:
    """Run `function(item)` as a task for each item, and iterate over what they return.

    The first that raises, or takes too long, ends the iteration with that, and the other tasks.

    Args:
        supervisor: a `TaskSupervisor`, by its reference or its name.
        items: taken one by one, as there is room.
        function: what runs.
        max_concurrency: how many tasks at a time; it bounds what waits to be handed out, too.
        ordered: whether the results come in the order of the items, or as they are there.
        timeout: seconds for each; None: no limit.

    Returns:
        The stream; `with` closes it where the iteration may end early.

    Raises:
        SpecError: for a number that makes no sense; the calling code's fault.
        UsageError: if `function` cannot be called; the calling code's fault.
        ChildStateError: at the first item, if `supervisor` is no task supervisor; the calling code's fault.
    """
    start = _starter(supervisor, function, max_concurrency, timeout)
    return TaskStream(start, items, max_concurrency, ordered=ordered, linked=True)


def async_stream_nolink(
    supervisor: Whom,
    items: Iterable[I],
    function: Callable[[I], Awaitable[R]],
    *,
    max_concurrency: int = CONCURRENCY,
    ordered: bool = True,
    timeout: float | None = None,
) -> TaskStream[Response]:
    """Do as `async_stream`, but iterate over a `Response(item, value, error)` for each, and go on if one fails."""
    start = _starter(supervisor, function, max_concurrency, timeout)
    return TaskStream(start, items, max_concurrency, ordered=ordered, linked=False)


def _starter(
    supervisor: Whom,
    function: Callable[[I], Awaitable[R]],
    max_concurrency: int,
    timeout: float | None,
) -> Callable[[I], Task[Any]]:
    check_function(function)
    check_count("max_concurrency", max_concurrency, least=1)
    if timeout is None:
        return lambda item: async_nolink(supervisor, function, item)
    check_seconds("timeout", timeout, above=0)
    seconds = timeout

    async def limited(item: I) -> R | _TooLate:
        with trio.move_on_after(seconds):
            return await call_async(function, (item,))
        return _TooLate(seconds)

    limited.__qualname__ = function_name(function)
    return lambda item: async_nolink(supervisor, limited, item)


def _outcome(task: Task[Any]) -> tuple[BaseException | None, Any]:
    try:
        value = task.get(timeout=0)
    except BaseException as error:  # noqa: BLE001 - it is raised, or handed out
        return error, None
    if type(value) is _TooLate:
        return Timeout(f"{function_name(task.function)} took more than {value.seconds} seconds"), None
    return None, value
