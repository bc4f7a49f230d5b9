"""Positions: what the client of a path with a history is given, whatever is lost between."""

from __future__ import annotations

import random
from typing import Any

import pytest

from cometary.client.bodies import Packet
from cometary.client.positions import MOST, Positions
from cometary.packets.patterns import Pattern


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


# -- patterns with stars --------------------------------------------------------------------------


def test_a_pattern_moves_on_with_what_it_covers_and_is_awaited_as_a_path_is(positions: Positions) -> None:
    packets = [place("e-3", "b/*"), packet(4, path="b/1"), packet(5, path="c"), packet(6, path="b/2")]
    assert got(positions, packets) == [4, 5, 6]
    positions.renew()
    assert positions.awaited == {"b/*": "e-6", "b/1": "e-4", "b/2": "e-6", "c": "e-5"}
    assert positions.open == {"b/*": "e-6", "c": "e-5"}
    assert positions.ask(["b/*"]) == {"b/*": "e-6"}
    assert positions.open == {"c": "e-5"}
    early = [place("e-9", "b/*"), packet(10, path="b/3")]  # somebody else has connected it
    assert got(positions, early) == []
    replay = [place("e-6", "b/*"), packet(8, path="b/1"), packet(9, path="b/4"), packet(10, path="b/3")]
    assert got(positions, replay) == [8, 9, 10]
    assert positions.awaited == {"c": "e-5"}


def test_a_replay_that_is_cut_off_in_the_middle_goes_on_there(positions: Positions) -> None:
    got(positions, [place("e-3", "b/*")])
    positions.renew()
    positions.ask(["b/*"])
    assert got(positions, [packet(9, path="b/9"), place("e-3", "b/*"), packet(4, path="b/1")]) == [4]
    positions.renew()
    assert positions.awaited["b/*"] == "e-4"


def test_a_gap_in_a_pattern_ends_the_waiting_for_all_that_it_covers(positions: Positions) -> None:
    got(positions, [place("e-3", "b/*"), packet(4, path="b/1"), packet(5, path="c")])
    positions.renew()
    assert got(positions, [gap("new-7", "b/*"), packet(8, "new", "b/1"), packet(9, "new", "c")]) == [8]
    assert positions.awaited == {"c": "e-5"}
    positions.renew()
    assert positions.awaited == {"b/*": "new-8", "b/1": "new-8", "c": "e-5"}


def test_a_path_that_is_asked_for_by_itself_comes_by_itself(positions: Positions) -> None:
    got(positions, [place("e-3", "b/*"), packet(4, path="b/1")])
    positions.renew()
    positions.ask(["b/*", "b/1"])
    assert got(positions, [place("e-4", "b/1"), packet(5, path="b/1"), packet(6, path="b/2")]) == [5]
    replay = [place("e-4", "b/*"), packet(5, path="b/1"), packet(6, path="b/2"), packet(7, path="b/1")]
    assert got(positions, replay) == [6, 7]


def test_of_a_pattern_that_is_refused_the_paths_are_asked_for(positions: Positions) -> None:
    got(positions, [place("e-3", "b/*"), packet(4, path="b/1")])
    positions.renew()
    positions.ask(["b/*"])
    positions.leave(["b/*"])
    assert positions.open == {"b/*": "e-4"}
    positions.miss("b/*")
    assert (positions.awaited, positions.knows("b/*"), positions.knows("b/1")) == ({}, False, True)


ALL = ["b/1", "b/2", "b/3", "a"]


class Server:
    """What is published, and what a session gets of it."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.log: list[Packet] = []
        self.sent: list[Packet] = []
        self.heard: set[str] = set()

    def publish(self, most: int = 1) -> None:
        for _ in range(most):
            one = packet(len(self.log) + 1, path=self.chance.choice(ALL))
            self.log.append(one)
            if self.heard & {one.path, "b/*" if one.path != "a" else one.path}:
                self.sent.append(one)

    def connect(self, path: str, since: str | None = None) -> None:
        """Connect to a path, with a position or without; one of many has a gap."""
        if since is None and path in self.heard:
            return
        self.heard.add(path)
        if since is not None and self.chance.random() < 0.2:
            self.sent.append(gap(f"e-{len(self.log)}", path))
            return
        at = since or f"e-{len(self.log)}"
        missed = self.log[int(at[2:]) :]
        self.sent += [place(at, path), *(one for one in missed if Pattern.compile(path).matches(one.path))]

    def session(self, positions: Positions, wishes: list[str]) -> list[Packet]:
        """Have a client of this for a while; returns what it gets before it is lost."""
        self.sent, self.heard = [], set()
        positions.renew()
        if self.chance.random() < 0.4:
            self.connect("b/*")  # the application itself
            self.publish()
        self.chance.shuffle(wishes)
        for path in wishes:
            self.connect(path, positions.ask([path]).get(path))
            self.publish()
        for path, at in positions.open.items():
            self.connect(path, at)
        self.publish(self.chance.randrange(6))
        return self.sent[: self.chance.randrange(len(self.sent) + 4)]


class Page:
    """What a client's program knows: up to where nothing is missing, and what came last."""

    def __init__(self, log: list[Packet]) -> None:
        self._log = log
        self._whole: dict[str, int] = dict.fromkeys(ALL, 0)
        self._last = dict(self._whole)

    def is_told_of(self, gap: Packet) -> None:
        for path in ALL:
            if Pattern.compile(gap.message["path"]).matches(path):
                self._whole[path] = max(self._whole[path], int(gap.message["at"][2:]))

    def takes(self, one: Packet) -> None:
        assert one.message > self._last[one.path], "it has come before"
        between = self._log[self._whole[one.path] : one.message - 1]
        assert not [each for each in between if each.path == one.path], "they are missing"
        self._last[one.path] = one.message
        self._whole[one.path] = max(self._whole[one.path], one.message)


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_lost_of_a_pattern_comes_once_and_in_order_or_there_is_a_gap(
    positions: Positions, seed: int
) -> None:
    server = Server(random.Random(seed))  # noqa: S311 - it has to be repeatable
    page = Page(server.log)
    wishes = ["b/*", "a", *(["b/1"] if seed % 2 else [])]
    got(positions, [place("e-0", path) for path in wishes])
    for _ in range(60):
        for one in server.session(positions, wishes):
            if one.path == "::gap":
                page.is_told_of(one)
            if positions.take(one):
                page.takes(one)
        server.publish(server.chance.randrange(4))
