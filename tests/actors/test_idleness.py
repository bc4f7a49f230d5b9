"""The receive time-out: told of silence, and of nothing else."""

from __future__ import annotations

from typing import Any, cast

import pytest
import trio
from trio.testing import MockClock

from cometary.actors import Actor, ActorRef, ReceiveTimeout, sys, system
from cometary.errors import UsageError
from cometary.supervision import ChildSpec, supervise, which_children


class Listener(Actor):
    """Is told of silence after 10 seconds, and notes when what came."""

    times: tuple[float | None, object] = (10, None)

    def __init__(self) -> None:
        super().__init__()
        self.got: list[Any] = []

    def on_start(self) -> None:
        self.receive_timeout(*self.times)

    def on_receive(self, message: Any) -> Any:
        if message == "got":
            return self.got
        if message == "crash":
            raise RuntimeError("crash")
        if type(message) is tuple:
            self.receive_timeout(cast("Any", message)[1])
        self.got.append((trio.current_time(), message))
        return None

    def method(self) -> str:
        return "proxied"


class AsyncListener(Listener):
    async def on_receive(self, message: Any) -> Any:
        if message == "work":
            await trio.sleep(15)
        return super().on_receive(message)


KINDS = pytest.mark.parametrize("kind", [Listener, AsyncListener], ids=["def", "async def"])


@KINDS
async def test_silence_is_told_again_and_again(kind: type[Listener], autojump_clock: MockClock) -> None:
    async with system():
        ref = kind.start()
        await trio.sleep(25)
        assert await ref.ask("got") == [(10, ReceiveTimeout(10)), (20, ReceiveTimeout(10))]


@KINDS
async def test_each_message_begins_the_time_anew(kind: type[Listener], autojump_clock: MockClock) -> None:
    async with system():
        ref = kind.start()
        await trio.sleep(9)
        ref.tell("x")
        await trio.sleep(9)
        await ref.ask("got")
        await trio.sleep(9)
        assert await ref.proxy().method() == "proxied"
        await trio.sleep(9)
        assert await ref.ask("got") == [(9, "x")]
        await trio.sleep(11)
        assert await ref.ask("got") == [(9, "x"), (46, ReceiveTimeout(10))]


@KINDS
async def test_it_is_changed_and_ended(kind: type[Listener], autojump_clock: MockClock) -> None:
    async with system():
        ref = kind.start()
        ref.tell(("set", 3))
        await trio.sleep(4)
        ref.tell(("set", None))
        await trio.sleep(100)
        assert [when for when, _ in await ref.ask("got")] == [0, 3, 4]
        ref.tell(("set", 5))
        await trio.sleep(6)
        assert (await ref.ask("got"))[-1] == (109, ReceiveTimeout(5))


async def test_it_brings_a_message_of_ones_own(autojump_clock: MockClock) -> None:
    class Own(Listener):
        times = (2, "silence")

    async with system():
        ref = Own.start()
        await trio.sleep(3)
        assert await ref.ask("got") == [(2, "silence")]


async def test_the_time_that_a_message_takes_is_no_silence(autojump_clock: MockClock) -> None:
    async with system():
        ref = AsyncListener.start()
        ref.tell("work")
        await trio.sleep(24)
        assert await ref.ask("got") == [(15, "work")]


async def test_mail_that_is_handled_before_the_time_out_makes_it_void(autojump_clock: MockClock) -> None:
    async with system():
        ref = Listener.start()
        await trio.sleep(1)
        await sys.suspend(ref)
        ref.tell("x")
        await trio.sleep(20)
        await sys.resume(ref)
        assert [message for _, message in await ref.ask("got")] == ["x"]


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
async def test_a_time_that_is_none_is_refused(seconds: float) -> None:
    async with system():
        ref = Listener.start()
        with pytest.raises(UsageError, match="above 0"):
            await ref.ask(("set", seconds))


async def test_the_next_incarnation_begins_without(autojump_clock: MockClock) -> None:
    class Once(Listener):
        lives = 0

        def on_start(self) -> None:
            Once.lives += 1
            if Once.lives == 1:
                self.receive_timeout(5)

    async with system(), supervise([ChildSpec("once", Once)]) as root:
        [info] = await which_children(root)
        assert info.ref is not None
        info.ref.tell("crash")
        await trio.sleep(20)
        assert await info.ref.ask("got") == []


@KINDS
async def test_a_trace_and_a_receive_time_out_do_not_mind_each_other(
    kind: type[Listener], autojump_clock: MockClock
) -> None:
    async with system():
        ref = kind.start()
        first: list[object] = []
        await sys.trace(ref, first.append)
        await trio.sleep(11)
        await sys.no_trace(ref)
        await trio.sleep(10)
        assert [when for when, _ in await ref.ask("got")] == [10, 20]
        assert first
        assert set(await sys.get_state(ref)) == {"got"}


async def test_a_receive_time_out_that_is_set_under_a_trace_works_on_after_it(
    autojump_clock: MockClock,
) -> None:
    class Late(Listener):
        def on_start(self) -> None:
            pass

    async with system():
        ref: ActorRef[Late] = Late.start()
        seen: list[object] = []
        await sys.trace(ref, seen.append)
        ref.tell(("set", 2))
        await trio.sleep(3)
        await sys.no_trace(ref)
        await trio.sleep(2)
        assert [when for when, _ in await ref.ask("got")] == [0, 2, 4]


async def test_the_code_of_an_actor_with_a_receive_time_out_can_be_changed(autojump_clock: MockClock) -> None:
    class Newer(Listener):
        def on_receive(self, message: Any) -> Any:
            return "newer" if message == "which" else super().on_receive(message)

    async with system():
        ref: ActorRef[Any] = Listener.start()
        await sys.change_code(ref, Newer)
        assert await ref.ask("which") == "newer"
        await trio.sleep(11)
        assert await ref.ask("got") == [(10, ReceiveTimeout(10))]


async def test_fractions_of_a_second_count(autojump_clock: MockClock) -> None:
    async with system():
        ref = Listener.start()
        ref.tell(("set", 0.5))
        await trio.sleep(0.6)
        assert [when for when, _ in await ref.ask("got")] == [0, 0.5]


async def test_to_end_what_was_never_wanted_changes_nothing() -> None:
    class Never(Listener):
        times = (None, None)

    async with system():
        ref = Never.start()
        assert await ref.ask("got") == []
        assert "on_receive" not in vars(ref.actor_inbox.actor)
