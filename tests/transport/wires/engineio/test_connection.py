"""One connection of Engine.IO without sockets: its rules, to the packet and to the second."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
import trio
import trio.testing

from cometary.errors import ProtocolError
from cometary.gate.rate_limit import OpenLimiter
from cometary.sessions.handshake import Handshake
from cometary.transport.http.body_queue import BodyQueue
from cometary.transport.http.exchange import Exchange, Headers
from cometary.transport.http.limits import Limits
from cometary.transport.wires.engineio.connection import (
    AT_ONCE,
    MOST_QUEUED,
    PIECE,
    EngineConnection,
    Talk,
)
from cometary.transport.wires.engineio.credentials import HandshakeCredentials
from cometary.transport.wires.engineio.engine import Engine, Times
from cometary.transport.wires.engineio.packets import MESSAGE, NOOP, OPEN, PING, PONG, SEPARATOR, frames_of
from cometary.transport.wires.websocket.client_frames import ServersFrames
from tests.transport.wire import WholeAnswers

OK = (200, b"ok")


class Talking(Talk):
    """Notes what it is told.

    Attributes:
        room: how many messages it takes now.
    """

    def __init__(self) -> None:
        self.room = 1_000
        self.messages: list[str | bytes] = []
        self.notes: list[str] = []

    @property
    def ready(self) -> bool:
        return self.room > 0

    @property
    def wanted(self) -> bool:
        return True

    def received(self, data: str | bytes) -> None:
        if data == "nonsense":
            raise ProtocolError("bad-request", "It is.")
        self.room -= 1
        self.messages.append(data)

    def drained(self) -> None:
        self.notes.append("drained")

    def marked(self) -> None:
        self.notes.append("marked")

    def arrived(self) -> None:
        self.notes.append("arrived")

    def closed(self) -> None:
        self.notes.append("closed")


class Wire(WholeAnswers):
    """Notes what is answered."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, bytes]] = []

    def carry(
        self, exchange: Exchange, status: int, body: bytes, content_type: bytes, headers: Headers
    ) -> None:
        self.answers.append((status, body))


class Frames:
    """Stands for a WebSocket.

    Attributes:
        room: whether the kernel takes all that is sent.
    """

    def __init__(self) -> None:
        self.room = True
        self.sent: list[bytes] = []
        self.notes: list[str] = []

    def send_frame(self, data: bytes) -> bool:
        self.sent.append(data)
        return self.room

    def finish(self) -> None:
        self.notes.append("finished")

    def go_on(self) -> None:
        self.notes.append("goes on")


class Place:
    """An engine with one connection."""

    def __init__(self, start_soon: Callable[..., None]) -> None:
        self.talk = Talking()
        self.bodies = BodyQueue(start_soon)
        self.engine = Engine(
            lambda _: self.talk,
            Times(25.0, 20.0, 45.0),
            Limits(),
            self.bodies,
            limiter=OpenLimiter(3, trio.current_time),
            most=2,
            start_soon=start_soon,
        )
        self.connection: EngineConnection = self.engine.open(HandshakeCredentials(Handshake("192.0.2.1")))

    def get(self) -> Wire:
        wire, exchange = Wire(), Exchange("GET", "/", b"", {})
        exchange.arrive(wire, "192.0.2.1")
        self.connection.poll(exchange)
        return wire

    def post(self, *packets: str) -> Wire:
        wire, _ = self.posted(*packets)
        return wire

    def posted(self, *packets: str) -> tuple[Wire, Exchange]:
        wire = Wire()
        exchange = Exchange("POST", "/", b"", {}, body=SEPARATOR.join(map(str.encode, packets)))
        exchange.arrive(wire, "192.0.2.1")
        self.connection.post(exchange)
        return wire, exchange

    def begin(self) -> Any:
        """Let it be carried by a WebSocket from the first."""
        channel: Any = Frames()
        self.connection.begin(channel)
        return channel

    @property
    def ended(self) -> bool:
        return self.connection.ended and not self.engine.connections


New = Callable[[], Place]


@pytest.fixture
def new_place(nursery: trio.Nursery) -> New:
    """For the test to call: its times begin then."""
    return lambda: Place(nursery.start_soon)


def start_nothing(_: object) -> None: ...


def wrong(wire: Wire) -> tuple[int, int]:
    [(status, body)] = wire.answers
    return status, json.loads(body)["code"]


# -- what is sent ---------------------------------------------------------------------------------


async def test_who_sends_is_told_when_there_is_no_room_and_when_there_is_again(new_place: New) -> None:
    place = new_place()
    first, second = b"4" * (MOST_QUEUED - 1), b"4"
    assert place.connection.send(first)
    assert not place.connection.send(second)
    assert place.talk.notes == []
    assert place.get().answers == [(200, first + SEPARATOR + second)]
    assert place.talk.notes == ["marked", "drained"]
    assert place.connection.send(first), "there is room again"
    place.talk.notes.clear()
    assert place.get().answers == [(200, first)]
    assert place.talk.notes == ["arrived", "marked"]


async def test_what_a_get_has_brought_has_arrived_with_the_next_one(new_place: New) -> None:
    place = new_place()
    held = place.get()
    assert (held.answers, place.talk.notes) == ([], [])
    assert place.connection.send(b"4a")
    assert (held.answers, place.talk.notes) == ([(200, b"4a")], ["marked"])
    held = place.get()
    assert (held.answers, place.talk.notes) == ([], ["marked", "arrived"])
    place.connection.send(b"4b")
    place.connection.send(b"4c")
    assert place.get().answers == [(200, b"4c")]


async def test_a_held_get_keeps_nothing_of_its_request(new_place: New) -> None:
    place = new_place()
    exchange = Exchange("GET", "/", b"", {b"cookie": b"secret"})
    exchange.arrive(Wire(), "")
    place.connection.poll(exchange)
    assert not exchange.headers


async def test_nothing_is_sent_once_it_has_ended(new_place: New) -> None:
    place = new_place()
    place.connection.close()
    assert not place.connection.send(b"4a")
    assert not place.connection.send_frames(b"x")
    other = Place(start_nothing)
    channel = other.begin()
    assert other.connection.send_frames(b"x")
    other.connection.close()
    assert not other.connection.send_frames(b"y")
    assert not other.connection.send(b"4y")
    assert channel.sent == [b"x"]


# -- what comes -----------------------------------------------------------------------------------


async def test_what_comes_in_one_post_is_handed_on_a_few_packets_at_a_time(new_place: New) -> None:
    place = new_place()
    wire = place.post(*(f"4{number}" for number in range(2 * AT_ONCE + 1)))
    assert place.talk.messages == [str(number) for number in range(AT_ONCE)]
    assert (wire.answers, place.bodies.waiting) == ([], PIECE * AT_ONCE)
    await trio.testing.wait_all_tasks_blocked()
    assert place.talk.messages == [str(number) for number in range(2 * AT_ONCE + 1)]
    assert wire.answers == [OK]


async def test_no_more_than_these_need_no_further_turn(new_place: New) -> None:
    place = new_place()
    assert place.post(*["4"] * AT_ONCE).answers == [OK]
    assert place.bodies.waiting == 0
    assert place.post("4last").answers == [OK]


async def test_a_post_is_answered_when_there_was_room_for_all_that_is_in_it(new_place: New) -> None:
    place = new_place()
    place.talk.room = 3
    wire = place.post(*(f"4{number}" for number in range(5)))
    assert (len(place.talk.messages), wire.answers, place.bodies.waiting) == (3, [], 0)
    place.talk.room = 2
    place.connection.go_on()
    assert place.talk.messages == [str(number) for number in range(5)]
    assert wire.answers == [OK]
    place.connection.go_on()
    assert wire.answers == [OK]


async def test_what_is_in_a_post_has_come_though_its_client_has_gone(new_place: New) -> None:
    place = new_place()
    place.talk.room = 1
    wire, exchange = place.posted("4a", "4b")
    assert exchange.body == b""
    exchange.drop()
    place.talk.room = 5
    place.connection.go_on()
    assert place.talk.messages == ["a", "b"]
    assert wire.answers == []
    assert place.post("4c").answers == [OK]


async def test_nothing_is_taken_in_the_place_of_what_came_before_it_and_has_not_been_handed_on(
    new_place: New,
) -> None:
    place = new_place()
    place.talk.room = 1
    _, exchange = place.posted("4a", "4b")
    exchange.drop()
    assert wrong(place.post("4c")) == (400, 3)
    assert place.ended
    assert place.talk.messages == ["a"]


async def test_a_second_post_beside_one_that_is_not_answered_ends_it(new_place: New) -> None:
    place = new_place()
    place.talk.room = 0
    first = place.post("4a")
    assert wrong(place.post("4b")) == (400, 3)
    assert place.ended
    assert first.answers == [OK]
    assert place.talk.messages == []


async def test_a_second_get_beside_one_that_is_held_ends_it(new_place: New) -> None:
    place = new_place()
    held = place.get()
    assert wrong(place.get()) == (400, 3)
    assert place.ended
    assert held.answers == [(200, b"1")]
    assert place.talk.notes == ["marked", "closed"]


async def test_a_get_whose_client_goes_ends_it(new_place: New) -> None:
    place = new_place()
    wire, exchange = Wire(), Exchange("GET", "/", b"", {})
    exchange.arrive(wire, "")
    place.connection.poll(exchange)
    exchange.let_go()
    assert place.ended
    assert (wire.answers, exchange.response) == ([], b"")


@pytest.mark.parametrize("packet", ["2", "x", "4nonsense", ""])
async def test_what_makes_no_sense_is_refused_and_ends_it(new_place: New, packet: str) -> None:
    place = new_place()
    held = place.get()
    assert wrong(place.post("4a", packet, "4b")) == (400, 3)
    assert place.ended
    assert place.talk.messages == ["a"]
    assert held.answers == [(200, b"1")]


async def test_behind_the_end_nothing_is_taken(new_place: New) -> None:
    place = new_place()
    held = place.get()
    assert place.post("4a", "1", "4b").answers == [OK]
    assert (place.ended, place.talk.messages) == (True, ["a"])
    assert held.answers == [(200, b"6")]


async def test_one_that_has_ended_keeps_nothing_and_is_waited_for_no_longer(new_place: New) -> None:
    place = new_place()
    place.talk.room = 0
    place.post("4a")
    place.connection.send(b"4b")
    assert len(place.engine.until_ping) == 1
    place.connection.close()
    assert len(place.engine.until_ping) == len(place.engine.until_pong) == 0
    assert (place.connection._queue, place.connection._coming) == ([], None)


async def test_it_ends_once(new_place: New, autojump_clock: trio.testing.MockClock) -> None:
    place = new_place()
    for _ in range(2):
        place.connection.close()
    assert place.talk.notes == ["closed"]
    await trio.sleep(100)
    assert place.talk.notes == ["closed"], "nothing is due on it any more"


@pytest.mark.parametrize("kind", [OPEN, NOOP])
async def test_what_only_servers_say_is_passed_over(new_place: New, kind: str) -> None:
    place = new_place()
    place.connection.take((kind, ""))
    assert not place.ended
    with pytest.raises(ProtocolError, match="server that pings"):
        place.connection.take((PING, ""))


# -- heart-beats ----------------------------------------------------------------------------------


async def test_a_client_is_pinged_in_time_and_gone_if_it_does_not_answer(
    new_place: New, autojump_clock: trio.testing.MockClock
) -> None:
    place = new_place()
    held = place.get()
    await trio.sleep(24.9)
    assert held.answers == []
    await trio.sleep(0.2)
    assert held.answers == [(200, b"2")]
    await trio.sleep(19.8)
    assert not place.ended
    await trio.sleep(0.2)
    assert place.ended


async def test_from_its_answer_on_it_is_pinged_again_and_not_sooner_for_one_that_nobody_asked_for(
    new_place: New, autojump_clock: trio.testing.MockClock
) -> None:
    place = new_place()
    await trio.sleep(20)
    place.connection.take((PONG, ""))
    await trio.sleep(5.1)
    assert place.get().answers == [(200, b"2")]
    await trio.sleep(10)
    place.connection.take((PONG, ""))
    held = place.get()
    await trio.sleep(24.9)
    assert held.answers == []
    await trio.sleep(0.2)
    assert held.answers == [(200, b"2")]
    assert not place.ended


async def test_one_of_which_nothing_is_read_meanwhile_is_asked_again(
    new_place: New, autojump_clock: trio.testing.MockClock
) -> None:
    place = new_place()
    channel = place.begin()
    await trio.sleep(25.1)
    assert channel.sent == [frames_of(b"2")]
    place.talk.room = 0
    await trio.sleep(20)
    assert channel.sent == [frames_of(b"2")] * 2
    assert place.talk.notes == ["marked"], "what was sent since is not known to have arrived by its answer"
    place.talk.room = 1
    await trio.sleep(20)
    assert place.ended


async def test_who_is_asked_for_a_sign_of_life_answers_it_only_by_a_websocket(new_place: New) -> None:
    place = new_place()
    place.connection.ask()
    assert place.get().answers == []
    other = Place(start_nothing)
    channel = other.begin()
    for _ in range(2):
        other.connection.ask()
    assert channel.sent == [frames_of(b"2")]
    assert other.talk.notes == ["marked"]
    other.connection.take((PONG, ""))
    assert other.talk.notes == ["marked", "arrived"]
    other.connection.take((PONG, ""))
    assert other.talk.notes == ["marked", "arrived"]
    other.connection.close()
    channel.sent.clear()
    other.connection.ask()
    assert channel.sent == []


# -- the WebSocket --------------------------------------------------------------------------------


async def test_one_that_begins_on_a_websocket_has_nothing_to_go_on_as(new_place: New) -> None:
    place = new_place()
    channel: Any = Frames()
    (first,) = ServersFrames().feed(place.connection.begin(channel))
    assert first.payload[:1] == b"0"
    assert json.loads(first.payload[1:]) == {
        "sid": place.connection.sid,
        "upgrades": [],
        "pingInterval": 25_000,
        "pingTimeout": 20_000,
        "maxPayload": Limits().body_bytes,
    }


async def test_carried_by_a_websocket_all_goes_by_it(new_place: New) -> None:
    place = new_place()
    channel = place.begin()
    assert place.connection.by_websocket
    assert not place.connection.may_be_upgraded
    assert place.connection.send(b"4a" + SEPARATOR + b"4b")
    channel.room = False
    assert not place.connection.send(b"4c")
    assert channel.sent == [frames_of(b"4a" + SEPARATOR + b"4b"), frames_of(b"4c")]
    place.connection.go_on()
    assert channel.notes == ["goes on"]
    place.connection.drained()
    assert place.talk.notes == ["drained"]
    place.connection.left(channel)
    assert place.ended
    assert channel.notes == ["goes on", "finished"]


async def test_what_has_arrived_before_is_not_said_to_have_arrived_by_a_pong(
    new_place: New, autojump_clock: trio.testing.MockClock
) -> None:
    place = new_place()
    channel: Any = Frames()
    await trio.sleep(25.1)
    assert place.get().answers == [(200, b"2")]
    place.connection.probed(channel)
    place.connection.upgraded(channel)
    assert place.talk.notes == ["marked", "arrived", "drained"]
    place.connection.take((PONG, ""))
    assert place.talk.notes == ["marked", "arrived", "drained"]


@pytest.mark.parametrize(
    ("queued", "room", "drained"), [(False, True, True), (True, True, True), (True, False, False)]
)
async def test_it_goes_on_as_a_websocket_with_what_has_not_been_sent(
    new_place: New, queued: bool, room: bool, drained: bool
) -> None:
    place = new_place()
    channel: Any = Frames()
    channel.room = room
    assert place.connection.may_be_upgraded
    held = place.get()
    place.connection.probed(channel)
    assert held.answers == [(200, b"6")]
    assert not place.connection.may_be_upgraded
    if queued:
        place.connection.send(b"4a")
        place.connection.send(b"4b")
    place.connection.upgraded(channel)
    assert channel.sent == ([frames_of(b"4a" + SEPARATOR + b"4b")] if queued else [])
    assert place.talk.notes == ["marked", "arrived", "drained"][: 3 if drained else 2]
    assert (place.connection.by_websocket, place.connection.probing) == (True, None)
    assert not place.connection.may_be_upgraded


async def test_while_a_websocket_is_tried_no_get_is_held(new_place: New) -> None:
    place = new_place()
    channel: Any = Frames()
    place.connection.probed(channel)
    assert place.get().answers == [(200, b"6")]
    other: Any = Frames()
    place.connection.left(other)
    probing: Any = place.connection.probing
    assert probing is channel
    place.connection.left(channel)
    assert not place.ended
    held = place.get()
    assert held.answers == []
    place.connection.probed(channel)
    place.connection.close()
    assert channel.notes == ["finished"]


# -- what all have in common ----------------------------------------------------------------------


async def test_there_are_only_so_many_and_of_one_address_only_so_many_in_a_minute(new_place: New) -> None:
    place = new_place()
    place.engine.open(HandshakeCredentials(Handshake("192.0.2.2")))
    with pytest.raises(ProtocolError, match="as many connections") as raised:
        place.engine.open(HandshakeCredentials(Handshake("192.0.2.3")))
    assert (raised.value.condition, raised.value.retry_after) == ("too-many-sessions", 1)
    for connection in list(place.engine.connections.values()):
        connection.close()
    for _ in range(2):
        place.engine.open(HandshakeCredentials(Handshake("192.0.2.1"))).close()
    with pytest.raises(ProtocolError, match="within a minute"):
        place.engine.open(HandshakeCredentials(Handshake("192.0.2.1")))


async def test_what_cannot_be_handed_on_in_its_turn_is_logged(
    new_place: New, caplog: pytest.LogCaptureFixture
) -> None:
    place = new_place()

    def fail() -> None:
        raise ZeroDivisionError

    with caplog.at_level(logging.ERROR, "cometary.transport"):
        place.engine.guarded(fail)()
    assert "ZeroDivisionError" in caplog.text


async def test_a_message_in_bytes_is_one_as_well(new_place: New) -> None:
    place = new_place()
    place.connection.take((MESSAGE, b"\0"))
    assert place.talk.messages == [b"\0"]
