"""A client in its namespaces without sockets: what it sends, what it is told, and when."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cometary.errors import ProtocolError
from cometary.gate.opening import Welcome
from cometary.packets.packet import Packet
from cometary.sessions.handshake import Handshake
from cometary.sessions.policy import Policy
from cometary.transport.wires.engineio.credentials import HandshakeCredentials
from cometary.transport.wires.engineio.packets import SEPARATOR, frames_of
from cometary.transport.wires.socketio.client import MOST_NAMESPACES, MOST_UNHEARD, Client
from cometary.transport.wires.socketio.common import SocketIo, Terms
from cometary.transport.wires.socketio.requests import NamespaceOpening, NamespaceRequest
from cometary.transport.wires.socketio.stream import EVENT_COSTS, MOST_PENDING, NamespaceStream

MOST_PACKETS = 4
UNHEARD = 10
CONNECTED = b'40{"sid":"name"}'


class Letting:
    """A gate that lets in whom the test says, and notes what it is asked."""

    def __init__(self) -> None:
        self.openings: list[NamespaceOpening] = []
        self.attached: list[tuple[str, NamespaceStream, int]] = []
        self.requests: list[NamespaceRequest] = []
        self.tokens: list[Any] = []
        self.notes: list[object] = []
        self.rid = 7

    def open(self, opening: NamespaceOpening) -> None:
        self.openings.append(opening)

    def withdraw(self, opening: NamespaceOpening) -> None:
        self.notes.append(("withdrawn", opening))

    def attach(self, sid: str, stream: NamespaceStream, ack: int, _: object) -> None:
        self.attached.append((sid, stream, ack))

    def next_rid(self, stream: NamespaceStream) -> int:
        return self.rid if stream.sid else 0

    def submit_further(self, sid: str, request: NamespaceRequest, credentials: Any = None) -> None:
        assert sid == "sid"
        self.tokens.append(None if credentials is None else credentials.token)
        self.requests.append(request)

    def accepts(self, path: str) -> bool:
        return path != "nobody"

    def writable(self, stream: NamespaceStream) -> None:
        self.notes.append("writable")

    def hear(self, stream: NamespaceStream, ack: int) -> None:
        self.notes.append(("heard", ack))

    def leave(self, stream: NamespaceStream) -> None:
        self.notes.append("left")


class Connected:
    """A connection of Engine.IO, as far as it is asked."""

    def __init__(self) -> None:
        self.credentials = HandshakeCredentials(Handshake("192.0.2.1"))
        self.ended = False
        self.by_websocket = False
        self.room = True
        self.sent: list[bytes] = []
        self.frames: list[bytes] = []
        self.notes: list[str] = []

    def send(self, payload: bytes) -> bool:
        self.sent.append(payload)
        return self.room

    def send_frames(self, frames: bytes) -> bool:
        self.frames.append(frames)
        return self.room

    def ask(self) -> None:
        self.notes.append("asked")

    def close(self) -> None:
        self.notes.append("closed")

    def go_on(self) -> None:
        self.notes.append("goes on")


class Clock:
    """Stands for an engine: what is due after a while is due when the test says."""

    def __init__(self) -> None:
        self.times = type("Times", (), {"connect": 45.0})
        self.due: dict[tuple[str, float], list[Any]] = {}
        self.alarms = self

    def after(self, name: str, seconds: float) -> Any:
        waiting = self.due.setdefault((name, seconds), [])

        class Queue:
            def add(self, do: Any, _: float) -> None:
                waiting.append(do)

            def discard(self, do: Any) -> None:
                if do in waiting:
                    waiting.remove(do)

        return Queue()

    def call(self, name: str, seconds: float) -> None:
        waiting = self.due[name, seconds]
        due, waiting[:] = list(waiting), []
        for do in due:
            do()


class Place:
    """A client, and what is around it."""

    def __init__(self, *, recovers: bool = False) -> None:
        self.gate = Letting()
        self.connection = Connected()
        self.clock = Clock()
        terms = Terms(Policy(), lambda name: name != "/none", MOST_PACKETS, UNHEARD, recovers)
        gate: Any = self.gate
        all_of_them: Any = SocketIo(gate, terms)
        all_of_them.engine = self.clock
        connection: Any = self.connection
        self.client: Client = all_of_them.new_talk(connection)

    def say(self, *texts: str) -> None:
        for text in texts:
            self.client.received(text)

    def connect(self, said: str = "0") -> NamespaceStream:
        """Connect, and be connected."""
        self.say(said)
        stream = self.let_in()
        stream.taken()
        return stream

    def let_in(self) -> NamespaceStream:
        opening = self.gate.openings[-1]
        opening.opened(Welcome("sid", 60, 60, 2, MOST_PACKETS, name="name"))
        stream = opening.stream
        assert isinstance(stream, NamespaceStream)
        stream.sid = "sid"
        stream.admitted()
        return stream

    @property
    def asked(self) -> list[list[object]]:
        """The messages of each request."""
        return [[packet.message for packet in request.packets] for request in self.gate.requests]

    def forget_sent(self) -> None:
        self.connection.sent = []

    @property
    def sent(self) -> list[bytes]:
        sent, self.connection.sent = self.connection.sent, []
        return sent


@pytest.fixture
async def place() -> Place:
    return Place()


TOO_FAST = ProtocolError("too-many-requests", "Slow down.", retry_after=3)
EVENTS = [f'2["a",{number}]' for number in range(10)]


async def test_what_comes_before_it_is_connected_waits_and_then_goes_together(place: Place) -> None:
    place.say("0", *EVENTS[:2])
    stream = place.let_in()
    place.say(EVENTS[2])
    assert (place.sent, place.asked) == ([], [])
    stream.taken()
    assert (place.sent, place.asked) == ([CONNECTED], [[0, 1, 2]])
    stream.taken()
    assert (place.sent, len(place.asked)) == ([], 1)
    request = place.gate.requests[0]
    assert (request.rid, request.ack, request.close, request.size) == (7, 0, False, 3 * EVENT_COSTS)
    assert (request.address, request.holds) == ("192.0.2.1", False)


async def test_one_request_is_under_way_at_a_time_with_no_more_in_it_than_may_be(place: Place) -> None:
    place.connect()
    place.say(*EVENTS)
    assert place.asked == [[0]]
    for expected in ([1, 2, 3, 4], [5, 6, 7, 8], [9]):
        place.gate.requests[-1].answer(0, ())
        assert place.asked[-1] == expected
    place.gate.requests[-1].answer(0, ())
    assert len(place.asked) == 4
    place.say(EVENTS[0])
    assert place.asked[-1] == [0]


async def test_what_came_too_fast_is_asked_again_in_time_with_half_as_much_in_it_and_in_order(
    place: Place,
) -> None:
    place.connect()
    place.say(*EVENTS)
    place.gate.requests[-1].answer(0, ())
    place.gate.requests[-1].refuse(TOO_FAST)
    place.say('2["a",10]')
    assert len(place.asked) == 2
    place.clock.call("retry", 3.0)
    assert place.asked[-1] == [1, 2]
    place.gate.requests[-1].refuse(ProtocolError("too-many-requests", "Slow down."))
    place.clock.call("retry", 1.0)
    assert place.asked[-1] == [1]
    place.gate.requests[-1].refuse(TOO_FAST)
    place.clock.call("retry", 3.0)
    for expected in ([1], [2, 3], [4, 5, 6, 7], [8, 9, 10]):
        assert place.asked[-1] == expected
        place.gate.requests[-1].answer(0, ())


async def test_what_is_refused_otherwise_is_not_sent_again(place: Place) -> None:
    place.connect()
    place.say(*EVENTS[:2])
    place.gate.requests[-1].refuse(ProtocolError("bad-request", "No."))
    assert place.asked == [[0], [1]]


async def test_a_client_is_not_read_while_too_much_of_it_waits(place: Place) -> None:
    stream = place.connect()
    place.say(EVENTS[0])
    most = MOST_PENDING // EVENT_COSTS
    place.say(*['2["a",1]'] * (most - 2))
    assert place.client.ready
    place.say('2["a",1]')
    assert not place.client.ready
    assert not stream.room
    while stream._pending or stream._asked:
        assert place.connection.notes == []
        place.gate.requests[-1].answer(0, ())
    assert place.client.ready
    assert place.connection.notes == ["goes on"]


async def test_a_long_event_counts_with_its_length(place: Place) -> None:
    stream = place.connect()
    place.say(EVENTS[0])
    said = '2["a","' + "x" * 1_000 + '"]'
    place.say(said)
    assert stream._pending_bytes == EVENT_COSTS + len(said)


async def test_an_event_that_nobody_takes_or_that_may_not_be_sent_harms_none_beside_it(place: Place) -> None:
    stream = place.connect()
    place.say(EVENTS[0], '2["nobody",1]', '2["::gap",1]', '2["",1]', EVENTS[1])
    assert stream._pending_bytes == 2 * EVENT_COSTS
    place.gate.requests[-1].answer(0, ())
    assert place.asked == [[0], [1]]


# -- tokens ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "shown"),
    [('"abc"', "abc"), ('{"token":"abc"}', "abc"), ('{"token":"abc","x":1}', {"token": "abc", "x": 1})],
)
async def test_a_token_goes_before_what_waits_and_its_outcome_is_told(
    place: Place, given: str, shown: object
) -> None:
    place.connect()
    place.say(EVENTS[0], EVENTS[1], f'25["::token",{given}]')
    place.forget_sent()
    place.gate.requests[-1].answer(0, ())
    assert place.asked == [[0], []]
    assert place.gate.tokens == [None, shown]
    renewal = place.gate.requests[-1]
    assert (renewal.rid, renewal.close, renewal.size) == (7, False, 0)
    place.gate.requests[-1].answer(0, ())
    assert place.sent == [b"435[]"]
    assert place.asked == [[0], [], [1]]


async def test_a_token_that_is_refused_is_told_with_what_is_wrong(place: Place) -> None:
    place.connect()
    place.say('25["::token","abc"]', '2["::token","abc"]')
    place.forget_sent()
    place.gate.requests[-1].refuse(ProtocolError("unauthorized", "No.", reason="old"))
    (told,) = place.sent
    assert told.startswith(b"435")
    assert json.loads(told[3:]) == [{"error": "unauthorized", "detail": "No.", "reason": "old"}]
    place.gate.requests[-1].answer(0, ())
    assert place.sent == [], "of one that asks for nothing only a refusal is told"


@pytest.mark.parametrize(
    ("error", "seconds"), [(TOO_FAST, 3.0), (ProtocolError("too-many-requests", ""), 1.0)]
)
async def test_a_token_that_comes_too_fast_is_judged_later_and_before_the_next_one(
    place: Place, error: ProtocolError, seconds: float
) -> None:
    place.connect()
    place.say('21["::token","first"]', '22["::token","second"]')
    place.forget_sent()
    place.gate.requests[-1].refuse(error)
    assert (place.gate.tokens, place.sent) == (["first"], [])
    place.clock.call("retry", seconds)
    place.gate.requests[-1].answer(0, ())
    place.gate.requests[-1].answer(0, ())
    assert place.gate.tokens == ["first", "first", "second"]
    assert place.sent == [b"431[]", b"432[]"]


async def test_tokens_that_wait_count_as_well(place: Place) -> None:
    stream = place.connect()
    place.say(EVENTS[0])
    before = stream._pending_bytes
    place.say('2["::token","' + "x" * 1_000 + '"]')
    assert stream._pending_bytes > before + 1_000
    place.gate.requests[-1].answer(0, ())
    assert stream._pending_bytes > 1_000, "it is still under way"
    place.gate.requests[-1].answer(0, ())
    assert stream._pending_bytes == 0


# -- what the session sends -----------------------------------------------------------------------

PACKETS = [Packet("a", number) for number in range(3)]


async def test_packets_are_sent_behind_the_word_that_it_is_connected(place: Place) -> None:
    place.say("0")
    stream = place.let_in()
    assert stream.write(1, PACKETS)
    stream.taken()
    assert place.sent == [CONNECTED, SEPARATOR.join(b'42["a",%d]' % number for number in range(3))]
    assert stream.written == 3


async def test_one_packet_alone_is_sent_as_the_frame_that_all_get(place: Place) -> None:
    stream = place.connect()
    place.forget_sent()
    place.connection.by_websocket = True
    stream.write(1, PACKETS[:1])
    assert (place.connection.frames, place.sent) == ([frames_of(b'42["a",0]')], [])
    stream.write(2, PACKETS[:2])
    assert (len(place.connection.frames), place.sent) == (1, [b'42["a",0]' + SEPARATOR + b'42["a",1]'])


async def test_a_packet_that_clients_would_take_for_their_own_is_left_out(place: Place) -> None:
    stream = place.connect()
    place.forget_sent()
    for by_websocket in (False, True):
        place.connection.by_websocket = by_websocket
        assert stream.write(1, [Packet("connect", 1)])
    assert stream.write(2, [Packet("connect", 1), PACKETS[0]])
    assert (place.sent, place.connection.frames) == ([b'42["a",0]'], [])


@pytest.mark.parametrize("by_websocket", [False, True])
async def test_where_there_is_no_room_the_session_waits_until_there_is(
    place: Place, by_websocket: bool
) -> None:
    stream = place.connect()
    place.connection.by_websocket = by_websocket
    place.client.drained()
    assert place.gate.notes == []
    place.connection.room = False
    assert not stream.write(1, PACKETS[:1])
    for _ in range(2):
        place.client.drained()
    assert place.gate.notes == ["writable"]


async def test_what_was_marked_has_arrived_and_not_what_was_sent_since(place: Place) -> None:
    stream = place.connect()
    stream.write(1, PACKETS)
    place.client.marked()
    stream.write(4, PACKETS)
    place.client.arrived()
    assert place.gate.notes == [("heard", 3)]


async def test_a_client_is_asked_for_a_sign_of_life_when_many_packets_are_on_their_way(place: Place) -> None:
    stream = place.connect()
    for number in range(1, UNHEARD):
        stream.write(number, PACKETS[:1])
    assert place.connection.notes == []
    stream.write(UNHEARD, PACKETS[:1])
    assert place.connection.notes == ["asked"]
    place.client.marked()
    place.connection.notes.clear()
    stream.write(UNHEARD + 1, PACKETS[:1])
    assert place.connection.notes == []
    stream.beat()
    assert place.connection.notes == ["asked"]


@pytest.mark.parametrize("send", ["send", "send_frames"])
async def test_or_when_many_bytes_are(place: Place, send: str) -> None:
    send_bytes: Any = getattr(place.client, send)
    assert send_bytes(b"")
    assert send_bytes(bytes(MOST_UNHEARD - 1))
    assert place.connection.notes == []
    assert send_bytes(b"x")
    assert place.connection.notes == ["asked"]
    place.client.marked()
    send_bytes(bytes(MOST_UNHEARD - 1))
    assert place.connection.notes == ["asked"]


# -- coming back ----------------------------------------------------------------------------------


async def test_where_sessions_are_recovered_each_event_has_its_number() -> None:
    place = Place(recovers=True)
    stream = place.connect()
    assert place.sent == [b'40{"sid":"name","pid":"sid.name"}']
    place.connection.by_websocket = True
    stream.write(5, [PACKETS[0], Packet("::answer", {"ask": "3", "value": 1}), Packet("b", b"\1")])
    assert place.sent == [
        SEPARATOR.join(
            [b'42["a",0,"5"]', b"433[1]", b'451-["b",{"_placeholder":true,"num":0},"7"]', b"bAQ=="]
        )
    ]
    assert place.connection.frames == []


async def test_who_comes_back_is_attached_to_its_session_and_told_of_it_as_before() -> None:
    place = Place(recovers=True)
    place.say('0{"pid":"sid.name","offset":"4"}')
    ((sid, stream, ack),) = place.gate.attached
    assert (sid, ack, stream.written) == ("sid", 4, 4)
    stream.sid = "sid"
    place.client.arrived()
    assert place.gate.notes == [("heard", 4)]
    stream.taken()
    assert place.sent == [b'40{"sid":"name","pid":"sid.name"}']
    assert place.gate.openings == []


async def test_who_cannot_come_back_gets_another_session_in_the_same_namespace() -> None:
    place = Place(recovers=True)
    place.say('0{"pid":"sid.name","offset":"4"}', EVENTS[0])
    ((_, stream, _),) = place.gate.attached
    stream.refuse(ProtocolError("unknown-session", "No."))
    assert place.sent == []
    other = place.let_in()
    other.taken()
    assert other is place.client.streams["/"]
    assert other is not stream
    assert place.connection.notes == []


# -- the end --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "said", "notes"),
    [
        ("kicked", [b"41"], []),
        ("closed", [b"41"], []),
        ("expired", [b"41"], []),
        ("timeout", [], ["closed"]),
        ("shutdown", [], ["closed"]),
    ],
)
async def test_an_end_for_good_is_told_and_after_any_other_the_client_is_to_come_back(
    place: Place, reason: str, said: list[bytes], notes: list[str]
) -> None:
    stream = place.connect()
    place.forget_sent()
    place.say(EVENTS[0], EVENTS[1])
    error = ProtocolError("session-ended", "It is over.", reason=reason)
    for _ in range(2):
        stream.refuse(error)
    assert (place.sent, place.connection.notes) == (said, notes)
    assert place.client.streams == {}
    place.gate.rid = 0
    place.gate.requests[-1].refuse(error)
    assert place.asked == [[0]], "what waited is given up"
    assert stream.write(1, PACKETS), "and nothing is sent any more"
    stream.arrived()
    assert (place.sent, place.gate.notes) == ([], [])


async def test_one_that_is_released_has_left_and_is_told(place: Place) -> None:
    stream = place.connect()
    place.forget_sent()
    stream.release()
    assert (place.sent, place.client.streams, stream.left) == ([b"41"], {}, True)


async def test_who_leaves_ends_its_session_behind_what_it_has_sent(place: Place) -> None:
    place.connect()
    place.say(*EVENTS[:6], "1")
    assert place.client.streams == {}
    for closes in (False, False, True):
        assert place.gate.requests[-1].close is closes
        if closes:
            place.gate.rid = 0  # the session has ended
        place.gate.requests[-1].answer(0, ())
    assert place.asked == [[0], [1, 2, 3, 4], [5]]


async def test_who_leaves_has_its_session_ended_though_the_connection_ends_as_well(place: Place) -> None:
    place.connect()
    place.say(EVENTS[0], "1")
    place.connection.ended = True
    place.gate.requests[-1].answer(0, ())
    assert place.gate.requests[-1].close


async def test_of_who_does_not_nothing_is_asked_once_the_connection_has_ended(place: Place) -> None:
    place.connect()
    place.say(*EVENTS[:2])
    place.connection.ended = True
    place.gate.requests[-1].answer(0, ())
    assert place.asked == [[0]]


async def test_who_leaves_before_it_has_a_session_gets_none(place: Place) -> None:
    place.say("0", "1")
    assert place.gate.notes == [("withdrawn", place.gate.openings[0])]
    assert (place.client.streams, place.sent, place.asked) == ({}, [], [])


@pytest.mark.parametrize("events", [0, 1])
async def test_who_leaves_before_it_was_told_that_it_is_connected_ends_its_session(
    place: Place, events: int
) -> None:
    place.say("0")
    stream = place.let_in()
    place.say(*EVENTS[:events], "1")
    stream.taken()
    assert place.sent == []
    (request,) = place.gate.requests
    assert request.close
    assert len(request.packets) == events


async def test_who_leaves_while_it_comes_back_ends_its_session_too() -> None:
    place = Place(recovers=True)
    place.say('0{"pid":"sid.name","offset":"4"}', "1")
    ((_, stream, _),) = place.gate.attached
    assert place.gate.requests == []
    stream.sid = "sid"
    stream.taken()
    (request,) = place.gate.requests
    assert request.close
    assert place.sent == []


async def test_whose_connection_ends_has_left_its_sessions_and_wants_no_others(place: Place) -> None:
    place.connect()
    place.say("0/other,")
    place.client.closed()
    assert place.gate.notes == ["left", ("withdrawn", place.gate.openings[1])]
    assert (place.client.streams, place.clock.due["connect", 45.0]) == ({}, [])


# -- namespaces -----------------------------------------------------------------------------------


async def test_who_is_let_in_nowhere_is_told_why_and_is_in_no_namespace(place: Place) -> None:
    place.say("0/other,")
    place.gate.openings[0].refuse(ProtocolError("unauthorized", "No."))
    (told,) = place.sent
    assert told.startswith(b"44/other,")
    assert json.loads(told[len(b"44/other,") :]) == {
        "message": "No.",
        "data": {"error": "unauthorized", "detail": "No."},
    }
    assert place.client.streams == {}
    place.client.closed()
    assert place.gate.notes == []


async def test_each_namespace_has_a_policy_and_says_where_it_is(place: Place) -> None:
    place.connect("0/other,")
    assert place.sent == [b'40/other,{"sid":"name"}']
    assert place.client.wanted
    (opening,) = place.gate.openings
    assert (opening.rid, opening.wire, opening.credentials.peer) == (0, "socketio", "192.0.2.1")
    assert opening.policy is not None
    assert opening.policy.namespace == "/other"


async def test_a_client_is_in_so_many_namespaces_at_most_and_in_none_that_there_is_not(place: Place) -> None:
    place.say("0/none,")
    assert place.sent == [b'44/none,{"message":"Invalid namespace"}']
    for number in range(MOST_NAMESPACES):
        place.say(f"0/n{number},")
    assert (len(place.client.streams), place.sent) == (MOST_NAMESPACES, [])
    place.say("0/one-more,")
    assert place.sent == [b'44/one-more,{"message":"A client is in 20 namespaces at most"}']
    assert len(place.client.streams) == MOST_NAMESPACES


@pytest.mark.parametrize("said", ["0", "4", "2/other,[1]", "1/other,"])
async def test_what_makes_no_sense_in_a_namespace_is_refused(place: Place, said: str) -> None:
    place.connect()
    with pytest.raises(ProtocolError, match="bad-request"):
        place.say(said)


async def test_who_is_in_none_for_too_long_is_closed(place: Place) -> None:
    assert not place.client.wanted
    place.connect()
    place.clock.call("connect", 45.0)
    assert place.connection.notes == []
    place.say("1")
    assert place.clock.due["connect", 45.0], "it is counted from the moment that it has left the last one"
    place.clock.call("connect", 45.0)
    assert place.connection.notes == ["closed"]


async def test_one_that_a_namespace_has_forgotten_before_is_not_forgotten_in_the_place_of_another(
    place: Place,
) -> None:
    first = place.connect()
    place.say("1")
    second = place.connect()
    place.client.forget(first)
    assert place.client.streams == {"/": second}


async def test_what_was_marked_before_anything_was_sent_is_nothing(place: Place) -> None:
    place.connect()
    place.client.arrived()
    place.client.marked()
    place.client.arrived()
    assert place.gate.notes == [("heard", 0)] * 2


async def test_who_has_come_back_and_is_kicked_then_gets_no_other_session() -> None:
    place = Place(recovers=True)
    place.say('0{"pid":"sid.name","offset":"4"}')
    ((_, stream, _),) = place.gate.attached
    stream.taken()
    place.forget_sent()
    stream.refuse(ProtocolError("session-ended", "It is over.", reason="kicked"))
    assert (place.sent, place.gate.openings) == ([b"41"], [])


async def test_nor_does_one_whose_session_ends_before_it_was_told_of_it(place: Place) -> None:
    place.say("0")
    stream = place.let_in()
    stream.refuse(ProtocolError("session-ended", "It is over.", reason="kicked"))
    assert (place.sent, len(place.gate.openings)) == ([b"41"], 1)


@pytest.mark.parametrize("too_fast", [True, False])
async def test_one_that_is_released_takes_nothing_to_a_session_that_another_carrier_has(
    place: Place, too_fast: bool
) -> None:
    stream = place.connect()
    place.say(*EVENTS[:3], '21["::token","abc"]')
    stream.release()
    if too_fast:
        place.gate.requests[0].refuse(TOO_FAST)
        assert not any(place.clock.due.get(("retry", 3.0), ())), "nor does it come again"
    else:
        place.gate.requests[0].answer(0, ())
    assert place.asked == [[0]]
    assert not place.gate.requests[0].close


async def test_one_that_is_released_while_it_waits_to_ask_again_does_not(place: Place) -> None:
    stream = place.connect()
    place.say(*EVENTS[:2])
    place.gate.requests[0].refuse(TOO_FAST)
    stream.release()
    place.clock.call("retry", 3.0)
    assert place.asked == [[0]]


async def test_one_that_is_released_brings_no_token_again(place: Place) -> None:
    stream = place.connect()
    place.say('21["::token","abc"]')
    place.forget_sent()
    stream.release()
    place.gate.requests[0].refuse(TOO_FAST)
    assert not any(place.clock.due.get(("retry", 3.0), ()))
    assert place.gate.tokens == ["abc"]
    assert place.sent == [b"41"], "nobody is there to be told"


async def test_who_leaves_has_what_was_put_off_taken_before_its_session_ends(place: Place) -> None:
    place.connect()
    place.say(*EVENTS[:2], "1")
    place.gate.requests[0].refuse(TOO_FAST)
    place.clock.call("retry", 3.0)
    place.gate.requests[1].answer(0, ())
    assert (place.asked, place.gate.requests[-1].close) == ([[0], [0], [1]], True)


async def test_who_leaves_while_nothing_is_under_way_ends_its_session_at_once(place: Place) -> None:
    place.connect()
    place.say("1")
    (request,) = place.gate.requests
    assert (request.close, request.packets) == (True, [])


async def test_an_event_with_bytes_is_taken_when_they_have_come(place: Place) -> None:
    place.connect()
    place.say('51-["a",{"_placeholder":true,"num":0}]')
    assert place.asked == []
    place.client.received(b"\1")
    assert place.asked == [[b"\1"]]


async def test_who_comes_and_goes_is_waited_for_once(place: Place) -> None:
    for _ in range(2):
        place.connect()
        place.say("1")
    assert len(place.clock.due["connect", 45.0]) == 1


async def test_what_is_asked_of_a_client_has_no_number_and_what_is_marked_otherwise_has() -> None:
    place = Place(recovers=True)
    stream = place.connect()
    place.forget_sent()
    asked, marked = Packet("a", 1), Packet("b", 2)
    asked.mark("ask", "s7")
    marked.mark("at", "x")
    stream.write(1, [asked, marked])
    assert place.sent == [b'427["a",1]' + SEPARATOR + b'42["b",2,"2"]']


async def test_who_is_still_in_another_namespace_or_has_gone_is_not_waited_for(place: Place) -> None:
    place.connect()
    other = place.connect("0/other,")
    place.clock.call("connect", 45.0)
    place.say("1")
    assert place.clock.due["connect", 45.0] == []
    place.connection.ended = True
    place.client.forget(other)
    assert place.clock.due["connect", 45.0] == []
