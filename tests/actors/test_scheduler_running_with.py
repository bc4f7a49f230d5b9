"""`Scheduler.run_with`: a task that sends mail lets the actors run in the same breath."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from cometary.actors import Actor, ActorRef, system


class Noting(Actor):
    def __init__(self, notes: list[object]) -> None:
        super().__init__()
        self.notes = notes

    def on_receive(self, message: object) -> None:
        self.notes.append(message)
        if message == "time me":
            self.timer("time is up").start(5)


async def test_what_is_sent_is_handled_before_it_returns() -> None:
    notes: list[object] = []
    async with system() as actors:
        ref = await Noting.start_async(notes)
        await trio.testing.wait_all_tasks_blocked()
        actors.scheduler.run_with(lambda: ref.tell(1))
        assert notes == [1]
        ref.tell(2)  # the scheduler's own task has not been forgotten
        await trio.testing.wait_all_tasks_blocked()
        assert notes == [1, 2]


async def test_what_is_more_than_a_batch_is_left_to_the_scheduler() -> None:
    notes: list[object] = []
    async with system() as actors:
        ref = await Noting.start_async(notes)
        await trio.testing.wait_all_tasks_blocked()
        many = 3 * actors.scheduler.batch

        def send() -> None:
            for number in range(many):
                ref.tell(number)

        actors.scheduler.run_with(send)
        assert 0 < len(notes) < many
        await trio.testing.wait_all_tasks_blocked()
        assert notes == list(range(many))


async def test_time_stands_still_in_the_work_and_goes_on_behind_it_whatever_that_raises(
    mock_clock: trio.testing.MockClock,
) -> None:
    async with system() as actors:
        await trio.testing.wait_all_tasks_blocked()
        now = actors.scheduler.now

        def work() -> None:
            began = now()
            mock_clock.jump(1)
            assert now() == began
            raise LookupError

        with pytest.raises(LookupError):
            actors.scheduler.run_with(work)
        assert now() == trio.current_time()


async def test_work_that_sends_nothing_wakes_nobody() -> None:
    async with system() as actors:
        await trio.testing.wait_all_tasks_blocked()
        asleep = actors.scheduler.asleep
        actors.scheduler.run_with(lambda: None)
        assert actors.scheduler.asleep is asleep is not None


async def test_a_timer_that_is_started_meanwhile_expires_in_time(
    autojump_clock: trio.testing.MockClock,
) -> None:
    notes: list[object] = []
    async with system() as actors:
        ref = await Noting.start_async(notes)
        await trio.testing.wait_all_tasks_blocked()
        actors.scheduler.run_with(lambda: ref.tell("time me"))
        await trio.sleep(4.9)
        assert notes == ["time me"]
        await trio.sleep(0.2)
        assert notes == ["time me", "time is up"]


async def test_when_the_scheduler_is_about_to_run_it_is_left_to_it() -> None:
    notes: list[object] = []
    async with system() as actors:
        ref: ActorRef[Noting] = await Noting.start_async(notes)
        await trio.testing.wait_all_tasks_blocked()
        ref.tell("first")
        actors.scheduler.run_with(lambda: ref.tell("second"))
        assert notes == []
        await trio.testing.wait_all_tasks_blocked()
        assert notes == ["first", "second"]


async def test_work_that_raises_leaves_the_scheduler_as_it_was() -> None:
    notes: list[object] = []
    async with system() as actors:
        ref = await Noting.start_async(notes)
        await trio.testing.wait_all_tasks_blocked()

        def send_and_raise() -> None:
            ref.tell("sent")
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            actors.scheduler.run_with(send_and_raise)
        await trio.testing.wait_all_tasks_blocked()
        assert notes == ["sent"]
