"""Running an actor system: on this Trio loop, or on one in a background thread.

Structured concurrency: a system is a `with`, and leaving it leaves nothing running.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from typing import Any, cast

import trio

from cometary.actors.future import Future
from cometary.actors.loops import check_on_trio
from cometary.actors.system import ActorSystem, current, in_threads
from cometary.actors.watchdog import check_limit, watching
from cometary.errors import UsageError
from cometary.escapes import exit_in


@contextlib.asynccontextmanager
async def system(
    *, stop_timeout: float = 5.0, watchdog: float | None = None, ask_timeout: float | None = None
) -> AsyncGenerator[ActorSystem]:
    """Run an actor system on the current Trio loop for the length of the `async with`.

    However the block is left (its end, an exception, a cancellation), the actors are asked to
    stop and have `stop_timeout` for it; only then does the exception go on its way. A `SystemExit` that the
    block raises, and a Ctrl-C, wherever it comes, leave it as themselves.

    Args:
        stop_timeout: seconds that actors have to stop at the end before they are killed.
        watchdog: seconds that a handler may hold up the loop before a warning names it, with
            the traceback of where it is; None: no watchdog. It is a thread that looks a few times in
            that time, and costs nothing for a message.
        ask_timeout: seconds after which each `ask` that has no `timeout` of its own gives up; None: never.

    Yields:
        The system. Inside the block, and in every task and thread started from it,
        `Actor.start` starts actors in it.

    Raises:
        UsageError: if `stop_timeout` or `ask_timeout` is no number of seconds, or `watchdog` no positive one, or
            Trio does not run; the calling code's fault.
        KeyboardInterrupt: after a Ctrl-C.
    """
    check_on_trio("system()")
    check_limit(watchdog)
    _check_seconds("stop_timeout", stop_timeout)
    if ask_timeout is not None:
        _check_seconds("ask_timeout", ask_timeout)
    _check_loop()
    raised: BaseException | None = None
    try:
        async with trio.open_nursery() as nursery:
            shield = trio.CancelScope()
            actors = await nursery.start(_host, shield, watchdog, ask_timeout)
            restore = current.set(actors)
            try:
                # From here on a cancellation of the block must not reach the actors: they are to
                # stop in order. One that came while `start` returned is noticed here.
                shield.shield = True
                await trio.lowlevel.checkpoint_if_cancelled()
                yield actors
            except BaseException as error:
                if _is_cancelled(error):
                    raise
                raised = error
            finally:
                current.reset(restore)
                with trio.CancelScope(shield=True):
                    await actors.shut_down(stop_timeout)
    except BaseException as error:
        interrupt = exit_in(error)
        if interrupt is None:
            raise
        if raised is not None:
            interrupt.__context__ = raised
        raised = interrupt  # a Ctrl-C while an actor ran: whoever waits for one looks for it, not for a group
    if raised is not None:
        raise raised  # out here, because the nursery would make a group of it


def _check_loop() -> None:
    if not trio.lowlevel.in_trio_run():
        raise UsageError(
            "`async with system()` needs Trio: `trio.run(main)`; from asyncio, and in threads, "
            "use `with system_in_thread()`"
        )


def _check_seconds(what: str, seconds: object) -> None:
    # Now: at the end of the system it would be too late to complain.
    if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not seconds >= 0:
        raise UsageError(f"{what} must be 0 or more seconds, not {seconds!r}")


def _is_cancelled(error: BaseException) -> bool:
    """Whether a cancellation is in it: only Trio may hold such an exception back."""
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        return any(_is_cancelled(each) for each in group.exceptions)
    return isinstance(error, trio.Cancelled)


async def _host(
    shield: trio.CancelScope,
    watchdog: float | None,
    ask_timeout: float | None,
    task_status: trio.TaskStatus[ActorSystem],
) -> None:
    with shield, contextlib.ExitStack() as at_the_end:
        async with trio.open_nursery() as nursery:
            actors = ActorSystem(nursery, ask_timeout)
            at_the_end.callback(actors.bury_all)
            if watchdog is not None:
                actors.scheduler.watch = at_the_end.enter_context(watching(actors, watchdog))
            actors.start_soon(actors.scheduler.run)
            task_status.started(actors)


@contextlib.contextmanager
def system_in_thread(
    *, stop_timeout: float = 5.0, watchdog: float | None = None, ask_timeout: float | None = None
) -> Generator[ActorSystem]:
    """Run an actor system in a background thread, for a program that is not async.

    Inside the block any thread starts and uses actors as it would Pykka's, blocking calls
    included. With several such systems at once, a thread that has opened one itself uses that,
    the others use the one opened last.

    Args:
        stop_timeout: seconds that actors have to stop at the end before they are killed.
        watchdog: as for `system`.
        ask_timeout: as for `system`.

    Yields:
        The system.

    Raises:
        UsageError: on a Trio loop, or for a wrong number of seconds; the caller's fault.
        BaseException: at the end, what has ended the system too early, if anything has.
    """
    if trio.lowlevel.in_trio_run():
        raise UsageError("on the Trio loop use `async with system():`")
    check_limit(watchdog)
    _check_seconds("stop_timeout", stop_timeout)
    if ask_timeout is not None:
        _check_seconds("ask_timeout", ask_timeout)
    ready: Future[ActorSystem] = Future()
    leave: Future[None] = Future()
    outcome: Future[None] = Future()

    async def main() -> None:
        async with system(stop_timeout=stop_timeout, watchdog=watchdog, ask_timeout=ask_timeout) as actors:
            ready.set(actors)
            await leave

    thread = threading.Thread(target=_run, args=(main, ready, outcome), name="cometary-actors")
    thread.start()
    try:
        with _serving_threads(ready.get()) as actors:
            yield actors
    finally:
        if not (ready.done() and ready.get().left_behind):  # else this process was forked in the block
            leave.set()
            thread.join()
            outcome.get()


@contextlib.contextmanager
def _serving_threads(actors: ActorSystem) -> Generator[ActorSystem]:
    in_threads.append(actors)
    restore = current.set(actors)
    try:
        yield actors
    finally:
        current.reset(restore)
        if actors in in_threads:  # it is not in a process that was forked in the block
            in_threads.remove(actors)


def _run(main: Callable[[], Awaitable[None]], ready: Future[Any], outcome: Future[None]) -> None:
    try:
        trio.run(main)
    except BaseException as error:  # noqa: BLE001 - the thread that opened the system raises it
        ready.offer(error=error)
        outcome.set_exception()
    else:
        outcome.set()
