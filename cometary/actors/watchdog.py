"""The watchdog: a thread that warns of whatever holds up the event loop, while it does.

What it cannot see is a call into C code that never lets other threads run (that keeps the
interpreter's lock), such as one huge regular expression: the watchdog stands still as well.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Generator
from functools import partial
from typing import TYPE_CHECKING

from cometary.actors.stacks import LoopCall, describe, running_call
from cometary.actors.watch import Watch
from cometary.errors import UsageError
from cometary.escapes import exit_in
from cometary.log import get_logger

if TYPE_CHECKING:
    from cometary.actors.system import ActorSystem

logger = get_logger("cometary.actors")

LOOKS = 4
"""How often the watchdog looks in `limit` seconds: so it notices all that takes half as long again."""

SHORTEST = 0.001
"""Seconds between two looks, at least."""


def check_limit(limit: float | None) -> None:
    """Check the limit of a watchdog.

    Raises:
        UsageError: if it is no positive number of seconds; the calling code's fault.
    """
    if limit is not None and not 0 < limit <= threading.TIMEOUT_MAX:
        raise UsageError(f"the watchdog's limit is a positive number of seconds or None, not {limit}")


@contextlib.contextmanager
def watching(system: ActorSystem, limit: float) -> Generator[Watch[LoopCall]]:
    """Watch a system's loop while the block lasts.

    Args:
        system: the system; its loop's thread is the one that calls this.
        limit: seconds that one call may hold up the loop before a warning names it.
    """
    watch = Watch[LoopCall](
        limit,
        now=time.monotonic,
        look=partial(running_call, system.thread),
        beat=system.post,
        report=partial(warn, system),
    )
    leave = threading.Event()
    interval = max(limit / LOOKS, SHORTEST)
    thread = threading.Thread(target=_look_until, args=(leave, watch, interval), name="cometary-watchdog")
    thread.start()
    try:
        yield watch
    finally:
        leave.set()
        thread.join()


def warn(system: ActorSystem, call: LoopCall, seconds: float) -> None:
    """Log whose call holds up the loop, and where it is."""
    blocked = describe(system, call, seconds)
    logger.warning(
        "handler blocks the loop",
        text=str(blocked),
        function=blocked.function,
        message_type=blocked.message_type,
        seconds=blocked.seconds,
        stack=blocked.traceback,
        extra={"blocked_handler": blocked},
        **({} if blocked.ref is None else blocked.ref.actor_inbox.account()),
    )


def _look_until(leave: threading.Event, watch: Watch[LoopCall], interval: float) -> None:
    while not leave.wait(interval):
        try:
            watch.tick()
        except BaseException as error:
            if exit_in(error) is not None:
                raise
            logger.exception("watchdog failed", text="The watchdog failed, and looks again")
