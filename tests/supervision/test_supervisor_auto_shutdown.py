"""Significant children: their own end may be the end of their supervisor (OTP 24)."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from cometary.supervision import ChildSpec, SupervisorSpec, terminate_child, which_children
from tests.supervision.company import Diary, child, company, settled, tell, worker


def significant(name: str, diary: Diary, restart: Any = "transient") -> ChildSpec:
    return worker(name, diary, restart=restart, significant=True)


@pytest.mark.parametrize("restart", ["transient", "temporary"])
async def test_any_significant_child_that_ends_takes_all_with_it(restart: str) -> None:
    diary = Diary()
    children = [worker("a", diary), significant("b", diary, restart), significant("c", diary)]
    async with company(*children, auto_shutdown="any_significant") as root:
        (await child(root, "b")).tell("leave")
        await trio.sleep_forever()  # the end of the root cancels this, and is no error
    assert diary == ["start a", "start b", "start c", "stop b", "stop c", "stop a"]


async def test_all_significant_waits_for_the_last_one() -> None:
    diary = Diary()
    children = [worker("a", diary), significant("b", diary), significant("c", diary, "temporary")]
    async with company(*children, auto_shutdown="all_significant") as root:
        await tell(root, "c", "leave")
        assert diary.read() == ["start a", "start b", "start c", "stop c"]
        (await child(root, "b")).tell("leave")
        await trio.sleep_forever()
    assert diary == ["stop b", "stop a"]


async def test_a_transient_child_that_crashes_is_restarted_and_ends_nothing() -> None:
    diary = Diary()
    async with company(significant("b", diary), auto_shutdown="any_significant") as root:
        await tell(root, "b", "crash")
        assert diary.read() == ["start b", "start b"]


async def test_a_temporary_child_that_crashes_has_ended() -> None:
    diary = Diary()
    async with company(significant("b", diary, "temporary"), auto_shutdown="any_significant") as root:
        (await child(root, "b")).tell("crash")
        await trio.sleep_forever()
    assert diary == ["start b"]


async def test_the_end_of_others_ends_nothing() -> None:
    diary = Diary()
    children = [worker("a", diary, restart="temporary"), significant("b", diary)]
    async with company(*children, auto_shutdown="any_significant") as root:
        await tell(root, "a", "leave")
        assert [info.id for info in await which_children(root)] == ["b"]


async def test_to_be_terminated_or_restarted_with_a_sibling_is_not_to_end_by_itself() -> None:
    diary = Diary()
    children = [worker("a", diary), significant("b", diary), significant("c", diary, "temporary")]
    async with company(*children, strategy="one_for_all", auto_shutdown="any_significant") as root:
        await tell(root, "a", "crash")
        await terminate_child(root, "b")
        assert [(info.id, info.state) for info in await which_children(root)] == [
            ("a", "running"),
            ("b", "stopped"),
        ]


async def test_a_supervisor_that_ends_like_this_is_not_restarted_if_it_is_transient() -> None:
    diary = Diary()
    team = SupervisorSpec([significant("job", diary)], auto_shutdown="any_significant")
    async with company(ChildSpec("team", team, restart="transient")) as root:
        supervisor = await child(root, "team")
        await tell(supervisor, "job", "leave")
        await settled()
        assert [info.state for info in await which_children(root)] == ["stopped"]


async def test_a_temporary_child_that_went_with_a_sibling_is_not_waited_for() -> None:
    diary = Diary()
    children = [worker("a", diary), significant("b", diary), significant("c", diary, "temporary")]
    async with company(*children, strategy="one_for_all", auto_shutdown="all_significant") as root:
        await tell(root, "a", "crash")
        (await child(root, "b")).tell("leave")  # the last of those that are left
        await trio.sleep_forever()
    assert diary[-2:] == ["stop b", "stop a"]
