"""Who is restarted: the restart types, the strategies, and what a restart keeps."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing

from cometary.supervision import ChildSpec, SupervisorSpec, subscribe, which_children
from tests.orders import first_come_first_served
from tests.supervision.company import (
    Clerk,
    Diary,
    Sleeper,
    Worker,
    child,
    company,
    settled,
    tell,
    worker,
)


@pytest.mark.parametrize("kind", [Worker, Clerk])
@pytest.mark.parametrize(
    ("restart", "end", "restarted"),
    [
        ("permanent", "leave", True),
        ("permanent", "crash", True),
        ("permanent", "kill", True),
        ("transient", "leave", False),
        ("transient", "crash", True),
        ("transient", "kill", True),
        ("temporary", "leave", False),
        ("temporary", "crash", False),
        ("temporary", "kill", False),
    ],
)
async def test_the_restart_type_decides(
    kind: type[Worker], restart: Any, end: str, *, restarted: bool
) -> None:
    diary = Diary()
    async with company(worker("a", diary, kind, restart=restart)) as root:
        ref = await child(root, "a")
        if end == "kill":
            ref.kill()
        else:
            ref.tell(end)
        await settled()
        assert diary.count("start a") == (2 if restarted else 1)
        assert ref.is_alive() == restarted


async def test_only_temporary_children_are_forgotten_when_they_end() -> None:
    diary = Diary()
    async with company(
        worker("transient", diary, restart="transient"), worker("temporary", diary, restart="temporary")
    ) as root:
        await tell(root, "transient", "leave")
        await tell(root, "temporary", "leave")
        assert [(info.id, info.ref, info.state) for info in await which_children(root)] == [
            ("transient", None, "stopped")
        ]


@pytest.mark.parametrize(
    ("strategy", "happens"),
    [
        ("one_for_one", ["start b"]),
        ("one_for_all", ["stop d", "stop c", "stop a", "start a", "start b", "start c", "start d"]),
        ("rest_for_one", ["stop d", "stop c", "start b", "start c", "start d"]),
    ],
)
async def test_the_strategy_says_who_is_restarted_too(strategy: Any, happens: list[str]) -> None:
    diary = Diary()
    async with company(*(worker(name, diary) for name in "abcd"), strategy=strategy) as root:
        diary.clear()
        await tell(root, "b", "crash")
        assert diary.read() == happens


@pytest.mark.parametrize(
    ("strategy", "happens"),
    [
        ("one_for_all", ["stop c", "stop a", "start b", "start c"]),
        ("rest_for_one", ["stop c", "start b", "start c"]),
    ],
)
async def test_temporary_siblings_are_stopped_and_forgotten(strategy: Any, happens: list[str]) -> None:
    diary = Diary()
    children = [
        worker("a", diary, restart="temporary"),
        worker("b", diary),
        worker("c", diary),
        worker("d", diary, restart="temporary", shutdown="brutal_kill"),
    ]
    async with company(*children, strategy=strategy) as root:
        diary.clear()
        await tell(root, "b", "crash")
        assert diary.read() == happens
        left = ["b", "c"] if strategy == "one_for_all" else ["a", "b", "c"]
        assert [info.id for info in await which_children(root)] == left


async def test_a_transient_sibling_that_has_ended_comes_back_with_the_others() -> None:
    diary = Diary()
    async with company(
        worker("a", diary), worker("done", diary, restart="transient"), strategy="one_for_all"
    ) as root:
        await tell(root, "done", "leave")
        diary.clear()
        await tell(root, "a", "crash")
        assert diary.read() == ["start a", "start done"]


async def test_two_siblings_that_crash_together_are_one_restart() -> None:
    diary = Diary()
    async with company(worker("a", diary), worker("b", diary), strategy="one_for_all", intensity=1) as root:
        for ref in [await child(root, name) for name in "ab"]:
            ref.tell("crash")
        await settled()
        assert diary.read() == ["start a", "start b"] * 2


async def test_a_crash_that_was_overtaken_is_no_restart_even_if_the_restart_fails() -> None:
    first_come_first_served()
    diary = Diary()
    reports: list[tuple[str, str]] = []
    async with company(worker("a", diary), worker("b", diary), strategy="one_for_all", intensity=2) as root:
        subscribe(root, lambda report: reports.append((report.child, report.action)))
        diary.failing_starts["a"] = 1
        for ref in [await child(root, name) for name in "ab"]:
            ref.tell("crash")
        await settled()
        assert diary.read() == ["start a", "start b", "failed a", "start a", "start b"]
    assert reports == [("a", "restart"), ("b", "nothing"), ("a", "restart")]


async def test_the_crash_that_was_overtaken_is_reported_all_the_same(
    caplog: pytest.LogCaptureFixture,
) -> None:
    first_come_first_served()
    diary = Diary()
    async with company(worker("a", diary), worker("b", diary), strategy="one_for_all") as root:
        refs = [await child(root, name) for name in "ab"]
        for ref in refs:
            ref.tell("crash")
        await settled()
    assert [record.getMessage().split(" ")[0] for record in caplog.records] == ["root/a", "root/b"]


@pytest.mark.parametrize("kind", [Worker, Clerk])
async def test_a_reference_stays_valid_and_waiting_mail_is_kept(kind: type[Worker]) -> None:
    diary = Diary()
    async with company(worker("a", diary, kind)) as root:
        ref = await child(root, "a")
        await tell(root, "a", 1, "crash", 2, 3)
        assert diary.read() == ["start a", "a got 1", "start a", "a got 2", "a got 3"]
        assert await ref.ask("hello") == "hello"
        assert await child(root, "a") is ref


@pytest.mark.parametrize("kind", [Worker, Clerk])
async def test_waiting_mail_is_dropped_on_demand(kind: type[Worker]) -> None:
    diary = Diary()
    async with company(worker("a", diary, kind, keep_mail=False)) as root:
        await tell(root, "a", 1, "crash", 2, 3)
        assert diary.read() == ["start a", "a got 1", "start a"]


async def test_the_order_to_stop_is_not_left_in_the_mail_of_the_next_incarnation(
    autojump_clock: trio.testing.MockClock,
) -> None:
    diary = Diary()
    async with company(
        worker("a", diary), worker("b", diary, Sleeper, shutdown=3), strategy="one_for_all"
    ) as root:
        (await child(root, "b")).tell(1000)
        await tell(root, "a", "crash")
        await trio.sleep(4)  # b has been killed before it read the order
        diary.clear()
        await tell(root, "b", 0)
        assert diary.read() == []  # it is there, and does not stop


async def test_teardown_is_complete_before_the_restart_begins(autojump_clock: trio.testing.MockClock) -> None:
    diary = Diary()

    class Slow(Clerk):
        def on_start(self) -> None:
            super().on_start()
            self.start_task(self.run)

        async def run(self) -> None:
            try:
                await trio.sleep_forever()
            finally:
                with trio.CancelScope(shield=True):
                    await trio.sleep(10)
                self.diary.append(f"task of {self.name} has gone")

    async with company(worker("a", diary, Slow)) as root:
        await tell(root, "a", "crash")
        await trio.sleep(11)
        assert diary.read() == ["start a", "task of a has gone", "start a"]


async def test_a_nested_supervisor_is_restarted_with_fresh_children() -> None:
    diary = Diary()
    team = SupervisorSpec([worker("x", diary), worker("y", diary)], intensity=0)
    async with company(worker("a", diary), ChildSpec("team", team)) as root:
        supervisor = await child(root, "team")
        diary.clear()
        await tell(supervisor, "y", "crash")
        assert diary.read() == ["stop x", "start x", "start y"]
        assert await child(root, "team") is supervisor


async def test_the_supervisor_serves_calls_that_waited_in_its_mail_over_its_own_restart(
    autojump_clock: trio.testing.MockClock,
) -> None:
    diary = Diary()
    team = SupervisorSpec([worker("x", diary), worker("y", diary, Sleeper, shutdown=3)], intensity=0)
    async with company(ChildSpec("team", team)) as root:
        supervisor = await child(root, "team")
        (await child(supervisor, "y")).tell(1000)
        await tell(supervisor, "x", "crash")
        infos = await which_children(supervisor)  # asked while it waits for y
        assert [info.state for info in infos] == ["running", "running"]
        assert diary.count("start x") == 2
