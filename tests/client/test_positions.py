"""Positions: what the client of a path with a history is given, whatever is lost between."""

from __future__ import annotations

import random
from typing import Any

import pytest

from cometary.client.bodies import Packet
from cometary.client.positions import MOST, Positions


def packet(number: int, epoch: str = "e", path: str = "a") -> Packet:
    return Packet(path, number, f"{epoch}-{number}")


def place(at: str, path: str = "a") -> Packet:
    return Packet("::at", {"path": path, "at": at})


def gap(at: str | None = None, path: str = "a") -> Packet:
    return Packet("::gap", {"path": path, "at": at})


def got(positions: Positions, packets: list[Packet]) -> list[Any]:
    return [each.message for each in packets if positions.take(each)]


@pytest.fixture
def positions() -> Positions:
    return Positions()


def test_what_has_no_position_is_always_taken_and_what_has_is_once(positions: Positions) -> None:
    packets = [place("e-0"), packet(1), packet(2), packet(2), packet(1), packet(3)]
    assert got(positions, packets) == [1, 2, 3]
    assert got(positions, [Packet("b", 7), Packet("b", 7)]) == [7, 7]
    assert got(positions, [packet(9, "other"), packet(10, "other")]) == [9, 10]


def test_a_new_session_is_awaited_until_it_replays_from_where_the_client_was(positions: Positions) -> None:
    got(positions, [place("e-0"), packet(1), packet(2)])
    positions.renew()
    assert positions.awaited == {"a": "e-2"}
    assert got(positions, [place("e-4"), packet(5)]) == []  # somebody else has connected it
    assert got(positions, [place("e-2"), *map(packet, range(3, 7))]) == [3, 4, 5, 6]
    assert positions.awaited == {}


def test_that_a_replay_comes_twice_makes_no_difference(positions: Positions) -> None:
    got(positions, [packet(1)])
    positions.renew()
    replay = [place("e-1"), packet(2), packet(3)]
    assert got(positions, [*replay, *replay, packet(4)]) == [2, 3, 4]


def test_a_gap_ends_the_waiting_with_or_without_a_position(positions: Positions) -> None:
    got(positions, [packet(1), packet(1, path="b")])
    positions.renew()
    assert got(positions, [gap("new-7"), packet(7, "new"), packet(8, "new")]) == [8]
    assert got(positions, [gap(path="b"), packet(1, path="b")]) == [1]
    assert positions.awaited == {}


def test_only_so_many_are_known_those_with_the_latest_packets(positions: Positions) -> None:
    for number in range(MOST + 1):
        got(positions, [packet(1, path=f"p{number}")])
    positions.renew()
    assert len(positions.awaited) == MOST
    assert positions.ask(["p0", "p1"]) == {"p1": "e-1"}
    assert len(positions.open) == MOST - 1
    positions.leave(["p1"])
    assert len(positions.open) == MOST


@pytest.mark.parametrize("seed", range(5))
def test_whatever_is_lost_between_the_client_has_all_of_it_once_and_in_order(
    positions: Positions, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - it has to be repeatable
    begin = published = chance.randrange(4)
    taken = got(positions, [place(f"e-{published}")])
    for session in range(50):
        if session:
            last, missed = published, chance.randrange(4)
            published += missed
            positions.renew()
            assert positions.awaited == {"a": f"e-{last}"}
            # What the application's own connecting brings, and then the replay.
            early = (
                [place(f"e-{published - 1}"), packet(published)] if missed and chance.random() < 0.5 else []
            )
            replay = [packet(number) for number in range(last + 1, published + 1)]
            taken += got(positions, [*early, place(f"e-{last}"), *replay])
        for _ in range(chance.randrange(4)):
            published += 1
            taken += got(positions, [packet(published)])
    assert taken == list(range(begin + 1, published + 1))
