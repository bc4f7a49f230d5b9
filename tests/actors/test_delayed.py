"""Messages that are sent to others later."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from cometary.actors import Actor, Bounded, send_after, send_interval, system, system_in_thread
from cometary.errors import UsageError
from cometary.supervision import ChildSpec, supervise, which_children


class Box(Actor):
    def __init__(self) -> None:
        super().__init__()
        self.got: list[Any] = []

    def on_receive(self, message: Any) -> Any:
        if message == "got":
            return self.got
        if message == "crash":
            raise RuntimeError("crash")
        self.got.append((round(trio.current_time(), 6), message))
        return None


class SlowBox(Box):
    async def on_receive(self, message: Any) -> Any:
        if message != "got":
            await trio.sleep(10)
        return super().on_receive(message)


async def test_a_message_is_sent_after_its_time(autojump_clock: MockClock) -> None:
    async with system():
        box = Box.start()
        sending = send_after(box, "x", 3)
        await trio.sleep(1)
        assert sending.remaining == 2
        await trio.sleep(3)
        assert await box.ask("got") == [(3, "x")]
        assert sending.remaining is None
        assert sending.cancel() is None


async def test_to_cancel_tells_how_much_time_was_left(autojump_clock: MockClock) -> None:
    async with system():
        box = Box.start()
        sending = send_after(box, "x", 3)
        await trio.sleep(1)
        assert sending.cancel() == 2
        assert sending.cancel() is None
        await trio.sleep(10)
        assert await box.ask("got") == []


async def test_an_interval_goes_on_without_drift_until_it_is_cancelled(autojump_clock: MockClock) -> None:
    async with system():
        box = Box.start()
        ticks = send_interval(box, "tick", 0.1)
        await trio.sleep(0.35)
        assert ticks.remaining == pytest.approx(0.05)
        assert ticks.cancel() == pytest.approx(0.05)
        await trio.sleep(10)
        assert await box.ask("got") == [(0.1, "tick"), (0.2, "tick"), (0.3, "tick")]


async def test_ticks_that_were_missed_are_left_out(mock_clock: MockClock) -> None:
    async with system():
        box = Box.start()
        send_interval(box, "tick", 2)
        await trio.testing.wait_all_tasks_blocked()
        mock_clock.jump(9)  # the loop stands still
        await trio.testing.wait_all_tasks_blocked()
        mock_clock.jump(0.9)
        await trio.testing.wait_all_tasks_blocked()
        assert await box.ask("got") == [(9, "tick")]
        mock_clock.jump(0.2)
        await trio.testing.wait_all_tasks_blocked()
        assert await box.ask("got") == [(9, "tick"), (10.1, "tick")]


async def test_a_full_mailbox_takes_no_more_than_its_bound(autojump_clock: MockClock) -> None:
    async with system():
        box = SlowBox.with_mailbox(Bounded(2, "drop_newest")).start()
        send_interval(box, "tick", 1)
        await trio.sleep(9.5)
        statistics = box.mailbox_statistics()
        assert (statistics.length, statistics.dropped) == (2, 6)
        box.kill()


async def test_the_end_of_the_receiver_ends_it(autojump_clock: MockClock) -> None:
    async with system() as actors:
        box = Box.start()
        once, ticks = send_after(box, "x", 1), send_interval(box, "tick", 1)
        await box.stop()
        assert once.remaining is None
        assert ticks.cancel() is None
        await trio.sleep(5)
        assert len(actors.scheduler.timers) == 0


async def test_it_goes_on_over_a_restart(autojump_clock: MockClock) -> None:
    async with system(), supervise([ChildSpec("box", Box)]) as root:
        [info] = await which_children(root)
        box = info.ref
        assert box is not None
        send_after(box, "x", 2)
        ticks = send_interval(box, "tick", 2)
        box.tell("crash")
        await trio.sleep(5)
        assert await box.ask("got") == [(2, "x"), (2, "tick"), (4, "tick")]
        ticks.cancel()


async def test_it_is_sent_although_its_sender_has_ended(autojump_clock: MockClock) -> None:
    class Sender(Actor):
        def on_receive(self, message: Any) -> Any:
            send_after(message, "from the dead", 1)

    async with system():
        box, sender = Box.start(), Sender.start()
        await sender.ask(box)
        await sender.stop()
        await trio.sleep(2)
        assert await box.ask("got") == [(1, "from the dead")]


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf")])
async def test_what_is_no_interval_is_refused(seconds: float) -> None:
    async with system():
        with pytest.raises(UsageError, match="above 0"):
            send_interval(Box.start(), "x", seconds)


async def test_what_is_in_the_past_is_refused() -> None:
    async with system():
        with pytest.raises(UsageError, match="in the past"):
            send_after(Box.start(), "x", -1)


def test_another_thread_is_refused() -> None:
    with system_in_thread(), pytest.raises(UsageError, match="on the loop"):
        send_after(Box.start(), "x", 1)


async def test_a_name_stands_for_the_receiver(autojump_clock: MockClock) -> None:
    async with system():
        box = Box.with_name("box").start()
        send_after("box", "x", 1)
        ticks = send_interval("box", "tick", 2)
        await trio.sleep(3)
        ticks.cancel()
        assert await box.ask("got") == [(1, "x"), (2, "tick")]
