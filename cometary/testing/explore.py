"""Running one test in many orders of its actors, to find out whether it depends on one of them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import trio
from trio.testing import MockClock

from cometary.actors import system
from cometary.errors import UsageError
from cometary.testing import seeds
from cometary.testing.order import run_in_order
from cometary.testing.probe import Probe

AsyncTest = Callable[..., Awaitable[None]]

SUPPLIED = ("actor_system", "probe")
"""What each run has its own of; every other argument is the same in all runs."""


def explore_orders(runs: int = 50) -> Callable[[AsyncTest], Callable[..., None]]:
    """Run an async test once for each of many seeds, each time on a Trio loop and in virtual time of its own.

    The test may start its own `system()`, or ask for the fixtures `actor_system` and `probe`, which
    are new for every run; its other fixtures may not be async. It becomes a plain function.

    Args:
        runs: how many seeds: 0, 1, 2 and so on, so that a test that passes goes on passing. With
            `--actor-seed=random` they begin anywhere, with `--actor-seed=N` there is but one.

    Raises:
        UsageError: if `runs` is less than one, or the test is not async; the caller's fault.
        Exception: when called, what the first run that fails raises, with a note that tells its seed.
    """
    if runs < 1:
        raise UsageError(f"a test cannot be run {runs} times")

    def decorate(test: AsyncTest) -> Callable[..., None]:
        if not inspect.iscoroutinefunction(test):
            raise UsageError(f"{test} is not async, so nothing in it can happen in another order")
        signature = inspect.signature(test)
        supplied = [name for name in SUPPLIED if name in signature.parameters]

        @functools.wraps(test)
        def run_all(*args: Any, **fixtures: Any) -> None:
            for seed in seeds.chosen().several(runs):
                body = partial(_with_system, supplied, test, args, fixtures)
                run_in_order(seed, partial(trio.run, body, clock=MockClock(autojump_threshold=0)))

        asked_for = [each for name, each in signature.parameters.items() if name not in supplied]
        run_all.__signature__ = signature.replace(parameters=asked_for)  # type: ignore[attr-defined]  # pytest reads it
        return run_all

    return decorate


async def _with_system(
    supplied: list[str], test: AsyncTest, args: tuple[Any, ...], fixtures: dict[str, Any]
) -> None:
    if not supplied:
        await test(*args, **fixtures)
        return
    async with system() as actors:
        own = {name: actors if name == "actor_system" else Probe.start() for name in supplied}
        await test(*args, **fixtures, **own)
