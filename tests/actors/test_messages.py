"""What the runtime sends actors: who waits for an answer, and what comes of an exit meanwhile."""

from __future__ import annotations

import signal
import sys as python
from collections.abc import Generator
from typing import Any

import pytest

from cometary.actors import Actor, ActorDeadError, Bounded, sys, system
from cometary.actors.formatting import format_message
from cometary.actors.future import Future
from cometary.actors.messages import SystemMessage, as_told
from cometary.actors.requests import Request
from cometary.actors.timers import NOBODY
from cometary.errors import CallingSelfError, StrayExitError


class Curious(Actor):
    """Looks at itself."""

    async def on_receive(self, message: object) -> Any:
        return await sys.get_state(self.actor_ref)


async def test_an_actor_that_would_wait_for_its_own_answer_to_the_runtime_fails_at_once() -> None:
    async with system():
        with pytest.raises(CallingSelfError, match="waits for itself"):
            await Curious.start().ask("look", timeout=5)


def leave(*_: object) -> None:
    raise SystemExit


@pytest.fixture
def leaving() -> Generator[None]:
    """There is a handler of a signal that ends the program."""
    before = signal.signal(signal.SIGUSR1, leave)
    yield
    signal.signal(signal.SIGUSR1, before)


@pytest.mark.usefixtures("leaving")
async def test_an_exit_that_a_signal_asks_for_while_the_runtime_is_answered_goes_on() -> None:
    async with system():
        cell, answer = (await Curious.start_async()).actor_inbox, Future[Any]()
        with pytest.raises(SystemExit):
            SystemMessage(lambda _: signal.raise_signal(signal.SIGUSR1), answer).serve(cell)
        assert not answer.done()
        SystemMessage(lambda _: python.exit(), answer).serve(cell)
        assert answer.done(), "an exit that the call itself asks for is its own affair"


class Small(Actor):
    """Has room for one message."""

    mailbox = Bounded(1)


async def test_a_call_of_the_runtime_to_one_that_has_ended_is_answered() -> None:
    async with system():
        for kind in (Small, Curious):
            ref, answer = kind.start(), Future[Any]()
            await ref.stop()
            ref.actor_inbox.put_if_open(SystemMessage(str, answer))
            with pytest.raises(ActorDeadError):
                answer.get(timeout=0)


class Losing(Actor):
    """Loses what comes when it has a message."""

    mailbox = Bounded(1, "drop_newest")


async def test_a_message_that_is_lost_for_want_of_room_answers_that_if_it_can() -> None:
    async with system():
        cell, answer = (await Losing.start_async()).actor_inbox, Future[Any]()
        cell.put("first")
        cell.put(SystemMessage(str, answer))
        assert len(cell) == 1
        with pytest.raises(ActorDeadError):
            answer.get(timeout=0)


class Replacing(Actor):
    """Loses what has waited longest when it has two messages."""

    mailbox = Bounded(2, "drop_oldest")


async def test_what_is_put_back_comes_before_all_that_waits_also_what_may_not_be_lost() -> None:
    async with system():
        cell = (await Replacing.start_async()).actor_inbox
        cell.put_if_open("not lost")
        cell.put("lost")
        cell.put("last")
        cell.put_back(iter(["first", "second"]))
        assert cell.drain() == ["first", "second", "not lost", "last"]


class Secretive(Actor):
    """Shows no message, and may leave while it is asked to."""

    @staticmethod
    def format_message(message: object) -> str:
        if message == "signal":
            signal.raise_signal(signal.SIGUSR1)
        return python.exit()


@pytest.mark.usefixtures("leaving")
def test_an_exit_that_a_signal_asks_for_while_a_message_is_shown_goes_on() -> None:
    assert format_message(Secretive, "message") == "str (format_message raised SystemExit)"
    with pytest.raises(SystemExit):
        format_message(Secretive, "signal")


def test_an_exit_that_was_raised_by_others_is_told_as_an_error_that_it_caused() -> None:
    error = SystemExit(3)
    told = as_told(error)
    assert isinstance(told, StrayExitError)
    assert told.__cause__ is error
    assert as_told(failure := LookupError()) is failure


@pytest.mark.usefixtures("leaving")
def test_an_exit_that_a_signal_asks_for_in_a_callback_goes_on_when_all_others_have_been_told() -> None:
    future, told = Future[int](), list[bool]()
    future.add_done_callback(lambda: signal.raise_signal(signal.SIGUSR1))
    future.add_done_callback(lambda: told.append(True))
    with pytest.raises(SystemExit):
        future.set(1)
    assert told == [True]


async def test_a_request_that_is_over_or_whose_actor_has_ended_needs_its_timer_no_more() -> None:
    async with system():
        ref = await Small.start_async()
        over, left = (Request(ref.actor_inbox, Future[Any](), "tag", 60) for _ in range(2))
        timer = over._timer
        assert timer is not None
        assert not over.closed
        over.cancel()
        assert over.closed
        assert not over._end(), "it ends but once"
        assert timer.recipient is NOBODY
        assert not left.closed
        await ref.stop()
        assert left.closed
