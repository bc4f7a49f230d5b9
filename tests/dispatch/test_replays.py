"""Replays: what is kept comes in its place, once and whole, or with word that something is missing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from cometary import App, Session
from cometary.actors import Future
from cometary.dispatch.engine import History
from cometary.errors import MailboxFullError, UsageError
from cometary.packets.packet import Packet, marked
from cometary.packets.position import Position
from cometary.packets.probes import Probes
from cometary.sessions.keeper import SessionKeeper
from cometary.sessions.outbox import Outbox
from cometary.sessions.replayed import Replayed
from tests.dispatch.house import Guest, House, at_home


@pytest.fixture
async def house() -> AsyncIterator[House]:
    app = App()
    app.path("chat/*", history=20)
    async with at_home(app) as house:
        yield house


async def publish(house: House, *messages: object, path: str = "chat/a") -> None:
    for message in messages:
        house.app.update(path, message)
    await wait_all_tasks_blocked()


def heard(packets: list[tuple[str, Any]]) -> list[Any]:
    """What came on paths of the application's own, and the notices by their names."""
    return [path if path.startswith("::") else message for path, message in packets]


async def position_of(house: House, path: str = "chat/a") -> str:
    return str((await house.app.history(path)).at)


async def test_the_last_ones_come_before_all_that_is_sent_from_then_on(house: House) -> None:
    await publish(house, 1, 2, 3)
    guest = await house.visit()
    house.app.update("chat/a", 4)  # is not routed yet
    guest.session.connect("chat/a", last=2)
    house.app.update("chat/a", 5)
    assert heard(await guest.hear()) == ["::at", 2, 3, 4, 5]


async def test_all_behind_a_position_comes_once_and_a_position_is_told(house: House) -> None:
    await publish(house, 1)
    since = await position_of(house)
    await publish(house, 2, 3)
    guest = await house.visit()
    guest.session.connect("chat/a", since={"chat/a": since})
    await publish(house, 4)
    packets = await guest.hear()
    assert heard(packets) == ["::at", 2, 3, 4]
    assert packets[0] == ("::at", {"path": "chat/a", "at": since})


@pytest.mark.parametrize("since", ["other-1", "{epoch}-99"])
async def test_of_a_position_that_is_not_known_there_is_a_gap_and_no_part(house: House, since: str) -> None:
    await publish(house, 1, 2)
    at = await position_of(house)
    guest = await house.visit()
    epoch = at.rpartition("-")[0]
    guest.session.connect("chat/a", since={"chat/a": since.format(epoch=epoch)})
    await publish(house, 3)
    packets = await guest.hear()
    assert heard(packets) == ["::gap", 3]
    assert packets[0] == ("::gap", {"path": "chat/a", "at": at})


async def test_so_there_is_where_too_much_was_missed(house: House) -> None:
    await publish(house, 0)
    since = await position_of(house)
    await publish(house, *range(21))
    guest = await house.visit()
    guest.session.connect("chat/a", since={"chat/a": since})
    assert heard(await guest.hear()) == ["::gap"]


async def test_a_pattern_replays_the_paths_that_are_named_and_says_that_there_may_be_others(
    house: House,
) -> None:
    await publish(house, 1)
    since = await position_of(house)
    await publish(house, 2)
    guest = await house.visit()
    guest.session.connect("chat/*", since={"chat/a": since, "other": "e-1"})
    packets = await guest.hear()
    assert heard(packets) == ["::at", 2, "::gap"]
    assert packets[-1] == ("::gap", {"path": "chat/*"})


async def pattern_position(house: House) -> str:
    """Where a session stands that is connected to the pattern now."""
    guest = await house.visit()
    guest.session.connect("chat/*")
    [(path, message)] = await guest.hear()
    assert (path, message["path"]) == ("::at", "chat/*")
    return str(message["at"])


async def test_of_a_pattern_all_behind_its_position_comes_in_the_order_of_sending(house: House) -> None:
    await publish(house, 1)
    await publish(house, 2, path="chat/b")
    since = await pattern_position(house)
    for number in range(3, 9):
        await publish(house, number, path=f"chat/{number % 3}")
        await publish(house, -number, path=f"other/{number % 3}")
    guest = await house.visit()
    guest.session.connect("chat/*", since={"chat/*": since})
    await publish(house, 9)
    packets = await guest.hear()
    assert heard(packets) == ["::at", 3, 4, 5, 6, 7, 8, 9]
    assert packets[0] == ("::at", {"path": "chat/*", "at": since})


async def test_who_missed_nothing_of_a_pattern_is_told_of_no_gap(house: House) -> None:
    await publish(house, 1)
    since = await pattern_position(house)
    guest = await house.visit()
    guest.session.connect("chat/*", since={"chat/*": since})
    assert await guest.hear() == [("::at", {"path": "chat/*", "at": since})]


async def test_there_is_a_gap_in_a_pattern_if_one_of_its_paths_lost_something_and_no_part(
    house: House,
) -> None:
    since = await pattern_position(house)
    await publish(house, *range(21), path="chat/b")
    await publish(house, 1)
    at = await pattern_position(house)
    for position in (since, "other-1"):
        guest = await house.visit()
        guest.session.connect("chat/*", since={"chat/*": position})
        assert await guest.hear() == [("::gap", {"path": "chat/*", "at": at})]


async def test_the_last_ones_of_a_pattern_are_those_of_all_its_paths_together(house: House) -> None:
    for number in range(6):
        await publish(house, number, path=f"chat/{number % 2}")
    guest = await house.visit()
    guest.session.connect("chat/**", last=3)
    assert heard(await guest.hear()) == ["::at", 3, 4, 5]


async def test_a_pattern_that_covers_no_history_has_no_position(house: House) -> None:
    guest = await house.visit()
    guest.session.connect("news/*", "chat/a/*", "*")
    assert await guest.hear() == []
    guest.session.connect("news/*", since={"news/*": "e-1"})
    assert await guest.hear() == [("::gap", {"path": "news/*"})]


async def test_what_was_missed_of_a_pattern_is_only_for_who_is_connected_to_that_very_pattern(
    house: House,
) -> None:
    since = await pattern_position(house)
    await publish(house, 1)
    guest = await house.visit()
    guest.session.connect("chat/*")
    await guest.hear()
    guest.session.replay({"chat/*": since})
    assert heard(await guest.hear()) == ["::at", 1]
    for wider in ("chat/**", "**", "*/*"):
        with pytest.raises(UsageError, match="connected to only"):
            guest.session.replay({wider: since})
    assert await guest.hear() == []


async def test_an_engine_that_numbers_each_path_by_itself_tells_no_position_of_a_pattern_and_then_a_gap(
    house: House,
) -> None:
    def history(*_: object) -> Future[History]:
        answer: Future[History] = Future()
        answer.offer(History((), None, complete=False))
        return answer

    engine: Any = house.hub._engine
    engine.history = history
    guest = await house.visit()
    guest.session.connect("chat/*", last=3)
    assert await guest.hear() == []
    guest.session.connect("chat/*", since={"chat/*": "e-1"})
    assert await guest.hear() == [("::gap", {"path": "chat/*"})]


async def test_a_path_without_a_history_has_a_gap_where_a_position_is_given_and_else_nothing(
    house: House,
) -> None:
    guest = await house.visit()
    guest.session.connect("news", last=5)
    assert await guest.hear() == []
    guest.session.connect("news", since={"news": "e-1"})
    assert await guest.hear() == [("::gap", {"path": "news"})]


async def test_who_is_connected_already_is_told_nothing_again_unless_it_asks(house: House) -> None:
    await publish(house, 1)
    guest = await house.visit()
    guest.session.connect("chat/a")
    assert heard(await guest.hear()) == ["::at"]
    guest.session.connect("chat/a")
    assert await guest.hear() == []
    guest.session.connect("chat/a", last=1)
    assert heard(await guest.hear()) == ["::at", 1]


async def test_a_replay_ends_no_session_however_much_is_asked_for() -> None:
    app = App()
    app.path("chat/*", history=100)
    async with at_home(app, max_queued_packets=40) as house:
        paths = ["chat/a", "chat/b", "chat/c"]
        since = {path: await position_of(house, path) for path in paths}
        for path in paths:
            await publish(house, *range(15), path=path)
        guest = await house.visit()
        guest.session.connect(*paths, since=since)
        assert heard(await guest.hear()) == ["::at", *range(15), "::gap", "::gap"]
        for path in paths:
            guest.session.connect(path, last=1_000)
        assert heard(await guest.hear()) == ["::at", *range(15), "::at", 11, 12, 13, 14, "::at"]
        assert guest.keeper.ended is None


@pytest.mark.parametrize(("missed", "comes"), [(4, ["::at", 0, 1, 2, 3]), (5, ["::gap"])])
async def test_half_of_a_queue_is_replayed_and_of_more_than_that_it_is_told_where_it_ends(
    missed: int, comes: list[Any]
) -> None:
    app = App()
    app.path("chat/*", history=100)
    async with at_home(app, max_queued_packets=8) as house:
        since = await position_of(house)
        await publish(house, *range(missed))
        guest = await house.visit()
        guest.session.connect("chat/a", since={"chat/a": since})
        packets = await guest.hear()
        assert heard(packets) == comes
        told = await position_of(house) if comes == ["::gap"] else since
        assert packets[0][1] == {"path": "chat/a", "at": told}


async def test_a_session_is_replayed_what_it_missed_of_a_path_that_it_hears_and_of_no_other(
    house: House,
) -> None:
    await publish(house, 1)
    since = await position_of(house)
    await publish(house, 2, 3)
    guest = await house.visit()
    guest.session.connect("chat/a")
    assert heard(await guest.hear()) == ["::at"]
    guest.session.replay({"chat/a": since})
    assert heard(await guest.hear()) == ["::at", 2, 3]
    with pytest.raises(UsageError):
        guest.session.replay({"chat/a": since, "chat/b": since})
    assert await guest.hear() == []


async def test_what_comes_from_a_handler_comes_behind_what_it_has_sent_itself() -> None:
    app = App()
    app.path("chat/*", history=100)

    @app.signon
    def joined(session: Session) -> None:
        session.connect("chat/a", last=5)
        session.send("hello", "hello")

    async with at_home(app) as house:
        await publish(house, 1)
        guest = await house.visit()
        assert heard(await guest.hear()) == ["hello", "::at", 1]


async def test_a_wrong_wish_changes_nothing(house: House) -> None:
    guest = await house.visit()
    wrongs: list[dict[str, Any]] = [{"last": -1}, {"since": {"chat/a": "7"}}, {"since": "e-1"}]
    for wrong in wrongs:
        with pytest.raises(UsageError):
            guest.session.connect("chat/a", **wrong)
    assert guest.session.paths == []


async def test_a_session_that_has_ended_gets_nothing_and_nothing_is_undelivered(house: House) -> None:
    undelivered: list[Packet] = []

    @house.app.signoff
    def left(_session: Session, _reason: str, packets: Sequence[Packet]) -> None:
        undelivered.extend(packets)

    await publish(house, 1)
    guest = await house.visit()
    guest.keeper.end("kicked")
    guest.session.connect("chat/a", last=1)
    await wait_all_tasks_blocked()
    assert undelivered == []


async def test_receipts_are_about_those_to_whom_it_was_routed(house: House) -> None:
    first = await house.visit()
    first.session.connect("chat/a")
    house.app.update("chat/a", 1, receipt="r")
    await first.hear()
    later = await house.visit()
    later.session.connect("chat/a", last=1)
    assert heard(await later.hear()) == ["::at", 1]
    receipts = [(receipt.outcome, receipt.session) for receipt in house.manager.receipts.read().receipts]
    assert receipts == [("routed", None), ("delivered", first.session.name)]


async def test_a_crash_of_the_session_in_between_loses_none_of_it(house: House) -> None:
    @house.app.packet("crash")
    def crash(_session: Session, _path: str, _message: object) -> None:
        raise RuntimeError

    await publish(house, 1, 2)
    guest = await house.visit()
    request = guest.prepare(1, Packet("crash"))
    guest.skip()
    guest.keeper.submit(request)
    guest.session.connect("chat/a", last=2)
    await wait_all_tasks_blocked()
    guest.take(request)
    await guest.ask()
    await guest.ask()
    assert heard(guest.got) == ["::at", 1, 2]


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 20), st.integers(2, 40), st.booleans())
def test_as_much_is_replayed_as_fits_into_half_of_a_queue(
    queued: int, replayed: int, length: int, most: int, latest: bool
) -> None:
    outbox = Outbox(most, most * 50)
    for _ in range(min(queued, most)):
        outbox.append(Packet("a", "x"))
    packets = [marked(Packet("a", "x" * length), "at", f"e-{4 + number}") for number in range(replayed)]
    ends = Position("e", 3 + replayed)
    message = Replayed("a", Position("e", 3), ends, packets, latest=latest)
    notice, *got = message.that_fit(outbox)
    fits = len(outbox) + len(got) <= most // 2 and outbox.size + sum(p.size for p in got) <= most * 25
    assert fits or not got
    if notice.path == "::gap":
        assert (got, notice.message) == ([], {"path": "a", "at": str(ends)})
        assert not latest
        assert len(outbox) + replayed > most // 2 or outbox.size + sum(p.size for p in packets) > most * 25
    else:
        assert notice.message == {"path": "a", "at": f"e-{3 + replayed - len(got)}"}
        assert latest or got == packets


@pytest.mark.parametrize(
    ("queued", "limit", "fitting"),
    [(0, 8, 4), (0, 7, 3), (1, 8, 3), (0, 6, 3), (3, 8, 1), (8, 8, 0)],
    ids=["all", "one less", "behind another", "three", "behind three", "behind a full queue"],
)
def test_of_the_latest_packets_as_many_are_replayed_as_half_of_a_queue_has_bytes_for(
    queued: int, limit: int, fitting: int
) -> None:
    packets = [marked(Packet("a", "x"), "at", f"e-{10 + number}") for number in range(9)]
    outbox = Outbox(1000, limit * packets[0].size)
    for packet in packets[:queued]:
        outbox.append(packet)
    _, *got = Replayed("a", Position("e", 9), Position("e", 18), packets, latest=True).that_fit(outbox)
    assert len(got) == fitting


def test_how_long_a_packet_was_kept_is_not_taken_for_a_time_on_its_way() -> None:
    packet = Packet("a")
    Probes(lambda: 0.0).look_at(packet)
    assert packet.probe is not None
    message = Replayed("a", Position("e", 3), Position("e", 4), [packet])
    assert not message.latest
    assert message.that_fit(Outbox(10, 1000))[1:] == [packet]
    assert packet.probe is None


# -- an engine that answers later -----------------------------------------------------------------


async def told_later(house: House, guest: Guest, answer: Future[History]) -> list[tuple[str, Any]]:
    """Connect to a path of which the engine tells later."""

    def history(*_: object) -> Future[History]:
        return answer

    engine: Any = house.hub._engine
    engine.history = history
    guest.session.connect("chat/a", last=9)
    assert await guest.hear() == []
    return await guest.hear()


async def test_an_engine_that_answers_later_is_waited_for(house: House) -> None:
    guest = await house.visit()
    answer: Future[History] = Future()
    await told_later(house, guest, answer)
    answer.offer(History([marked(Packet("chat/a", 7), "at", "e-4")], Position("e", 9), complete=True))
    assert await guest.hear() == [("::at", {"path": "chat/a", "at": "e-3"}), ("chat/a", 7)]


async def test_one_that_fails_is_told_as_a_gap(house: House, caplog: pytest.LogCaptureFixture) -> None:
    guest = await house.visit()
    answer: Future[History] = Future()
    await told_later(house, guest, answer)
    answer.offer(error=MailboxFullError("too slow"))
    assert await guest.hear() == [("::gap", {"path": "chat/a"})]
    assert "what is kept of 'chat/a' could not be read: too slow" in caplog.text
    assert "Traceback" not in caplog.text


async def test_what_was_on_its_way_goes_with_a_session_that_moves(house: House) -> None:
    await publish(house, 1)
    guest = await house.visit()
    guest.session.connect("chat/a", last=1)
    forwarded: list[object] = []
    released = house.manager.release(guest.keeper, forwarded.append)
    keeper: SessionKeeper = house.manager.adopt(released.frozen)
    await wait_all_tasks_blocked()
    packets = [packet.json for packet in keeper.machine.outbox.packets]
    assert packets[0].startswith(b'{"path":"::at"')
    assert b'"message":1,"at":"' in packets[1]


async def test_who_may_have_missed_something_of_everything_is_told_so_for_each_path(house: House) -> None:
    guest, idle = await house.visit(), await house.visit()
    guest.session.connect("news")
    guest.session.connect("chat/*")
    await guest.hear()  # its positions
    house.hub.tell_gaps()
    told = [(path, message["path"]) for path, message in await guest.hear()]
    assert sorted(told) == [("::gap", "chat/*"), ("::gap", "news")]
    assert await idle.hear() == []
