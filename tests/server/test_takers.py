"""What several doors take: to a client that asks they are one, and none hides what another has done."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from cometary.doors.door import Door
from cometary.server.doors import Doors
from cometary.server.takers import Takers
from cometary.settings import Settings

SESSION: Any = "a session"


def answering(outcome: object, called: list[object]) -> Any:
    def take(*given: object) -> object:
        called.append(given)
        return outcome

    return take


def answering_later(outcome: object, called: list[object]) -> Any:
    async def take(*given: object) -> object:
        called.append(given)
        return outcome

    return take


async def ask(*takers: Any) -> object:
    answer = Takers([("orders/**", taker) for taker in takers]).take(SESSION, "orders/7", "tea")
    return await answer if inspect.isawaitable(answer) else answer


@pytest.mark.parametrize("second", [answering, answering_later])
@pytest.mark.parametrize("first", [answering, answering_later])
@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        (True, False, True),
        (False, True, True),
        (False, False, False),
        (None, False, False),
        (False, None, False),
        (None, None, None),
        ("one", "other", "one"),
    ],
)
async def test_a_client_is_told_what_is_true_of_any(
    first: Any, second: Any, one: object, other: object, told: object
) -> None:
    called: list[object] = []
    assert await ask(first(one, called), second(other, called)) == told
    assert called == [(SESSION, "orders/7", "tea")] * 2


def test_a_door_that_takes_a_packet_for_two_reasons_takes_it_once() -> None:
    called: list[object] = []
    taker = answering(outcome=True, called=called)
    takers = Takers([("orders/*", taker), ("orders/7", taker), ("other", answering(None, called))])
    assert takers.take(SESSION, "orders/7", "tea") is True
    assert len(called) == 1


def test_all_doors_of_a_server_are_one_taker() -> None:
    called: list[object] = []

    class One(Door):
        name = "one"

        def takes(self) -> Any:
            taker = answering(outcome=False, called=called)
            return [("orders/*", taker), ("both", taker)]

    class Other(Door):
        name = "other"

        def takes(self) -> Any:
            return [("orders/*", answering(outcome=True, called=called))]

    patterns, takers = zip(*Doors(Settings(), [One, Other]).takes(), strict=True)
    assert patterns == ("orders/*", "both")
    assert takers[0] == takers[1]
    assert takers[0](SESSION, "orders/7", "tea") is True
    assert takers[0](SESSION, "both", "tea") is False
