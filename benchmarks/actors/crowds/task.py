"""What every crowd's program has in common: the task it was given, the clock, and the count.

A program is `crowd.py TASK ACTORS TIMES`. The tasks:

- `fan_out`: one sender tells every actor, `TIMES` times over; all have counted before it goes round again;
- `ask`: one asker asks one actor for an answer, `TIMES` times, each when the one before has been answered;
- `population`: `ACTORS` are started, kept and stopped;
- `restart`: one of `ACTORS` supervised actors is made to crash, and its next incarnation handles
  a message, `TIMES` times.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

from benchmarks.actors.rings.gauge import resident_kb

Report = dict[str, float]

T = TypeVar("T")


class Size(NamedTuple):
    """How many actors there are, and how often the thing is done."""

    actors: int
    times: int


def asked_for(tasks: Mapping[str, T]) -> tuple[T, Size]:
    """Reads the command line: which of the tasks, and of what size."""
    name, actors, times = sys.argv[1:]
    return tasks[name], Size(int(actors), int(times))


def publish(report: Report) -> None:
    """Prints what was found."""
    print(json.dumps(report))


class Tally:
    """Counts what the actors did, and calls once they have done all of it.

    Args:
        finished: called by the actor that is the last to count.
    """

    def __init__(self, finished: Callable[[], object]) -> None:
        self._finished = finished
        self.expect(0)

    def expect(self, number: int) -> None:
        """Begins to count: it is finished at `number`."""
        self._last = number
        self._numbers = itertools.count(1)

    def count(self) -> None:
        """One more; from any thread, for `next` of a count is one step of the interpreter."""
        if next(self._numbers) == self._last:
            self._finished()


class Stopwatch:
    """Takes the time by the clock and by the processor, from its making or the lap before."""

    def __init__(self) -> None:
        self._wall = time.perf_counter()
        self._cpu = time.process_time()

    def lap(self, times: int) -> Report:
        """Returns the microseconds for each of so many times, and starts again."""
        wall, cpu = self._wall, self._cpu
        self._wall, self._cpu = time.perf_counter(), time.process_time()
        return {"wall_us": (self._wall - wall) / times * 1e6, "cpu_us": (self._cpu - cpu) / times * 1e6}


class Census:
    """Takes the time and the memory of a population. Make it before the first actor is started.

    Args:
        actors: how many there will be.
    """

    def __init__(self, actors: int) -> None:
        self._actors = actors
        self._memory = resident_kb()
        self._found = Report()
        self._watch = Stopwatch()

    def started(self) -> None:
        """Every actor has run its first line."""
        self._take("start")
        self._found["actor_kb"] = (resident_kb() - self._memory) / self._actors
        self._watch.lap(1)

    def stopped(self) -> Report:
        """Every actor has gone. Returns what was found."""
        self._take("stop")
        for unit in ("wall_us", "cpu_us"):
            self._found[unit] = self._found[f"start_{unit}"] + self._found[f"stop_{unit}"]
        return self._found

    def _take(self, phase: str) -> None:
        for unit, value in self._watch.lap(self._actors).items():
            self._found[f"{phase}_{unit}"] = value
