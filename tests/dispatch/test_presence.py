"""Who is on a path: against a model that is a set, and in a server where sessions crash, end and move."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
import trio
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from trio.testing import MockClock as Clock
from trio.testing import wait_all_tasks_blocked

from cometary import App, Session
from cometary.actors import Actor
from cometary.dispatch import members
from cometary.dispatch.dispatcher import Table
from cometary.dispatch.members import Member, Members, Present
from cometary.dispatch.parking import MOST_OFFERED
from cometary.dispatch.presence import LONGEST_SHOWN, MOST_A_SECOND, check_hears
from cometary.errors import UsageError
from cometary.packets.packet import Packet
from cometary.packets.question import Question
from tests.dispatch.house import Guest, House, at_home

PATHS, NAMES = ["a", "b"], [f"n{number}" for number in range(5)]


class MembersAgainstSets(RuleBasedStateMachine):
    """The model knows who is where, and what was told last."""

    def __init__(self) -> None:
        super().__init__()
        self.members = Members()
        self.now: dict[str, dict[str, int]] = {path: {} for path in PATHS}
        self.told: dict[str, dict[str, int]] = {path: {} for path in PATHS}
        self.touched: dict[str, set[str]] = {path: set() for path in PATHS}

    @rule(path=st.sampled_from(PATHS), name=st.sampled_from(NAMES), shown=st.integers(0, 1))
    def join(self, path: str, name: str, shown: int) -> None:
        assert self.members.join(path, Member(name, shown)) == (not self.touched[path])
        self.now[path][name] = shown
        self.touched[path].add(name)

    @rule(path=st.sampled_from(PATHS), name=st.sampled_from(NAMES))
    def leave(self, path: str, name: str) -> None:
        was_there = name in self.now[path]
        assert self.members.leave(path, name) == (was_there and not self.touched[path])
        self.now[path].pop(name, None)
        if was_there:
            self.touched[path].add(name)

    @rule(path=st.sampled_from(PATHS))
    def tell(self, path: str) -> None:
        changes = self.members.take_changes(path)
        before, now, many = self.told[path], self.now[path], len(self.touched[path]) > members.MOST_CHANGES
        self.told[path], self.touched[path] = dict(now), set()
        if many:
            assert changes == members.Changes(len(now), None, None)
        elif changes is None:
            assert before == now
        else:
            assert changes.joined is not None
            assert changes.left is not None
            assert changes.count == len(now)
            assert dict(changes.joined) == dict(now.items() - before.items())
            assert set(changes.left) == before.keys() - now.keys()

    @invariant()
    def it_is_told_who_is_there(self) -> None:
        for path in PATHS:
            members = [Member(*item) for item in self.now[path].items()]
            for most in (0, 2, 9):
                assert self.members.present(path, most) == Present(len(members), members[:most])
            assert self.members.count(path) == len(members)
        assert self.members._members.keys() == {path for path in PATHS if self.now[path]}, "no trace is left"


class PresenceOfMany(MembersAgainstSets):
    """The same where three changes are too many to be told."""

    def __init__(self) -> None:
        super().__init__()
        self._most = members.MOST_CHANGES
        members.MOST_CHANGES = 2

    def teardown(self) -> None:
        members.MOST_CHANGES = self._most


TestMembers = MembersAgainstSets.TestCase
TestPresenceOfMany = PresenceOfMany.TestCase


# -- in a server ----------------------------------------------------------------------------------


@pytest.fixture
async def house() -> AsyncIterator[House]:
    app = App()
    app.path("room/*", presence=True)
    async with at_home(app, die=1e6) as house:
        yield house


async def told(guest: Guest) -> list[Any]:
    """What is told of presence within some time, which passes at once."""
    await trio.sleep(60)
    return [
        {key: told[key] for key in told if key != "path"}
        for path, told in await guest.hear()
        if path == "::presence"
    ]


def names(house: House, path: str = "room/1") -> list[str]:
    present = house.app.presence(path)
    assert present.count == len(present.members)
    return [member.name for member in present.members]


async def test_who_is_connected_by_the_name_of_the_path_is_there(house: House, autojump_clock: Clock) -> None:
    ada, grace, eve = [await house.visit() for _ in range(3)]
    ada.session.data["shown"] = {"nick": "Ada"}
    ada.session.connect("room/1")
    grace.session.connect("room/1", "news")
    eve.session.connect("room/*")
    members = [Member(ada.session.name, {"nick": "Ada"}), Member(grace.session.name)]
    assert house.app.presence("room/1") == Present(2, members)
    assert house.app.presence("room/1", 1) == Present(2, members[:1])
    assert house.app.presence("room/1", 0) == Present(2, [])
    for other in ("news", "room/*", "room/2"):
        assert house.app.presence(other) == Present(0, [])
    joined = [{"name": ada.session.name, "shown": {"nick": "Ada"}}, {"name": grace.session.name}]
    for guest in (ada, grace, eve):
        assert await told(guest) == [{"count": 2, "joined": joined, "left": []}]
    ada.session.disconnect("room/1", "room/2", "news")
    assert await told(grace) == [{"count": 1, "joined": [], "left": [ada.session.name]}]
    assert await told(ada) == []


async def test_what_is_told_to_many_is_offered_to_some_at_a_time(house: House, autojump_clock: Clock) -> None:
    waiting = list[int]()

    class Listener(Actor):
        def on_receive(self, message: Any) -> None:
            waiting.append(len(self.system.scheduler.ready))

    for _ in range(2 * MOST_OFFERED + 1):
        house.hub.listen(Listener.start(), "room/1")
    guest = await house.visit()
    guest.session.connect("room/1")
    await trio.sleep(60)
    assert len(waiting) == 2 * MOST_OFFERED + 1
    assert max(waiting) < 2 * MOST_OFFERED, "about one part of them is before who comes then"


async def test_many_changes_are_one_packet_and_those_that_come_to_nothing_are_none(
    house: House, autojump_clock: Clock
) -> None:
    ada, grace = await house.visit(), await house.visit()
    ada.session.connect("room/1")
    await told(ada)
    for _ in range(50):
        grace.session.connect("room/1")
        grace.session.disconnect("room/1")
    assert await told(ada) == []
    for _ in range(50):
        grace.session.disconnect("room/1")
        grace.session.connect("room/1")
    assert await told(ada) == [{"count": 2, "joined": [{"name": grace.session.name}], "left": []}]


async def test_of_very_many_only_the_count_is_told(house: House, autojump_clock: Clock) -> None:
    ada = await house.visit()
    ada.session.connect("room/1")
    await told(ada)
    for _ in range(members.MOST_CHANGES + 1):
        (await house.visit()).session.connect("room/1")
    assert await told(ada) == [{"count": members.MOST_CHANGES + 2}]


@pytest.mark.parametrize("reason", ["closed", "kicked", "timeout"])
async def test_whatever_ends_a_session_ends_its_presence(
    house: House, autojump_clock: Clock, reason: str
) -> None:
    ada, grace = await house.visit(), await house.visit()
    for guest in (ada, grace):
        guest.session.connect("room/1")
    await told(ada)
    grace.keeper.end(reason)
    await wait_all_tasks_blocked()
    assert names(house) == [ada.session.name]
    assert await told(ada) == [{"count": 1, "joined": [], "left": [grace.session.name]}]


async def test_a_crash_of_its_actor_does_not_and_one_too_many_does(
    house: House, autojump_clock: Clock
) -> None:
    @house.app.packet("crash")
    def crash(_session: Session, _path: str, _message: object) -> None:
        raise RuntimeError

    ada, grace = await house.visit(), await house.visit()
    for guest in (ada, grace):
        guest.session.connect("room/1")
    await told(ada)
    await grace.ask(Packet("crash"))
    assert names(house) == [ada.session.name, grace.session.name]
    assert await told(ada) == []
    for _ in range(9):
        await grace.ask(Packet("crash"))
    assert names(house) == [ada.session.name]


async def test_a_session_that_moves_away_is_gone_and_where_it_comes_it_is_there(
    house: House, autojump_clock: Clock
) -> None:
    ada = await house.visit()
    ada.session.connect("room/1")
    released = house.manager.release(ada.keeper, lambda _: None)
    assert names(house) == []
    house.manager.adopt(released.frozen)
    assert names(house) == [ada.session.name]


@pytest.mark.parametrize("shown", [object(), "x" * 1_100, {1: {2: float}}])
async def test_what_cannot_be_shown_connects_nobody(
    house: House, autojump_clock: Clock, shown: object
) -> None:
    ada = await house.visit()
    ada.session.data["shown"] = shown
    ada.session.connect("news")
    with pytest.raises(UsageError, match="shown"):
        ada.session.connect("room/1")
    assert ada.session.paths == ["news"]
    assert names(house) == []


async def test_as_much_can_be_shown_as_there_is_room_for(house: House, autojump_clock: Clock) -> None:
    ada = await house.visit()
    ada.session.data["shown"] = text = "x" * (LONGEST_SHOWN - len('""'))
    ada.session.connect("room/1")
    assert house.app.presence("room/1").members == [Member(ada.session.name, text)]


async def test_the_more_are_there_the_rarer_are_notices(house: House, autojump_clock: Clock) -> None:
    ada = await house.visit()
    ada.session.connect("room/1")
    await told(ada)
    for number in range(2 * MOST_A_SECOND - 1):
        house.hub._presence._members.join("room/1", Member(f"n{number}"))
    house.hub._presence._members.take_changes("room/1")
    (await house.visit()).session.connect("room/1")
    await trio.sleep(1.9)
    assert await ada.hear() == []
    await trio.sleep(0.2)
    assert len(await ada.hear()) == 1


async def test_what_was_shown_does_not_change_by_itself(house: House, autojump_clock: Clock) -> None:
    ada = await house.visit()
    ada.session.data["shown"] = nicks = ["Ada"]
    ada.session.connect("room/1")
    nicks.append("Countess")
    assert house.app.presence("room/1").members == [Member(ada.session.name, ["Ada"])]


async def test_a_client_asks_who_is_there_if_it_hears_the_path(house: House, autojump_clock: Clock) -> None:
    ada = await house.visit()
    ada.session.connect("room/1")
    [(_, answer)] = await ada.hear(Question("::presence", {"path": "room/1"}, "1"))
    members = [{"name": ada.session.name}]
    assert answer == {"ask": "1", "value": {"path": "room/1", "count": 1, "members": members}}
    for wrong in (
        {"path": "room/2"},
        {"path": ""},
        {"path": ["room/1"]},
        {"path": "room/1", "most": 1_000},
        None,
    ):
        [(_, answer)] = await ada.hear(Question("::presence", wrong, "1"))
        assert answer["error"] == "bad-request"


async def test_nobody_hears_what_is_no_path(house: House, autojump_clock: Clock) -> None:
    ada, wrong = await house.visit(), cast("Any", ["room/1"])
    with pytest.raises(UsageError, match="a path is text"):
        check_hears(Table(), ada.keeper, wrong)


@pytest.mark.parametrize("most", [-1, True, 1.5, "1"])
async def test_what_is_not_a_number_of_members_is_refused(house: House, most: Any) -> None:
    with pytest.raises(UsageError, match="most is a whole number from 0 on"):
        house.app.presence("room/1", most)


async def test_where_nothing_is_declared_nobody_is_there() -> None:
    async with at_home(App()) as house:
        (await house.visit()).session.connect("room/1")
        assert house.app.presence("room/1") == Present(0, [])
        with pytest.raises(UsageError):
            house.app.presence("a\nb")
