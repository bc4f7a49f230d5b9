"""Asking clients: each question is settled once, and an error names whose fault it is."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from cometary import App
from cometary.dispatch import asks
from cometary.dispatch.asks import Asks
from cometary.errors import AskError, MailboxFullError, UsageError
from tests.dispatch.house import Guest, House, at_home


class Keeper:
    """What `Asks` looks at of a session."""

    name = "a session"
    ended: str | None = None


@given(
    st.lists(
        st.tuples(st.sampled_from(["open", "answer", "close", "drop"]), st.integers(0, 1), st.integers(0, 8))
    )
)
def test_each_question_is_settled_once_and_nothing_is_left(steps: list[tuple[str, int, int]]) -> None:
    table, keepers = Asks(), [Keeper(), Keeper()]
    asked: list[tuple[Any, Any]] = []
    open_ones: dict[str, Any] = {}
    for step, which, number in steps:
        keeper: Any = keepers[which]
        if step == "open":
            asked.append((keeper, table.open(keeper)))
            open_ones[asked[-1][1].ask] = keeper
            continue
        if step == "drop":
            table.drop(keeper)
            open_ones = {ask: owner for ask, owner in open_ones.items() if owner is not keeper}
        elif number < len(asked):
            ask = asked[number][1].ask
            if step == "answer":
                table.answer(keeper, {"ask": ask, "value": number})
            else:
                table.close(keeper, ask)
            if open_ones.get(ask) is keeper:
                del open_ones[ask]
                assert asked[number][1].answer.done() == (step == "answer")
    assert len(table) == len(open_ones)
    assert table._open.keys() == set(open_ones.values()), "who is asked nothing any more is let go"
    for _, one in asked:
        if one.ask in open_ones:
            assert not one.answer.done()


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with at_home(App()) as house:
        yield house


@pytest.fixture
async def guest(house: House) -> Guest:
    return await house.visit()


NOT_YET = "not yet"


class Asking:
    """A question that waits beside the test."""

    def __init__(self, guest: Guest, nursery: trio.Nursery, timeout: float = math.inf) -> None:
        self.outcome: Any = NOT_YET
        self._guest = guest
        self._timeout = timeout
        nursery.start_soon(self._ask)

    async def _ask(self) -> None:
        try:
            self.outcome = await self._guest.session.ask("weather", {"in": "Delft"}, timeout=self._timeout)
        except AskError as error:
            self.outcome = error


async def hear_question(guest: Guest) -> str:
    """Take the question, and return what it is known by."""
    await guest.hear()
    [packet] = [packet for request in guest._taken for packet in request.got[1] if packet.path == "weather"]
    assert packet.message == {"in": "Delft"}
    assert packet.extra is not None
    return packet.extra["ask"]


@pytest.mark.parametrize(
    ("told", "outcome"),
    [
        ({"value": "rain"}, "rain"),
        ({}, None),
        ({"error": "no-handler", "detail": "nobody here"}, ("client", "no-handler", "nobody here")),
        ({"error": "internal-error"}, ("client", "internal-error", "")),
        ({"error": 7}, ("client", "bad-request", "The client gave no answer that can be read.")),
        (
            {"error": "a", "detail": 7},
            ("client", "bad-request", "The client gave no answer that can be read."),
        ),
    ],
)
async def test_a_client_answers_or_it_is_its_own_fault(
    house: House, guest: Guest, told: dict[str, object], outcome: object, nursery: trio.Nursery
) -> None:
    asking = Asking(guest, nursery)
    ask = await hear_question(guest)
    for wrong in (None, 7, {}, {"ask": 7}, {"ask": "another", "value": 1}):
        house.hub.answered(guest.keeper, wrong)
    house.hub.answered((await house.visit()).keeper, {"ask": ask, "value": "somebody else's"})
    await wait_all_tasks_blocked()
    assert asking.outcome == NOT_YET
    house.hub.answered(guest.keeper, {"ask": ask, **told})
    house.hub.answered(guest.keeper, {"ask": ask, "value": "again"})
    await wait_all_tasks_blocked()
    settled = asking.outcome
    if isinstance(settled, AskError):
        settled = (settled.fault, settled.condition, settled.detail)
    assert settled == outcome


async def test_the_end_of_the_session_is_nobody_s_fault(guest: Guest, nursery: trio.Nursery) -> None:
    asking = Asking(guest, nursery)
    await hear_question(guest)
    guest.keeper.end("kicked")
    await wait_all_tasks_blocked()
    assert (asking.outcome.fault, asking.outcome.condition) == ("nobody", "session-ended")
    with pytest.raises(AskError, match="session-ended"):
        await guest.session.ask("weather")


async def test_so_it_is_where_a_session_goes_on_elsewhere(
    house: House, guest: Guest, nursery: trio.Nursery
) -> None:
    asking = Asking(guest, nursery)
    await wait_all_tasks_blocked()
    house.manager.release(guest.keeper, lambda _: None)
    await wait_all_tasks_blocked()
    assert asking.outcome.condition == "session-ended"


async def test_so_is_a_time_that_is_over_and_a_late_answer_is_nothing(
    house: House, guest: Guest, autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    began = trio.current_time()
    with pytest.raises(AskError, match="within 3 seconds") as caught:
        await guest.session.ask("weather", {"in": "Delft"}, timeout=3)
    assert trio.current_time() - began == 3
    assert (caught.value.fault, caught.value.condition) == ("nobody", "timeout")
    house.hub.answered(guest.keeper, {"ask": await hear_question(guest), "value": 1})
    assert len(house.hub._asks) == 0


async def test_whoever_is_cancelled_leaves_nothing_behind(house: House, guest: Guest) -> None:
    with trio.move_on_after(0):
        await guest.session.ask("weather")
    assert len(house.hub._asks) == 0


async def test_what_cannot_be_sent_is_not_asked(house: House, guest: Guest) -> None:
    with pytest.raises(UsageError):
        await guest.session.ask("a\nb")
    with pytest.raises(UsageError):
        await guest.session.ask("a", object())
    assert len(house.hub._asks) == 0


@pytest.mark.parametrize("bound", ["MOST", "MOST_IN_ALL"])
async def test_only_so_many_are_open(
    house: House, guest: Guest, bound: str, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asks, bound, 2)
    for _ in range(2):
        Asking(guest, nursery)
    await wait_all_tasks_blocked()
    with pytest.raises(MailboxFullError):
        await guest.session.ask("weather")
    nursery.cancel_scope.cancel()
