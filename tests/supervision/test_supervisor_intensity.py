"""Restart intensity: how many restarts are put up with, and what happens after one too many."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing

from cometary.errors import RestartIntensityError
from cometary.supervision import (
    Backoff,
    ChildSpec,
    DynamicSupervisor,
    PartitionSupervisor,
    Supervisor,
    SupervisorSpec,
    count_children,
    start_child,
    terminate_child,
    which_children,
)
from tests.supervision.company import Clerk, Diary, Worker, child, company, settled, tell, worker


async def test_the_default_is_one_restart_in_five_seconds(autojump_clock: trio.testing.MockClock) -> None:
    diary = Diary()

    async def run() -> None:
        async with company(worker("a", diary), worker("b", diary)) as root:
            for pause in (5.1, 5.1, 5.0):
                await tell(root, "a", "crash")
                await trio.sleep(pause)
            assert diary.read() == ["start a", "start b", "start a", "start a", "start a"]
            await tell(root, "a", "crash")
            pytest.fail("the block must have been cancelled")

    with pytest.raises(
        RestartIntensityError, match=r"root: child 'a' ended once too often: crashed: RuntimeError"
    ) as caught:
        await run()
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert diary == ["stop b"]


async def test_one_too_many_ends_the_supervisor_so_that_its_own_supervisor_decides() -> None:
    diary = Diary()
    team = SupervisorSpec([worker("x", diary), worker("y", diary)], intensity=1)
    async with company(ChildSpec("team", team)) as root:
        supervisor = await child(root, "team")
        await tell(supervisor, "y", "crash")
        assert diary.read() == ["start x", "start y", "start y"]
        await tell(supervisor, "y", "crash")
        assert diary.read() == ["stop x", "start x", "start y"]


async def test_it_ends_with_shutdown_which_a_transient_child_survives_not() -> None:
    diary = Diary()
    team = SupervisorSpec([worker("x", diary)], intensity=0)
    async with company(ChildSpec("team", team, restart="transient")) as root:
        supervisor = await child(root, "team")
        (await child(supervisor, "x")).tell("crash")
        assert (await supervisor.stopped()).reason == "shutdown"
        await settled()
        assert [info.state for info in await which_children(root)] == ["stopped"]


async def test_an_escalation_reaches_the_root_when_no_restart_helps() -> None:
    diary = Diary()

    class Doomed(Worker):
        def on_start(self) -> None:
            super().on_start()
            self.actor_ref.tell("crash")

    inner = SupervisorSpec([worker("doomed", diary, Doomed)], intensity=1)
    outer = SupervisorSpec([ChildSpec("inner", inner)], intensity=2)
    with pytest.raises(RestartIntensityError, match="root: child 'outer'"):
        async with company(ChildSpec("outer", outer), intensity=1):
            await trio.sleep_forever()
    assert diary == ["start doomed"] * 2 * 3 * 2


async def test_a_restart_that_fails_is_counted_and_tried_again() -> None:
    diary = Diary()
    async with company(worker("a", diary), intensity=3) as root:
        diary.failing_starts["a"] = 2
        await tell(root, "a", "crash", "still here")
        assert diary.read() == ["start a", "failed a", "failed a", "start a", "a got still here"]


async def test_failed_restarts_use_up_the_intensity() -> None:
    diary = Diary()

    async def run() -> None:
        async with company(worker("a", diary), worker("b", diary), intensity=3) as root:
            diary.failing_starts["a"] = 1000
            await tell(root, "a", "crash")
            pytest.fail("the block must have been cancelled")

    with pytest.raises(RestartIntensityError, match="a cannot start"):
        await run()
    assert diary == ["start a", "start b", "failed a", "failed a", "failed a", "stop b"]


async def test_calls_are_served_between_two_attempts(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    diary = Diary()

    class SlowToFail(Clerk):
        async def on_start(self) -> None:  # type: ignore[override]
            await trio.sleep(1)
            self.diary.note_start(self.name)

    async with company(worker("a", diary, SlowToFail), intensity=1000) as root:
        diary.failing_starts["a"] = 1000
        await tell(root, "a", "crash")
        infos = await which_children(root)
        assert [(info.state, info.ref) for info in infos] == [("restarting", None)]
        await terminate_child(root, "a")  # which ends the attempts
        attempts = diary.count("failed a")
        await trio.sleep(10)
        assert diary.count("failed a") == attempts
    assert sum("cannot start" in record.getMessage() for record in caplog.records) == attempts


@pytest.mark.parametrize(
    ("strategy", "happens"),
    [
        ("one_for_all", ["stop d", "stop c", "stop a", "start a", "start b", "failed c"]),
        ("rest_for_one", ["stop d", "stop c", "start b", "failed c"]),
    ],
)
async def test_a_sibling_that_fails_to_start_again_is_where_the_next_attempt_begins(
    strategy: str, happens: list[str]
) -> None:
    diary = Diary()
    async with company(*(worker(name, diary) for name in "abcd"), strategy=strategy, intensity=2) as root:
        diary.clear()
        diary.failing_starts["c"] = 1
        await tell(root, "b", "crash")
        again = {
            "one_for_all": ["stop b", "stop a", "start a", "start b", "start c", "start d"],
            "rest_for_one": ["start c", "start d"],
        }
        assert diary.read() == happens + again[strategy]
        assert (await count_children(root)).active == 4


async def test_back_off_waits_longer_and_longer(autojump_clock: trio.testing.MockClock) -> None:
    diary = Diary()
    backoff = Backoff(min=1, max=5, jitter=0)
    async with company(worker("a", diary), intensity=100, backoff=backoff) as root:
        waits: list[float] = []
        for _ in range(5):
            crashed_at = trio.current_time()
            ref = await child(root, "a")
            diary.clear()
            ref.tell("crash")
            await diary.next_line()
            waits.append(round(trio.current_time() - crashed_at))
        assert waits == [1, 2, 4, 5, 5]
        await trio.sleep(6)  # it has run for longer than `max`: it begins anew
        await tell(root, "a", "crash")
        diary.clear()
        await trio.sleep(1.1)
        assert diary == ["start a"]


async def test_the_back_off_begins_anew_for_a_child_that_has_run_for_the_longest_wait(
    autojump_clock: trio.testing.MockClock,
) -> None:
    diary = Diary()
    async with company(worker("a", diary), intensity=9, backoff=Backoff(min=1, max=5, jitter=0)) as root:
        ref = await child(root, "a")
        for runs, waits in ((0, 1), (5, 1), (4, 2), (5, 1)):  # seconds
            await trio.sleep(runs)
            diary.clear()
            ref.tell("crash")
            crashed_at = trio.current_time()
            await diary.next_line()
            assert trio.current_time() - crashed_at == waits


async def test_a_supervisor_told_to_stop_during_a_back_off_stops_at_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    diary = Diary()
    async with company(worker("a", diary), worker("b", diary), backoff=Backoff(100, 100)) as root:
        ref = await child(root, "a")
        diary.clear()
        ref.tell("crash")
        ref.tell("kept")
        await settled()
        assert [info.state for info in await which_children(root)] == ["restarting", "running"]
        waiting = ref.ask("never answered", block=False)
        began = trio.current_time()
    assert trio.current_time() == began
    assert diary == ["stop b"]
    with pytest.raises(Exception, match="stopped before handling the message"):
        await waiting


async def test_a_child_that_is_terminated_during_its_back_off_stays_down(
    autojump_clock: trio.testing.MockClock,
) -> None:
    diary = Diary()
    async with company(worker("a", diary), backoff=Backoff(10, 10)) as root:
        await tell(root, "a", "crash")
        await terminate_child(root, "a")
        await trio.sleep(20)
        assert diary == ["start a"]


async def test_a_sibling_that_is_restarted_with_others_during_its_back_off_is_not_restarted_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    diary = Diary()
    async with company(
        worker("a", diary),
        worker("b", diary),
        strategy="one_for_all",
        intensity=9,
        backoff=Backoff(10, 10, 0),
    ) as root:
        await tell(root, "a", "crash")
        await trio.sleep(5)
        await tell(root, "b", "crash")
        diary.clear()
        await trio.sleep(100)
        assert diary == ["start a", "start b"]


@pytest.mark.parametrize("supervisor", [Supervisor, PartitionSupervisor, DynamicSupervisor])
async def test_every_class_of_supervisors_puts_up_with_one_restart_in_five_seconds(
    autojump_clock: trio.testing.MockClock, supervisor: Any
) -> None:
    diary = Diary()
    a = worker("a", diary)
    args = {Supervisor: ([a],), PartitionSupervisor: (a,), DynamicSupervisor: ()}[supervisor]
    async with company(
        ChildSpec("it", supervisor, args, {} if supervisor is not PartitionSupervisor else {"partitions": 1})
    ) as root:
        it = await child(root, "it")
        if supervisor is DynamicSupervisor:
            await start_child(it, a)
        incarnation = it.actor_inbox.actor
        (ref,) = [info.ref for info in await which_children(it)]
        assert ref is not None
        for pause in (5.5, 1):
            ref.tell("crash")
            await trio.sleep(pause)
            assert it.actor_inbox.actor is incarnation
        ref.tell("crash")
        await settled()
        assert it.actor_inbox.actor is not incarnation
