"""What a full mailbox does: each policy, for both kinds of actor, from the loop and from threads."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from typing import Any, ClassVar, cast

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from cometary.actors import (
    KILLED,
    Actor,
    ActorDeadError,
    ActorRef,
    ActorRegistry,
    Bounded,
    Down,
    Timeout,
    system,
    system_in_thread,
)
from cometary.actors.bounded_mailbox import REPORT_EVERY
from cometary.actors.messages import Question
from cometary.actors.wait_queue import MAX_UNATTENDED
from cometary.errors import MailboxFullError, UsageError


class Recorder(Actor):
    """Remembers what it handled, in a list that outlives it."""

    def __init__(self, handled: list[Any]) -> None:
        super().__init__()
        self.handled = handled

    def on_receive(self, message: Any) -> Any:
        self.handled.append(message)
        return message


class AsyncRecorder(Recorder):
    async def on_receive(self, message: Any) -> Any:
        return super().on_receive(message)


KINDS = pytest.mark.parametrize("kind", [Recorder, AsyncRecorder], ids=["def", "async def"])
POLICIES = pytest.mark.parametrize("policy", ["refuse", "drop_oldest", "drop_newest", "block"])


async def start(kind: Any, bound: Bounded) -> tuple[ActorRef[Recorder], list[Any]]:
    """Start one that is idle; it does not run before the test waits for something."""
    handled: list[Any] = []
    ref = await kind.with_mailbox(bound).start_async(handled)
    await wait_all_tasks_blocked()
    return ref, handled


# -- the policies -----------------------------------------------------------------------


@KINDS
async def test_refuse_tells_the_sender_and_keeps_what_waits(kind: Any) -> None:
    async with system():
        ref, handled = await start(kind, Bounded(2, "refuse"))
        ref.tell(1)
        ref.tell(2)
        with pytest.raises(MailboxFullError, match="has 2 messages waiting"):
            ref.tell(3)
        with pytest.raises(MailboxFullError):
            await ref.ask(4)
        await wait_all_tasks_blocked()
        assert handled == [1, 2]


@KINDS
async def test_drop_oldest_makes_room_for_the_newest(kind: Any) -> None:
    async with system():
        ref, handled = await start(kind, Bounded(2, "drop_oldest"))
        first = ref.ask("first")
        for number in range(5):
            ref.tell(number)
        with pytest.raises(MailboxFullError):
            await first
        await wait_all_tasks_blocked()
        assert handled == [3, 4]


@KINDS
async def test_drop_newest_keeps_what_waits(kind: Any) -> None:
    async with system():
        ref, handled = await start(kind, Bounded(2, "drop_newest"))
        for number in range(5):
            ref.tell(number)
        with pytest.raises(MailboxFullError):
            await ref.ask("late")
        await wait_all_tasks_blocked()
        assert handled == [0, 1]


@KINDS
async def test_block_makes_senders_wait_in_the_order_they_came(kind: Any) -> None:
    async with system(), trio.open_nursery() as nursery:
        ref, handled = await start(kind, Bounded(2, "block"))
        ref.tell("a")
        ref.tell("b")
        for number in range(10):
            nursery.start_soon(ref.tell_async, number)
        with trio.fail_after(60):
            await ref.tell_async("last?")  # this task runs on, the nursery's come later
        await wait_all_tasks_blocked()
        assert handled[:3] == ["a", "b", "last?"]
        assert sorted(handled[3:]) == list(range(10))


async def test_nobody_overtakes_those_who_wait() -> None:
    async with system(), trio.open_nursery() as nursery:
        ref, handled = await start(Recorder, Bounded(1, "block"))
        ref.tell("first")
        waiting = ref.ask("second")
        nursery.start_soon(ref.tell_async, "third")
        with pytest.raises(MailboxFullError, match=r"await ref\.tell_async"):
            ref.tell("cannot wait")
        assert await waiting == "second"
        await wait_all_tasks_blocked()
        assert handled == ["first", "second", "third"]


async def test_nobody_overtakes_them_even_when_the_mail_was_thrown_away() -> None:
    async with system():
        ref, handled = await start(Recorder, Bounded(1, "block"))
        ref.tell("thrown away")
        entering = ref.actor_inbox.entering("waits")
        assert entering is not None
        ref.actor_inbox.drain()  # as a restart without mail does, before the next life begins
        with pytest.raises(MailboxFullError):
            ref.tell("overtakes")
        await wait_all_tasks_blocked()
        assert handled == ["waits"]


@KINDS
async def test_a_flood_of_waiting_senders_loses_nothing(kind: Any) -> None:
    async with system():
        ref, handled = await start(kind, Bounded(7, "block"))

        async def send(sender: int) -> None:
            for number in range(20):
                await ref.tell_async((sender, number))

        async with trio.open_nursery() as nursery:
            for sender in range(50):
                nursery.start_soon(send, sender)
        assert await ref.ask("end") == "end"
        for sender in range(50):
            assert [number for who, number in handled[:-1] if who == sender] == list(range(20))
        counted = ref.mailbox_statistics()
        assert counted.high_water == 7
        assert (counted.accepted, counted.refused, counted.dropped) == (1001, 0, 0)


# -- giving up --------------------------------------------------------------------------


class Gated(Actor):
    """Handles nothing before its gate is open; in a bounded mailbox of one, the second message waits."""

    mailbox: ClassVar[Bounded | None] = Bounded(1, "block")

    def __init__(self) -> None:
        super().__init__()
        self.gate = trio.Event()
        self.begun = threading.Event()
        self.handled: list[Any] = []

    async def on_receive(self, message: Any) -> Any:
        self.begun.set()
        await self.gate.wait()
        self.handled.append(message)
        return message


def full_in_thread(bound: Bounded) -> tuple[ActorRef[Gated], Gated]:
    """Do the same from a thread."""
    ref = Gated.with_mailbox(bound).start()
    actor = ref.actor_inbox.actor
    assert isinstance(actor, Gated)
    ref.tell("in hand")
    assert actor.begun.wait(30)
    ref.tell("in the mailbox")
    return ref, actor


def until_somebody_waits(ref: ActorRef[Any], how_many: int = 1) -> None:
    while ref.mailbox_statistics().waiting != how_many:
        time.sleep(0)  # lets the loop's thread run


async def full() -> tuple[ActorRef[Gated], Gated]:
    """Start one that has a message in hand and another in its mailbox."""
    ref = await Gated.start_async()
    ref.tell("in hand")
    await wait_all_tasks_blocked()
    ref.tell("in the mailbox")
    actor = ref.actor_inbox.actor
    assert isinstance(actor, Gated)
    return ref, actor


@pytest.mark.parametrize("attempt", range(10))  # in which order Trio runs the two tasks is random
@pytest.mark.parametrize("call", ["tell_async", "ask"])
async def test_what_is_cancelled_is_not_sent_though_room_comes_in_the_same_moment(
    attempt: int, call: str
) -> None:
    async with system(), trio.open_nursery() as nursery:
        ref, actor = await full()
        scope = trio.CancelScope()

        async def send() -> None:
            with scope:
                await getattr(ref, call)("cancelled")

        nursery.start_soon(send)
        await wait_all_tasks_blocked()
        assert ref.mailbox_statistics().waiting == 1
        scope.cancel()
        actor.gate.set()
        await wait_all_tasks_blocked()
        assert scope.cancelled_caught
        assert actor.handled == ["in hand", "in the mailbox"]
        assert ref.mailbox_statistics().waiting == 0


async def test_tell_async_is_a_checkpoint_and_sends_nothing_when_cancelled() -> None:
    async with system():
        ref, handled = await start(Recorder, Bounded(1, "block"))
        with trio.CancelScope() as scope:
            scope.cancel()
            await ref.tell_async("never")
        assert scope.cancelled_caught
        await wait_all_tasks_blocked()
        assert handled == []


async def test_tell_async_works_without_a_bound() -> None:
    async with system():
        handled: list[Any] = []
        ref = Recorder.start(handled)
        await ref.tell_async("x")
        await wait_all_tasks_blocked()
        assert handled == ["x"]


async def test_an_ask_that_times_out_in_the_line_is_not_asked(autojump_clock: MockClock) -> None:
    async with system():
        ref, actor = await full()
        question = ref.ask("late", timeout=5)
        with pytest.raises(Timeout):
            await question
        actor.gate.set()
        await wait_all_tasks_blocked()
        assert actor.handled == ["in hand", "in the mailbox"]
        with pytest.raises(MailboxFullError):  # whoever looks again does not wait for ever
            await question


async def test_an_ask_that_was_given_up_on_its_way_here_is_not_asked() -> None:
    async with system():
        ref, actor = await full()
        cell = ref.actor_inbox
        question: Question[Any] = Question("late", cell)
        with trio.move_on_after(0):
            await question  # as a thread does whose patience ends before the loop hears of its question
        cell.offer(question)
        assert ref.mailbox_statistics().waiting == 0
        assert question.done()
        actor.gate.set()


async def test_asks_that_nobody_waits_for_are_bounded_too() -> None:
    async with system():
        ref, actor = await full()
        asked = [ref.ask(number) for number in range(MAX_UNATTENDED + 5)]
        assert [future.done() for future in asked] == [False] * MAX_UNATTENDED + [True] * 5
        assert ref.mailbox_statistics().refused == 5
        actor.gate.set()
        assert await asked[MAX_UNATTENDED - 1] == MAX_UNATTENDED - 1


async def test_asks_that_somebody_waits_for_may_be_any_number() -> None:
    async with system():
        ref, actor = await full()
        answers: list[int] = []

        async def ask(number: int) -> None:
            answers.append(await ref.ask(number))

        async with trio.open_nursery() as nursery:
            for number in range(2 * MAX_UNATTENDED):
                nursery.start_soon(ask, number)
            await wait_all_tasks_blocked()
            assert ref.mailbox_statistics().waiting == 2 * MAX_UNATTENDED
            actor.gate.set()
        assert sorted(answers) == list(range(2 * MAX_UNATTENDED))


@KINDS
async def test_who_waits_for_room_learns_of_the_end(kind: Any) -> None:
    async with system(), trio.open_nursery() as nursery:
        ref, _ = await start(kind, Bounded(1, "block"))
        ref.tell("first")
        question = ref.ask("second")
        died: list[bool] = []

        async def send() -> None:
            with pytest.raises(ActorDeadError):
                await ref.tell_async("third")
            died.append(True)

        entering = ref.actor_inbox.entering("third")
        assert entering is not None
        ref.kill()
        with pytest.raises(ActorDeadError):
            await question
        with pytest.raises(ActorDeadError):
            await entering
        nursery.start_soon(send)
        await wait_all_tasks_blocked()
        assert died == [True]


# -- what is never refused --------------------------------------------------------------


class Tick(Actor):
    """Watches another, has a timer and a full mailbox."""

    def __init__(self, handled: list[Any]) -> None:
        super().__init__()
        self.handled = handled

    def on_receive(self, message: Any) -> Any:
        if hasattr(message, "actor_inbox"):
            self.monitor(message)
            self.timer("tick").start(1)
        else:
            self.handled.append(message)


class AsyncTick(Tick):
    async def on_receive(self, message: Any) -> Any:
        super().on_receive(message)


@POLICIES
@pytest.mark.parametrize("kind", [Tick, AsyncTick], ids=["def", "async def"])
async def test_monitors_and_stops_arrive_in_a_full_mailbox(kind: Any, policy: Any) -> None:
    async with system():
        handled: list[Any] = []
        ref = kind.with_mailbox(Bounded(1, policy)).start(handled)
        other = Recorder.start([])
        ref.tell(other)
        await wait_all_tasks_blocked()
        ref.tell("user's")
        other.kill()
        for _ in range(3):
            ref.actor_inbox.offer("user's, one too many")
        assert await ref.stop() is True
        assert Down(other, KILLED) in handled
        assert len([each for each in handled if str(each).startswith("user's")]) == 1


@POLICIES
async def test_timers_arrive_in_a_full_mailbox(policy: Any) -> None:
    async with system() as actors:
        handled: list[Any] = []
        ref = Tick.with_mailbox(Bounded(1, policy)).start(handled)
        ref.tell(Recorder.start([]))
        await wait_all_tasks_blocked()
        ref.tell("fills it")
        actors.scheduler.timers.expire(trio.current_time() + 2, 10)  # as the scheduler does in two seconds
        ref.actor_inbox.offer("one too many")
        await wait_all_tasks_blocked()
        assert "tick" in handled
        assert len(handled) == 2


@POLICIES
async def test_a_full_mailbox_stops_with_its_system(policy: Any) -> None:
    ended: list[Any] = []

    class Last(Recorder):
        def on_stop(self) -> None:
            ended.append(list(self.handled))

    async with system(stop_timeout=0.5):
        ref, _ = await start(Last, Bounded(1, policy))
        ref.tell("x")
    assert ended == [["x"]]


@POLICIES
async def test_one_that_starts_at_the_end_with_a_full_mailbox_stops_too(
    policy: Any, autojump_clock: MockClock
) -> None:
    ended: list[Any] = []

    class Full(Recorder):
        def __init__(self, handled: list[Any]) -> None:
            super().__init__(handled)
            self.actor_ref.tell("x")

        def on_stop(self) -> None:
            ended.append(list(self.handled))

    class Last(Actor):
        def on_stop(self) -> None:
            Full.with_mailbox(Bounded(1, policy)).start([])

    async with system(stop_timeout=60):
        await Last.start_async()
    assert ended == [["x"]]


# -- other threads ----------------------------------------------------------------------


def test_in_a_thread_tell_learns_that_there_is_no_room() -> None:
    with system_in_thread() as actors:
        ref, actor = full_in_thread(Bounded(1, "refuse"))
        with pytest.raises(MailboxFullError):
            ref.tell("too many")
        with pytest.raises(MailboxFullError):
            ref.ask("too many")
        assert ref.mailbox_statistics().refused == 2
        actors.post(actor.gate.set)
        assert ref.stop() is True
        assert actor.handled == ["in hand", "in the mailbox"]


def test_in_a_thread_tell_waits_for_room() -> None:
    with system_in_thread() as actors:
        ref, actor = full_in_thread(Bounded(1, "block"))
        threads = [threading.Thread(target=ref.tell, args=(number,)) for number in range(5)]
        for thread in threads:
            thread.start()
        until_somebody_waits(ref, 5)
        with pytest.raises(Timeout):
            ref.ask("gives up", timeout=0)
        until_somebody_waits(ref, 5)
        assert all(thread.is_alive() for thread in threads)
        actors.post(actor.gate.set)
        for thread in threads:
            thread.join(30)
        assert ref.ask("end") == "end"
        assert sorted(actor.handled[2:-1]) == [0, 1, 2, 3, 4]


def test_a_thread_that_waits_for_room_learns_of_the_end() -> None:
    errors: list[BaseException] = []
    with system_in_thread():
        ref, _ = full_in_thread(Bounded(1, "block"))

        def send() -> None:
            with pytest.raises(ActorDeadError) as caught:
                ref.tell("waits")
            errors.append(caught.value)

        thread = threading.Thread(target=send)
        thread.start()
        until_somebody_waits(ref)
        ref.kill()
        thread.join(30)
    assert len(errors) == 1


async def test_another_loop_can_wait_for_room_and_its_tell_never_blocks() -> None:
    async with system():
        ref, actor = await full()

        async def elsewhere() -> None:
            ref.tell("dropped")
            await ref.tell_async("waited")

        async def run_elsewhere() -> None:
            await trio.to_thread.run_sync(trio.run, elsewhere)

        async def open_gate() -> None:
            while not ref.mailbox_statistics().waiting:
                await trio.lowlevel.checkpoint()
            actor.gate.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(run_elsewhere)
            nursery.start_soon(open_gate)
        await wait_all_tasks_blocked()
        assert actor.handled == ["in hand", "in the mailbox", "waited"]
        assert ref.mailbox_statistics().dropped == 1


# -- choosing, counting, reporting ------------------------------------------------------


async def test_the_class_chooses_and_the_start_chooses_otherwise() -> None:
    class Small(Recorder):
        mailbox = Bounded(1)

    async with system():
        by_class = Small.start([])
        by_start = await Small.with_mailbox(Bounded(2)).start_async([])
        without = Recorder.start([])
        await wait_all_tasks_blocked()
        for ref, capacity in ((by_class, 1), (by_start, 2)):
            for _ in range(capacity):
                ref.tell("x")
            with pytest.raises(MailboxFullError):
                ref.tell("x")
        for _ in range(1000):
            without.tell("x")
        assert without.mailbox_statistics().length == 1000
        assert without.mailbox_statistics().accepted is None
        assert without.actor_inbox.__class__.__name__ == "ScheduledCell"


@pytest.mark.parametrize("capacity", [0, -1, 1.5, True, "10", None])
def test_a_senseless_capacity_is_refused(capacity: Any) -> None:
    with pytest.raises(UsageError, match="whole number of messages from 1"):
        Bounded(capacity)


def test_an_unknown_policy_is_refused() -> None:
    with pytest.raises(UsageError, match="when_full is one of refuse, drop_oldest"):
        Bounded(1, "drop")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_a_mailbox_that_is_no_bound_is_refused_when_the_class_is_made() -> None:
    with pytest.raises(UsageError, match=r"Wrong\.mailbox must be a Bounded or None, not 10"):

        class Wrong(Actor):  # pyright: ignore[reportUnusedClass]
            mailbox = 10  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]


@KINDS
async def test_statistics_count_what_happened(kind: Any) -> None:
    async with system():
        ref, _ = await start(kind, Bounded(3, "drop_newest"))
        for _ in range(5):
            ref.tell("x")
        counted = ref.mailbox_statistics()
        assert (counted.length, counted.high_water, counted.accepted) == (3, 3, 3)
        assert (counted.refused, counted.dropped, counted.waiting) == (0, 2, 0)
        await wait_all_tasks_blocked()
        assert (ref.mailbox_statistics().length, ref.mailbox_statistics().high_water) == (0, 3)


async def test_drops_are_reported_at_most_once_in_a_while(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with system():
        ref, _ = await start(Recorder, Bounded(1, "drop_oldest"))
        with caplog.at_level(logging.WARNING):
            for _ in range(11):
                ref.tell("secret")
            await trio.sleep(REPORT_EVERY)
            for _ in range(3):
                ref.tell("secret")
        texts = [record.getMessage() for record in caplog.records]
        assert len(texts) == 2
        assert "Recorder" in texts[0]
        assert texts[0].endswith(": 1 messages dropped")
        assert texts[1].endswith(": 10 messages dropped")  # the nine that were not told of, and this one
        assert "secret" not in "".join(texts)


async def test_a_broadcast_passes_over_a_full_mailbox() -> None:
    async with system():
        full_one, _ = await start(Recorder, Bounded(1))
        other, handled = await start(Recorder, Bounded(1))
        full_one.tell("x")
        ActorRegistry.broadcast("all")
        await wait_all_tasks_blocked()
        assert handled == ["all"]
        assert full_one.mailbox_statistics().refused == 1
        other.stop()


# -- restarts ---------------------------------------------------------------------------


@KINDS
@pytest.mark.parametrize("keep_mail", [True, False])
async def test_who_waits_for_room_goes_on_waiting_over_a_restart(kind: Any, *, keep_mail: bool) -> None:
    class Parent:
        def ends_for_good(self, ref: Any, exit: Any, /) -> bool:  # noqa: A002
            return False

        def child_exited(self, ref: Any, exit: Any) -> None:  # noqa: A002 - the protocol's word
            ended.append(ref)

    ended: list[Any] = []
    handled: list[Any] = []
    async with system() as actors, trio.open_nursery() as nursery:
        ref, started = actors.launch(kind, (handled,), {}, Parent(), Bounded(1, "block"))
        await started
        await wait_all_tasks_blocked()
        ref.tell("mail")
        entering = ref.actor_inbox.entering("waited")
        assert entering is not None
        ref.kill()
        await wait_all_tasks_blocked()
        assert len(ended) == 1
        handled.clear()
        assert not entering.done()
        await actors.revive(ref, (handled,), {}, keep_mail=keep_mail)
        with trio.fail_after(60):
            await entering
        await wait_all_tasks_blocked()
        assert handled == (["mail", "waited"] if keep_mail else ["waited"])
        nursery.cancel_scope.cancel()
        ref.actor_inbox.parent = None


async def test_what_was_put_back_is_not_dropped() -> None:
    async with system():
        ref, handled = await start(Recorder, Bounded(2, "drop_oldest"))
        cell = ref.actor_inbox
        ref.tell("kept")
        cell.put_back(iter(cell.take(1)))
        ref.tell(1)
        ref.tell(2)
        ref.tell(3)
        await wait_all_tasks_blocked()
        assert handled == ["kept", 3]


# -- against the obvious model ----------------------------------------------------------

STEPS = st.lists(
    st.sampled_from(["tell", "tell", "tell", "runtime", "take 1", "take 3", "put back"]), max_size=60
)


@given(STEPS, st.integers(1, 4), st.sampled_from(["refuse", "drop_oldest", "drop_newest"]))
def test_a_bounded_mailbox_is_a_list_with_a_rule(steps: list[str], capacity: int, policy: Any) -> None:
    async def main() -> None:
        async with system() as actors:
            cell = Recorder.new_cell(actors, Bounded(capacity, policy))
            model: list[tuple[int, bool]] = []  # a number, and whether it may be dropped
            taken: list[object] = []
            for number, step in enumerate(steps):
                if step == "tell":
                    with contextlib.suppress(MailboxFullError):
                        cell.put(number)
                    tell_model(model, number, capacity, policy)
                elif step == "runtime":
                    cell.put_if_open(number)
                    model.append((number, False))
                elif step == "put back":
                    cell.put_back(iter(taken))
                    model[:0] = [(cast("int", each), False) for each in taken]
                    taken = []
                else:
                    taken = list(cell.take(int(step[-1])))
                    assert taken == [each for each, _ in model[: len(taken)]]
                    assert taken or not model
                    del model[: len(taken)]
                assert len(cell) == len(model)
                assert cell.empty() == (not model)
            assert cell.drain() == [each for each, _ in model]

    trio.run(main)


def tell_model(model: list[tuple[int, bool]], number: int, capacity: int, policy: str) -> None:
    if len(model) >= capacity:
        oldest = next((place for place, (_, droppable) in enumerate(model) if droppable), None)
        if policy != "drop_oldest" or oldest is None:
            return
        del model[oldest]
    model.append((number, True))
