"""What holds on every wire, over real sockets: the same tests for all of them."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from trio.testing import MockClock

from cometary.app import App
from cometary.sessions import Admission, Session
from tests.conformance.wires import WIRES, RefusedError, Wire
from tests.protocol.client import Recorder, World, serving

MESSAGES: list[Any] = ["one", {"two": [2, None, "ü"]}, 3.5, None, [], "</script>"]
FILLER = "x" * 60_000


@pytest.fixture(params=WIRES, ids=lambda kind: kind.__name__)
def kind(request: pytest.FixtureRequest) -> type[Wire]:
    kind: type[Wire] = request.param
    return kind


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture(autouse=True)
def nothing_else_crashes(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever a client does, the server's own code does not fail."""
    yield
    failures = [one.getMessage() for one in caplog.get_records("call") if one.levelno >= logging.ERROR]
    assert [text for text in failures if ZeroDivisionError.__name__ not in text] == []


class House:
    """A server with an application that notes what it is told, and one client of it."""

    def __init__(self, world: World, recorder: Recorder, wire: Wire, clock: MockClock) -> None:
        self.world = world
        self.recorder = recorder
        self.wire = wire
        self.clock = clock

    @property
    def session(self) -> Session:
        """The client's session, as the application has it."""
        return self.recorder.sessions[-1]

    async def state(self) -> str:
        """The state of its machine."""
        [session] = await self.world.sessions()
        return str(session["state"])

    async def push(self, *messages: object, path: str = "news") -> None:
        """Send to the client, and let that be on its way."""
        for message in messages:
            self.session.send(path, message)
        await self.world.settle()

    async def live(self, seconds: float) -> None:
        """Let time go by, while the client answers what it is asked."""
        while seconds > 0:
            await self.world.pass_time(self.clock, min(seconds, 5))
            await self.wire.look()
            await self.world.settle()
            seconds -= 5

    async def stop_reading(self) -> int:
        """Send as much as the client's connection takes that is not read; returns how many packets that were."""
        for count in range(1, 20):
            await self.push(FILLER, path="filler")
            if await self.state() != "have_request":
                return count
        raise AssertionError("the connection is never full")


@asynccontextmanager
async def house(
    kind: type[Wire], recorder: Recorder, clock: MockClock, cookie: str = "", **settings: Any
) -> AsyncGenerator[House]:
    """Run a server; the client has no session yet."""
    async with serving(recorder.app, **settings) as world:
        yield House(world, recorder, kind(world, clock, cookie), clock)


# -- packets ----------------------------------------------------------------------------------------


async def test_a_session_opens_and_is_carried(
    kind: type[Wire], recorder: Recorder, mock_clock: MockClock
) -> None:
    async with house(kind, recorder, mock_clock) as each:
        await each.wire.open()
        await each.world.settle()
        assert each.wire.welcome["version"] == 1
        assert len(recorder.sessions) == 1
        assert await each.state() == "have_request"


async def test_what_is_pushed_comes_once_and_in_order(
    kind: type[Wire], recorder: Recorder, mock_clock: MockClock
) -> None:
    async with house(kind, recorder, mock_clock) as each:
        await each.wire.open()
        for message in MESSAGES:
            await each.push(message)
            assert await each.wire.receive() == [message]
        await each.push(*MESSAGES)
        assert await each.wire.receive(len(MESSAGES)) == MESSAGES
        assert await each.state() == "have_request"


async def test_an_update_comes_to_all_who_hear_it(
    kind: type[Wire], recorder: Recorder, mock_clock: MockClock
) -> None:
    async with house(kind, recorder, mock_clock) as each:
        wires = [each.wire, *[kind(each.world, mock_clock) for _ in range(2)]]
        for wire in wires:
            await wire.open()
            await each.world.settle()
        for number in range(3):
            for session in recorder.sessions:
                session.connect("news")
            recorder.app.update("news", number)
            for wire in wires:
                assert await wire.receive() == [number]


async def test_what_the_client_sends_is_handed_over_once_and_in_order(
    kind: type[Wire], recorder: Recorder, mock_clock: MockClock
) -> None:
    async with house(kind, recorder, mock_clock) as each:
        await each.wire.open()
        await each.wire.send(*[("a", message) for message in MESSAGES])
        await each.wire.send(("b", "more"))
        assert recorder.packets == [*[("a", message) for message in MESSAGES], ("b", "more")]
        assert await each.state() == "have_request"


async def test_what_a_handler_answers_comes_back(
    kind: type[Wire], recorder: Recorder, mock_clock: MockClock
) -> None:
    @recorder.app.packet("echo")
    def echo(session: Session, path: str, message: object) -> None:
        session.send(path, message)

    async with house(kind, recorder, mock_clock) as each:
        await each.wire.open()
        for message in MESSAGES:
            await each.wire.send(("echo", message))
            assert await each.wire.receive() == [message]


async def test_what_is_acknowledged_is_delivered(
    kind: type[Wire], recorder: Recorder, mock_clock: MockClock
) -> None:
    async with house(kind, recorder, mock_clock) as each:
        await each.wire.open()
        for number in range(3):
            each.session.send("news", number, receipt=str(number))
        await each.world.settle()
        assert await each.wire.receive(3) == [0, 1, 2]
        await each.wire.acknowledge()
        receipts = each.world.running.receipts.read().receipts
        assert [(one.id, one.outcome) for one in receipts] == [(str(n), "delivered") for n in range(3)]
        [session] = await each.world.sessions()
        assert (session["queued"], session["delivered"]) == (0, 3)


async def test_an_acknowledgement_of_what_was_never_sent_is_refused(
    kind: type[Wire], recorder: Recorder, mock_clock: MockClock
) -> None:
    async with house(kind, recorder, mock_clock) as each:
        await each.wire.open()
        each.wire.drop()
        each.wire.ack = 7
        with pytest.raises(RefusedError, match="bad-ack"):
            await each.wire.attach()


# -- connections that break ---------------------------------------------------------------------------


async def test_what_was_on_its_way_when_the_connection_broke_comes_again(
    kind: type[Wire], recorder: Recorder, mock_clock: MockClock
) -> None:
    async with house(kind, recorder, mock_clock) as each:
        await each.wire.open()
        await each.push("read")
        assert await each.wire.receive() == ["read"]
        await each.push("lost", "lost as well")
        each.wire.drop()
        await each.push("sent meanwhile")
        await each.wire.attach()
        assert await each.wire.receive(3) == ["lost", "lost as well", "sent meanwhile"]


async def test_a_session_is_waited_for_and_no_longer_than_that(
    kind: type[Wire], recorder: Recorder, mock_clock: MockClock
) -> None:
    async with house(kind, recorder, mock_clock) as each:
        await each.wire.open()
        each.wire.drop()
        await each.world.settle()
        assert await each.state() == "waiting"
        await each.push("kept")
        await each.world.pass_time(mock_clock, 44)
        assert recorder.ended == []
        await each.world.pass_time(mock_clock, 2)
        assert recorder.ended == [("timeout", ["kept"])]
        with pytest.raises(RefusedError, match="session-ended"):
            await each.wire.attach()


async def test_a_request_whose_answer_was_lost_is_handed_over_once(
    kind: type[Wire], recorder: Recorder, mock_clock: MockClock
) -> None:
    async with house(kind, recorder, mock_clock) as each:
        await each.wire.open()
        await each.wire.send_and_drop(("a", 1), ("a", 2))
        lost = each.wire.rid
        await each.wire.attach()
        await each.wire.send(("a", 1), ("a", 2), rid=lost)
        each.wire.rid = max(lost, each.wire.rid - 1)
        await each.wire.send(("a", 3))
        assert recorder.packets == [("a", 1), ("a", 2), ("a", 3)]


async def test_a_client_that_answers_stays_for_as_long_as_it_likes(
    kind: type[Wire], recorder: Recorder, mock_clock: MockClock
) -> None:
    async with house(kind, recorder, mock_clock) as each:
        await each.wire.open()
        for number in range(3):
            await each.live(200)
            assert await each.state() == "have_request"
            await each.push(number)
            assert await each.wire.receive() == [number]
        assert recorder.ended == []


async def test_a_client_that_has_vanished_is_noticed(
    kind: type[Wire], recorder: Recorder, mock_clock: MockClock
) -> None:
    """It answers nothing, but its connection does not break."""
    async with house(kind, recorder, mock_clock) as each:
        await each.wire.open()
        for _ in range(24):
            await each.world.pass_time(mock_clock, 5)
        assert recorder.ended == [("timeout", [])]


# -- readers that are slow ------------------------------------------------------------------------------


async def test_what_the_kernel_does_not_take_waits_and_comes_in_order(
    kind: type[Wire], recorder: Recorder, mock_clock: MockClock
) -> None:
    async with house(kind, recorder, mock_clock) as each:
        await each.wire.open()
        expected = [FILLER] * await each.stop_reading()
        numbers = list(range(200))
        await each.push(*numbers)
        await each.push(FILLER, FILLER)
        assert await each.wire.receive(len(expected) + 202) == [*expected, *numbers, FILLER, FILLER]
        await each.push("and on")
        assert await each.wire.receive() == ["and on"]


@pytest.mark.parametrize(
    ("terms", "received"),
    [
        ({"when_full": "keep"}, [0, 1, 2, 3, 4]),
        ({"when_full": "conflate"}, [4]),
        ({"when_full": "drop_oldest", "limit": 2}, [3, 4]),
        ({"when_full": "drop_newest", "limit": 2}, [0, 1]),
    ],
    ids=["keep", "conflate", "drop_oldest", "drop_newest"],
)
async def test_a_reader_that_is_behind_gets_what_the_contract_says(
    kind: type[Wire], recorder: Recorder, mock_clock: MockClock, terms: dict[str, Any], received: list[int]
) -> None:
    recorder.app.path("prices/*", **terms)
    async with house(kind, recorder, mock_clock) as each:
        await each.wire.open()
        await each.world.settle()
        each.session.connect("prices/*")
        fillers = await each.stop_reading()
        for number in range(5):
            recorder.app.update("prices/a", number)
        await each.world.settle()
        assert await each.wire.receive(fillers + len(received)) == [FILLER] * fillers + received


async def test_a_reader_that_is_behind_may_be_ended_by_its_contract(
    kind: type[Wire], recorder: Recorder, mock_clock: MockClock
) -> None:
    recorder.app.path("orders", when_full="close", limit=3)
    async with house(kind, recorder, mock_clock) as each:
        await each.wire.open()
        await each.world.settle()
        each.session.connect("orders")
        fillers = await each.stop_reading()
        for number in range(4):
            recorder.app.update("orders", number)
        await each.world.settle()
        assert recorder.ended == [("overflow", [FILLER] * fillers + [0, 1, 2, 3])]
        assert (await each.wire.last_word()).reason == "overflow"


async def test_a_reader_that_has_stopped_is_waited_for_as_if_it_had_gone(
    kind: type[Wire], recorder: Recorder, mock_clock: MockClock
) -> None:
    async with house(kind, recorder, mock_clock) as each:
        await each.wire.open()
        fillers = await each.stop_reading()
        await each.push("kept")
        await each.world.pass_time(mock_clock, 44)
        assert recorder.ended == []
        await each.world.pass_time(mock_clock, 2)
        assert recorder.ended == [("timeout", [FILLER] * fillers + ["kept"])]


# -- the application ------------------------------------------------------------------------------------


async def test_a_crash_is_not_noticed(kind: type[Wire], recorder: Recorder, mock_clock: MockClock) -> None:
    @recorder.app.packet("crash")
    def crash(session: Session, path: str, message: object) -> None:
        session.send("news", "last words")
        raise ZeroDivisionError

    async with house(kind, recorder, mock_clock) as each:
        await each.wire.open()
        await each.wire.send(("a", 1), ("crash", None), ("a", 2))
        assert await each.wire.receive() == ["last words"]
        await each.push("and on")
        assert await each.wire.receive() == ["and on"]
        await each.wire.send(("a", 3))
        assert recorder.packets == [("a", 1), ("crash", None), ("a", 2), ("a", 3)]


async def test_a_session_that_crashes_too_often_ends_as_failed(
    kind: type[Wire], recorder: Recorder, mock_clock: MockClock
) -> None:
    @recorder.app.packet("crash")
    def crash(session: Session, path: str, message: object) -> None:
        raise ZeroDivisionError

    async with house(kind, recorder, mock_clock) as each:
        await each.wire.open()
        try:
            await each.wire.send(*[("crash", None)] * 10)
            word = await each.wire.last_word()
        except RefusedError as refused:
            word = refused
        assert word.reason == "failed"
        assert [reason for reason, _ in recorder.ended] == ["failed"]


async def test_a_client_that_is_kicked_is_told_why(
    kind: type[Wire], recorder: Recorder, mock_clock: MockClock
) -> None:
    async with house(kind, recorder, mock_clock) as each:
        await each.wire.open()
        await each.world.settle()
        each.session.kick()
        word = await each.wire.last_word()
        assert (word.condition, word.reason) == ("session-ended", "kicked")
        assert recorder.ended == [("kicked", [])]


async def test_a_client_that_closes_has_closed(
    kind: type[Wire], recorder: Recorder, mock_clock: MockClock
) -> None:
    async with house(kind, recorder, mock_clock) as each:
        await each.wire.open()
        with suppress(RefusedError):
            await each.wire.send(("a", "bye"), close=True)
        await each.world.settle()
        assert recorder.packets == [("a", "bye")]
        assert recorder.ended == [("closed", [])]
        with pytest.raises(RefusedError, match="session-ended"):
            await each.wire.attach()


async def test_when_the_server_stops_the_client_is_told(
    kind: type[Wire], recorder: Recorder, mock_clock: MockClock
) -> None:
    async with house(kind, recorder, mock_clock) as each:
        await each.wire.open()
        each.world.running.stop()
        word = await each.wire.last_word()
        assert (word.condition, word.reason) == ("session-ended", "shutdown")
        assert recorder.ended == [("shutdown", [])]


@pytest.mark.parametrize(
    ("packets", "condition"),
    [
        ([("::token", 1)], "forbidden-path"),
        ([("a", 1), ("nowhere/b", 1)], "forbidden"),
        ([("a", 1)] * 300, "too-large"),
    ],
)
async def test_a_request_that_is_refused_has_changed_nothing(
    kind: type[Wire], mock_clock: MockClock, packets: list[tuple[str, object]], condition: str
) -> None:
    recorder = Recorder()
    recorder.app = App()
    recorder.app.signon(recorder.sessions.append)
    recorder.app.packet("a")(recorder._note)
    async with house(kind, recorder, mock_clock) as each:
        await each.wire.open()
        with pytest.raises(RefusedError, match=condition):
            await each.wire.send(*packets)
        await each.wire.send(("a", 2))
        assert recorder.packets == [("a", 2)]


# -- who it is -------------------------------------------------------------------------------------------


def judge(token: object) -> Admission | bool:
    """A token is a user, and seconds."""
    user, _, seconds = str(token).partition(" ")
    return Admission({"user": user}, float(seconds)) if seconds else False


async def test_who_is_not_let_in_is_told_so(
    kind: type[Wire], recorder: Recorder, mock_clock: MockClock
) -> None:
    recorder.app.authenticate(judge)
    async with house(kind, recorder, mock_clock) as each:
        with pytest.raises(RefusedError, match="unauthorized"):
            await each.wire.open(token="nobody")
        assert recorder.sessions == []


async def test_a_token_that_expires_is_renewed_or_the_session_ends(
    kind: type[Wire], recorder: Recorder, mock_clock: MockClock
) -> None:
    recorder.app.authenticate(judge)
    async with house(kind, recorder, mock_clock) as each:
        await each.wire.open(token="ada 100")
        assert each.wire.welcome["expires"] == 100
        await each.live(70)
        assert await each.wire.receive() == [{"expires": 30}]
        with pytest.raises(RefusedError, match="unauthorized"):
            await each.wire.send(token="bob 100")
        await each.wire.send(token="ada 200")
        await each.live(160)
        assert recorder.ended == []
        await each.world.pass_time(mock_clock, 50)
        assert [reason for reason, _ in recorder.ended] == ["kicked"]
        assert (await each.wire.last_word()).reason == "kicked"


async def test_a_session_that_is_bound_to_a_cookie_is_nobody_elses(
    kind: type[Wire], recorder: Recorder, mock_clock: MockClock
) -> None:
    async with house(kind, recorder, mock_clock, "login=ada", bind="cookie:login") as each:
        await each.wire.open()
        await each.wire.send(("a", 1))
        thief = kind(each.world, mock_clock, "login=bob")
        thief.sid, thief.rid = each.wire.sid, each.wire.rid
        with pytest.raises(RefusedError, match="unknown-session"):
            await thief.attach()
        await each.push("on")
        assert await each.wire.receive() == ["on"]


async def test_a_session_that_is_bound_to_its_token_is_nobody_elses(
    kind: type[Wire], recorder: Recorder, mock_clock: MockClock
) -> None:
    recorder.app.authenticate(judge)
    async with house(kind, recorder, mock_clock, bind="token") as each:
        await each.wire.open(token="ada 100")
        await each.push("on")
        assert await each.wire.receive() == ["on"]
        thief = kind(each.world, mock_clock)
        thief.sid, thief.rid, thief.ack = each.wire.sid, each.wire.rid, each.wire.ack
        wrong: list[dict[str, Any]] = [{}, {"token": "bob 100"}]
        for members in wrong:
            with pytest.raises(RefusedError, match="unknown-session"):
                await thief.attach(**members)


# -- from one wire to another ------------------------------------------------------------------------------


@pytest.mark.parametrize("other", WIRES, ids=lambda kind: kind.__name__)
async def test_a_session_changes_from_any_wire_to_any_other(
    kind: type[Wire], recorder: Recorder, mock_clock: MockClock, other: type[Wire]
) -> None:
    async with house(kind, recorder, mock_clock) as each:
        first = each.wire
        await first.open()
        await each.push(0)
        assert await first.receive() == [0]
        await each.push(1, 2)
        second = other(each.world, mock_clock)
        second.sid, second.rid, second.ack = first.sid, first.rid, first.ack
        await second.attach()
        assert await second.receive(2) == [1, 2]
        await second.send(("a", 1))
        each.wire = first
        first.rid, first.ack = second.rid, second.ack
        await each.push(3)
        await first.attach()
        assert await first.receive() == [3]
        await first.send(("a", 2))
        assert recorder.packets == [("a", 1), ("a", 2)]
        assert len(recorder.sessions) == 1
        assert recorder.ended == []
