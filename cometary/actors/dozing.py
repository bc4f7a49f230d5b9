"""Dozing: the watchdog takes no looks while the loop sleeps, and goes on as soon as that wakes up.

Waking a thread costs more than its look does. A server that only holds requests would be looked at 25 times a second
for nothing.

1.  It dozes when the loop waits for sockets and timers, and has not come round since the look before. So one that is
    woken again and again, by some traffic, is looked at as ever: to be woken each time would be more than that.
2.  Whatever wakes the loop ends it (`after_io_wait`), before anything is called that could take long. The next look is
    a pause later, as if the last one had been then: so what is noticed of a call does not depend on whether it dozed.
3.  First it is noted that it dozes, then looked whether the loop waits. The other way round, a loop that wakes up in
    between would not see the note, and nobody would end it.
4.  Where the loop's thread does not wait itself (as a guest of asyncio) it never dozes.
"""

from __future__ import annotations

import contextlib
import sys
import threading

import trio


class Rest(trio.abc.Instrument):
    """Where the watchdog's thread waits between two looks.

    Args:
        thread: that of the loop, which wakes it.

    Attributes:
        dozes: whether it waits for the loop to wake up, or is about to see whether that sleeps.
        over: whether there are to be no more looks.
    """

    def __init__(self, thread: int) -> None:
        self._thread = thread
        self.dozes = False
        self._rounds = self._rounds_before = 0
        self._woken = threading.Lock()  # an event would make another lock for each wait
        self._woken.acquire()
        self.over = False

    def after_io_wait(self, timeout: float) -> None:  # noqa: ARG002 - Trio's signature
        """Take note that the loop has woken up; Trio calls it, in the loop's thread."""
        self._rounds += 1
        if self.dozes:
            self.dozes = False
            self._wake()

    def end(self) -> None:
        """Let there be no more looks."""
        self.over = True
        self._wake()

    def until_next_look(self, pause: float, *, idle: bool) -> None:
        """Wait until the next look, or the end.

        Args:
            pause: seconds between two looks.
            idle: whether the loop was in no call in the last one.
        """
        if idle and self._rounds == self._rounds_before:
            self._doze()
        self._rounds_before = self._rounds
        if not self.over:
            self._woken.acquire(timeout=pause)

    def _doze(self) -> None:
        self.dozes = True  # before the look: rule 3
        if waits(self._thread):
            self._woken.acquire()
        self.dozes = False

    def _wake(self) -> None:
        with contextlib.suppress(RuntimeError):  # it has been woken already
            self._woken.release()


def waits(thread: int) -> bool:
    """Whether a thread waits for sockets and timers, as Trio's loop."""
    frame = sys._current_frames().get(thread)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    if frame is None or frame.f_code.co_name != "get_events":
        return False
    return str(frame.f_globals.get("__name__")).startswith("trio._core._io_")
