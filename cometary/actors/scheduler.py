"""The scheduler: one Trio task that runs every actor whose handler is a plain `def`.

1.  An actor with mail is in the run queue exactly once (its cell's state says whether).
2.  A turn of an actor handles at most `quota` messages; then the next actor has its turn.
    This is what BEAM does with reductions: no actor starves the others.
3.  After `batch` messages the scheduler lets every other Trio task run (a checkpoint), so that
    no storm of messages, and no crowd of timers due at once, starves the sockets.
4.  With nothing to do it sleeps until mail arrives or the next timer is due. All of this
    happens on one thread: between looking at the queue and falling asleep nothing can arrive.
5.  While it sleeps, another Trio task may run a batch in its place (`run_with`).
"""

from __future__ import annotations

from collections import deque
from math import inf
from typing import TYPE_CHECKING, Any

import trio

from cometary.actors.statistics import SchedulerStatistics
from cometary.actors.timers import TimerQueue

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.actors.scheduled import ScheduledCell
    from cometary.actors.watch import Watch


class Scheduler:
    """Runs actors and expires timers on the Trio task that calls `run`.

    Args:
        quota: messages that one actor handles before the next has its turn.
        batch: messages between two checkpoints, and timers that may expire there.
        ready: the run queue, empty; by default first come, first served.

    Attributes:
        watch: the watchdog's, if there is one.
    """

    def __init__(
        self, *, quota: int = 100, batch: int = 200, ready: deque[ScheduledCell] | None = None
    ) -> None:
        self.quota = quota
        self.batch = batch
        self.ready: deque[ScheduledCell] = deque() if ready is None else ready
        self.timers = TimerQueue(self.now, self.wake)
        self.asleep: trio.lowlevel.Task | None = None
        self.watch: Watch[Any] | None = None
        self._now: float | None = None
        self._batches = self._turns = self._messages = 0

    def now(self) -> float:
        """Return Trio's time in seconds; within a batch, the time when the batch began."""
        return trio.current_time() if self._now is None else self._now

    def enqueue(self, cell: ScheduledCell) -> None:
        """Give `cell` a turn. It must not be in the queue already."""
        self.ready.append(cell)
        if self.asleep is not None:
            self.wake()

    def wake(self) -> None:
        """End the sleep, if there is one: something is to be done, or a timer is due sooner."""
        task, self.asleep = self.asleep, None
        if task is not None:
            trio.lowlevel.reschedule(task)

    async def run(self) -> None:
        """Run until cancelled."""
        while True:
            if self.ready:
                await trio.lowlevel.checkpoint()
            else:
                await self._sleep()
            self.run_batch()

    def run_batch(self) -> None:
        """Expire timers that are due, then give actors their turns, about `batch` messages in all."""
        self._now = now = trio.current_time()
        try:
            if self.timers.next_due <= now:
                self.timers.expire(now, self.batch)
            ready = self.ready
            left, quota = self.batch, self.quota
            turns = 0
            while ready and left > 0:
                left -= ready.popleft().run(quota)
                turns += 1
            self._batches += 1
            self._turns += turns
            self._messages += self.batch - left
        finally:
            self._now = None

    def run_with(self, work: Callable[[], None]) -> None:
        """Do `work` and, in the same breath, give a batch of turns to the actors it sent mail to.

        For a Trio task that does little else than send mail, such as one that serves sockets: it
        spares Trio a round from that task to the scheduler's, and finds what both look at still
        in the processor's caches. Not for actors: `work` must be outside of any turn.
        """
        task, self.asleep = self.asleep, None
        if task is None:  # the scheduler is about to run anyway
            work()
            return
        due = self.timers.next_due
        try:
            work()
            self.run_batch()
        finally:
            if self.ready or self.timers.next_due < due:
                trio.lowlevel.reschedule(task)
            else:
                self.asleep = task

    def statistics(self) -> SchedulerStatistics:
        """Tell what has been done since the system was started; from any thread, as of now."""
        longest = None if self.watch is None else self.watch.longest
        return SchedulerStatistics(self._batches, self._turns, self._messages, len(self.ready), longest)

    async def _sleep(self) -> None:
        due = self.timers.next_due
        if due == inf:
            await self._until_woken()
        else:
            with trio.CancelScope(deadline=due):
                await self._until_woken()

    async def _until_woken(self) -> None:
        self.asleep = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(self._abort_sleep)

    def _abort_sleep(self, _: object) -> trio.lowlevel.Abort:
        self.asleep = None
        return trio.lowlevel.Abort.SUCCEEDED
