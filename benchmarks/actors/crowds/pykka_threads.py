"""The tasks on Pykka: a thread an actor. It has no supervisors, so there is no restart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Semaphore

from pykka import ActorRef, ActorRegistry, ThreadingActor

from benchmarks.actors.crowds.task import Census, Report, Size, Stopwatch, Tally, asked_for, publish


class Member(ThreadingActor):
    """Counts its start and its messages."""

    def __init__(self, count: Callable[[], None]) -> None:
        super().__init__()
        self._count = count

    def on_start(self) -> None:
        """Counts its own start."""
        self._count()

    def on_receive(self, message: int) -> int:
        """Counts a message, and gives it back as the answer."""
        self._count()
        return message


def fan_out(size: Size) -> Report:
    """One tells all; see `benchmarks.actors.crowds.task`."""
    done = Semaphore(0)
    tally = Tally(done.release)
    members = _started(size.actors, tally, done)
    watch = Stopwatch()
    for number in range(size.times):
        tally.expect(size.actors)
        for each in members:
            each.tell(number)
        done.acquire()
    return watch.lap(size.actors * size.times)


def ask(size: Size) -> Report:
    """One asks one."""
    done = Semaphore(0)
    asked, *_ = _started(size.actors, Tally(done.release), done)
    watch = Stopwatch()
    for number in range(size.times):
        asked.ask(number)
    return watch.lap(size.times)


def population(size: Size) -> Report:
    """All are started and stopped."""
    done = Semaphore(0)
    census = Census(size.actors)
    members = _started(size.actors, Tally(done.release), done)
    census.started()
    for gone in [each.stop(block=False) for each in members]:
        gone.get()
    return census.stopped()


TASKS: Mapping[str, Callable[[Size], Report]] = {"fan_out": fan_out, "ask": ask, "population": population}


def _started(actors: int, tally: Tally, done: Semaphore) -> list[ActorRef[Member]]:
    tally.expect(actors)
    members = [Member.start(tally.count) for _ in range(actors)]
    done.acquire()
    return members


if __name__ == "__main__":
    asked_task, asked_size = asked_for(TASKS)
    publish(asked_task(asked_size))
    ActorRegistry.stop_all(block=False)
