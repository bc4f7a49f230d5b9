"""Which seed a test run was started with: `--actor-seed`, or else the environment variable."""

from __future__ import annotations

import os
from random import SystemRandom

from cometary.errors import UsageError
from cometary.testing.order import SEED_VARIABLE, SEEDS, check_seed

RANDOM = "random"


class SeedChoice:
    """What seeds a test run was asked to use; `plain` if none.

    Args:
        text: a number, the word `random`, or nothing.

    Raises:
        UsageError: if it is none of these; the fault of whoever started the tests.
    """

    def __init__(self, text: str | None) -> None:
        self.random = text == RANDOM
        self.fixed: int | None = None
        if text and not self.random:
            try:
                self.fixed = int(text)
            except ValueError:
                raise UsageError(f"an actor seed is a number or {RANDOM!r}, not {text!r}") from None
            check_seed(self.fixed)

    @property
    def plain(self) -> bool:
        """Whether the order is to be the scheduler's own."""
        return self.fixed is None and not self.random

    def one(self) -> int | None:
        """Return the seed for one test; None for the scheduler's own order."""
        return SystemRandom().randrange(SEEDS) if self.random else self.fixed

    def several(self, runs: int) -> range:
        """Return the seeds for a test that explores `runs` orders: the fixed one alone, if there is one."""
        if self.fixed is not None:
            return range(self.fixed, self.fixed + 1)
        first = SystemRandom().randrange(SEEDS - runs) if self.random else 0
        return range(first, first + runs)


def from_environment() -> SeedChoice:
    """Read the environment variable."""
    return SeedChoice(os.environ.get(SEED_VARIABLE))


_chosen: list[SeedChoice] = []  # by this test run last, and before it by the one that runs this as a test


def choose(choice: SeedChoice) -> None:
    """Have this choice hold, until `unchoose`."""
    _chosen.append(choice)


def unchoose() -> None:
    """Have the choice hold that held before."""
    _chosen.pop()


def chosen() -> SeedChoice:
    """Return the choice that holds: in a test run that run's, elsewhere the environment's."""
    return _chosen[-1] if _chosen else from_environment()
