"""What the gate is given for a body, and what a request makes of its answer."""

from __future__ import annotations

import json as standard_json
from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest

from cometary.errors import ElsewhereError, ProtocolError
from cometary.gate.gate import Gate
from cometary.gate.opening import NO_TOKEN, Welcome
from cometary.packets.packet import Packet
from cometary.packets.question import Question
from cometary.packets.receipted import AskedPacket
from cometary.sessions.ids import SID_LENGTH
from cometary.sessions.resuming import Resuming
from cometary.transport.codecs import cbor, json
from cometary.transport.codecs.amount import MOST
from cometary.transport.http.exchange import Exchange, Headers
from cometary.transport.wires.comet.bodies import (
    HIGHEST_FIRST_RID,
    are_flat,
    packet_of,
    read_attach,
    read_bytes,
    read_request,
    read_sid,
    welcome_members,
    with_members,
    write_answer,
)
from cometary.transport.wires.comet.endpoint import CometEndpoint, CometRequest, ResumingRequest
from cometary.transport.wires.comet.senders import LONGEST_OPENING
from cometary.transport.wires.comet.shapes import PacketBody
from tests.transport.wire import WholeAnswers

SID = "x" * SID_LENGTH


class Wire(WholeAnswers):
    """A connection that notes what it is given."""

    def __init__(self) -> None:
        self.sent: list[tuple[int, Any]] = []

    def carry(
        self, exchange: Exchange, status: int, body: bytes, content_type: bytes, headers: Headers
    ) -> None:
        self.sent.append((status, standard_json.loads(body)))


class Noting:
    """A gate, as far as it is asked."""

    mirrors = False

    def __init__(self, *, guards: bool = False) -> None:
        self.guards = guards
        self.living: dict[str, object] = {}
        self.forwarded: list[str] = []
        self.forward_of: Callable[[str], Callable[[Exchange], None] | None] | None = None
        self.submitted: list[tuple[str, Any, Any]] = []
        self.keepers: list[object] = []
        self.opened: list[Any] = []
        self.told: list[tuple[str, object]] = []
        self.knows = True

    def submit(self, sid: str, request: object, credentials: object, keeper: object = None) -> None:
        self.submitted.append((sid, request, credentials))
        self.keepers.append(keeper)

    def open(self, opening: object) -> None:
        self.opened.append(opening)

    def drop(self, sid: str, request: object) -> bool:
        self.told.append((f"drop {sid}", request))
        return self.knows

    def hurry(self, sid: str, request: object) -> None:
        self.told.append((f"hurry {sid}", request))

    def withdraw(self, opening: object) -> None:
        self.told.append(("withdraw", opening))


def asked(body: object, gate: Noting) -> tuple[Exchange, Wire]:
    exchange, wire = Exchange("POST", "/comet", b"", {}, body=standard_json.dumps(body).encode()), Wire()
    exchange.arrive(wire, "192.0.2.1")
    CometEndpoint(cast("Gate", gate))(exchange)
    return exchange, wire


def submitted(gate: Noting | None = None, **members: object) -> tuple[Any, Exchange, Wire]:
    """Return the request that comes of a body, with its exchange."""
    gate = gate or Noting()
    exchange, wire = asked({"sid": SID, "rid": 2, **members}, gate)
    [(sid, request, _)] = gate.submitted
    assert sid == SID
    return request, exchange, wire


def test_a_request_says_what_its_body_does_and_nothing_else() -> None:
    request, _, _ = submitted()
    assert (request.rid, request.ack, [*request.packets], request.close) == (2, 0, [], False)
    assert (request.holds, request.resumes, request.address) == (True, False, "192.0.2.1")
    request, _, _ = submitted(ack=3, packets=[{"path": "p", "message": 1}], close=True, hold=False)
    assert (request.ack, [each.path for each in request.packets], request.close) == (3, ["p"], True)
    assert (request.holds, request.resumes) == (False, False)


def test_what_a_client_shows_of_itself_is_looked_at_only_where_somebody_guards() -> None:
    for guards, members, token in ((True, {}, NO_TOKEN), (True, {"token": "t"}, "t"), (False, {}, None)):
        gate = Noting(guards=guards)
        submitted(gate, **members)
        [(_, _, credentials)] = gate.submitted
        assert credentials is None if not guards else credentials.token == token


@pytest.mark.parametrize("hold", [True, False])
def test_a_client_that_can_go_on_elsewhere_says_how_far_it_has_come(hold: bool) -> None:
    request, _, _ = submitted(ack=3, gen=4, at="there", done=1, hold=hold, close=True)
    assert request.resuming == Resuming(4, "there", 1)
    assert (request.resumes, request.holds, request.close) == (True, hold, True)
    request, _, _ = submitted(gen=4)
    assert request.resuming == Resuming(4, None, 0)
    assert (request.broken, request.recorder) == (False, None)


def test_an_opening_says_for_how_long_it_may_be_held_and_whether_it_can_go_on_elsewhere() -> None:
    for members, expected in (({}, (None, False)), ({"wait": 5, "resume": True}, (5, True))):
        gate = Noting()
        exchange, _ = asked({"rid": 7, **members}, gate)
        [opening] = gate.opened
        assert opening.rid == 7
        assert (opening.wait, opening.resumes) == expected
        exchange.drop()
        assert gate.told == [("withdraw", opening)]


@pytest.mark.parametrize("knows", [True, False])
def test_a_client_that_goes_is_told_of_to_its_session_which_answers_unless_the_gate_lets_go_of_it(
    knows: bool,
) -> None:
    gate = Noting()
    gate.knows = knows
    request, exchange, _ = submitted(gate)
    request.sid = SID
    exchange.drop()
    assert gate.told == [(f"drop {SID}", request)]
    assert exchange.closing is knows, "nobody waits for an answer then"
    request.hurry()
    assert gate.told[1:] == [(f"hurry {SID}", request)]


class Recorder:
    """Knows where a client is."""

    def members(self, first_seq: int, packets: Sequence[Packet]) -> dict[str, object]:
        return {"at": f"behind {first_seq + len(packets) - 1}"}


def test_an_answer_says_how_far_its_client_has_come_if_the_session_is_recorded() -> None:
    for recorder, more in ((None, {}), (Recorder(), {"at": "behind 4"})):
        request, _, wire = submitted(gen=4)
        request.recorder = recorder
        request.answer(3, [Packet("p", 1), Packet("q", 2)])
        [(status, body)] = wire.sent
        packets = [{"path": "p", "message": 1}, {"path": "q", "message": 2}]
        assert (status, body) == (200, {**more, "seq": 3, "packets": packets})


def elsewhere(told: list[Exchange]) -> ElsewhereError:
    return ElsewhereError(None, told.append)


def with_nodes() -> Noting:
    gate = Noting()
    gate.forward_of = lambda _: None
    return gate


def test_another_node_answers_a_request_as_it_came_if_that_has_the_session() -> None:
    request, exchange, _ = submitted(with_nodes(), gen=4)
    assert exchange.body == b"", "while it is held nothing is kept of it elsewhere"
    told = list[Exchange]()
    request.refuse(elsewhere(told))
    assert told == [exchange]
    assert standard_json.loads(exchange.body) == {"sid": SID, "rid": 2, "gen": 4}
    assert exchange.on_drop is None, "whoever answers it is told"


def test_a_request_that_is_refused_here_is_not_given_back() -> None:
    request, exchange, wire = submitted(with_nodes(), gen=4)
    request.refuse(ProtocolError("bad-ack", "No."))
    assert exchange.body == b""
    assert [status for status, _ in wire.sent] == [400]


def test_nothing_is_given_back_without_nodes_or_without_a_client() -> None:
    alone, _, _ = submitted(gen=4)
    assert alone.given_back() is None
    broken, _, _ = submitted(with_nodes(), gen=4)
    broken.broken = True
    assert broken.given_back() is None
    gone, exchange, _ = submitted(with_nodes(), gen=4)
    exchange.drop()
    assert gone.given_back() is None
    there, exchange, _ = submitted(with_nodes(), gen=4)
    assert isinstance(there, ResumingRequest)
    assert there.given_back() is exchange


def in_json(body: bytes, gate: Noting) -> Exchange:
    exchange = Exchange("POST", "/comet", b"", {}, body=body)
    exchange.arrive(Wire(), "192.0.2.1")
    CometEndpoint(cast("Gate", gate)).answer_in_json(exchange)
    return exchange


def test_a_poll_and_one_packet_go_to_their_session_at_once_and_keep_nothing_of_their_requests() -> None:
    gate = Noting()
    gate.living[SID] = keeper = object()
    head = b'{"sid":"%b","rid":2,"ack":1' % SID.encode()
    bodies = [head + more for more in (b"}", b',"packets":[{"path":"p","message":1}]}', b',"close":true}')]
    for body in bodies:
        exchange = in_json(body, gate)
        assert (exchange.body, dict(exchange.headers)) == (b"", {})
    requests = [request for _, request, _ in gate.submitted]
    assert [(type(each), each.rid, each.ack) for each in requests] == [(CometRequest, 2, 1)] * 3
    assert [len(each.packets) for each in requests] == [0, 1, 0]
    assert [each.close for each in requests] == [False, False, True]
    assert [each.size for each in requests] == [len(body) for body in bodies]
    assert gate.keepers == [keeper, keeper, None], "the last one is read in full"


def test_a_poll_shows_who_asks_where_somebody_guards() -> None:
    for guards in (True, False):
        gate = Noting(guards=guards)
        gate.living[SID] = object()
        in_json(b'{"sid":"%b","rid":2,"ack":1}' % SID.encode(), gate)
        [(_, _, credentials)] = gate.submitted
        assert credentials is None if not guards else credentials.token is NO_TOKEN
        assert credentials is None if not guards else credentials.peer == "192.0.2.1"


def test_the_node_of_its_session_answers_a_request_that_is_not_of_this_one() -> None:
    gate, told = Noting(), list[tuple[str, Exchange]]()

    def forward_of(sid: str) -> Callable[[Exchange], None] | None:
        return None if sid.endswith("here") else lambda exchange: told.append((sid, exchange))

    gate.forward_of = forward_of
    there, here = SID + "away", SID + "here"
    exchange = in_json(b'{"sid":"%b","rid":2,"ack":1}' % there.encode(), gate)
    assert told == [(there, exchange)]
    assert gate.submitted == []
    in_json(b'{"sid":"%b","rid":2,"ack":1}' % here.encode(), gate)
    in_json(b'{"sid":"%b","rid":2,"ack":1}' % SID.encode(), gate)  # which no node has given
    assert [sid for sid, _, _ in gate.submitted] == [here, SID]
    assert len(told) == 1


def test_only_what_holds_arrays_or_objects_has_any_depth() -> None:
    assert are_flat([], "token", 7, None)
    assert not are_flat([], "token", {})
    assert not are_flat([], [])
    assert are_flat([PacketBody("p", "text"), PacketBody("q")])
    assert not are_flat([PacketBody("p", "text"), PacketBody("q", {})])


def sent(path: str) -> bytes:
    return b'{"sid":"%b","rid":2,"packets":[{"path":"%b","message":1}]}' % (SID.encode(), path.encode())


@pytest.mark.parametrize(
    ("body", "condition"),
    [
        (sent(""), "bad-request"),
        (sent("::signon"), "forbidden-path"),
        (b'{"rid":1,"packets":[{"path":"p","message":1}]}', "bad-request"),
        (b'{"rid":1,"close":true}', "bad-request"),
        (b'{"rid":%d}' % (HIGHEST_FIRST_RID + 1), "bad-request"),
        (b'{"rid":1,"token":%b}' % (b"[" * 70 + b"]" * 70), "bad-request"),
    ],
)
def test_what_no_client_may_ask_is_refused(body: bytes, condition: str) -> None:
    with pytest.raises(ProtocolError, match=condition):
        read_request(body, json)


def test_a_session_may_count_from_any_number_but_the_highest() -> None:
    assert read_request(b'{"rid":%d}' % HIGHEST_FIRST_RID, json).rid == HIGHEST_FIRST_RID


def test_a_body_that_holds_too_much_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(_: bytes) -> None:
        pytest.fail("it is read")

    monkeypatch.setattr("cometary.transport.wires.comet.bodies._decode_json", read)
    with pytest.raises(ProtocolError, match="bad-request"):
        read_request(b'{"rid":1,"token":[%b1]}' % (b"1," * MOST), json)


def test_what_attaches_a_stream_has_received_nothing_unless_it_says_so_and_sends_nothing() -> None:
    assert read_attach(b'{"sid":"s"}', json).ack == 0
    assert read_attach(b'{"sid":"s","ack":3}', json).ack == 3
    for body, detail in ((b'{"sid":"s","rid":1}', "has no rid"), (b'["rid"]', "attaches no stream")):
        with pytest.raises(ProtocolError, match=detail) as caught:
            read_attach(body, json)
        assert caught.value.condition == "bad-request"


@pytest.mark.parametrize("codec", [json, cbor], ids=["json", "cbor"])
def test_an_answer_may_say_more_in_front_of_its_packets(codec: Any) -> None:
    for packets, follows in (([], False), ([Packet("p", 1)], False), ([Packet("p", 1)], True)):
        answer = write_answer(3, packets, codec, follows=follows)
        more = with_members(answer, {"at": "there", "gen": 4}, codec)
        assert codec.decode(more) == {"at": "there", "gen": 4, **codec.decode(answer)}


def test_a_client_is_told_of_its_session_what_holds_for_that() -> None:
    plain = {"version": 1, "sid": "s", "wait": 30, "die": 60, "requests": 2, "packets": 10}
    assert welcome_members(Welcome("s", 30, 60, 2, 10)) == plain
    more = welcome_members(Welcome("s", 30, 60, 2, 10, 5.0, "token", "name", 4))
    assert more == {**plain, "expires": 5.0, "bind": "token", "gen": 4}


def test_a_packet_is_a_question_if_it_asks_or_is_about_the_session_and_else_may_want_a_receipt() -> None:
    plain = packet_of(PacketBody("p"))
    assert (type(plain), plain.path, plain.message) == (Packet, "p", None)
    receipted = packet_of(PacketBody("p", 1, receipt="mine"))
    assert isinstance(receipted, AskedPacket)
    assert (receipted.path, receipted.message, receipted.receipt) == ("p", 1, "mine")
    for body, ask in (
        (PacketBody("p", 1, ask="7"), "7"),
        (PacketBody("::connect", 1), None),
        (PacketBody("::connect", 1, ask="7"), "7"),
    ):
        question = packet_of(body)
        assert isinstance(question, Question)
        assert (question.path, question.message, question.ask) == (body.path, 1, ask)


def test_no_request_has_the_number_0() -> None:
    assert read_bytes(b'{"sid":"%b","rid":0,"ack":1}' % SID.encode()) == ("", 0, 0, 0)


def test_a_nodes_session_is_named_by_what_begins_as_clients_write_it_and_has_its_tag() -> None:
    tagged = SID + "node"
    for body, sid in (
        (f'{{"sid":"{tagged}","rid":2}}', tagged),
        (f'{{"sid":"{SID}","rid":2}}', None),
        (f'{{"xid":"{tagged}","rid":2}}', None),
        ("{}", None),
    ):
        assert read_sid(body.encode()) == sid


class Sends(WholeAnswers):
    """A connection that notes what it is given, in whatever it is written."""

    def __init__(self) -> None:
        self.sent: list[tuple[int, bytes, bytes]] = []

    def carry(
        self, exchange: Exchange, status: int, body: bytes, content_type: bytes, headers: Headers
    ) -> None:
        self.sent.append((status, content_type, body))


@pytest.mark.parametrize("codec", [json, cbor], ids=["json", "cbor"])
def test_answers_are_written_as_their_requests_are(codec: Any) -> None:
    packets = [Packet("p", 1)]
    for more in ({}, {"gen": 4}):
        body = codec.encode({"sid": SID, "rid": 2, **more})
        exchange = Exchange("POST", "/comet", b"", {b"content-type": codec.content_type}, body=body)
        gate, wire = Noting(), Sends()
        exchange.arrive(wire, "192.0.2.1")
        endpoint = CometEndpoint(cast("Gate", gate))
        assert (endpoint.resolve(exchange) is endpoint) is (codec is cbor)
        endpoint(exchange)
        [(_, request, _)] = gate.submitted
        request.answer(3, packets)
        assert wire.sent == [(200, codec.content_type, write_answer(3, packets, codec))]


def test_what_answers_bodies_in_json_hands_them_to_their_sessions() -> None:
    gate = Noting()
    endpoint = CometEndpoint(cast("Gate", gate))
    exchange = Exchange("POST", "/comet", b"", {}, body=b'{"sid":"%b","rid":2,"ack":1}' % SID.encode())
    exchange.arrive(Wire(), "192.0.2.1")
    answerer: Any = endpoint.resolve(exchange)
    answerer.answer(exchange)
    assert [sid for sid, *_ in gate.submitted] == [SID]


def test_an_opening_is_as_long_as_may_be_and_a_longer_request_is_looked_at_first() -> None:
    gate, short = Noting(), len(b'{"rid": 1, "token": ""}')
    asked({"rid": 1, "token": "x" * (LONGEST_OPENING - short)}, gate)
    assert len(gate.opened) == 1
    _, wire = asked({"rid": 1, "token": "x" * (LONGEST_OPENING - short + 1)}, gate)
    assert [status for status, _ in wire.sent] == [413]
    assert len(gate.opened) == 1


@pytest.mark.parametrize("wanted", [True, False])
def test_whoever_asks_for_a_stream_is_answered_by_who_has_them(wanted: bool) -> None:
    gate, offered = Noting(), list[tuple[Exchange, object, object]]()

    def streams(exchange: Exchange, codec: object, body: Any) -> bool:
        offered.append((exchange, codec, None if body is None else body.rid))
        return wanted

    attaches, opens = (
        Exchange("POST", "/comet", b"", {}, body=body) for body in (b'{"sid":"s"}', b'{"rid":7}')
    )
    wire, endpoint = Wire(), CometEndpoint(cast("Gate", gate), streams)
    for exchange in (attaches, opens):
        exchange.arrive(wire, "192.0.2.1")
        endpoint(exchange)
    assert offered == [(attaches, json, None), (opens, json, 7)]
    assert [status for status, _ in wire.sent] == ([] if wanted else [400])
    assert len(gate.opened) == (0 if wanted else 1)
