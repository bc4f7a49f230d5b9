"""`sys.get_state`, `get_status` and `replace_state`: in order, between two messages, harming nobody."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from pykka import ThreadingActor
from trio.testing import MockClock

from cometary.actors import Actor, ActorDeadError, Bounded, Timeout, sys, system, system_in_thread
from cometary.errors import UsageError
from tests.actors.sys.people import AsyncCounter, Counter, both, settled


@both
async def test_get_state_returns_the_attributes(kind: Any) -> None:
    async with system():
        ref = kind.start(3)
        assert await sys.get_state(ref) == {"count": 3, "got": []}


@both
async def test_get_state_comes_after_what_was_sent_before(kind: Any) -> None:
    async with system():
        ref = kind.start()
        for number in range(250):  # more than one turn
            ref.tell(number)
        state = sys.get_state(ref)
        ref.tell("later")
        assert (await state)["count"] == 250


async def test_get_state_waits_for_the_handler(autojump_clock: MockClock) -> None:
    async with system():
        ref = AsyncCounter.start()
        ref.tell(2.0)
        assert (await sys.get_state(ref))["count"] == 1
        assert trio.current_time() == pytest.approx(2.0)


async def test_get_state_times_out_like_otps_after_five_seconds(autojump_clock: MockClock) -> None:
    async with system():
        ref = AsyncCounter.start()
        ref.tell(60.0)
        began = trio.current_time()
        with pytest.raises(Timeout):
            await sys.get_state(ref)
        assert trio.current_time() - began == pytest.approx(5.0)
        ref.kill()


@both
def test_get_state_from_another_thread_returns_the_state(kind: Any) -> None:
    with system_in_thread():
        ref = kind.start()
        ref.tell("one")
        assert sys.get_state(ref) == {"count": 1, "got": ["one"]}


@both
async def test_of_an_actor_that_has_ended_there_is_no_state(kind: Any) -> None:
    async with system():
        ref = kind.start()
        stopped = ref.stop()
        late = sys.get_state(ref, timeout=1)
        await stopped
        for answer in (late, sys.get_state(ref)):
            with pytest.raises(ActorDeadError):
                await answer


def test_pykkas_own_actors_have_none_of_this() -> None:
    class Threaded(ThreadingActor):
        pass

    ref: Any = Threaded.start()
    try:
        with pytest.raises(UsageError, match="no reference to one of Cometary's own"):
            sys.get_state(ref)
    finally:
        ref.stop()


async def test_an_actor_with_slots_shows_what_is_in_them() -> None:
    class Slotted(Actor):
        __slots__ = ("empty", "full")

        def __init__(self) -> None:
            super().__init__()
            self.full = 1

    async with system():
        assert await sys.get_state(Slotted.start()) == {"full": 1}


class Keyed(Counter):
    """Says itself what its state is."""

    def system_get_state(self) -> int:
        return self.count

    def system_replace_state(self, state: int) -> None:
        if state < 0:
            raise ValueError("below zero")
        self.count = state

    def format_status(self) -> str:
        return "a secret number"


@both
async def test_replace_state_changes_the_attributes(kind: Any) -> None:
    async with system():
        ref = kind.start()
        assert await sys.replace_state(ref, lambda state: {**state, "count": 10}) == {"count": 10, "got": []}
        assert await ref.ask("one") == 11


@both
async def test_what_the_new_state_has_not_is_gone(kind: Any) -> None:
    async with system():
        ref = kind.start()
        await sys.replace_state(ref, lambda _: {"count": 1, "more": 2})
        assert await sys.get_state(ref) == {"count": 1, "more": 2}


State = dict[str, Any]


def fails(_: State) -> State:
    raise ZeroDivisionError


def nothing(_: State) -> Any:
    return None


def without_names(_: State) -> Any:
    return {1: 2}


def not_to_be_set(state: State) -> State:
    return {**state, "count": 5, "actor_urn": "mine"}


@both
@pytest.mark.parametrize(
    ("function", "error"),
    [
        (fails, ZeroDivisionError),
        (nothing, TypeError),
        (without_names, TypeError),
        (not_to_be_set, AttributeError),
    ],
)
async def test_a_replacement_that_fails_changes_nothing(
    kind: Any, function: Any, error: type[Exception]
) -> None:
    async with system():
        ref = kind.start(3)
        with pytest.raises(error):
            await sys.replace_state(ref, function)
        assert await sys.get_state(ref) == {"count": 3, "got": []}
        assert await ref.ask("one") == 4


async def test_an_actor_may_say_what_its_state_is() -> None:
    async with system():
        ref = Keyed.start(7)
        assert await sys.get_state(ref) == 7
        assert await sys.replace_state(ref, lambda count: count + 1) == 8
        with pytest.raises(ValueError, match="below zero"):
            await sys.replace_state(ref, lambda _: -1)
        assert await sys.get_state(ref) == 8


@both
async def test_status_is_fit_to_be_shown(kind: Any) -> None:
    async with system():
        ref = kind.start()
        await sys.replace_state(ref, lambda _: {"count": "x" * 1000})
        await sys.suspend(ref)
        ref.tell("waits")
        status = await sys.get_status(ref)
    assert (status.actor, status.urn, status.name) == (kind.__name__, ref.actor_urn, "")
    assert (status.state, status.mailbox, status.traced) == ("suspended", 1, False)
    assert len(status.shown["count"]) < 300


async def test_an_actor_may_say_what_is_shown_of_it() -> None:
    async with system():
        ref = Keyed.start(7)
        status = await sys.get_status(ref)
        assert (status.shown, status.state) == ("a secret number", "running")


async def test_a_full_mailbox_takes_system_calls() -> None:
    class Small(Counter):
        mailbox = Bounded(1, "refuse")

    async with system():
        ref = Small.start()
        ref.tell("one")
        assert (await sys.get_state(ref))["got"] == ["one"]


@both
async def test_the_other_messages_of_a_turn_are_not_lost(kind: Any) -> None:
    async with system():
        ref = kind.start()
        for number in range(3):
            ref.tell(number)
            sys.get_state(ref)
        await settled()
        assert (await sys.get_state(ref))["got"] == [0, 1, 2]
