"""Contracts of paths, over real sockets: what a client that is behind gets, and what becomes of the rest."""

from __future__ import annotations

from typing import Any

import pytest
import trio.testing

from cometary.app import App
from cometary.config import Settings
from cometary.errors import ConfigError, PatternError, UsageError
from cometary.sessions import Session
from tests.protocol.client import Recorder, World, serving


def outcomes(world: World) -> list[tuple[str, str]]:
    receipts = world.running.receipts.read().receipts
    return [(one.id, one.outcome) for one in receipts if one.outcome != "routed"]


async def push_while_behind(world: World, recorder: Recorder, path: str, count: int = 5) -> None:
    """Update a path whose only session has no request with the server."""
    recorder.sessions[0].connect("**")
    for number in range(count):
        recorder.app.update(path, number, receipt=str(number))
    await world.settle()


@pytest.mark.parametrize(
    ("terms", "received"),
    [
        ({"when_full": "keep"}, [0, 1, 2, 3, 4]),
        ({"when_full": "conflate"}, [4]),
        ({"when_full": "drop_oldest", "limit": 2}, [3, 4]),
        ({"when_full": "drop_newest", "limit": 2}, [0, 1]),
    ],
)
async def test_what_a_client_gets_that_was_behind(
    recorder: Recorder, terms: dict[str, Any], received: list[int]
) -> None:
    recorder.app.path("prices/*", **terms)
    async with serving(recorder.app) as world:
        client = await world.open()
        await push_while_behind(world, recorder, "prices/a")
        assert await client.poll() == received
        await client.hold()
        expected = {(str(number), "delivered" if number in received else "dropped") for number in range(5)}
        assert set(outcomes(world)) == expected
        assert len(outcomes(world)) == 5
        [session] = await world.sessions()
        assert (session["delivered"], session["dropped"]) == (len(received), 5 - len(received))


async def test_one_packet_beyond_the_limit_closes_the_session(recorder: Recorder) -> None:
    recorder.app.path("orders/*", when_full="close", limit=4)
    async with serving(recorder.app) as world:
        client = await world.open()
        await push_while_behind(world, recorder, "orders/a")
        assert recorder.ended == [("overflow", [0, 1, 2, 3, 4])]
        assert (await client.ask()).body["reason"] == "overflow"
        assert outcomes(world) == [(str(number), "undelivered") for number in range(5)]
        statistics = world.running.statistics()
        assert (statistics["sessions"], statistics["undelivered"]) == (0, 5)


async def test_a_client_that_keeps_up_gets_every_one(recorder: Recorder) -> None:
    recorder.app.path("**", when_full="conflate")
    async with serving(recorder.app) as world:
        client = await world.open()
        recorder.sessions[0].connect("prices")
        got: list[object] = []
        for number in range(5):
            held = await client.hold()
            recorder.app.update("prices", number)
            got += await client.receive(held)
        assert got == [0, 1, 2, 3, 4]


async def test_what_was_sent_and_not_acknowledged_comes_again_and_the_rest_is_conflated(
    recorder: Recorder,
) -> None:
    recorder.app.path("prices", when_full="conflate")
    async with serving(recorder.app) as world:
        client = await world.open()
        held = await client.hold()
        await push_while_behind(world, recorder, "prices")
        assert (await held.answer()).packets == [0]  # the client never says that it got this
        answer = await client.ask(ack=0)
        assert (answer.body["seq"], answer.packets) == (1, [0, 4])


async def test_what_is_conflated_keeps_the_order_of_sending(recorder: Recorder) -> None:
    recorder.app.path("prices/*", when_full="conflate")
    async with serving(recorder.app) as world:
        client = await world.open()
        session = recorder.sessions[0]
        session.connect("**")
        for path, message in [("prices/a", 1), ("news", 2), ("prices/b", 3), ("prices/a", 4)]:
            recorder.app.update(path, message)
        await world.settle()
        assert await client.poll() == [2, 3, 4]


async def test_a_handler_that_sends_goes_by_the_contract_too(recorder: Recorder) -> None:
    recorder.app.path("prices/*", when_full="conflate")

    @recorder.app.packet("flood")
    def flood(session: Session, _path: str, _message: object) -> None:
        for number in range(5):
            session.send("prices/a", number)

    async with serving(recorder.app) as world:
        client = await world.open()
        assert await client.poll(("flood", None)) == [4]


async def test_a_key_of_the_call_beats_the_path(recorder: Recorder) -> None:
    recorder.app.path("prices", when_full="conflate")
    async with serving(recorder.app) as world:
        client = await world.open()
        recorder.sessions[0].connect("prices")
        for number, key in enumerate("aabba"):
            recorder.app.update("prices", number, key=key)
        await world.settle()
        assert await client.poll() == [3, 4]


# -- time to live ----------------------------------------------------------------------------------


async def test_what_waits_too_long_expires_and_the_client_sees_no_gap(
    recorder: Recorder, mock_clock: trio.testing.MockClock
) -> None:
    async with serving(recorder.app) as world:
        client = await world.open()
        session = recorder.sessions[0]
        session.send("a", "kept")
        session.send("a", "soon gone", ttl=10, receipt="one")
        session.send("a", "kept too")
        await world.pass_time(mock_clock, 9.9)
        assert outcomes(world) == []
        await world.pass_time(mock_clock, 0.1)
        assert outcomes(world) == [("one", "expired")]
        answer = await client.ask()
        assert (answer.body["seq"], answer.packets) == (1, ["kept", "kept too"])
        session.send("a", "next")
        assert (await client.ask(ack=2)).body["seq"] == 3


async def test_packets_expire_each_in_its_time(
    recorder: Recorder, mock_clock: trio.testing.MockClock
) -> None:
    async with serving(recorder.app, die=1000) as world:
        await world.open()
        for ttl in (30, 10, 20, 10):
            recorder.sessions[0].send("a", 1, ttl=ttl, receipt=str(ttl))
        gone: list[int] = []
        for _ in range(4):
            await world.pass_time(mock_clock, 10)
            gone.append(len(outcomes(world)))
        assert gone == [2, 3, 4, 4]


async def test_what_was_sent_does_not_expire(recorder: Recorder, mock_clock: trio.testing.MockClock) -> None:
    async with serving(recorder.app) as world:
        client = await world.open()
        recorder.sessions[0].send("a", 1, ttl=1, receipt="one")
        assert (await client.ask(ack=0)).packets == [1]
        await world.pass_time(mock_clock, 20)
        assert (await client.ask(ack=0)).packets == [1]
        assert outcomes(world) == []


async def test_without_a_contract_nothing_expires(
    recorder: Recorder, mock_clock: trio.testing.MockClock
) -> None:
    async with serving(recorder.app, die=10_000) as world:
        client = await world.open()
        recorder.sessions[0].send("a", 1)
        recorder.sessions[0].send("a", 2, receipt="one")
        await world.pass_time(mock_clock, 9_000)
        assert await client.receive(await client.hold()) == [1, 2]


async def test_what_may_be_lost_lives_for_a_minute(
    recorder: Recorder, mock_clock: trio.testing.MockClock
) -> None:
    recorder.app.path("prices", when_full="conflate")
    async with serving(recorder.app, die=10_000) as world:
        await world.open()
        await push_while_behind(world, recorder, "prices", count=1)
        await world.pass_time(mock_clock, 59)
        assert outcomes(world) == []
        await world.pass_time(mock_clock, 1)
        assert outcomes(world) == [("0", "expired")]


async def test_packets_that_come_and_expire_keep_no_session_without_a_client(
    recorder: Recorder, mock_clock: trio.testing.MockClock
) -> None:
    async with serving(recorder.app) as world:
        await world.open()
        for _ in range(22):
            recorder.sessions[0].send("a", 1, ttl=1)
            await world.pass_time(mock_clock, 2)
            assert recorder.ended == []
        await world.pass_time(mock_clock, 1)
        assert recorder.ended == [("timeout", [])]


async def test_after_all_has_expired_a_request_is_held_and_answered_as_ever(
    recorder: Recorder, mock_clock: trio.testing.MockClock
) -> None:
    async with serving(recorder.app) as world:
        client = await world.open()
        recorder.sessions[0].send("a", 1, ttl=1)
        await world.pass_time(mock_clock, 2)
        held = await client.hold()
        recorder.sessions[0].send("a", 2)
        assert await client.receive(held) == [2]


# -- memory ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "terms",
    [
        {"when_full": "conflate"},
        {"when_full": "drop_oldest", "limit": 20},
        {"when_full": "drop_newest", "limit": 20},
        {"when_full": "drop_oldest", "limit": 1_000_000},
    ],
    ids=lambda terms: "-".join(map(str, terms.values())),
)
async def test_a_client_that_never_fetches_costs_what_the_contract_says(
    recorder: Recorder, terms: dict[str, Any]
) -> None:
    recorder.app.path("prices/*", **terms)
    async with serving(recorder.app, queue_bytes=10_000) as world:
        await world.open()
        recorder.sessions[0].connect("prices/*")
        for number in range(3_000):
            recorder.app.update(f"prices/{number % 3}", "x" * 100)
            if number % 300 == 0:
                await world.settle()
        await world.settle()
        [session] = await world.sessions()
        size = session["queued_bytes"] // session["queued"]
        assert session["queued"] == {20: 60, None: 3}.get(terms.get("limit"), 10_000 // size)
        assert session["queued_bytes"] <= 10_000
        assert session["dropped"] == 3_000 - session["queued"]
        assert recorder.ended == []


# -- declaring -------------------------------------------------------------------------------------


async def test_a_server_without_code_has_contracts_from_its_configuration() -> None:
    async with serving(paths=["prices/* conflate ttl=10", "log drop_newest limit=1"]) as world:
        client = await world.open()
        await world.control("/connect", {"sid": client.sid, "paths": ["**"]})
        updates = [
            {"path": path, "message": number} for number in range(3) for path in ("prices/a", "log", "x")
        ]
        await world.control("/update", updates)
        packets = (await client.ask()).body["packets"]
        assert [(each["path"], each["message"]) for each in packets] == [
            ("log", 0),
            ("x", 0),
            ("x", 1),
            ("prices/a", 2),
            ("x", 2),
        ]


async def test_the_configuration_comes_before_the_application(recorder: Recorder) -> None:
    recorder.app.path("**", when_full="drop_newest", limit=1)
    async with serving(recorder.app, paths=["prices conflate"]) as world:
        client = await world.open()
        recorder.sessions[0].connect("**")
        for number in range(3):
            recorder.app.update("prices", number)
            recorder.app.update("news", number)
        await world.settle()
        assert await client.poll() == [0, 2]


@pytest.mark.parametrize(
    "terms",
    [{"when_full": "explode"}, {"ttl": -1}, {"when_full": "close", "limit": 0}, {"limit": 3}],
    ids=str,
)
def test_terms_that_make_no_sense_are_the_callers_and_declare_nothing(terms: dict[str, Any]) -> None:
    app = App()
    with pytest.raises(UsageError):
        app.path("prices", **terms)
    assert not app.contracts


def test_a_bad_pattern_is_the_callers_and_declares_nothing() -> None:
    app = App()
    with pytest.raises(PatternError):
        app.path("prices*", when_full="conflate")
    assert not app.contracts


async def test_paths_are_declared_before_the_server_runs(world: World, recorder: Recorder) -> None:
    with pytest.raises(UsageError, match="declared before"):
        recorder.app.path("prices", when_full="conflate")
    assert not recorder.app.contracts


@pytest.mark.parametrize("line", ["prices explode", "prices", "prices* conflate", "prices keep ttl=-1"])
def test_a_contract_of_the_configuration_that_is_none_is_one_clear_error(line: str) -> None:
    with pytest.raises(ConfigError, match="paths: must be contracts such as"):
        Settings(paths=(line,))
