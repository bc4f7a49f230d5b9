"""The order in which actors have their turns, for tests that are about it."""

from __future__ import annotations

from cometary.actors.scheduler import Scheduler
from cometary.actors.system import new_scheduler


def first_come_first_served() -> None:
    """Have the systems that the calling test starts use the scheduler's own order, whatever seed the tests run with."""
    new_scheduler.set(Scheduler)
