"""What is known about an actor from outside, whatever it is doing."""

from __future__ import annotations

import logging
import time
from typing import Any

import pytest
import trio
import trio.testing
from trio.testing import wait_all_tasks_blocked

from cometary.actors import Actor, ActorDeadError, Timer, register, sys, system, system_in_thread
from cometary.supervision import Backoff, ChildSpec, DynamicSupervisor, start_child, supervise, which_child


class Clerk(Actor):
    def __init__(self) -> None:
        super().__init__()
        self.timers: list[Timer] = []

    def on_receive(self, message: Any) -> Any:
        if message == "crash":
            raise LookupError("lost")
        return message

    def set_timers(self, *seconds: float) -> None:
        self.timers = [self.timer(("ring", each)) for each in seconds]
        for timer, each in zip(self.timers, seconds, strict=True):
            timer.start(each)


class AsyncClerk(Clerk):
    async def on_receive(self, message: Any) -> Any:
        if isinstance(message, float | int):
            await trio.sleep(message)
        return super().on_receive(message)


KINDS = pytest.mark.parametrize("kind", [Clerk, AsyncClerk], ids=["def", "async def"])


@KINDS
async def test_it_tells_who_an_actor_is_and_what_it_is_tied_to(kind: type[Clerk]) -> None:
    async with system():
        before = time.time() - 0.02
        ref = await kind.with_name("clerk").start_async()
        register("registrar", ref)
        linked, watched, watcher = Clerk.start(), Clerk.start(), Clerk.start()
        await ref.proxy().link(linked)
        await ref.proxy().monitor(watched)
        await watcher.proxy().monitor(ref)
        info = await sys.process_info("clerk")
        assert (info.ref, info.actor, info.names) == (ref, kind.__name__, ("clerk", "registrar"))
        assert (info.links, info.monitors, info.monitored_by) == ((linked,), (watched,), (watcher,))
        assert (await sys.process_info(linked)).links == (ref,)
        assert (info.status, info.state, info.mailbox) == ("waiting", None, 0)
        assert (info.supervisor, info.restarts) == (None, 0)
        assert before <= info.started_at <= time.time()
        assert (info.timers, info.tasks, info.trap_exits) == ((), 0, False)


@KINDS
async def test_it_tells_of_the_timers_that_run(
    kind: type[Clerk], autojump_clock: trio.testing.MockClock
) -> None:
    del autojump_clock
    async with system():
        ref, other = kind.start(), kind.start()
        await other.proxy().set_timers(1)
        await ref.proxy().set_timers(30, 10, 20)
        await trio.sleep(5)
        assert [(about, round(seconds)) for about, seconds in (await sys.process_info(ref)).timers] == [
            ("tuple: ('ring', 10)", 5),
            ("tuple: ('ring', 20)", 15),
            ("tuple: ('ring', 30)", 25),
        ]
        await ref.proxy().set_timers()
        await trio.sleep(11)
        assert len((await sys.process_info(ref)).timers) == 2
        for timer in await ref.proxy().timers:
            timer.cancel()


async def test_an_actor_that_is_busy_is_looked_at_all_the_same(
    autojump_clock: trio.testing.MockClock,
) -> None:
    del autojump_clock
    async with system():
        ref = await AsyncClerk.start_async()
        assert (await sys.process_info(ref)).last_message is None
        for message in (10.0, "waits", "waits, too"):
            ref.tell(message)
        await wait_all_tasks_blocked()
        info = await sys.process_info(ref)
        assert (info.status, info.last_message, info.mailbox) == ("running", "float", 2)
        await trio.sleep(11)
        info = await sys.process_info(ref)
        assert (info.status, info.last_message, info.mailbox) == ("waiting", "str", 0)


async def test_of_a_plain_actor_the_last_message_is_known_if_it_is_logged() -> None:
    async with system():
        ref = Clerk.start()
        await ref.ask("unseen")
        assert (await sys.process_info(ref)).last_message is None
        await sys.log(ref, True)
        await ref.ask(("a", "tuple"))
        assert (await sys.process_info(ref)).last_message == "tuple"


@KINDS
async def test_it_tells_what_an_actor_is_doing(kind: type[Clerk]) -> None:
    class Slow(AsyncClerk):
        async def on_start(self) -> None:  # type: ignore[override]
            await trio.sleep_forever()

    async with system():
        ref = await kind.start_async()
        ref.tell("work")
        assert (await sys.process_info(ref)).status == "runnable"
        await sys.suspend(ref)
        assert (await sys.process_info(ref)).status == "suspended"
        slow = Slow.start()
        await wait_all_tasks_blocked()
        assert (await sys.process_info(slow)).status == "starting"
        slow.kill()


async def test_one_that_unwinds_is_exiting() -> None:
    released = trio.Event()

    class Stubborn(AsyncClerk):
        async def on_receive(self, message: Any) -> Any:
            with trio.CancelScope(shield=True):
                await released.wait()

    async with system():
        ref = Stubborn.start()
        ref.tell("go")
        await wait_all_tasks_blocked()
        ref.kill()
        assert (await sys.process_info(ref)).status == "exiting"
        released.set()
        await ref.stopped()


@KINDS
async def test_it_tells_who_supervises_it_and_how_often_it_was_restarted(
    kind: type[Clerk], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    children = [
        ChildSpec("clerk", kind, name="clerk"),
        ChildSpec("crowd", DynamicSupervisor, kwargs={"intensity": 9}, name="crowd"),
    ]
    async with system(), supervise(children, intensity=9, name="root") as root:
        dynamic = await start_child("crowd", kind)
        crowd = (await which_child(root, "crowd")).ref
        assert (await sys.process_info("root")).supervisor is None
        for ref, supervisor in (("clerk", root), (dynamic, crowd)):
            first = await sys.process_info(ref)
            assert (first.supervisor, first.restarts) == (supervisor, 0)
            first.ref.tell("crash")
            await wait_all_tasks_blocked()
            second = await sys.process_info(ref)
            assert (second.supervisor, second.restarts) == (supervisor, 1)
            assert second.started_at >= first.started_at


async def test_one_that_waits_for_its_restart_is_looked_at(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    del autojump_clock
    caplog.set_level(logging.CRITICAL)
    spec = ChildSpec("clerk", Clerk, name="clerk")
    async with system(), supervise([spec], backoff=Backoff(10, 10), intensity=9):
        ref = (await sys.process_info("clerk")).ref
        ref.tell("crash")
        ref.tell("waits")
        await wait_all_tasks_blocked()
        info = await sys.process_info("clerk")
        assert (info.status, info.mailbox, info.restarts) == ("restarting", 1, 0)
        assert (info.links, info.monitors, info.trap_exits) == ((), (), False)
        await trio.sleep(20)
        assert (await sys.process_info("clerk")).status == "waiting"


async def test_who_has_ended_is_not_looked_at() -> None:
    async with system():
        ref = Clerk.start()
        await ref.stop()
        with pytest.raises(ActorDeadError, match="Clerk"):
            await sys.process_info(ref)


async def test_its_tasks_and_whether_it_traps_exits_are_told() -> None:
    class Trapper(Clerk):
        trap_exits = True

        def on_start(self) -> None:
            self.start_task(trio.sleep_forever)

    async with system():
        ref = await Trapper.start_async()
        info = await sys.process_info(ref)
        assert (info.tasks, info.trap_exits) == (1, True)


def test_any_thread_may_look() -> None:
    with system_in_thread():
        ref = Clerk.start()
        ref.proxy().set_timers(60).get()
        info = sys.process_info(ref)
        assert (info.ref, info.actor) == (ref, "Clerk")
        assert 0 < info.timers[0].seconds <= 60
