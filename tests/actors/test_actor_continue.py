"""`on_continue`: the rest of a start, after its success has been told and before any mail."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from cometary.actors import KILLED, Actor, system
from cometary.errors import UsageError
from tests.actors.worlds import World, everywhere


class Slow(Actor):
    """Notes what it does, in order."""

    def __init__(self, trail: list[object]) -> None:
        super().__init__()
        self.trail = trail

    def on_start(self) -> None:
        self.trail.append("start")

    def on_continue(self) -> None:
        self.trail.append("continue")

    def on_receive(self, message: Any) -> Any:
        self.trail.append(message)
        return list(self.trail)

    def on_failure(self, exception_type: Any, exception_value: Any, traceback: Any) -> None:
        self.trail.append(exception_value)


class AsyncSlow(Slow):
    async def on_receive(self, message: Any) -> Any:
        return super().on_receive(message)


KINDS = pytest.mark.parametrize("kind", [Slow, AsyncSlow], ids=["def", "async def"])


async def it_runs_after_on_start_and_before_mail_that_was_there_first(world: World) -> None:
    class Impatient(Slow):
        def __init__(self) -> None:
            super().__init__([])
            self.actor_ref.tell("early")

    ref = world.actor(Impatient).start()
    assert await world.answer(ref.ask("mail")) == ["start", "continue", "early", "mail"]


test_it_runs_after_on_start_and_before_mail = everywhere(
    it_runs_after_on_start_and_before_mail_that_was_there_first
)


async def test_the_starter_does_not_wait_for_it(autojump_clock: trio.testing.MockClock) -> None:
    class Loading(AsyncSlow):
        async def on_continue(self) -> None:  # type: ignore[override] # async, as its on_receive is
            await trio.sleep(5)
            self.trail.append("loaded")

    async with system():
        ref = await Loading.start_async([])
        assert trio.current_time() == 0
        assert await ref.ask("mail") == ["start", "loaded", "mail"]
        assert trio.current_time() == 5


@KINDS
async def test_a_failure_in_it_is_a_crash_after_a_good_start(
    kind: type[Slow], caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(kind):  # type: ignore[valid-type, misc]
        def on_continue(self) -> None:
            raise LookupError("no such thing")

    trail: list[object] = []
    async with system():
        ref = await Broken.start_async(trail)
        exit_ = await ref.stopped()
    assert exit_.reason == "crashed"
    assert exit_.last_message is None
    assert trail[0] == "start"
    assert repr(trail[1:]) == repr([exit_.error])
    assert "no such thing" in caplog.text


@KINDS
@pytest.mark.parametrize("end", ["raise", "kill"])
async def test_without_a_good_start_there_is_no_continuation(
    kind: type[Slow], end: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Ending(kind):  # type: ignore[valid-type, misc]
        def on_start(self) -> None:
            if end == "raise":
                raise LookupError
            self.actor_ref.kill()

    caplog.set_level(logging.CRITICAL)
    trail: list[object] = []
    async with system():
        await Ending.start(trail).stopped()
    assert not trail


async def test_a_kill_cancels_it() -> None:
    class Loading(AsyncSlow):
        async def on_continue(self) -> None:  # type: ignore[override]
            await trio.sleep_forever()

    async with system():
        ref = await Loading.start_async([])
        await wait_all_tasks_blocked()
        ref.kill()
        assert await ref.stopped() is KILLED


def test_an_async_one_needs_an_async_handler() -> None:
    async def on_continue(_: Slow) -> None:
        raise AssertionError

    with pytest.raises(UsageError, match="on_receive must be `async def` too"):
        type("Mixed", (Slow,), {"on_continue": on_continue})
