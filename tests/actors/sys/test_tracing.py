"""`sys.trace`, `trace_events` and `statistics`: they tell everything, are bounded, and leave nothing behind."""

from __future__ import annotations

import sys as python
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from cometary.actors import Actor, ActorDeadError, Future, sys, system, system_in_thread
from cometary.actors.sys import TraceEvent
from cometary.errors import UsageError
from cometary.supervision import ChildSpec
from tests.actors.sys.people import AsyncCounter, Counter, both, settled
from tests.supervision.company import child, company


def told(events: list[TraceEvent]) -> list[tuple[str, Any]]:
    return [(event.kind, event.content) for event in events]


@both
async def test_a_trace_tells_what_comes_in_and_what_goes_out(kind: Any) -> None:
    events: list[TraceEvent] = []
    async with system():
        ref = kind.start()
        await sys.trace(ref, events.append)
        ref.tell("one")
        assert await ref.ask("two") == 2
        await ref.stop()
    assert told(events[:3]) == [("in", "one"), ("in", "two"), ("out", 2)]
    assert (events[3].kind, events[3].content.reason) == ("exit", "normal")
    assert {event.ref for event in events} == {ref}


@both
async def test_it_tells_what_an_ask_raised(kind: Any) -> None:
    events: list[TraceEvent] = []
    async with system():
        ref = kind.start()
        await sys.trace(ref, events.append)
        with pytest.raises(RuntimeError):
            await ref.ask("crash")
        assert (events[-1].kind, repr(events[-1].content)) == ("out", "RuntimeError('told to crash')")


@both
async def test_it_tells_of_calls_by_proxy_once(kind: Any) -> None:
    events: list[TraceEvent] = []
    async with system():
        ref = kind.start(3)
        await sys.trace(ref, events.append)
        assert await ref.proxy().count == 3
    assert [event.kind for event in events[:2]] == ["in", "out"]
    assert events[1].content == 3


@both
async def test_it_tells_of_a_crash(kind: Any, caplog: pytest.LogCaptureFixture) -> None:
    events: list[TraceEvent] = []
    async with system():
        ref = kind.start()
        await sys.trace(ref, events.append)
        ref.tell("crash")
        await settled()
    assert [event.kind for event in events] == ["in", "exit"]
    assert events[1].content.reason == "crashed"


async def test_it_tells_of_a_reply_that_comes_later() -> None:
    class Late(Actor):
        promise: Future[Any]

        def on_receive(self, message: Any) -> None:
            if message == "ask":
                self.promise = self.reply_later()
            else:
                self.promise.set(message)

    events: list[TraceEvent] = []
    async with system():
        ref = Late.start()
        await sys.trace(ref, events.append)
        answer = ref.ask("ask")
        await settled()
        ref.tell("answer")
        assert await answer == "answer"
        await settled()
        assert told(events) == [("in", "ask"), ("in", "answer"), ("out", "answer")]


@both
async def test_it_ends_when_told_to_and_leaves_nothing(kind: Any) -> None:
    events: list[TraceEvent] = []
    async with system():
        ref = kind.start()
        actor: object = ref.actor_inbox.actor
        before = set(vars(actor))
        await sys.trace(ref, events.append)
        assert await sys.get_state(ref) == {"count": 0, "got": []}, "the state is the user's"
        await sys.no_trace(ref, events.append)
        await sys.no_trace(ref)
        ref.tell("one")
        await settled()
        assert set(vars(actor)) == before
    assert events == []


async def test_there_may_be_several() -> None:
    one: list[TraceEvent] = []
    two: list[TraceEvent] = []
    async with system():
        ref = Counter.start()
        await sys.trace(ref, one.append)
        await sys.trace(ref, two.append)
        ref.tell(1)
        await settled()
        await sys.no_trace(ref, one.append)
        ref.tell(2)
        await settled()
        await sys.no_trace(ref)
        ref.tell(3)
        await settled()
    assert told(one) == [("in", 1)]
    assert told(two) == [("in", 1), ("in", 2)]


async def test_it_ends_after_so_many_events() -> None:
    events: list[TraceEvent] = []
    async with system():
        ref = Counter.start()
        await sys.trace(ref, events.append, limit=2)
        for number in range(5):
            ref.tell(number)
        await settled()
        assert not (await sys.get_status(ref)).traced
    assert told(events) == [("in", 0), ("in", 1)]


@both
async def test_an_observer_that_fails_is_logged_and_not_called_again(
    kind: Any, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[TraceEvent] = []

    def fail(event: TraceEvent) -> None:
        calls.append(event)
        raise LookupError("no screen")

    async with system():
        ref = kind.start()
        await sys.trace(ref, fail)
        ref.tell("one")
        assert await ref.ask("two") == 2
    assert len(calls) == 1
    assert "An observer of the trace" in caplog.text


@both
async def test_it_ends_with_the_incarnation(kind: Any) -> None:
    events: list[TraceEvent] = []
    async with company(ChildSpec("a", kind)) as root:
        ref = await child(root, "a")
        await sys.trace(ref, events.append)
        ref.kill()
        await settled()
        assert await ref.ask("one") == 1
    assert [event.kind for event in events] == ["exit"]


def test_from_another_thread() -> None:
    events: list[TraceEvent] = []
    with system_in_thread():
        ref = Counter.start()
        sys.trace(ref, events.append)
        ref.ask("one")
        sys.no_trace(ref)
    assert told(events) == [("in", "one"), ("out", 1)]


async def test_by_default_each_event_is_a_line_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    class Quiet(Counter):
        @staticmethod
        def format_message(message: object) -> str:
            return "something"

    async with system():
        loud, quiet = Counter.start(), Quiet.start()
        for ref in (loud, quiet):
            await sys.trace(ref)
            await ref.ask("x" * 1000)
            await ref.stop()
        lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith(f"*DBG* {loud} got str: 'xxx")
    assert max(len(line) for line in lines) < 400
    assert lines[1:4] == [
        f"*DBG* {loud} answered int: 1",
        f"*DBG* {loud} ended normal",
        f"*DBG* {quiet} got something",
    ]
    assert python.stderr is not None


@both
async def test_a_stream_ends_with_the_actor(kind: Any) -> None:
    async with system():
        ref = kind.start()
        async with sys.trace_events(ref) as events:
            ref.tell("one")
            ref.stop()
            assert [event.kind async for event in events] == ["in", "exit"]


async def test_a_stream_that_is_full_drops_what_comes_and_counts_it() -> None:
    async with system():
        ref = Counter.start()
        async with sys.trace_events(ref, size=2) as events:
            for number in range(5):
                ref.tell(number)
            await settled()
            assert [(await anext(events)).content for _ in range(2)] == [0, 1]
            assert events.lost == 3


async def test_a_stream_leaves_nothing_behind_when_it_is_cancelled() -> None:
    async with system():
        ref = Counter.start()
        with trio.CancelScope() as scope:
            async with sys.trace_events(ref):
                scope.cancel()
                await trio.sleep_forever()
        assert not (await sys.get_status(ref)).traced


async def test_a_trace_of_one_event_tells_one() -> None:
    async with system():
        ref, seen = Counter.start(), list[sys.TraceEvent]()
        await sys.trace(ref, seen.append, limit=1)
        async with sys.trace_events(ref, size=1) as events:
            await ref.ask(1)
            await settled()
            assert (await anext(events)).content == 1
            assert events.lost == 1
        assert [event.content for event in seen] == [1]
        assert not (await sys.get_status(ref)).traced


@pytest.mark.parametrize("size", [0, -1])
async def test_a_trace_of_nothing_is_refused(size: int) -> None:
    async with system():
        ref = Counter.start()
        with pytest.raises(UsageError):
            sys.trace(ref, limit=size)
        with pytest.raises(UsageError):
            async with sys.trace_events(ref, size=size):
                pass


@both
async def test_what_has_ended_cannot_be_traced_nor_counted(kind: Any) -> None:
    async with system():
        ref = kind.start()
        await ref.stop()
        await sys.no_trace(ref)
        with pytest.raises(ActorDeadError):
            await sys.trace(ref)
        with pytest.raises(ActorDeadError):
            await sys.statistics(ref, True)


# -- statistics ---------------------------------------------------------------------------


@both
async def test_statistics_count_from_when_they_are_asked_for(kind: Any) -> None:
    async with system():
        ref = kind.start()
        ref.tell("before")
        await settled()
        assert await sys.statistics(ref) is None
        await sys.statistics(ref, True)
        for _ in range(3):
            ref.tell("one")
        await ref.ask("two")
        await settled()
        counted = await sys.statistics(ref, "get")
        assert (counted.messages_in, counted.messages_out) == (4, 1)
        assert 0 < counted.busy < 5
        assert counted.start_time <= counted.current_time
        await sys.statistics(ref, False)
        assert await sys.statistics(ref) is None
        assert not (await sys.get_status(ref)).traced


async def test_statistics_and_a_trace_do_not_end_each_other(autojump_clock: MockClock) -> None:
    events: list[TraceEvent] = []
    async with system():
        ref = AsyncCounter.start()
        await sys.statistics(ref, True)
        await sys.trace(ref, events.append)
        await sys.statistics(ref, False)
        ref.tell("one")
        await settled()
        await sys.statistics(ref, True)
        await sys.no_trace(ref)
        ref.tell("two")
        await settled()
        assert (await sys.statistics(ref)).messages_in == 1
    assert told(events) == [("in", "one")]


async def test_statistics_know_three_words() -> None:
    async with system():
        with pytest.raises(UsageError, match="not 'off'"):
            sys.statistics(Counter.start(), "off")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
