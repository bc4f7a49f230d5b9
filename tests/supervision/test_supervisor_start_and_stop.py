"""Children are started from left to right and stopped from right to left; a failed start undoes the others."""

from __future__ import annotations

import logging
import signal
from typing import Any

import pytest
import trio
import trio.testing

from cometary.actors import Actor, ActorRef, ActorSystem, Down, current_system, register, system, whereis
from cometary.errors import ChildStartError
from cometary.supervision import (
    ChildSpec,
    DynamicSupervisor,
    Supervisor,
    SupervisorSpec,
    start_child,
    supervise,
    terminate_child,
    which_children,
)
from tests.supervision.company import (
    Clerk,
    DeepSleeper,
    Diary,
    Sleeper,
    Worker,
    assert_deserted,
    child,
    company,
    leaving_nothing,
    settled,
    tell,
    worker,
)


async def test_start_goes_from_left_to_right_and_stop_from_right_to_left() -> None:
    diary = Diary()
    async with company(worker("a", diary), worker("b", diary, Clerk), worker("c", diary)):
        assert diary.read() == ["start a", "start b", "start c"]
    assert diary == ["stop c", "stop b", "stop a"]


async def test_a_child_is_started_when_the_one_before_it_has_started(
    autojump_clock: trio.testing.MockClock,
) -> None:
    diary = Diary()

    class Slow(Clerk):
        async def on_start(self) -> None:  # type: ignore[override]
            diary.append("slow begins")
            await trio.sleep(2)
            diary.append("slow has begun")

    async with company(worker("slow", diary, Slow), worker("next", diary)):
        assert diary == ["slow begins", "slow has begun", "start next"]


async def test_a_nested_supervisor_is_one_step_of_the_order() -> None:
    diary = Diary()
    team = SupervisorSpec([worker("b1", diary), worker("b2", diary)])
    async with company(worker("a", diary), ChildSpec("b", team), worker("c", diary)):
        assert diary.read() == ["start a", "start b1", "start b2", "start c"]
    assert diary == ["stop c", "stop b2", "stop b1", "stop a"]


@leaving_nothing
async def test_a_failed_start_stops_those_already_started_in_reverse_order() -> None:
    diary = Diary()
    diary.failing_starts["c"] = 1
    with pytest.raises(ChildStartError, match=r"^child root/c did not start: OSError.*c cannot start"):
        async with supervise([worker(name, diary) for name in "abcd"]):
            pytest.fail("the block must not be entered")
    assert diary == ["start a", "start b", "failed c", "stop b", "stop a"]


@leaving_nothing
async def test_a_failed_start_is_logged_once_as_an_error(caplog: pytest.LogCaptureFixture) -> None:
    diary = Diary()
    diary.failing_starts["x"] = 1
    with pytest.raises(ChildStartError):
        async with supervise([ChildSpec("team", SupervisorSpec([worker("x", diary)]))]):
            pytest.fail("the block must not be entered")
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [record.getMessage().split(" ")[0] for record in errors] == ["root/team/x"]


@leaving_nothing
async def test_a_constructor_that_raises_is_a_failed_start() -> None:
    class Broken(Actor):
        def __init__(self) -> None:
            raise LookupError("no such thing")

        def on_receive(self, message: Any) -> None: ...

    diary = Diary()
    with pytest.raises(ChildStartError, match="no such thing") as caught:
        async with supervise([worker("a", diary), ChildSpec("broken", Broken)]):
            pytest.fail("the block must not be entered")
    assert isinstance(caught.value.__cause__, LookupError)
    assert diary == ["start a", "stop a"]


@leaving_nothing
async def test_a_constructor_that_kills_its_own_actor_is_a_failed_start() -> None:
    class Suicidal(Actor):
        def __init__(self) -> None:
            super().__init__()
            self.actor_ref.kill()

        def on_receive(self, message: Any) -> None: ...

    with pytest.raises(ChildStartError):
        async with supervise([ChildSpec("it", Suicidal)]):
            pytest.fail("the block must not be entered")


@leaving_nothing
async def test_a_start_that_never_returns_fails_after_its_time_out(
    autojump_clock: trio.testing.MockClock,
) -> None:
    class Stuck(Clerk):
        async def on_start(self) -> None:  # type: ignore[override]
            await trio.sleep_forever()

    diary = Diary()
    began = trio.current_time()
    with pytest.raises(ChildStartError, match=r"did not start within 7 s"):
        async with supervise([worker("a", diary), worker("stuck", diary, Stuck, start_timeout=7)]):
            pytest.fail("the block must not be entered")
    assert trio.current_time() - began == 7
    assert diary == ["start a", "stop a"]


async def test_a_child_that_ignores_its_stop_is_killed_when_its_time_is_up(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    diary = Diary()
    async with company(worker("a", diary), worker("deaf", diary, Sleeper, shutdown=3)) as root:
        await tell(root, "deaf", 1000)
        diary.clear()
        began = trio.current_time()
    assert trio.current_time() - began == 3
    assert diary == ["stop a"]  # and "deaf" had no chance to run its on_stop
    assert "root/deaf (Sleeper" in caplog.text
    assert "ended, killed" in caplog.text


async def test_a_child_with_time_to_spare_is_not_killed(autojump_clock: trio.testing.MockClock) -> None:
    diary = Diary()
    async with company(worker("busy", diary, Sleeper, shutdown=3)) as root:
        await tell(root, "busy", 2)
        began = trio.current_time()
    assert trio.current_time() - began == 2
    assert diary == ["start busy", "stop busy"]


async def test_infinity_waits_for_as_long_as_it_takes(autojump_clock: trio.testing.MockClock) -> None:
    diary = Diary()
    async with company(worker("busy", diary, Sleeper, shutdown="infinity")) as root:
        await tell(root, "busy", 100_000)
    assert diary == ["start busy", "stop busy"]


async def test_brutal_kill_asks_nobody(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    diary = Diary()
    workers = [worker(str(number), diary, shutdown="brutal_kill") for number in range(20)]
    async with company(*workers, worker("b", diary, Sleeper, shutdown="brutal_kill")) as root:
        await tell(root, "b", 1000)
        diary.clear()
        began = trio.current_time()
    assert trio.current_time() == began
    assert diary == []
    assert not caplog.records  # it is what was wanted: nothing to report


async def test_what_is_shielded_even_from_a_kill_is_waited_for(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    diary = Diary()
    async with company(worker("a", diary), worker("deep", diary, DeepSleeper, shutdown=3)) as root:
        await tell(root, "deep", 60)
        diary.clear()
        began = trio.current_time()
    assert trio.current_time() - began == 60
    assert diary == ["stop a"]  # not before "deep" had gone
    assert "root/deep was killed and goes on: it is shielded" in caplog.text


async def test_a_scheduled_child_that_always_has_mail_still_stops() -> None:
    class Chatterbox(Worker):
        def on_receive(self, message: Any) -> None:
            self.actor_ref.tell(message)

    diary = Diary()
    async with company(worker("chatterbox", diary, Chatterbox)) as root:
        (await child(root, "chatterbox")).tell("blah")
        await trio.lowlevel.checkpoint()
    assert diary == ["start chatterbox", "stop chatterbox"]


async def test_a_child_that_ends_normally_while_it_is_shut_down_is_no_event(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    diary = Diary()
    async with company(
        worker("a", diary, Sleeper, restart="transient"), worker("b", diary, restart="temporary")
    ) as root:
        ref = await child(root, "a")
        ref.tell(1)
        await settled()
        ref.stop(block=False)  # comes before the supervisor's own
    assert not caplog.records
    assert diary == ["start a", "start b", "stop b", "stop a"]


async def test_a_permanent_child_that_ends_normally_while_it_is_shut_down_is_reported(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    diary = Diary()
    async with company(worker("a", diary, Sleeper)) as root:
        ref = await child(root, "a")
        ref.tell(1)
        await settled()
        ref.stop(block=False)  # comes before the supervisor's own
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "root/a (Sleeper" in caplog.text
    assert "ended, normal" in caplog.text


async def test_a_child_that_crashes_while_it_is_shut_down_is_reported(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Clumsy(Worker):
        def on_stop(self) -> None:
            raise ZeroDivisionError("clumsy")

    diary = Diary()
    async with company(worker("clumsy", diary, Clumsy)):
        pass
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "ZeroDivisionError('clumsy')" in caplog.text
    assert "nothing is done" in caplog.text


async def test_a_supervisor_told_to_stop_while_it_starts_a_child_stops_when_that_has_started(
    autojump_clock: trio.testing.MockClock,
) -> None:
    class Slow(Clerk):
        async def on_start(self) -> None:  # type: ignore[override]
            await trio.sleep(2)
            diary.append("slow has begun")

    diary = Diary()
    async with company(worker("a", diary), worker("slow", diary, Slow)) as root:
        diary.clear()
        (await child(root, "slow")).tell("crash")
        await trio.sleep(1)
    assert diary == ["slow has begun", "stop slow", "stop a"]


async def test_a_killed_supervisor_leaves_no_orphans(autojump_clock: trio.testing.MockClock) -> None:
    diary = Diary()
    team = SupervisorSpec([worker("x", diary), worker("y", diary, Sleeper), worker("z", diary, DeepSleeper)])
    async with company(worker("a", diary), ChildSpec("team", team)) as root:
        supervisor = await child(root, "team")
        first = {info.ref for info in await which_children(supervisor)}
        await tell(supervisor, "y", 1000)
        await tell(supervisor, "z", 10)
        diary.clear()
        began = trio.current_time()
        supervisor.kill()
        await trio.sleep(9)
        assert diary == []  # not before the last of the old ones has gone
        await trio.sleep(2)
        assert trio.current_time() - began == 11
        assert diary == ["start x", "start y", "start z"]
        assert not any(ref is not None and ref.is_alive() for ref in first)


async def test_a_failing_system_takes_the_whole_tree_with_it() -> None:
    diary = Diary()

    class Interrupting(Worker):
        def on_receive(self, message: Any) -> None:
            signal.raise_signal(signal.SIGINT)

    systems: list[ActorSystem] = []

    async def run() -> None:
        async with company(worker("a", diary, Sleeper), worker("b", diary, Interrupting)) as root:
            systems.append(current_system())
            (await child(root, "a")).tell(1000)
            (await child(root, "b")).tell("now")
            await trio.sleep_forever()

    with pytest.raises(KeyboardInterrupt):
        await run()
    assert_deserted(systems[0])


async def test_a_cancelled_block_stops_the_tree_in_order(autojump_clock: trio.testing.MockClock) -> None:
    diary = Diary()
    with trio.move_on_after(1):
        async with company(worker("a", diary), worker("b", diary, Clerk)):
            await trio.sleep_forever()
    assert diary == ["start a", "start b", "stop b", "stop a"]


async def test_a_system_that_has_no_more_time_kills_the_whole_tree(
    autojump_clock: trio.testing.MockClock,
) -> None:
    diary = Diary()
    async with system(stop_timeout=2) as actors:
        spec = SupervisorSpec(
            [worker("x", diary, DeepSleeper), worker("w", diary, Sleeper, shutdown="infinity")]
        )
        root = await Supervisor.start_async([ChildSpec("team", spec), worker("a", diary)])
        team = await child(root, "team")
        await tell(team, "x", 5)
        await tell(team, "w", 1000)
        began = trio.current_time()
    assert trio.current_time() - began == 5
    assert_deserted(actors)


# -- names --------------------------------------------------------------------------------


class Successor(Actor):
    """Registers its name for itself as soon as whoever has it is told to have ended."""

    def __init__(self, predecessor: ActorRef[Any]) -> None:
        super().__init__()
        self.monitor(predecessor)
        self.outcome: object = None

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, Down):
            self.outcome = message.ref.is_alive()
            register("the one", self.actor_ref)
        return self.outcome


@pytest.mark.parametrize("kind", [Worker, Clerk])
@pytest.mark.parametrize("restart", ["temporary", "transient"])
@pytest.mark.parametrize("dynamic", [False, True])
async def test_the_name_of_a_child_that_has_ended_is_free_when_that_is_told(
    kind: type[Worker], restart: Any, *, dynamic: bool
) -> None:
    spec = worker("one", Diary(), kind, restart=restart)
    crowd = ChildSpec("crowd", DynamicSupervisor if dynamic else SupervisorSpec())
    async with company(crowd) as root:
        one = await start_child(await child(root, "crowd"), spec)
        register("the one", one)
        successor = Successor.start(one)
        one.tell("leave")
        await settled()
        assert await successor.ask("how was it?") is False
        assert whereis("the one") is successor
        await successor.stop()


@pytest.mark.parametrize("kind", [Worker, Clerk])
async def test_the_name_of_a_child_that_was_terminated_is_free_when_that_is_told(kind: type[Worker]) -> None:
    async with company(worker("one", Diary(), kind)) as root:
        one = await child(root, "one")
        register("the one", one)
        successor = Successor.start(one)
        await terminate_child(root, "one")
        await settled()
        assert await successor.ask("how was it?") is False
        assert whereis("the one") is successor
        await successor.stop()


@pytest.mark.parametrize("kind", [Worker, Clerk])
async def test_a_child_that_is_restarted_keeps_its_name(kind: type[Worker]) -> None:
    async with company(worker("one", Diary(), kind)) as root:
        one = await child(root, "one")
        register("the one", one)
        one.tell("crash")
        await settled()
        assert whereis("the one") is one
        assert one.is_alive()
