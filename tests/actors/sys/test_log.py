"""The log of an actor: its latest events, and not one more."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from cometary.actors import Actor, ActorDeadError, sys, system, system_in_thread
from cometary.actors.sys.state import DEBUG
from cometary.errors import UsageError


class Clerk(Actor):
    def on_receive(self, message: Any) -> Any:
        if message == "crash":
            raise LookupError("lost")
        return message


class AsyncClerk(Clerk):
    async def on_receive(self, message: Any) -> Any:
        return super().on_receive(message)


KINDS = pytest.mark.parametrize("kind", [Clerk, AsyncClerk], ids=["def", "async def"])


def told(events: list[sys.TraceEvent]) -> list[tuple[str, Any]]:
    return [(event.kind, event.content) for event in events]


@KINDS
async def test_the_latest_events_are_kept_and_no_more(kind: type[Actor]) -> None:
    async with system():
        ref = kind.with_name("clerk").start()
        await sys.log("clerk", True)
        for number in range(20):
            await ref.ask(number)
        events = await sys.log("clerk")
        assert len(events) == 10
        assert told(events)[-2:] == [("in", 19), ("out", 19)]
        assert events[0].ref is ref
        ref.tell("more")
        await ref.ask("last")
        assert told(await sys.log(ref, "get"))[-3:] == [("in", "more"), ("in", "last"), ("out", "last")]


async def test_its_size_may_be_chosen_and_changed() -> None:
    async with system():
        ref = Clerk.start()
        await sys.log(ref, True, size=3)
        for number in range(4):
            await ref.ask(number)
        assert told(await sys.log(ref)) == [("out", 2), ("in", 3), ("out", 3)]
        await sys.log(ref, True, size=2)
        assert told(await sys.log(ref)) == [("in", 3), ("out", 3)]
        await sys.log(ref, True, size=5)
        await ref.ask(4)
        assert told(await sys.log(ref)) == [("in", 3), ("out", 3), ("in", 4), ("out", 4)]


async def test_who_has_none_pays_nothing_and_has_no_events() -> None:
    async with system():
        ref = await Clerk.start_async()
        actor: Any = ref.actor_inbox.actor
        assert await sys.log(ref) == []
        await sys.log(ref, False)
        await sys.log(ref, True)
        assert DEBUG in vars(actor)
        await sys.log(ref, False)
        assert DEBUG not in vars(actor)
        assert await sys.log(ref) == []


async def test_a_log_a_trace_and_counts_do_not_disturb_each_other() -> None:
    seen: list[sys.TraceEvent] = []
    async with system():
        ref = Clerk.start()
        await sys.log(ref, True)
        await sys.trace(ref, seen.append)
        await sys.statistics(ref, True)
        await ref.ask(1)
        await sys.no_trace(ref)
        await ref.ask(2)
        assert told(seen) == [("in", 1), ("out", 1)]
        assert told(await sys.log(ref)) == [("in", 1), ("out", 1), ("in", 2), ("out", 2)]
        await sys.log(ref, False)
        assert (await sys.statistics(ref)).messages_in == 2


async def test_it_is_printed_as_a_trace_is(capsys: pytest.CaptureFixture[str]) -> None:
    async with system():
        ref = Clerk.start()
        await sys.log(ref, True)
        await ref.ask("hello")
        assert await sys.log(ref, "print") is None
        assert capsys.readouterr().err == f"*DBG* {ref} got str: 'hello'\n*DBG* {ref} answered str: 'hello'\n"


@KINDS
async def test_it_ends_with_the_actor(kind: type[Actor], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    async with system():
        ref = kind.start()
        await sys.log(ref, True)
        ref.tell("crash")
        await ref.stopped()
        flags: Any = ("get", "print", True, False)
        for flag in flags:
            with pytest.raises(ActorDeadError):
                await sys.log(ref, flag)


@pytest.mark.parametrize("size", [1, 10_000])
async def test_the_least_and_the_largest_size_are_taken(size: int) -> None:
    async with system():
        ref = Clerk.start()
        await sys.log(ref, True, size=size)
        await ref.ask(7)
        assert told(await sys.log(ref)) == [("in", 7), ("out", 7)][-size:]


@pytest.mark.parametrize("size", [0, -1, 10_001, 1.5, True, "many"])
async def test_a_size_that_makes_no_sense_is_refused(size: Any) -> None:
    async with system():
        with pytest.raises(UsageError, match="a log keeps 1 to 10000 events"):
            sys.log(Clerk.start(), True, size=size)


async def test_a_flag_that_makes_no_sense_is_refused() -> None:
    flag: Any = "off"
    async with system():
        with pytest.raises(UsageError, match="not 'off'"):
            sys.log(Clerk.start(), flag)


def test_any_thread_may_have_it() -> None:
    with system_in_thread():
        ref = Clerk.start()
        sys.log(ref, True)
        ref.ask(1)
        assert told(sys.log(ref)) == [("in", 1), ("out", 1)]
