"""An asyncio loop in a thread, for applications that know no other.

The functions that such an application is given to call belong to this side: a call goes over to Trio, runs there as a
task, and its result comes back.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final, Self

import trio

LAST_MOMENT: Final = 1.0
"""Seconds."""


class AsyncioThread:
    """An asyncio loop in a thread; used on Trio, for the duration of a `with` block."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._main, name="hosting", daemon=True)

    def __enter__(self) -> Self:
        """Start it."""
        self._token = trio.lowlevel.current_trio_token()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it: what is under way is cancelled, and given a moment to end."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(LAST_MOMENT)

    def _main(self) -> None:
        loop = self._loop
        loop.run_forever()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            loop.run_until_complete(asyncio.wait(self._tasks, timeout=LAST_MOMENT))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    async def call(self, application: Any, scope: Any, receive: Any, send: Any) -> None:
        """Call an application over there, and wait until it ends."""
        ended, errors = trio.Event(), list[BaseException]()
        async with trio.open_nursery() as nursery:

            def begin(
                future: asyncio.Future[Any], function: Callable[..., Awaitable[Any]], args: Any
            ) -> None:
                if ended.is_set() or nursery.cancel_scope.cancel_called:
                    self._settle(future, None, OSError("the request is over"))
                else:
                    nursery.start_soon(self._run, future, function, args)

            async def run_here(function: Callable[..., Awaitable[Any]], *args: Any) -> Any:
                """Over there: have a function of this loop's run, and wait for it."""
                future: asyncio.Future[Any] = self._loop.create_future()
                self._token.run_sync_soon(begin, future, function, args)
                return await future

            async def run_there() -> None:
                try:
                    await application(scope, partial(run_here, receive), partial(run_here, send))
                except BaseException as error:  # noqa: BLE001 - it is raised on this side
                    errors.append(error)
                with suppress(trio.RunFinishedError):
                    self._token.run_sync_soon(ended.set)

            self._loop.call_soon_threadsafe(self._start, run_there)
            try:
                await ended.wait()
            finally:
                ended.set()  # so that nothing more is begun, if it was given up
            nursery.cancel_scope.cancel()
        if errors:
            raise errors[0]

    def _start(self, function: Callable[[], Any]) -> None:
        task = self._loop.create_task(function())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(
        self, future: asyncio.Future[Any], function: Callable[..., Awaitable[Any]], args: Any
    ) -> None:
        try:
            result = await function(*args)
        except Exception as error:  # noqa: BLE001 - it is raised over there
            self._settle(future, None, error)
        else:
            self._settle(future, result, None)

    def _settle(self, future: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
        with suppress(RuntimeError):  # it has been closed
            self._loop.call_soon_threadsafe(settle, future, result, error)


def settle(future: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
    """Give a future its result, unless nobody waits for it any more."""
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
