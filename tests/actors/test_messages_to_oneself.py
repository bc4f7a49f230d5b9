"""An actor that waits for itself is told so at once; a wait that takes too long says for whom it was."""

from __future__ import annotations

from math import inf
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from cometary.actors import (
    Actor,
    ActorRef,
    ThreadingActor,
    Timeout,
    get_all,
    sys,
    system,
    system_in_thread,
)
from cometary.errors import CallingSelfError, UsageError
from cometary.supervision import ChildSpec, DynamicSupervisor, start_child, supervise, which_children


class Narcissus(Actor):
    """Waits in the way that it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.got: list[object] = []

    async def on_receive(self, message: Any) -> Any:
        self.got.append(message)
        me = self.actor_ref
        match message:
            case "ask":
                return await me.ask("himself")
            case "ask with others":
                return await get_all([me.ask("himself").map(str), me.ask("again")])
            case "stop":
                return await me.stop()
            case "stopped":
                return await me.stopped()
            case "sys":
                return await sys.get_state(me)
            case "later":
                self.start_task(self._ask, me)
            case _:
                pass
        return None

    async def _ask(self, me: ActorRef[Any]) -> None:
        self.got.append(await me.ask("in a task"))


@pytest.mark.parametrize("how", ["ask", "ask with others", "stop", "stopped", "sys"])
async def test_an_actor_that_waits_for_itself_is_told_so_at_once(how: str) -> None:
    async with system():
        ref = Narcissus.start()
        with trio.fail_after(60), pytest.raises(CallingSelfError, match=r"Narcissus \(.*\) waits for i"):
            await ref.ask(how)
        assert ref.is_alive()
        assert await ref.ask("well?") is None
        state = await sys.get_state(ref)
        assert ("himself" in state["got"]) is (
            how == "ask with others"
        )  # what was refused is not done either


async def test_a_task_of_an_actor_may_wait_for_it() -> None:
    async with system():
        ref = Narcissus.start()
        await ref.ask("later")
        with trio.fail_after(60):
            await trio.testing.wait_all_tasks_blocked()
        assert (await sys.get_state(ref))["got"] == ["later", "in a task", None]


async def test_a_supervisor_that_calls_itself_is_told_so() -> None:
    class Foreman(DynamicSupervisor):
        async def on_receive(self, message: Any) -> Any:
            if message == "self":
                return await which_children(self.actor_ref)
            return await super().on_receive(message)

    async with system():
        ref = await Foreman.start_async()
        with trio.fail_after(60), pytest.raises(CallingSelfError):
            await ref.ask("self")


async def test_a_thread_that_waits_for_itself_is_told_so() -> None:
    class Threaded(ThreadingActor):
        def on_receive(self, message: Any) -> Any:
            if message == "ask":
                return self.actor_ref.ask("myself")
            return message

    async with system(), supervise([ChildSpec("crowd", DynamicSupervisor)]) as root:
        (crowd,) = await which_children(root)
        assert crowd.ref is not None
        ref = await start_child(crowd.ref, Threaded)
        with trio.fail_after(60), pytest.raises(CallingSelfError):
            await ref.ask("ask")
        assert await ref.ask("well?") == "well?"


# -- time-outs ----------------------------------------------------------------------------


class Slow(Actor):
    async def on_receive(self, message: Any) -> Any:
        await trio.sleep(message)
        return message

    async def on_stop(self) -> None:  # type: ignore[override]
        await trio.sleep(20)


async def test_a_time_out_names_the_actor_and_what_it_was_asked(autojump_clock: MockClock) -> None:
    async with system(stop_timeout=0):
        ref = Slow.start()
        with pytest.raises(
            Timeout, match=r"^Slow \(urn:.*\) did not answer a message of type int within 3 s"
        ):
            await ref.ask(10, timeout=3)
        with pytest.raises(Timeout, match=r"^Slow .* did not answer a message of type float within 3 s"):
            await ref.ask(10.0).map(str).within(3)
        with pytest.raises(Timeout, match=r"^Slow .* did not serve a call of cometary.actors.sys within 1 s"):
            await sys.get_state(ref, timeout=1)
        with pytest.raises(Timeout, match=r"^Slow .* did not stop within 2 s"):
            await ref.stop(timeout=2)


async def test_a_system_may_have_a_time_out_for_all_who_ask(autojump_clock: MockClock) -> None:
    async with system(stop_timeout=0, ask_timeout=3):
        ref = Slow.start()
        with pytest.raises(Timeout, match="within 3 seconds"):
            await ref.ask(10)
        assert await ref.ask(4, timeout=30) == 4
        assert await ref.ask(100, timeout=inf) == 100


async def test_calls_of_supervisors_are_not_bound_by_it(autojump_clock: MockClock) -> None:
    class Tardy(Slow):
        async def on_start(self) -> None:  # type: ignore[override]
            await trio.sleep(10)

    async with system(ask_timeout=3), supervise([]) as root:
        await start_child(root, ChildSpec("tardy", Tardy, shutdown="brutal_kill"))


def test_in_a_thread_they_say_the_same() -> None:
    with system_in_thread(stop_timeout=0, ask_timeout=0.01):
        ref = Slow.start()
        with pytest.raises(Timeout, match=r"^Slow .* did not answer a message of type int within 0.01 s"):
            ref.ask(10)
        with pytest.raises(Timeout, match=r"^Slow .* did not answer a message of type int within 0.02 s"):
            ref.ask(10, timeout=0.02)
        assert Slow.start().ask(0, timeout=inf) == 0


@pytest.mark.parametrize("wrong", [-1, "3", True])
async def test_a_time_out_for_all_is_a_number_of_seconds(wrong: Any) -> None:
    with pytest.raises(UsageError, match="ask_timeout must be 0 or more seconds"):
        async with system(ask_timeout=wrong):
            pass
