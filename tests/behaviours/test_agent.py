"""Agents: one value, looked at and changed by functions. After the rules of Elixir's Agent."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from cometary.actors import ActorDeadError, Bounded, Timeout, sys, system, system_in_thread
from cometary.behaviours import Agent
from cometary.errors import MailboxFullError, UsageError
from cometary.supervision import ChildSpec, supervise


def add(number: int) -> Callable[[int], int]:
    return lambda value: value + number


def fail(_: Any = None) -> Any:
    raise LookupError("no")


def rude(_: object) -> type:
    raise RuntimeError("rude")


async def test_a_value_is_made_looked_at_and_changed() -> None:
    async with system():
        agent = await Agent.start_async(int, 41)
        assert await Agent.get(agent) == 41
        assert await Agent.update(agent, add(1)) is None
        assert await Agent.get(agent, str) == "42"
        assert await Agent.get_and_update(agent, lambda value: (value, 0)) == 42
        Agent.cast(agent, add(7))
        assert await Agent.get(agent, add(1)) == 8


async def test_changes_happen_one_after_the_other() -> None:
    async with system():
        agent = Agent.start(int)

        async def increase() -> None:
            await Agent.update(agent, add(1))

        async with trio.open_nursery() as nursery:
            for _ in range(100):
                nursery.start_soon(increase)
        assert await Agent.get(agent) == 100


async def test_a_function_that_raises_has_changed_nothing() -> None:
    async with system():
        agent = Agent.start(dict)
        for call in (Agent.get, Agent.update, Agent.get_and_update):
            with pytest.raises(LookupError, match="no"):
                await call(agent, fail)
        assert await Agent.get(agent) == {}


async def test_one_that_raises_in_a_cast_crashes_the_agent_and_a_supervisor_makes_the_value_anew() -> None:
    async with system(), supervise([ChildSpec("agent", Agent, (int, 5), name="five")]):
        await Agent.update("five", add(1))
        Agent.cast("five", fail)
        assert await Agent.get("five") == 5


async def test_a_first_value_that_cannot_be_made_fails_the_start() -> None:
    async with system():
        with pytest.raises(LookupError, match="no"):
            await Agent.start_async(fail)


@pytest.mark.parametrize("wrong", [None, 1, (1,), [1, 2], (1, 2, 3)])
async def test_what_is_no_answer_and_value_is_refused(wrong: Any) -> None:
    async with system():
        agent = Agent.start(int)
        with pytest.raises(UsageError, match="an answer and a value"):
            await Agent.get_and_update(agent, lambda _: wrong)
        assert await Agent.get(agent) == 0


async def test_a_function_cannot_be_async() -> None:
    async def later(_: int) -> int:
        await trio.lowlevel.checkpoint()
        return 1

    async with system():
        with pytest.raises(UsageError, match="async"):
            await Agent.get(Agent.start(int), later)


async def test_an_agent_is_known_by_its_name_and_its_end_is_told() -> None:
    async with system():
        agent = Agent.with_name("counter").start(int)
        await Agent.update("counter", add(1))
        assert await Agent.get("counter") == 1
        await agent.stop()
        for whom in ("counter", agent):
            with pytest.raises(ActorDeadError):
                await Agent.get(whom)


async def test_the_wait_has_a_time_out_and_can_be_cancelled(autojump_clock: MockClock) -> None:
    async with system():
        agent = Agent.start(int)
        await Agent.get(agent)
        await sys.suspend(agent)
        with pytest.raises(Timeout):
            await Agent.get(agent, timeout=2)
        with trio.move_on_after(1) as scope:
            await Agent.update(agent, add(1))
        assert scope.cancelled_caught
        await sys.resume(agent)
        assert await Agent.get(agent) == 1  # it was asked all the same


async def test_its_mailbox_may_have_a_bound() -> None:
    async with system():
        agent = Agent.with_mailbox(Bounded(1)).start(int)
        Agent.cast(agent, add(1))
        with pytest.raises(MailboxFullError):
            Agent.cast(agent, add(1))


async def test_other_messages_are_dropped_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    rude_class = type("Rude", (), {"__class__": property(rude)})

    async with system():
        agent = Agent.start(int)
        agent.tell("hello")
        agent.tell(rude_class())
        assert await Agent.get(agent) == 0
    assert re.search("A str sent to .*Agent.* was dropped", caplog.text)


async def test_its_state_is_its_value() -> None:
    async with system():
        agent = Agent.start(int)
        assert await sys.get_state(agent) == 0
        await sys.replace_state(agent, lambda value: value + 9)
        assert await Agent.get(agent) == 9


def test_threads_wait_for_the_answer() -> None:
    with system_in_thread():
        agent = Agent.start(int)
        Agent.update(agent, add(3))
        assert Agent.get(agent) == 3


async def test_a_thread_that_is_not_of_the_system_has_an_agent_by_its_reference() -> None:
    async with system():
        agent = Agent.start(dict)
        got: list[Any] = []
        # Not one of Trio's, to which the current system is handed along.
        thread = threading.Thread(target=lambda: got.append(Agent.get(agent)))
        thread.start()
        while thread.is_alive():
            await trio.lowlevel.checkpoint()
        assert got == [{}]
