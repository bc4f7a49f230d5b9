"""Orders that a seed decides: which of the actors that have mail goes next, and how long its turn is.

1.  An actor's own mail stays in order: only whose turn is next is drawn, so whatever happens here may
    happen in production too, where it depends on load and on other threads.
2.  The seed also draws how many messages a turn handles, and how many go by between two rounds of Trio's.
3.  Trio draws the order of the tasks that are ready in a round. It has no setting for that, but lets
    Hypothesis manage its generator (`hypothesis.register_random`), and what Hypothesis manages,
    `random_module()` seeds. So the order of tasks, async actors among them, follows the seed where
    Hypothesis is installed; without it only the order of the actors that are plain `def` does.
4.  What comes from outside (threads, sockets, the real clock) comes when it comes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from random import Random
from typing import TYPE_CHECKING, Any, Final, TypeVar

from cometary.actors.scheduler import Scheduler
from cometary.actors.system import new_scheduler
from cometary.errors import UsageError

if TYPE_CHECKING:
    from cometary.actors.scheduled_cell import ScheduledCell

T = TypeVar("T")

SEEDS: Final = 2**32
"""A seed is a whole number from 0 to below this."""

SEED_VARIABLE: Final = "COMETARY_ACTOR_SEED"
"""The environment variable that sets the seed of a test run."""

_QUOTAS: Final = (1, 1, 2, 100)
_BATCHES: Final = (1, 3, 10, 200)


class ShuffledQueue(deque["ScheduledCell"]):
    """A run queue out of which not the first but any actor comes next.

    Args:
        random: draws it.
    """

    def __init__(self, random: Random) -> None:
        super().__init__()
        self._random = random

    def popleft(self) -> ScheduledCell:
        """Take out one of them."""
        if len(self) > 1:
            self.rotate(self._random.randrange(len(self)))
        return super().popleft()


@contextmanager
def seeded_order(seed: int) -> Generator[None]:
    """Let the seed decide in which order actors run, in every system that is started in the block.

    Args:
        seed: a whole number from 0 to below `SEEDS`.

    Raises:
        UsageError: for any other seed; the caller's fault.
    """
    check_seed(seed)

    def scheduler() -> Scheduler:
        random = Random(seed)  # noqa: S311 - it is to be predictable
        quota, batch = random.choice(_QUOTAS), random.choice(_BATCHES)
        return Scheduler(quota=quota, batch=batch, ready=ShuffledQueue(random))

    restore = new_scheduler.set(scheduler)
    try:
        yield
    finally:
        new_scheduler.reset(restore)


def run_in_order(seed: int, function: Callable[[], T]) -> T:
    """Call a function that runs actors, such as `lambda: trio.run(main)`, in the order of a seed.

    Args:
        seed: a whole number from 0 to below `SEEDS`.
        function: called once. While it runs, `random` and the other generators that Hypothesis
            manages are seeded too; afterwards they go on where they were.

    Returns:
        What `function` returns.

    Raises:
        UsageError: for any other seed; the caller's fault.
        Exception: what `function` raises, with a note that tells the seed and how to replay it.
    """
    with seeded_order(seed):
        try:
            return _in_order_of_tasks(seed, function)
        except BaseException as error:
            error.add_note(
                f"Actors ran in the order of seed {seed}. The same again: "
                f"pytest --actor-seed={seed}, or with {SEED_VARIABLE}={seed} in the environment"
            )
            raise


def check_seed(seed: int) -> None:
    """Refuse what is no seed."""
    if not 0 <= seed < SEEDS:
        raise UsageError(f"{seed} is no seed: it must be from 0 to {SEEDS - 1}")


def _in_order_of_tasks(seed: int, function: Callable[[], T]) -> T:
    try:
        from hypothesis import given, settings, strategies  # noqa: PLC0415 - it may not be installed
    except ImportError:
        return function()
    results: list[T] = []
    raised: list[BaseException] = []

    # An outcome is carried out of it as a value: what a test raises is not for Hypothesis to judge.
    @settings(database=None)
    @given(strategies.random_module())
    def once(_: Any) -> None:
        try:
            results.append(function())
        except BaseException as error:  # noqa: BLE001 - raised below
            raised.append(error)

    # The bytes that the strategy draws from are its seed.
    once.hypothesis.fuzz_one_input(seed.to_bytes(4, "big"))  # type: ignore[attr-defined]
    if raised:
        raise raised[0]
    return results[0]
