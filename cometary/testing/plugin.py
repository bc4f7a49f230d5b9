"""The pytest plugin: actor systems as fixtures, in virtual time, in an order that can be replayed.

It works with pytest-trio, and is asked for by name: `pytest_plugins = ["cometary.testing.plugin"]` in
the topmost `conftest.py`, or `-p cometary.testing.plugin`.

1.  A test with one of the fixtures runs on a `MockClock` that jumps whenever nothing else is left to do,
    unless it has a clock of its own among its fixtures.
2.  With a seed, every test that runs on Trio runs in the order of that seed, these or not.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from cometary.actors import ActorSystem, system
from cometary.errors import UsageError
from cometary.testing import seeds
from cometary.testing.explore import SUPPLIED
from cometary.testing.order import SEED_VARIABLE, run_in_order
from cometary.testing.probe import Probe


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--actor-seed`."""
    parser.getgroup("cometary").addoption(
        "--actor-seed",
        metavar="N",
        help=f"run actors in the order of seed N, or of a new one for each test: 'random'. Else ${SEED_VARIABLE}",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Take note of the seed."""
    if not config.pluginmanager.hasplugin("trio"):
        raise pytest.UsageError("cometary.testing.plugin needs pytest-trio")
    text = config.getoption("--actor-seed")
    try:
        seeds.choose(seeds.from_environment() if text is None else seeds.SeedChoice(text))
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None
    config.add_cleanup(seeds.unchoose)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Say how each test on Trio is to be run."""
    all_on_trio = bool(config.getini("trio_mode"))
    seeded = not seeds.chosen().plain
    for item in items:
        if not isinstance(item, pytest.Function) or not inspect.iscoroutinefunction(item.obj):
            continue
        own_clock = any(name in item.fixturenames for name in SUPPLIED)
        if own_clock or (seeded and (all_on_trio or item.get_closest_marker("trio"))):
            run = partial(_run, autojump=own_clock)
            item.add_marker(pytest.mark.trio(run=run), append=False)  # before what pytest-trio adds


def _run(
    main: Callable[[], Awaitable[object]],
    *,
    autojump: bool,
    clock: trio.abc.Clock | None,
    instruments: Sequence[trio.abc.Instrument],
) -> Any:
    if clock is None and autojump:
        clock = MockClock(autojump_threshold=0)
    run = partial(trio.run, main, clock=clock, instruments=instruments)
    seed = seeds.chosen().one()
    return run() if seed is None else run_in_order(seed, run)


@pytest.fixture
async def actor_system() -> AsyncGenerator[ActorSystem]:
    """A running actor system, in virtual time; at the end of the test nothing of it is left."""
    async with system() as actors:
        yield actors


@pytest.fixture
async def probe(actor_system: ActorSystem) -> Probe:  # noqa: ARG001 - it lives in there
    """A probe in the running system; `Probe.start(name)` starts more of them."""
    return Probe.start()
