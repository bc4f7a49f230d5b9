"""What the hub sees to on the way of whatever is sent: contracts, paths, bounds, probes and counts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from trio.testing import wait_all_tasks_blocked

from cometary import App
from cometary.dispatch.call_line import settled
from cometary.errors import AskError, KeyReusedError, ProtocolError, UsageError
from cometary.packets.packet import Packet
from tests.dispatch.house import Guest, House, at_home


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with at_home(App(), max_paths=2) as house:
        yield house


@pytest.fixture
async def guest(house: House) -> Guest:
    guest = await house.visit()
    guest.session.connect("news")
    return guest


async def test_an_update_is_subject_to_the_contract_of_its_path() -> None:
    app = App()
    app.path("prices/*", when_full="conflate")
    async with at_home(app) as house:
        guest = await house.visit()
        guest.session.connect("prices/a", "news")
        for number in range(3):
            house.app.update("prices/a", number)
            house.app.update("news", number)
        await wait_all_tasks_blocked()
        assert sorted(await guest.hear()) == [("news", 0), ("news", 1), ("news", 2), ("prices/a", 2)]


async def test_nobody_sends_to_what_is_no_path_nor_asks_what_happened_there(
    house: House, guest: Guest
) -> None:
    guest.session.connect("**")
    with pytest.raises(UsageError, match="path"):
        house.hub.update("a\nb", 1)
    with pytest.raises(UsageError, match="path"):
        house.hub.history("a\nb", None, 1)
    with pytest.raises(UsageError, match="path"):
        guest.session.presence("a\nb", 1)
    with pytest.raises(UsageError, match="path"):
        guest.session.replay({"a\nb": "e-3"})
    assert await guest.hear() == []


async def test_a_session_may_be_connected_to_as_many_paths_as_the_option_says(guest: Guest) -> None:
    guest.session.connect("sport")
    with pytest.raises(UsageError, match="2 paths at most"):
        guest.session.connect("jobs")
    assert guest.session.paths == ["news", "sport"]


async def test_who_begins_behind_a_position_where_nothing_is_kept_is_told_of_a_gap(guest: Guest) -> None:
    guest.session.connect("sport", since={"sport": "e-3"})
    assert [path for path, _ in await guest.hear()] == ["::gap"]


async def test_a_key_is_another_packet_s_before_anything_of_a_call_is_sent(house: House) -> None:
    house.hub.publish_once(Packet("news", 1), "key")
    house.hub.check_once(Packet("news", 1), "key")
    with pytest.raises(KeyReusedError):
        house.hub.check_once(Packet("news", 2), "key")


async def test_the_way_of_whatever_is_sent_is_measured(house: House, guest: Guest) -> None:
    sends: list[Callable[[], object]] = [
        lambda: house.app.update("news"),
        lambda: guest.session.send("a"),
        lambda: house.hub.send(guest.session.sid, [Packet("a")]),
    ]
    for number, send in enumerate(sends):
        send()
        assert len(await guest.hear()) == 1
        assert house.hub.probes.acknowledged.count == number + 1


async def test_each_update_is_counted_once_whatever_is_wished_of_it(house: House, guest: Guest) -> None:
    house.app.update("news", 1)
    house.app.update("news", 2, exclude=guest.session)
    house.app.update("nowhere", 3)
    await wait_all_tasks_blocked()
    assert house.manager.flow.routed == 3


# -- doors ---------------------------------------------------------------------------------------


async def test_one_packet_for_a_session_is_handled_at_once_and_several_have_a_turn_of_their_own(
    house: House, guest: Guest
) -> None:
    keeper = house.manager.find(guest.session.sid)
    house.hub.send(keeper.sid, [Packet("a")]).get()
    assert (keeper.mail, len(keeper.machine.outbox)) == (0, 1)
    house.hub.send(keeper.sid, [Packet("a"), Packet("a")]).get()
    assert (keeper.mail, len(keeper.machine.outbox)) == (2, 1)


async def test_a_door_that_does_not_ask_for_paths_is_told_how_many_there_are(
    house: House, guest: Guest
) -> None:
    sid = guest.session.sid
    assert house.hub.connect(sid, ["sport"]).get().listed == []
    assert house.hub.disconnect(sid, ["sport"]).get() == ([], 1)
    assert house.hub.disconnect(sid, ["sport"], listing=5).get() == (["news"], 1)


async def test_a_door_asks_a_client_and_is_told_its_answer_or_what_is_wrong(
    house: House, guest: Guest, autojump_clock: object
) -> None:
    answer = house.hub.ask(guest.session.sid, "question", "what", 5.0)
    request = await guest.ask()
    [question] = request.got[1]
    assert (question.path, question.message, answer.done()) == ("question", "what", False)
    assert question.extra is not None
    house.hub.answered(guest.keeper, {"ask": question.extra["ask"], "value": 7})
    await wait_all_tasks_blocked()
    assert answer.get(timeout=0) == 7
    nobody: Any = house.hub.ask("nobody", "question", "what", 5.0)
    late: Any = house.hub.ask(guest.session.sid, "question", "what", 0.0)
    await wait_all_tasks_blocked()
    with pytest.raises(ProtocolError, match="no session with this id"):
        nobody.get(timeout=0)
    with pytest.raises(AskError):
        late.get(timeout=0)


def test_what_was_made_already_is_an_answer_too() -> None:
    assert settled(5).get(timeout=0) == 5
