"""Another intensity for a supervisor that runs, which has not forgotten the restarts so far."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import trio
import trio.testing

from cometary.actors import ActorRef
from cometary.errors import RestartIntensityError, SpecError
from cometary.supervision import set_intensity, start_child, which_child
from tests.supervision.company import Diary, Worker, child, company, crowd, settled, tell, worker


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)


async def crash(ref: ActorRef[Any], times: int) -> None:
    for _ in range(times):
        if ref.is_alive():
            ref.tell("crash")
        await settled()


async def test_restarts_so_far_count_with_the_new_intensity() -> None:
    diary = Diary()
    async with company(worker("a", diary), intensity=2) as root:
        ref = await child(root, "a")
        await crash(ref, 2)
        await set_intensity(root, 4)
        await crash(ref, 2)
        assert len(diary.read()) == 5
        await set_intensity(root, 9)
        await tell(root, "a", "crash")
        assert diary.read() == ["start a"]


async def test_with_fewer_than_there_were_the_next_is_one_too_many() -> None:
    with pytest.RaisesGroup(RestartIntensityError, flatten_subgroups=True, allow_unwrapped=True):
        async with company(worker("a", Diary()), intensity=5) as root:
            ref = await child(root, "a")
            await crash(ref, 3)
            await set_intensity(root, 2)
            assert ref.is_alive()
            await crash(ref, 1)
            assert not root.is_alive()
            await trio.sleep_forever()


async def test_a_shorter_period_forgets_sooner(autojump_clock: trio.testing.MockClock) -> None:
    del autojump_clock
    async with company(worker("a", Diary()), intensity=1, period=100) as root:
        ref = await child(root, "a")
        await crash(ref, 1)
        await set_intensity(root, 1, 5)
        await trio.sleep(6)
        await crash(ref, 1)
        assert ref.is_alive()
        await set_intensity(root, 1)  # the period stays
        await trio.sleep(6)
        await crash(ref, 1)
        assert ref.is_alive()


@pytest.mark.parametrize("per", ["child", "supervisor"])
async def test_a_dynamic_supervisor_takes_another_intensity_too(per: str) -> None:
    diary = Diary()
    async with company(crowd(per=per, intensity=1), intensity=0) as root:
        sup = await child(root, "crowd")
        ref = await start_child(sup, Worker, "a", diary)
        await crash(ref, 1)
        await set_intensity(sup, 3)
        await crash(ref, 2)
        assert ref.is_alive()
        other = await start_child(sup, Worker, "b", diary)
        if per == "child":  # each has a count of its own, those to come included
            await crash(other, 3)
            assert other.is_alive()
            await crash(ref, 1)
            assert not ref.is_alive()
        assert (await which_child(root, "crowd")).ref is sup


@pytest.mark.parametrize(("intensity", "period"), [(-1, None), ("many", None), (1, 0), (1, "long")])
async def test_a_value_that_makes_no_sense_changes_nothing(intensity: Any, period: Any) -> None:
    async with company(worker("a", Diary()), crowd(), intensity=1) as root:
        for supervisor in (root, await child(root, "crowd")):
            with pytest.raises(SpecError):
                await set_intensity(supervisor, intensity, period)
        await tell(root, "a", "crash")
        assert (await child(root, "a")).is_alive()
