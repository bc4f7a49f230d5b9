"""Pykka's `ThreadingActor` under supervisors.

No clock jumps by itself here: to it, a thread that works seems to wait for ever.
"""

from __future__ import annotations

import threading
from typing import Any

import pytest
import trio
import trio.testing

from cometary.actors import Actor, ActorDeadError, ActorRegistry, Bounded, ThreadingActor, current_system
from cometary.errors import ChildStartError, MailboxFullError
from cometary.supervision import (
    ChildSpec,
    DynamicSupervisor,
    abandoned_threads,
    latest_reports,
    restart_child,
    start_child,
    supervise,
    terminate_child,
    tree,
    which_children,
)
from tests.supervision.company import Diary, child, company, leaving_nothing, settled, worker
from tests.supervision.threads import PATIENCE, Clerk, Gate, all_returned, clerk, until


async def test_it_runs_in_one_thread_of_its_own_from_start_to_stop() -> None:
    diary = Diary()
    async with company(worker("before", diary), clerk(diary), worker("after", diary)) as root:
        ref = await child(root, "clerk")
        assert await ref.ask("thread") not in {threading.get_ident(), None}
        ref.tell("hello")
        assert await ref.ask("you") == "you"
        assert diary.read() == ["start before", "start clerk", "start after", "got hello", "got you"]
        assert [(info.kind, info.state) for info in await which_children(root)][1] == ("thread", "running")
        assert tree(root).children[1].actor == "Clerk"
    assert diary == ["stop after", "stop", "stop before"]
    await until(lambda: not [thread for thread in threading.enumerate() if thread.name == "Clerk"])


async def test_it_is_called_through_proxies_and_found_in_the_registry_as_in_pykka() -> None:
    diary = Diary()
    async with company(clerk(diary)) as root:
        ref = await child(root, "clerk")
        assert await ref.proxy().double(21) == 42
        assert ActorRegistry.get_by_class(Clerk) == [ref]
        assert str(ref).startswith("Clerk (urn:")
        assert await trio.to_thread.run_sync(lambda: ref.proxy().double(4).get(timeout=PATIENCE)) == 8


async def test_an_error_in_an_ask_goes_to_the_caller_and_it_lives_on() -> None:
    diary = Diary()
    async with company(clerk(diary)) as root:
        ref = await child(root, "clerk")
        with pytest.raises(LookupError, match="as told"):
            await ref.ask("crash")
        assert await ref.ask("still there?") == "still there?"
        assert diary == ["start clerk", "got still there?"]


@pytest.mark.parametrize(("keep_mail", "got"), [(True, ["got kept"]), (False, [])])
async def test_a_crash_is_noticed_and_it_is_restarted_behind_the_same_reference(
    keep_mail: bool, got: list[str]
) -> None:
    diary = Diary()
    async with company(clerk(diary, keep_mail=keep_mail)) as root:
        ref = await child(root, "clerk")
        ref.tell("crash")
        ref.tell("kept")
        await until(lambda: diary.count("start clerk") == 2)
        assert await ref.ask("x") == "x"
        assert await child(root, "clerk") is ref
        assert diary == ["start clerk", "failure as told", "start clerk", *got, "got x"]
        (report,) = latest_reports(root)
        assert (report.child, report.actor, report.reason, report.action) == (
            "clerk",
            "Clerk",
            "crashed",
            "restart",
        )
        assert report.last_message == "str: 'crash'"
        assert "in on_receive" in report.traceback


async def test_its_own_reference_is_the_lasting_one_and_the_one_in_its_constructor_works_too() -> None:
    diary = Diary()
    async with company(clerk(diary)) as root:
        ref = await child(root, "clerk")
        own, early = await ref.ask("own refs")
        assert own is ref
        early.tell("a message")
        assert (
            await trio.to_thread.run_sync(lambda: early.ask("a question", timeout=PATIENCE)) == "a question"
        )
        with pytest.raises(LookupError):
            await trio.to_thread.run_sync(lambda: early.ask("crash", timeout=PATIENCE))
        assert diary.read() == ["start clerk", "got a message", "got a question"]
        ref.tell("crash")
        await until(lambda: "start clerk" in diary)
        assert not early.is_alive()
        assert ref.is_alive()


async def test_one_that_stops_itself_has_ended_normally() -> None:
    diary = Diary()
    async with company(clerk(diary, restart="transient")) as root:
        ref = await child(root, "clerk")
        ref.tell("leave")
        assert (await ref.stopped()).reason == "normal"
        await settled()
        assert [(info.ref, info.state) for info in await which_children(root)] == [(None, "stopped")]
        assert diary == ["start clerk", "stop"]
        await restart_child(root, "clerk")


async def test_the_rest_of_its_start_may_come_when_others_have_been_told() -> None:
    diary = Diary()

    class Continuing(Clerk):
        def on_continue(self) -> None:
            assert threading.get_ident() == self.thread
            diary.append("continued")

    async with company(ChildSpec("it", Continuing, (diary,))) as root:
        await (await child(root, "it")).ask("x")
    assert diary == ["start clerk", "continued", "got x", "stop"]


@leaving_nothing
async def test_one_whose_on_start_raises_is_a_failed_start() -> None:
    diary = Diary()
    diary.failing_starts["clerk"] = 1
    with pytest.raises(ChildStartError, match=r"root/clerk did not start: OSError") as caught:
        async with supervise([clerk(diary)]):
            pytest.fail("the block must not be entered")
    assert isinstance(caught.value.__cause__, OSError)


@leaving_nothing
async def test_one_whose_constructor_raises_is_a_failed_start() -> None:
    class Unborn(ThreadingActor):
        def __init__(self) -> None:
            raise TypeError("at once")

    with pytest.raises(ChildStartError, match="TypeError"):
        async with supervise([ChildSpec("clerk", Unborn)]):
            pytest.fail("the block must not be entered")


@leaving_nothing
async def test_one_that_never_starts_is_abandoned_after_its_time_out(
    mock_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    gate = Gate()

    class Stuck(ThreadingActor):
        def on_start(self) -> None:
            gate.pass_through()

    async def wait_and_jump() -> None:
        await gate.until_arrived()
        mock_clock.jump(7)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait_and_jump)
        with pytest.raises(ChildStartError, match=r"did not start within 7 s"):
            async with supervise([ChildSpec("stuck", Stuck, start_timeout=7)]):
                pytest.fail("the block must not be entered")
    assert "its thread is abandoned and goes on" in caplog.text
    assert len(abandoned_threads()) == 1
    gate.open()
    await all_returned()


@pytest.mark.parametrize("shutdown", [3, "brutal_kill"])
async def test_one_that_does_not_return_in_time_is_abandoned_and_that_is_reported(
    mock_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture, shutdown: Any
) -> None:
    diary, gate = Diary(), Gate()
    async with company(clerk(diary, gate, shutdown=shutdown)) as root:
        ref = await child(root, "clerk")
        ref.tell("gate")
        ref.tell("never handled")
        await gate.until_arrived()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(terminate_child, root, "clerk")
            await settled()
            if shutdown == 3:
                assert not abandoned_threads()
                mock_clock.jump(3)
        assert not ref.is_alive()
        (who,) = abandoned_threads()
        assert who.startswith("Clerk (urn:")
        assert "its thread is abandoned and goes on" in caplog.text
        gate.open()
        await all_returned()
        assert diary == ["start clerk"]  # no more mail, no on_stop


async def test_with_infinity_it_is_waited_for() -> None:
    diary, gate = Diary(), Gate()
    async with company(clerk(diary, gate, shutdown="infinity")) as root:
        (await child(root, "clerk")).tell("gate")
        await gate.until_arrived()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(terminate_child, root, "clerk")
            await settled()
            gate.open()
    assert diary == ["start clerk", "stop"]
    assert not abandoned_threads()


async def test_one_that_is_idle_is_killed_without_leaving_a_thread_behind(
    caplog: pytest.LogCaptureFixture,
) -> None:
    diary = Diary()
    async with company(clerk(diary)) as root:
        (await child(root, "clerk")).kill()
        await until(lambda: diary.count("start clerk") == 2)
        assert not abandoned_threads()
        await until(lambda: sum(thread.name == "Clerk" for thread in threading.enumerate()) == 1)
    assert "abandoned" not in caplog.text


async def test_what_an_abandoned_thread_raises_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    gate = Gate()

    class Late(ThreadingActor):
        def on_receive(self, message: Any) -> None:
            gate.pass_through()
            raise LookupError("too late")

    async with company(ChildSpec("late", Late, restart="temporary")) as root:
        ref = await child(root, "late")
        answer = ref.ask("x", block=False)
        await gate.until_arrived()
        ref.kill()
        with pytest.raises(ActorDeadError):
            await answer
        gate.open()
        await all_returned()
    assert "LookupError: too late" in caplog.text


@pytest.mark.parametrize("trapping", [False, True])
async def test_actors_may_be_linked_to_it(trapping: bool) -> None:
    told: list[Any] = []

    class Linked(ThreadingActor):
        trap_exits = trapping

        def on_receive(self, message: Any) -> None:
            told.append(message)

    class Partner(Actor):
        def __init__(self, ref: Any) -> None:
            super().__init__()
            self.link(ref)

        def on_receive(self, message: Any) -> None:
            raise LookupError("as told")

    async with company(ChildSpec("linked", Linked, restart="temporary")) as root:
        ref = await child(root, "linked")
        Partner.start(ref).tell("crash")
        if trapping:
            await until(lambda: bool(told))
        else:
            assert (await ref.stopped()).abnormal
        await settled()
        assert ref.is_alive() is trapping


async def test_its_mailbox_may_be_bounded() -> None:
    diary, gate = Diary(), Gate()
    async with company(clerk(diary, gate, mailbox=Bounded(1))) as root:
        ref = await child(root, "clerk")
        _, early = await ref.ask("own refs")
        ref.tell("gate")
        await gate.until_arrived()
        ref.tell("there is room for this")
        for full in (ref, early):
            with pytest.raises(MailboxFullError):
                full.tell("and none for this")
        gate.open()
        await until(lambda: "got there is room for this" in diary)


async def test_a_dynamic_supervisor_restarts_them_too() -> None:
    diary = Diary()
    async with company(ChildSpec("crowd", DynamicSupervisor)) as root:
        supervisor = await child(root, "crowd")
        ref = await start_child(supervisor, Clerk, diary)
        specified = await start_child(supervisor, clerk(diary))
        ref.tell("crash")
        ref.tell("kept")
        await until(lambda: "got kept" in diary)
        assert [info.kind for info in await which_children(supervisor)] == ["thread", "thread"]
        await terminate_child(supervisor, specified)
        assert diary.count("stop") == 1
    assert diary.count("stop") == 2


async def test_it_can_use_the_actors_of_the_system() -> None:
    class Greeter(Actor):
        def on_receive(self, message: Any) -> Any:
            return f"hello {message}"

    class Asking(ThreadingActor):
        def on_receive(self, message: Any) -> Any:
            greeter = Greeter.start()
            assert current_system() is greeter.actor_inbox.system
            try:
                return greeter.ask(message, timeout=PATIENCE)
            finally:
                greeter.stop()

    async with company(ChildSpec("asking", Asking)) as root:
        assert await (await child(root, "asking")).ask("you") == "hello you"


async def test_what_is_no_exception_is_a_crash_as_it_is_elsewhere() -> None:
    class Leaving(ThreadingActor):
        def on_receive(self, message: Any) -> str:
            if message == "leave":
                raise SystemExit(3)
            return "here"

    async with company(ChildSpec("leaving", Leaving)) as root:
        ref = await child(root, "leaving")
        ref.tell("leave")
        assert await ref.ask("where") == "here"
        (report,) = latest_reports(root)
        assert report.error == "SystemExit(3)"
