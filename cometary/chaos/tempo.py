"""How fast a run goes: a busy machine is given less to do at a time, and the run takes longer.

1.  Twice a second it measures how late this process is woken, and how long the server takes to refuse an invalid
    request, so that it sees whichever is slower, bench or server.
2.  If that is more than `LATE`, all periods grow: between two packets, two breaks, two changes. Otherwise they
    shrink, more slowly, to what was planned. With many sessions a run begins slowly, until it is known what the
    machine can do.
3.  The run's own time slows down as much. So what a run does to a server is the same on any machine, and what does
    not come within its time is the fault of the server, not of whatever else is going on.
4.  A server that answers nothing at all for a minute is not slow: the run ends. How late the server was is noted, and
    how late the bench was, so that readers of the report see which of the two it was.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import closing
from typing import TYPE_CHECKING, Final

import trio

from cometary.chaos.quantiles import Quantiles
from cometary.chaos.wire import BROKEN, Wire
from cometary.errors import TargetError

if TYPE_CHECKING:
    from cometary.chaos.shared import Target

LOOK: Final = 0.5
"""Seconds between two looks."""

LATE: Final = 0.25
"""How many seconds of being woken or answered late are too many."""

GROWS: Final = 1.25
SHRINKS: Final = 0.95
SLOWEST: Final = 64.0

AT_ONCE: Final = 500
"""Sessions for which the run begins as fast as was planned."""

LONGEST: Final = 2.0
"""Seconds after which a server's answer is no longer waited for: it is late."""

SILENT: Final = 60.0
"""Seconds without any answer after which the server counts as gone (rule 4)."""

NOTHING: Final = b"{}"
"""A body that the server refuses at once."""


class Tempo:
    """Measures the machine, and adapts to it.

    Args:
        sessions: how many there are.

    Attributes:
        stretch: how many times as long as planned all periods are.
        slowest: the most that this has been.
        lag: by how much this process was woken late.
        answers: how long the server needed for an answer; `LONGEST` where none came.
        passed: seconds of the run's own time.
    """

    def __init__(self, sessions: int = 1) -> None:
        self.stretch = max(1.0, sessions / AT_ONCE)
        self.slowest = 1.0
        self.lag = Quantiles()
        self.answers = Quantiles()
        self.passed = 0.0

    async def run(self, answers: Callable[[], Awaitable[float | None]]) -> None:
        """Measure until cancelled.

        Args:
            answers: asks the server for anything, and returns how many seconds that took; None if it does not answer.

        Raises:
            TargetError: the server answers nothing any more (rule 4): its own fault.
        """
        heard = trio.current_time()
        while trio.current_time() - heard < SILENT:
            due = trio.current_time() + LOOK
            await trio.sleep_until(due)
            lag = trio.current_time() - due
            self.lag.add(lag)
            answer = None
            with trio.move_on_after(LONGEST):
                answer = await answers()
            heard = heard + lag if answer is None else trio.current_time()
            late = LONGEST if answer is None else answer
            self.answers.add(late)
            self.measured(max(lag, late))
        raise TargetError(f"the server has answered nothing for {SILENT:.0f} s")

    def measured(self, late: float) -> None:
        """Adapt to so many seconds of lateness (rule 2)."""
        factor = GROWS if late > LATE else SHRINKS
        self.stretch = min(max(self.stretch * factor, 1.0), SLOWEST)
        self.slowest = max(self.slowest, self.stretch)

    async def pass_by(self, seconds: float) -> None:
        """Wait until so many seconds of the run's own time have passed (rule 3)."""
        while self.passed < seconds:
            since = trio.current_time()
            await trio.sleep(min(LOOK, (seconds - self.passed) * self.stretch))
            self.passed += (trio.current_time() - since) / self.stretch


async def answers_of(target: Target) -> float | None:
    """Return how many seconds one server needs for an answer; None if it gives none."""
    since = trio.current_time()
    try:
        with closing(await Wire.connect(target)) as wire:
            await wire.send(target.request(NOTHING))
            await wire.receive()
        return trio.current_time() - since
    except BROKEN:
        return None
