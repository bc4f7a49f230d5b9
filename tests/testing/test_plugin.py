"""The pytest plugin: fixtures with a running system, virtual time, and seeds for whole test runs."""

from __future__ import annotations

import re

import pytest
import trio

from cometary.actors import Actor, ActorSystem, current_system
from cometary.testing import Probe, seeds
from cometary.testing.order import SEED_VARIABLE

RACE = """
from cometary.testing import Probe, explore_orders
from tests.testing.races import carry_and_look

async def test_race(probe: Probe):
    carry_and_look(probe, detour=3)
    await probe.expect("a book")
"""

EXPLORED = RACE.replace("async def", "@explore_orders(runs=50)\nasync def")

CLOCKS = """
import pytest, trio
from trio.testing import MockClock
from cometary.actors import system

async def test_hours_pass_at_once(actor_system):
    await trio.sleep(100_000)

async def test_a_clock_of_the_tests_own(mock_clock, actor_system):
    assert trio.lowlevel.current_clock() is mock_clock

async def test_other_tests_keep_the_real_clock():
    assert not isinstance(trio.lowlevel.current_clock(), MockClock)
"""

ORDERS = """
from cometary.actors import system

async def test_batch():
    async with system() as actors:
        print("batch", actors.scheduler.batch, actors.scheduler.quota)
"""


@pytest.fixture(autouse=True)
def without_a_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever these tests themselves are run with."""
    monkeypatch.delenv(SEED_VARIABLE, raising=False)


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project whose tests use the plugin."""
    monkeypatch.syspath_prepend(str(pytester.path))  # pyright: ignore[reportUnknownMemberType]
    pytester.makeconftest('pytest_plugins = ["cometary.testing.plugin"]')
    pytester.makeini("[pytest]\ntrio_mode = true")
    return pytester


def seed_in(result: pytest.RunResult) -> str:
    found = re.search(r"--actor-seed=(\d+)", str(result.stdout))
    assert found is not None, str(result.stdout)
    return found[1]


class TestFixtures:
    async def test_the_system_runs_in_virtual_time(self, actor_system: ActorSystem) -> None:
        assert current_system() is actor_system
        assert trio.current_time() == 0
        await trio.sleep(3600)

    async def test_the_probe_lives_in_the_system(self, probe: Probe, actor_system: ActorSystem) -> None:
        assert list(actor_system.actors) == [probe]

    async def test_actors_can_be_started(self, actor_system: ActorSystem, probe: Probe) -> None:
        class Shouter(Actor):
            def on_receive(self, message: object) -> None:
                probe.tell(f"{message}!")

        Shouter.start().tell("hello")
        await probe.expect("hello!")


@pytest.mark.parametrize("options", [[], ["--actor-seed=1"]])
def test_the_clock_jumps_unless_the_test_has_its_own(project: pytest.Pytester, options: list[str]) -> None:
    project.makepyfile(CLOCKS)
    project.runpytest(*options).assert_outcomes(passed=3)


def test_without_trio_mode_the_fixture_is_enough(project: pytest.Pytester) -> None:
    project.makeini("[pytest]\ntrio_mode = false")
    project.makepyfile("async def test_it(actor_system):\n    assert actor_system.actors == {}")
    project.runpytest().assert_outcomes(passed=1)


def test_nothing_is_left_of_the_system_afterwards(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        left = []

        async def test_one(actor_system, probe):
            left.extend([actor_system, probe])

        def test_two():
            system, probe = left
            assert system.closed and not system.actors and not probe.is_alive()
        """
    )
    project.runpytest().assert_outcomes(passed=2)


def test_a_seed_brings_a_race_to_light_and_each_failure_says_how_to_replay_it(
    project: pytest.Pytester,
) -> None:
    project.makepyfile(RACE)
    project.runpytest().assert_outcomes(passed=1)
    found = next(
        result for seed in range(50) if (result := project.runpytest(f"--actor-seed={seed}")).ret != 0
    )
    found.stdout.fnmatch_lines_random(["*expected 'a book', but got None*", "*order of seed *"])
    project.runpytest(f"--actor-seed={seed_in(found)}").assert_outcomes(failed=1)


def test_the_environment_may_give_the_seed_too(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.makepyfile(EXPLORED)
    seed = seed_in(project.runpytest())
    monkeypatch.setenv(SEED_VARIABLE, seed)
    assert seed_in(project.runpytest()) == seed
    assert seed_in(project.runpytest("--actor-seed=random")) != seed, "the option comes first"


def test_an_explored_test_fails_once_and_its_seed_shows_it_again(project: pytest.Pytester) -> None:
    project.makepyfile(EXPLORED)
    result = project.runpytest()
    result.assert_outcomes(failed=1)
    project.runpytest(f"--actor-seed={seed_in(result)}").assert_outcomes(failed=1)


def test_random_draws_a_seed_for_every_test_which_replays_it(project: pytest.Pytester) -> None:
    project.makepyfile(EXPLORED.replace("runs=50", "runs=200"))
    result = project.runpytest("--actor-seed=random")
    result.assert_outcomes(failed=1)
    project.runpytest(f"--actor-seed={seed_in(result)}").assert_outcomes(failed=1)


def test_a_seed_holds_for_systems_that_tests_start_themselves(project: pytest.Pytester) -> None:
    project.makepyfile(ORDERS)
    outputs = [str(project.runpytest("-s", f"--actor-seed={seed}").stdout) for seed in (*range(20), 0)]
    orders = [re.findall(r"batch \d+ \d+", output) for output in outputs]
    assert orders[0] == orders[20]
    assert len({str(each) for each in orders}) > 5


def test_the_seed_of_a_test_run_ends_with_it(project: pytest.Pytester) -> None:
    before = seeds.chosen().fixed
    project.makepyfile(ORDERS)
    project.runpytest("--actor-seed=4711").assert_outcomes(passed=1)
    assert seeds.chosen().fixed == before


@pytest.mark.parametrize("seed", ["soon", "-1", "4294967296", "1.5"])
def test_a_seed_that_is_none_stops_the_run(seed: str, project: pytest.Pytester) -> None:
    project.makepyfile(RACE)
    result = project.runpytest(f"--actor-seed={seed}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: *seed*"])


def test_without_pytest_trio_it_says_what_is_missing(project: pytest.Pytester) -> None:
    project.makeini("[pytest]")
    result = project.runpytest("-p", "no:trio")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*needs pytest-trio*"])
