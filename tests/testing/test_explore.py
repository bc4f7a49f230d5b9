"""A test that is explored runs in many orders, and the first that fails can be replayed."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
import trio

from cometary.actors import ActorSystem, current_system, system
from cometary.errors import UsageError
from cometary.testing import Probe, explore_orders, seeds
from cometary.testing.order import SEED_VARIABLE
from tests.testing.races import carry_and_look


@pytest.fixture(autouse=True)
def without_a_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever these tests themselves are run with."""
    monkeypatch.setattr(seeds, "_chosen", [])
    monkeypatch.delenv(SEED_VARIABLE, raising=False)


@explore_orders(runs=50)
async def race(probe: Probe) -> None:
    carry_and_look(probe, detour=3)
    await probe.expect("a book")


def seed_of(failure: BaseException) -> str:
    found = re.search(r"seed (\d+)", failure.__notes__[0])
    assert found is not None
    return found[1]


def test_a_race_is_found_and_its_seed_alone_shows_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError, match="but got None") as found:
        race()
    monkeypatch.setenv(SEED_VARIABLE, seed_of(found.value))
    for _ in range(3):
        with pytest.raises(AssertionError, match="but got None") as again:
            race()
        assert seed_of(again.value) == seed_of(found.value)


def test_every_run_has_a_loop_a_system_and_a_time_of_its_own(tmp_path: Path) -> None:
    systems: list[ActorSystem] = []
    orders: list[tuple[int, int]] = []

    @explore_orders(runs=30)
    async def test(actor_system: ActorSystem, tmp_path: Path, probe: Probe) -> None:
        assert trio.current_time() == 0
        assert current_system() is actor_system
        assert tmp_path.name
        assert probe.is_alive()
        systems.append(actor_system)
        orders.append((actor_system.scheduler.quota, actor_system.scheduler.batch))
        await trio.sleep(3600)

    test(tmp_path=tmp_path)
    assert len({id(each) for each in systems}) == 30
    assert all(each.closed for each in systems)
    assert len(set(orders)) > 5


def test_a_test_may_start_a_system_itself() -> None:
    runs: list[int] = []

    @explore_orders(runs=3)
    async def test() -> None:
        async with system() as actors:
            runs.append(actors.scheduler.batch)

    test()
    assert len(runs) == 3


def test_pytest_is_asked_for_what_the_runs_do_not_bring_themselves() -> None:
    async def test(actor_system: ActorSystem, tmp_path: Path, probe: Probe) -> None: ...

    explored = explore_orders()(test)
    assert list(inspect.signature(explored).parameters) == ["tmp_path"]
    assert not inspect.iscoroutinefunction(explored)
    assert explored.__name__ == "test"


@pytest.mark.parametrize(
    ("seed", "runs", "expected"), [(None, 3, [0, 1, 2]), ("7", 3, [7]), ("4294967295", 1, [4294967295])]
)
def test_the_seeds_of_the_runs(seed: str | None, runs: int, expected: list[int]) -> None:
    assert list(seeds.SeedChoice(seed).several(runs)) == expected


def test_random_seeds_begin_anywhere() -> None:
    firsts = {seeds.SeedChoice("random").several(10)[0] for _ in range(5)}
    assert len(firsts) == 5


def test_what_cannot_be_explored_is_refused() -> None:
    def test() -> None: ...

    with pytest.raises(UsageError, match="is not async"):
        explore_orders()(test)  # type: ignore[arg-type]  # that is the point
    with pytest.raises(UsageError, match="0 times"):
        explore_orders(runs=0)
