"""Turns of plain actors: how many there are in a batch, what ends in one, and a message that is offered to many."""

from __future__ import annotations

import signal
from collections.abc import Coroutine
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from cometary.actors import Actor, system
from cometary.actors.scheduled_cell import offer_to_each, run_turns
from cometary.errors import UsageError
from tests.orders import first_come_first_served


class Quiet(Actor):
    def __init__(self) -> None:
        super().__init__()
        self.got: list[object] = []

    def on_receive(self, message: Any) -> Any:
        self.got.append(message)
        return self.got


class AsyncQuiet(Quiet):
    async def on_receive(self, message: Any) -> Any:
        return super().on_receive(message)


async def test_a_batch_is_over_once_it_has_handled_so_many_messages() -> None:
    async with system() as actors:
        ready = actors.scheduler.ready
        refs = [await Quiet.start_async() for _ in range(3)]
        await wait_all_tasks_blocked()
        for ref in refs:
            ref.tell("x")
        assert (run_turns(ready, 2, 100), len(ready)) == ((2, 2), 1)
        assert (run_turns(ready, 2, 100), len(ready)) == ((1, 1), 0)
        assert run_turns(ready, 2, 100) == (0, 0)


async def test_an_actor_that_was_killed_while_it_waited_for_its_turn_costs_one_message() -> None:
    first_come_first_served()
    async with system() as actors:
        ref = await Quiet.start_async()
        await wait_all_tasks_blocked()
        ref.tell("x")
        ref.kill()
        assert run_turns(actors.scheduler.ready, 2, 100) == (1, 1)


async def test_a_message_is_offered_to_all_that_live() -> None:
    async with system():
        idle, busy, other, dead = [await kind.start_async() for kind in (Quiet, Quiet, AsyncQuiet, Quiet)]
        dead.kill()
        await wait_all_tasks_blocked()
        offer_to_each([idle, other], "first")
        await wait_all_tasks_blocked()
        assert idle.actor_inbox.empty()  # the scheduler, which slept, was woken
        busy.tell("before")
        offer_to_each([idle, busy, other, dead, busy], "second")
        await wait_all_tasks_blocked()
        got = [await ref.ask("last") for ref in (idle, busy, other)]
    assert got == [
        ["first", "second", "last"],
        ["before", "second", "second", "last"],
        ["first", "second", "last"],
    ]


async def test_a_handler_that_returns_a_coroutine_is_refused_whether_it_is_told_or_asked() -> None:
    class Mixed(Actor):
        def on_receive(self, message: Any) -> Any:
            return self.work()

        async def work(self) -> None:
            raise AssertionError

    async with system():
        with pytest.raises(
            UsageError, match=r"^to have async methods called, Mixed.on_receive must be `async def` too$"
        ):
            await Mixed.start().ask("x")
        told = Mixed.start()
        told.tell("x")
        assert type((await told.stopped()).error) is UsageError


async def later() -> None:
    raise AssertionError


def fail(*_: object) -> None:
    raise LookupError("as told")


def hooked(hook: str, what: Any) -> Any:
    """Return actors whose hook does something else; if it is that of a failure, they fail of whatever they are told."""
    hooks = {hook: what} if hook != "on_failure" else {hook: what, "on_receive": fail}
    return type("Hooked", (Quiet,), hooks)


HOOKS = pytest.mark.parametrize("hook", ["on_start", "on_continue", "on_stop", "on_failure"])


@HOOKS
async def test_what_a_hook_raises_is_logged_if_nobody_supervises_the_actor(
    hook: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with system():
        ref = hooked(hook, fail).start()
        ref.tell("x")
        ref.stop()
        assert type((await ref.stopped()).error) is LookupError
    records = [record for record in caplog.records if record.exc_info]
    assert len(records) == (2 if hook == "on_failure" else 1)
    assert all(record.getMessage().startswith("Unhandled exception in Hooked") for record in records)


@HOOKS
async def test_a_hook_that_returns_a_coroutine_is_refused_by_its_name(
    hook: str, caplog: pytest.LogCaptureFixture
) -> None:
    def return_coroutine(*_: object) -> Coroutine[Any, Any, None]:
        return later()

    async with system():
        ref = hooked(hook, return_coroutine).start()
        ref.tell("x")
        ref.stop()
        await ref.stopped()
    assert f"{hook} returned a coroutine, so, Hooked.on_receive must be `async def` too" in caplog.text


async def test_a_failure_of_one_that_has_ended_is_logged_and_told_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with system():
        ref = await Quiet.start_async()
        ref.kill()
        ref.actor_inbox.fail(LookupError("too late to matter"), None)
        assert (await ref.stopped()).reason == "killed"
    [record] = [each for each in caplog.records if each.exc_info]
    assert str(record.exc_info and record.exc_info[1]) == "too late to matter"


async def test_one_that_has_killed_itself_is_not_told_of_its_failure_after_that(
    caplog: pytest.LogCaptureFixture,
) -> None:
    failures: list[object] = []

    class Frail(Actor):
        def on_receive(self, message: Any) -> Any:
            self.actor_ref.kill()
            raise LookupError("too late to matter")

        def on_failure(self, exception_type: Any, exception_value: Any, traceback: Any) -> None:
            failures.append(exception_value)

    async with system():
        ref = Frail.start()
        ref.tell("x")
        assert (await ref.stopped()).reason == "killed"
    assert not failures
    assert "too late to matter" in caplog.text


@pytest.mark.parametrize("hook", ["on_start", "on_continue", "on_receive", "on_stop", "on_failure"])
def test_a_ctrl_c_while_a_hook_runs_ends_the_system(hook: str) -> None:
    def interrupt(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)

    async def main() -> None:
        async with system():
            ref = hooked(hook, interrupt).start()
            ref.tell("x")
            ref.stop()
            await trio.sleep(1)

    with pytest.raises(KeyboardInterrupt):
        trio.run(main, clock=MockClock(autojump_threshold=0))
