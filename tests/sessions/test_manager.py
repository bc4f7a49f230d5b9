"""The manager of sessions: what it goes by, whom it finds, what it counts and tells; see `test_ends`, `test_moving`."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from cometary.actors import system
from cometary.app import App
from cometary.errors import ProtocolError
from cometary.sessions import Admission, Packet, Request, Session, SessionKeeper
from cometary.sessions.actor import SignOff
from cometary.sessions.events import End
from cometary.sessions.journal import NAME as JOURNAL
from cometary.sessions.journal import PER_SECOND
from cometary.sessions.lease import admit, narrow, renew
from cometary.sessions.manager import RETRY_AFTER
from cometary.sessions.session_arbiter import Turnstile
from tests.sessions.house import Visitor, hosting


async def test_sessions_are_opened_by_the_settings_as_they_are_by_then() -> None:
    async with system(), hosting(App(), max_sessions=1, log_addresses=True) as manager:
        manager.open(1)
        with pytest.raises(ProtocolError, match="as many sessions"):
            manager.open(1)
        manager.change(replace(manager.settings, max_sessions=2, log_addresses=False))
        manager.open(1)
        assert not manager.journal.addresses


async def test_the_actor_of_a_living_session_is_found_and_no_other() -> None:
    async with system(), hosting(App()) as manager:
        keeper = manager.open(1)
        assert manager.find_actor(keeper.sid) is keeper.ref
        assert manager.find_actor("nobody") is None
        keeper.end("kicked")
        await wait_all_tasks_blocked()
        assert manager.find_actor(keeper.sid) is None


async def test_what_a_later_token_grants_no_more_is_over_and_what_was_connected_otherwise_stays() -> None:
    async with system(), hosting(App()) as manager:
        visitor = Visitor(manager)
        keeper = visitor.keeper
        admit(keeper, Admission({"user": 1}, 10, ("a", "b/*")), 1)
        session = Session(keeper, manager.hub)
        session.connect("a", "b/1", "own")
        before = session.granted
        renew(keeper, Admission({"user": 1}, 20, ("a",)), 1)
        narrow(keeper, before, manager)
        assert session.paths == ["a", "own"]
        await visitor.ask()
        [(path, told)] = visitor.got
        assert (path, told["paths"]) == ("::refused", ["b/1"])


async def test_the_secret_of_a_session_is_its_id_and_not_the_name_that_is_shown() -> None:
    async with system(), hosting(App()) as manager:
        keeper = manager.open(1)
        assert len(keeper.sid) > 2 * len(keeper.name)


async def test_the_turnstile_is_asked_for_each_session() -> None:
    class Closed(Turnstile):
        def refusal(self, keeper: SessionKeeper, request: Request) -> ProtocolError | None:
            return ProtocolError("too-many-requests", f"{keeper.sid} sends {len(request.packets)}")

    async with system(), hosting(App()) as manager:
        manager.turnstile = Closed()
        visitor = Visitor(manager)
        request = await visitor.ask(Packet("a"))
        assert request.error.detail == f"{visitor.keeper.sid} sends 1"
        assert not (await visitor.make(visitor.prepare(0))).answered, "who sends nothing is held"


# -- what becomes of packets ---------------------------------------------------------------------


async def test_a_receipt_says_why_a_packet_was_not_delivered_and_else_no_reason() -> None:
    async with system(), hosting(App()) as manager:
        visitor = Visitor(manager)
        session = Session(visitor.keeper, manager.hub)
        await visitor.ask()
        session.send("a", receipt="one")
        await wait_all_tasks_blocked()
        visitor.ack = 1
        await visitor.ask()
        session.kick()
        session.send("a", receipt="two")
        await wait_all_tasks_blocked()
        told = [(each.id, each.outcome, each.reason) for each in manager.receipts.read().receipts]
        assert told == [("one", "delivered", None), ("two", "undelivered", "kicked")]


async def test_whatever_comes_to_the_actor_of_a_session_that_has_moved_goes_after_it() -> None:
    async with system(), hosting(App()) as manager:
        keeper, told = manager.open(1), list[object]()
        manager.release(keeper, told.append)
        mail: list[object] = [Packet("a", 1), SignOff(), End("kicked")]
        manager.rescue(keeper, mail)
        assert told == [mail[0], mail[2]]


# -- ends ----------------------------------------------------------------------------------------


async def test_a_session_that_has_ended_hears_nothing_and_nobody_waits_for_its_client() -> None:
    async with system(), hosting(App()) as manager:
        keeper, speaker = manager.open(1), manager.open(1)
        await wait_all_tasks_blocked()
        Session(keeper, manager.hub).connect("news")
        manager.flow.fall_behind(keeper.ref)
        manager.flow.hold_for(speaker, keeper.ref)
        keeper.end("kicked")
        await wait_all_tasks_blocked()
        assert manager.hub.paths(keeper).total == 0
        assert (manager.flow.behind, speaker.holds) == ({}, 0)


def told(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """The fields of what the log was told of sessions."""
    return [vars(record)["structured"] for record in caplog.records if record.name == JOURNAL]


async def test_the_log_is_told_of_an_end_and_of_the_packet_that_was_too_much(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, JOURNAL)
    async with system(), hosting(App(), max_queued_packets=1) as manager:
        for reason, count in (("kicked", 1), ("overflow", 5)):
            keeper = manager.open(1)
            for number in range(count):
                keeper.tell(Packet("a", number))
            keeper.end("kicked")
            await wait_all_tasks_blocked()
            events = [(line["event"], line.get("reason"), line.get("undelivered")) for line in told(caplog)]
            caplog.clear()
            too_much = [("no room for packet", None, None)] if reason == "overflow" else []
            assert events == [*too_much, ("session ended", reason, count)]


async def test_a_session_that_fails_is_handed_no_more_of_what_its_client_has_sent() -> None:
    app, handled = App(), list[object]()

    @app.packet("slow")
    async def slow(*_: object) -> None:
        await trio.sleep_forever()

    @app.packet("quick")
    def quick(_session: Session, _path: str, message: object) -> None:
        handled.append(message)

    async with system(), hosting(app) as manager:
        visitor = Visitor(manager)
        await visitor.ask(Packet("slow"), Packet("quick", 1))
        supervisor = manager._supervisor
        assert supervisor is not None
        supervisor.actor_ref.kill()
        await wait_all_tasks_blocked()
        assert (visitor.keeper.ended, handled) == ("failed", [])
        assert manager.unsettled() == []


async def test_a_session_of_which_the_last_call_of_all_has_been_made_has_no_other_actor() -> None:
    app = App()

    def crash(*_: object) -> None:
        raise ZeroDivisionError

    app.packet("crash")(crash)
    app.signoff(crash)
    app.failure(crash)
    async with system(), hosting(app) as manager:
        visitor = Visitor(manager)
        await visitor.ask(Packet("crash"))
        last = visitor.keeper.ref
        visitor.keeper.end("kicked")
        await wait_all_tasks_blocked()
        assert visitor.keeper.settled
        assert visitor.keeper.ref is last, (
            "who was given up at the fourth crash, in the failure of the sign-off"
        )
        assert manager.unsettled() == []


# -- shutting down -------------------------------------------------------------------------------


async def test_a_server_that_stops_opens_no_session_and_spreads_those_who_come_back() -> None:
    async with system(), hosting(App()) as manager:
        visitors = [Visitor(manager) for _ in range(40)]
        held = [await visitor.ask() for visitor in visitors]
        await manager.shut_down(spread=2)
        assert {request.error.retry_after for request in held} == {1, 2}
        with pytest.raises(ProtocolError) as refused:
            manager.open(1)
        assert refused.value.condition == "shutting-down"
        assert refused.value.retry_after in {1, 2}


async def test_who_is_not_told_when_to_come_back_comes_back_when_a_refused_opening_does() -> None:
    async with system(), hosting(App()) as manager:
        held = await Visitor(manager).ask()
        await manager.shut_down()
        assert held.error.retry_after is None
        with pytest.raises(ProtocolError) as refused:
            manager.open(1)
        assert (refused.value.condition, refused.value.retry_after) == ("shutting-down", RETRY_AFTER)


async def test_the_sum_of_the_ends_that_were_not_told_one_by_one_is_told_before_the_server_stops(
    caplog: pytest.LogCaptureFixture, mock_clock: MockClock
) -> None:
    caplog.set_level(logging.INFO, JOURNAL)
    async with system(), hosting(App()) as manager:
        for _ in range(PER_SECOND + 2):
            manager.open(1)
        await manager.shut_down()
        assert told(caplog)[-1] == {"event": "more sessions", "shutdown": 2}


async def test_sessions_that_nobody_can_wait_for_are_accounted_for(caplog: pytest.LogCaptureFixture) -> None:
    async with system(), hosting(App()) as manager:
        assert [*manager.abandon()] == []
        assert told(caplog) == [], "there is none"
        keepers = [manager.open(1) for _ in range(3)]
        await wait_all_tasks_blocked()
        for keeper in keepers[:2]:
            for number in range(2):
                keeper.machine.outbox.append(Packet("a", number))
        left = [
            (session.name, reason, [packet.message for packet in undelivered])
            for session, reason, undelivered in manager.abandon()
        ]
        assert left == [
            (keeper.name, "shutdown", messages)
            for keeper, messages in zip(keepers, ([0, 1], [0, 1], []), strict=True)
        ]
        [line] = [line for line in told(caplog) if line["event"] == "sessions abandoned"]
        assert (line["sessions"], line["untold"], line["undelivered"]) == (3, 3, 4)
