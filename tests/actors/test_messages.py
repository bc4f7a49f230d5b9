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
