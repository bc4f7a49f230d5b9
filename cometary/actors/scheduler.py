"""The scheduler: one Trio task that runs every actor whose handler is a plain `def`.

1.  An actor with mail is in the run queue exactly once (its cell's state says whether).
2.  A turn of an actor (`ScheduledCell.run`) handles at most `quota` messages; then the next actor has its turn.
    This is what BEAM does with reductions: no actor starves the others.
3.  After `batch` messages the scheduler lets every other Trio task run (a checkpoint), so that
    no storm of messages, and no crowd of timers due at once, starves the sockets.
4.  With nothing to do it sleeps until mail arrives or the next timer is due. All of this
    happens on one thread: between looking at the queue and falling asleep nothing can arrive.
5.  While it sleeps, another Trio task may run a batch in its place (`run_with`).
6.  Once it has been woken, a task that awaits the answer to an `ask` runs a batch ahead of it
    (`run_ahead`), and is not suspended if the answer is there then. Whichever tasks do so, before
    each time that the scheduler's own task runs it is for about `batch` messages, less those that
    this task has handled the last time, and for no longer than `AHEAD` seconds; then whoever asks
    waits for the scheduler, and by that every other Trio task has run as well.
7.  Timers that come more than `STALL` seconds late, since the process or the loop stood still, wait
    until what came meanwhile has been read, for at most `CATCH_UP` seconds, if somebody has said how
    to know (`catch_up`): what a timer was to wait for may have come in time.
8.  What is to be done at the next batch (`at_next_batch`) is no timer: it waits for no more than the other Trio tasks.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import inf
from threading import get_ident
from typing import TYPE_CHECKING, Any, Final

import trio

from cometary.actors.loops import in_asyncio
from cometary.actors.scheduled_cell import run_turns
from cometary.actors.timers import TimerQueue

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Context

    from cometary.actors.scheduled_cell import ScheduledCell
    from cometary.actors.watchdog import Watch


@dataclass(frozen=True, slots=True)
class SchedulerStatistics:
    """The scheduler, since its system was started.

    Attributes:
        batches: how often it has run; what tasks that ask ran in its place is counted too.
        turns: turns that actors have had.
        messages: messages handled; a turn without any, such as an actor's start, counts as one.
        ready: actors that wait for their turn, now.
        longest_handler: seconds for which the watchdog has seen one handler hold up the loop, at
            the most: 0 if it has seen none, None if there is no watchdog.
    """

    batches: int
    turns: int
    messages: int
    ready: int
    longest_handler: float | None


AHEAD: Final = 0.00025
"""Seconds for which tasks that ask may run batches before Trio's other tasks have run: about what a batch takes."""

STALL: Final = 0.1
CATCH_UP: Final = 2.0

_NEVER: Final = -1


class Scheduler:
    """Runs actors and expires timers on the Trio task that calls `run`.

    Args:
        quota: messages that one actor handles before the next has its turn.
        batch: messages between two checkpoints, and timers that may expire there.
        ready: the run queue, empty; by default first come, first served.

    Attributes:
        watch: the watchdog's, if there is one.
        now: tells Trio's time in seconds; within a batch, the time when the batch began.
        catch_up: begins to read what has come while nothing ran, and returns what tells whether that
            is done; set by whoever reads for actors, and called outside of any turn.
    """

    def __init__(
        self, *, quota: int = 100, batch: int = 200, ready: deque[ScheduledCell] | None = None
    ) -> None:
        self.quota = quota
        self.batch = batch
        self.ready: deque[ScheduledCell] = deque() if ready is None else ready
        self._clock = trio.lowlevel.current_clock().current_time
        self.timers = TimerQueue(self._clock, self.wake)
        self.now = self.timers.now
        self.asleep: trio.lowlevel.Task | None = None
        self.watch: Watch[Any] | None = None
        self._batches = self._turns = self._messages = 0
        # Where Trio is a guest of asyncio, tasks of both await in this thread, and only Trio's may run ahead.
        self._own_thread = _NEVER if in_asyncio() else get_ident()
        self._context: Context  # of the task that runs `run`
        self._ahead_until = _NEVER  # what `_messages` may come to ahead of that task
        self._ahead_deadline = inf
        self._failed: BaseException | None = None
        self.catch_up: Callable[[], Callable[[], bool]] | None = None
        self._caught_up: Callable[[], bool] | None = None  # while timers are late
        self._wait_until = inf
        self._at_next_batch: list[Callable[[], None]] = []

    def enqueue(self, cell: ScheduledCell) -> None:
        """Give `cell` a turn. It must not be in the queue already."""
        self.ready.append(cell)
        if self.asleep is not None:
            self.wake()

    def at_next_batch(self, step: Callable[[], None]) -> None:
        """Take `step`, which must not raise, when the next batch begins: sockets have been looked at by then."""
        self._at_next_batch.append(step)
        if self.asleep is not None:
            self.wake()

    def wake(self) -> None:
        """End the sleep, if there is one: something is to be done, or a timer is due sooner."""
        task, self.asleep = self.asleep, None
        if task is not None:
            trio.lowlevel.reschedule(task)

    async def run(self) -> None:
        """Run until cancelled."""
        self._context = trio.lowlevel.current_task().context
        try:
            while self._failed is None:
                self._ahead_until, self._ahead_deadline = self._messages + self.batch, inf
                self.run_batch(self._clock())
                if self.ready or self._at_next_batch:
                    await trio.lowlevel.checkpoint()
                else:
                    await self._sleep()
            raise self._failed
        finally:
            self._ahead_until = _NEVER

    def run_batch(self, now: float) -> None:
        """Expire timers that are due `now`, then give actors their turns, about `batch` messages in all."""
        timers = self.timers
        timers.batch_began = now
        try:
            if timers.next_due <= now and not self._timers_wait(now):
                timers.expire(now, self.batch)
                if timers.next_due > now:  # none is late any more
                    self._caught_up = None
            if self._at_next_batch:
                steps, self._at_next_batch = self._at_next_batch, []
                for step in steps:
                    step()
            turns, messages = run_turns(self.ready, self.batch, self.quota)
            self._batches += 1
            self._turns += turns
            self._messages += messages
        finally:
            timers.batch_began = None

    def _timers_wait(self, now: float) -> bool:
        """Whether timers that are due wait for what is read first (rule 7)."""
        if self.catch_up is None or now <= self.timers.next_due + STALL:
            return False
        if self._caught_up is None:
            self._caught_up, self._wait_until = self.catch_up(), now + CATCH_UP
        return now < self._wait_until and not self._caught_up()

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
        self.timers.batch_began = self._clock()  # `work` may have messages handled at once (`Receiving.hand`)
        try:
            work()
            self.run_batch(self._clock())
        finally:
            self.timers.batch_began = None
            if self.ready or self._at_next_batch or self.timers.next_due < due:
                trio.lowlevel.reschedule(task)
            else:
                self.asleep = task

    def run_ahead(self) -> bool:
        """Run a batch before the scheduler's own task comes to it, unless rule 6 forbids it.

        For a Trio task that is about to wait for what an actor will do. To the actors it is as if the
        scheduler's task ran them: it is in that task's context, and an exit that a signal has asked for
        comes out of that task, and ends the system.

        Returns:
            Whether it has. It has not in a turn, in another thread, as a guest of asyncio, and when there is
            nothing to do.
        """
        if not self.ready or self.timers.batch_began is not None or get_ident() != self._own_thread:
            return False
        now = self._clock()
        if self._messages >= self._ahead_until or now >= self._ahead_deadline:
            return False
        if self._ahead_deadline == inf:
            self._ahead_deadline = now + AHEAD
        try:
            self._context.run(self.run_batch, now)
        except BaseException as error:  # noqa: BLE001 - raised by `run`
            self._failed, self._ahead_until = error, _NEVER
        return True

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
