"""Producers and consumers: nothing is sent that was not asked for. After the rules of GenStage."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from cometary.actors import Actor, ActorRef, Bounded, sys, system
from cometary.behaviours import Consumer, Producer
from cometary.errors import MailboxFullError, UsageError
from cometary.supervision import ChildSpec, supervise, which_children


class Counter(Producer):
    """Produces 0, 1, 2 … as asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.next = 0
        self.demands: list[int] = []

    def on_demand(self, demand: int) -> range:
        self.demands.append(demand)
        self.next += demand
        return range(self.next - demand, self.next)

    def on_message(self, message: Any) -> Any:
        if message == "crash":
            raise RuntimeError("crash")
        return self.demands


class SlowCounter(Counter):
    """Produces as asked for, but has to wait for it."""

    async def on_demand(self, demand: int) -> range:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        await trio.sleep(1)
        return super().on_demand(demand)


class Source(Producer):
    """Produces what it is told."""

    buffer = Bounded(5, "drop_oldest")

    def on_message(self, message: Any) -> Any:
        if message == "demand":
            return self.demand
        self.emit(*message)
        return None


class Sink(Consumer):
    """Takes a second for each batch."""

    def __init__(self, producer: ActorRef[Any], **options: Any) -> None:
        super().__init__()
        self.producer = producer
        self.options = options
        self.got: list[Any] = []
        self.batches: list[int] = []

    def on_start(self) -> None:
        self.subscribe(self.producer, **self.options)

    async def on_events(self, events: Sequence[Any], producer: ActorRef[Any]) -> None:
        await trio.sleep(1)
        self.got += events
        self.batches.append(len(events))
        if "crash" in events:
            raise RuntimeError("crash")

    def on_message(self, message: Any) -> Any:
        if message == "unsubscribe":
            self.unsubscribe(self.producer)
        return list(self.batches if message == "batches" else self.got)


class FastSink(Sink):
    def on_events(self, events: Sequence[Any], producer: ActorRef[Any]) -> None:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        self.got += events


async def test_no_more_is_produced_than_is_asked_for(autojump_clock: MockClock) -> None:
    async with system():
        counter = Counter.start()
        sink = Sink.start(counter, max_demand=10, min_demand=6)
        await wait_all_tasks_blocked()
        assert await counter.ask("demands") == [10]
        await trio.sleep(2.5)
        assert await counter.ask("demands") == [10, 4, 4]
        assert (await sink.ask("batches"))[:4] == [4, 4, 2, 2]
        assert (await sink.ask("got"))[:8] == list(range(8))


async def test_half_is_asked_for_anew_unless_said_otherwise(autojump_clock: MockClock) -> None:
    async with system():
        counter = Counter.start()
        Sink.start(counter, max_demand=10)
        await trio.sleep(1.5)
        assert await counter.ask("demands") == [10, 5]


async def test_one_at_a_time(autojump_clock: MockClock) -> None:
    async with system():
        counter = Counter.start()
        sink = Sink.start(counter, max_demand=1)
        await trio.sleep(3.5)
        assert await sink.ask("got") == [0, 1, 2, 3]


async def test_a_producer_that_has_to_wait_is_waited_for(autojump_clock: MockClock) -> None:
    async with system():
        sink = FastSink.start(SlowCounter.start(), max_demand=2)
        await trio.sleep(3.5)
        assert await sink.ask("got") == [0, 1, 2, 3]


async def test_demand_that_is_not_met_is_remembered(autojump_clock: MockClock) -> None:
    async with system():
        source = Source.start()
        sink = FastSink.start(source, max_demand=4)
        await wait_all_tasks_blocked()
        assert await source.ask("demand") == 4
        source.tell("ab")
        await wait_all_tasks_blocked()
        assert await sink.ask("got") == ["a", "b"]
        assert await source.ask("demand") == 4  # two of four were handled, and asked for anew


async def test_events_without_demand_wait_and_the_oldest_are_dropped_when_they_are_too_many(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with system():
        source = Source.start()
        source.tell("abcdefg")
        sink = FastSink.start(source, max_demand=4)
        await trio.sleep(1)
        assert await sink.ask("got") == list("cdefg")
    assert "dropped 2 events" in caplog.text


async def test_or_the_newest(autojump_clock: MockClock) -> None:
    class Other(Source):
        buffer = Bounded(5, "drop_newest")

    async with system():
        source = Other.start()
        source.tell("abcdefg")
        sink = FastSink.start(source)
        await trio.sleep(1)
        assert await sink.ask("got") == list("abcde")


@pytest.mark.parametrize("policy", ["refuse", "block"])
async def test_or_they_are_refused_all_together(policy: Any, autojump_clock: MockClock) -> None:
    class Other(Source):
        buffer = Bounded(5, policy)

    async with system():
        source = Other.start()
        with pytest.raises(MailboxFullError, match="nobody has asked for"):
            await source.ask("abcdef")
        await source.ask("abcde")
        sink = FastSink.start(source)
        await trio.sleep(1)
        assert await sink.ask("got") == list("abcde")


async def test_what_is_asked_for_does_not_count_against_the_buffer(autojump_clock: MockClock) -> None:
    class Other(Source):
        buffer = Bounded(1, "refuse")

    async with system():
        source = Other.start()
        sink = FastSink.start(source, max_demand=10)
        await wait_all_tasks_blocked()
        await source.ask(range(11))
        await trio.sleep(1)
        assert await sink.ask("got") == list(range(11))


async def test_events_go_to_the_one_that_has_asked_for_most(autojump_clock: MockClock) -> None:
    async with system():
        source = Source.start()
        small, large = Sink.start(source, max_demand=2), Sink.start(source, max_demand=5)
        await wait_all_tasks_blocked()
        await source.ask(range(6))
        await trio.sleep(5)
        assert await large.ask("got") == [0, 1, 2, 3, 4]
        assert await small.ask("got") == [5]


async def test_several_consumers_share_the_work(autojump_clock: MockClock) -> None:
    async with system():
        counter = Counter.start()
        sinks = [Sink.start(counter, max_demand=1) for _ in range(3)]
        await trio.sleep(2.5)
        answers = [sink.ask("got") for sink in sinks]
        got = [number for answer in answers for number in await answer]
        assert sorted(got) == list(range(len(got)))
        assert len(got) == 9


async def test_a_consumer_that_ends_takes_its_demand_with_it(autojump_clock: MockClock) -> None:
    async with system():
        source = Source.start()
        gone = FastSink.start(source, max_demand=5)
        await wait_all_tasks_blocked()
        await gone.stop()
        assert await source.ask("demand") == 0
        await source.ask("abc")
        sink = FastSink.start(source)
        await trio.sleep(1)
        assert await sink.ask("got") == list("abc")


async def test_a_consumer_that_unsubscribes_gets_no_more(autojump_clock: MockClock) -> None:
    async with system():
        source = Source.start()
        sink = FastSink.start(source)
        await wait_all_tasks_blocked()
        await sink.ask("unsubscribe")
        await sink.ask("unsubscribe")
        assert await source.ask("demand") == 0
        assert source.actor_inbox.monitored_actors() == sink.actor_inbox.monitored_actors() == ()
        source.tell("abc")
        await trio.sleep(1)
        assert await sink.ask("got") == []


@pytest.mark.parametrize(
    ("cancel", "crash", "ends"),
    [
        ("permanent", False, True),
        ("permanent", True, True),
        ("transient", False, False),
        ("transient", True, True),
        ("temporary", True, False),
    ],
)
async def test_the_end_of_the_producer_ends_its_consumers_as_they_have_said(
    cancel: Any, crash: bool, ends: bool, autojump_clock: MockClock
) -> None:
    async with system():
        counter = Counter.start()
        sink = Sink.start(counter, cancel=cancel)
        await wait_all_tasks_blocked()
        counter.tell("crash") if crash else counter.stop()
        await trio.sleep(5)
        assert sink.is_alive() is not ends


async def test_a_producer_that_has_ended_already_is_noticed(autojump_clock: MockClock) -> None:
    async with system():
        counter = Counter.start()
        await counter.stop()
        assert (await Sink.start(counter).stopped()).reason == "normal"


async def test_under_a_supervisor_all_begins_anew_behind_a_producer_that_crashed(
    autojump_clock: MockClock,
) -> None:
    async with (
        system(),
        supervise(
            [ChildSpec("counter", Counter), ChildSpec("sink", LateSink)], strategy="rest_for_one"
        ) as root,
    ):
        refs = {info.id: info.ref for info in await which_children(root)}
        producer, sink = refs["counter"], refs["sink"]
        assert producer is not None
        assert sink is not None
        sink.tell(producer)
        await trio.sleep(2)
        producer.tell("crash")
        await trio.sleep(1)
        sink.tell(producer)
        await trio.sleep(3)
        assert (await sink.ask("got"))[:2] == [0, 1]


class LateSink(Sink):
    """Subscribes when it is told to."""

    def __init__(self) -> None:
        super().__init__(None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    def on_start(self) -> None:
        pass

    def on_message(self, message: Any) -> Any:
        if isinstance(message, ActorRef):
            self.subscribe(message, max_demand=1)  # pyright: ignore[reportUnknownArgumentType]
            return None
        if message == 7:
            raise RuntimeError("crash")
        return super().on_message(message)


async def test_a_restarted_consumer_subscribes_anew_and_gets_nothing_that_was_sent_to_the_former(
    autojump_clock: MockClock,
) -> None:
    async with system():
        source = Source.start()
        async with supervise([ChildSpec("sink", Sink, (source,), {"max_demand": 2})]) as root:
            [info] = await which_children(root)
            assert info.ref is not None
            await wait_all_tasks_blocked()
            await source.ask(["crash", "lost", "x", "y"])
            await trio.sleep(10)
            assert await info.ref.ask("got") == ["x", "y"]


async def test_a_full_mailbox_takes_what_was_asked_for(autojump_clock: MockClock) -> None:
    async with system():
        source = Source.start()
        sink = Sink.with_mailbox(Bounded(1, "drop_newest")).start(source, max_demand=3)
        await wait_all_tasks_blocked()
        for number in range(3):
            await source.ask([number])
        await trio.sleep(5)
        assert await sink.ask("got") == [0, 1, 2]


@pytest.mark.parametrize(
    "wrong", [{"max_demand": 0}, {"max_demand": 5, "min_demand": 5}, {"min_demand": -1}, {"cancel": "never"}]
)
async def test_options_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    async with system():
        with pytest.raises(UsageError):
            await Sink.start_async(Counter.start(), **wrong)


async def test_only_producers_can_be_subscribed_to_and_once() -> None:
    class Twice(Sink):
        def on_start(self) -> None:
            super().on_start()
            super().on_start()

    class Nobody(Actor):
        def on_receive(self, message: Any) -> Any:
            pass

    async with system():
        with pytest.raises(UsageError, match="not a producer"):
            await Sink.start_async(Nobody.start())
        with pytest.raises(UsageError, match="already"):
            await Twice.start_async(Counter.start())


async def test_other_messages_are_dropped_with_a_warning_unless_there_is_a_handler(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with system():
        for actor in (Producer.start(), Consumer.start()):
            actor.tell("a secret")
        await wait_all_tasks_blocked()
    assert len(re.findall("A str sent to .* was dropped", caplog.text)) == 2
    assert "secret" not in caplog.text


async def test_what_the_buffer_has_is_not_asked_of_the_producer(autojump_clock: MockClock) -> None:
    class Both(Counter):
        def on_message(self, message: Any) -> Any:
            return self.demands if message == "demands" else self.emit(*message)

    async with system():
        part, all_ = Both.start(), Both.start()
        for producer, demand in ((part, 5), (all_, 3)):
            await producer.ask("abc")
            Sink.start(producer, max_demand=demand)
        await wait_all_tasks_blocked()
        assert await part.ask("demands") == [2]
        assert await all_.ask("demands") == []


async def test_one_event_too_many_is_dropped_and_no_other(caplog: pytest.LogCaptureFixture) -> None:
    async with system():
        source = Source.start()
        await source.ask("abcde")
        assert "dropped" not in caplog.text
        await source.ask("f")
        assert "dropped 1 events" in caplog.text


async def test_those_who_have_parted_hear_nothing_of_each_others_end() -> None:
    heard: list[Any] = []

    class Hearing(Source):
        def on_message(self, message: Any) -> Any:
            heard.append(message)

    class HearingSink(Sink):
        def on_message(self, message: Any) -> Any:
            if message == "unsubscribe":
                return super().on_message(message)
            heard.append(message)
            return None

    async with system():
        source, another = Hearing.start(), Hearing.start()
        sink, other = HearingSink.start(source), HearingSink.start(another)
        await sink.ask("unsubscribe")
        await other.ask("unsubscribe")
        await source.ask("x")
        await sink.stop()
        await another.stop()
        await source.ask("y")
        await other.ask("z")
        assert heard == ["x", "y", "z"]


async def test_who_has_unsubscribed_may_subscribe_again_and_does_not_end_with_the_producer(
    autojump_clock: MockClock,
) -> None:
    class Fickle(FastSink):
        def on_message(self, message: Any) -> Any:
            if message == "subscribe":
                self.subscribe(self.producer, max_demand=2)
                return None
            return super().on_message(message)

    async with system():
        source = Source.start()
        sink = Fickle.start(source, max_demand=2)
        await sink.ask("unsubscribe")
        await source.ask("abc")
        await sink.ask("subscribe")
        await trio.sleep(1)
        assert await sink.ask("got") == list("abc")
        await sink.ask("unsubscribe")
        await source.stop()
        await trio.sleep(1)
        assert sink.is_alive()


def test_the_bounds_that_hold_if_nothing_is_said() -> None:
    assert Producer.buffer == Bounded(10_000, "drop_oldest")


async def test_a_thousand_are_asked_for_if_nothing_is_said(autojump_clock: MockClock) -> None:
    async with system():
        counter = Counter.start()
        Sink.start(counter)
        await wait_all_tasks_blocked()
        assert await counter.ask("demands") == [1000]


async def test_those_who_are_killed_while_they_wait_leave_the_others_as_they_were(
    autojump_clock: MockClock,
) -> None:
    async with system():
        slow = SlowCounter.start()
        sink, other = Sink.start(slow, max_demand=1), Sink.start(slow, max_demand=1)
        await trio.sleep(1.5)  # one waits for its event, the producer for another
        sink.kill()
        await trio.sleep(5)
        assert len(await other.ask("got")) > 1
        slow.kill()
        assert (await other.stopped()).reason == "killed"


@pytest.mark.parametrize("seed", range(20))
async def test_whatever_is_asked_for_and_sent_nothing_is_lost_and_nobody_gets_too_much(
    seed: int, autojump_clock: MockClock
) -> None:
    draw = random.Random(seed)  # noqa: S311 - a test draws
    got: list[int] = []

    class Watched(Consumer):
        def __init__(self, producer: ActorRef[Any], most: int, least: int) -> None:
            super().__init__()
            self.options = producer, most, least

        def on_start(self) -> None:
            producer, most, least = self.options
            self.subscribe(producer, max_demand=most, min_demand=least)

        async def on_events(self, events: Sequence[Any], producer: ActorRef[Any]) -> None:
            await trio.sleep(draw.random())
            got.extend(events)
            assert len(events) <= self.options[1] - self.options[2]

    class Wide(Source):
        buffer = Bounded(1000, "refuse")

    async with system():
        source, sent = Wide.start(), 0
        for _ in range(draw.randint(1, 4)):
            most = draw.randint(1, 10)
            Watched.start(source, most, draw.randint(0, most - 1))
        while sent < 200:
            number = draw.randint(1, 20)
            await source.ask(range(sent, sent + number))
            sent += number
            await trio.sleep(draw.random())
        await trio.sleep(300)
        assert sorted(got) == list(range(sent))


async def test_a_producer_whose_name_nobody_has_any_more_may_be_unsubscribed_from() -> None:
    class Leaving(Consumer):
        def on_events(self, events: Sequence[Any], producer: ActorRef[Any]) -> None:
            """Take them."""

        def on_message(self, message: Any) -> None:
            self.unsubscribe(message)

    async with system():
        assert await Leaving.start().ask("nobody") is None


async def test_the_end_of_a_former_life_of_the_producer_is_nothing_to_who_has_subscribed_to_the_next() -> (
    None
):
    class Anew(FastSink):
        def on_message(self, message: Any) -> Any:
            if message == "anew":
                self.unsubscribe(self.producer)
                self.subscribe(self.producer)
                return None
            return super().on_message(message)

    async with system(), supervise([ChildSpec("source", Source)]) as root:
        [info] = await which_children(root)
        assert info.ref is not None
        sink = Anew.start(info.ref)
        await wait_all_tasks_blocked()
        await sys.suspend(sink)
        sink.tell("anew")  # and behind it comes the news that the producer has ended
        info.ref.tell(None)  # which it cannot emit
        await wait_all_tasks_blocked()
        await sys.resume(sink)
        await wait_all_tasks_blocked()
        assert sink.is_alive()


async def test_a_former_incarnation_of_a_consumer_gets_nothing_of_what_is_for_others() -> None:
    async with system(), supervise([ChildSpec("sink", LateSink)]) as root:
        [info] = await which_children(root)
        assert info.ref is not None
        source = Source.start()
        await sys.suspend(source)
        info.ref.tell(source)
        info.ref.tell(7)
        await wait_all_tasks_blocked()
        await sys.resume(source)
        assert await source.ask("demand") == 0
        assert source.actor_inbox.monitored_actors() == ()
