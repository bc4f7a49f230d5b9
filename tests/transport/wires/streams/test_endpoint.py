"""The stream endpoint by itself."""

from __future__ import annotations

from typing import Any, cast

import pytest

from cometary.errors import ProtocolError
from cometary.gate.gate import Gate
from cometary.gate.opening import NO_TOKEN, Welcome
from cometary.sessions.resuming import Resuming
from cometary.transport.codecs import json
from cometary.transport.http.exchange import Exchange, Headers
from cometary.transport.http.stream import Stream
from cometary.transport.wires.comet.senders import LONGEST_OPENING
from cometary.transport.wires.comet.shapes import Body
from cometary.transport.wires.streams.endpoint import StreamEndpoint, bearer_token, last_event_id
from tests.transport.wire import WholeAnswers


class Wire(WholeAnswers):
    """A carrier on which nothing is sent."""

    def carry(
        self, exchange: Exchange, status: int, body: bytes, content_type: bytes, headers: Headers
    ) -> None:
        raise NotImplementedError


class Attaching:
    """A gate, as far as it is asked."""

    def __init__(self) -> None:
        self.attached: list[tuple[str, int]] = []

    def attach(self, sid: str, _stream: object, ack: int, _credentials: object) -> None:
        self.attached.append((sid, ack))


@pytest.mark.parametrize("gone", [False, True])
def test_a_client_that_has_gone_while_it_waited_for_its_turn_takes_no_carrier_away(gone: bool) -> None:
    gate = Attaching()
    endpoint = StreamEndpoint(cast("Gate", gate))
    events = {b"accept": b"text/event-stream", b"x-comet-session": b"sid", b"last-event-id": b"3"}
    get = Exchange("GET", "/comet", b"", events)
    lines = {b"accept": b"application/x-ndjson"}
    post = Exchange("POST", "/comet", b"", lines, body=b'{"sid":"sid","ack":4}')
    for exchange in (get, post):
        exchange.arrive(Wire(), "127.0.0.1")
        if gone:
            exchange.drop()
    endpoint(get)
    assert endpoint.take(post, json, None)
    assert gate.attached == ([] if gone else [("sid", 3), ("sid", 4)])


class Noting:
    """A gate that notes all that it is given."""

    forward_of = None

    mirrors = False

    def __init__(self) -> None:
        self.attached: list[tuple[str, Any, int, Any]] = []
        self.opened: list[Any] = []

    def attach(self, sid: str, stream: object, ack: int, credentials: object) -> None:
        self.attached.append((sid, stream, ack, credentials))

    def open(self, opening: object) -> None:
        self.opened.append(opening)


class Telling(Wire):
    """A carrier that notes with which status it answers, and of what it sends the head."""

    def __init__(self) -> None:
        self.told: list[tuple[int, bytes]] = []

    def carry(
        self, exchange: Exchange, status: int, body: bytes, content_type: bytes, headers: Headers
    ) -> None:
        self.told.append((status, body))

    def begin(self, exchange: Exchange, status: int, content_type: bytes, headers: Headers) -> bytes:
        self.told.append((status, content_type))
        return b""

    def push(self, exchange: Exchange, stream: Stream) -> bool:
        return True

    def conclude(self, exchange: Exchange) -> None:
        self.told.append((0, b"the end"))


def come(method: str = "GET", body: bytes = b"", **headers: str) -> tuple[Exchange, Telling]:
    named = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    exchange, wire = Exchange(method, "/comet", b"", named, body=body), Telling()
    exchange.arrive(wire, "192.0.2.1")
    return exchange, wire


EVENTS = "text/event-stream"
LINES = "application/x-ndjson"


def test_a_get_is_answered_by_who_is_there_for_what_it_wants() -> None:
    gate, plain, otherwise = Noting(), list[Exchange](), list[Exchange]()
    endpoint = StreamEndpoint(cast("Gate", gate), plain.append, otherwise.append)
    wants_none, without_sid = come()[0], come(accept=EVENTS)[0]
    for exchange in (wants_none, without_sid, come(accept=LINES)[0]):
        endpoint(exchange)
    assert plain == [without_sid]
    assert otherwise[0] is wants_none
    assert len(otherwise) == 2
    head, wire = come("HEAD", accept=EVENTS, x_comet_session="sid")
    endpoint(head)
    assert wire.told == [(200, EVENTS.encode()), (0, b"the end")]
    assert gate.attached == []


def test_without_anybody_for_it_a_get_is_refused() -> None:
    endpoint = StreamEndpoint(cast("Gate", Noting()))
    with pytest.raises(ProtocolError, match="X-Comet-Session"):
        endpoint(come(accept=EVENTS)[0])
    other, wire = come()
    endpoint(other)
    assert [status for status, _ in wire.told] == [405]


def test_a_get_attaches_a_stream_of_a_client_that_shows_its_token_and_says_what_it_has() -> None:
    gate = Noting()
    exchange, _ = come(
        accept=EVENTS, x_comet_session="sid", last_event_id="7.4.there", authorization="Bearer  secret "
    )
    StreamEndpoint(cast("Gate", gate))(exchange)
    [(sid, stream, ack, credentials)] = gate.attached
    assert (sid, ack, credentials.token) == ("sid", 7, "secret")
    assert stream.resuming == Resuming(4, "there")
    assert not exchange.headers, "while it lasts nothing is kept of its request"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"", (0, None)),
        (b"7", (7, None)),
        (b"7.4.there", (7, Resuming(4, "there"))),
        (b"7.4.", (7, Resuming(4, None))),
        (b"9" * 16, (10**16 - 1, None)),
    ],
)
def test_what_a_browser_has_received_is_in_its_last_event_id(value: bytes, expected: object) -> None:
    assert last_event_id({b"last-event-id": value}) == expected


@pytest.mark.parametrize("value", [b"x", b"-1", b"7.", b"7.4", b"7.x.there", b"7.4.th re", b"9" * 17])
def test_what_is_none_of_our_ids_is_refused(value: bytes) -> None:
    with pytest.raises(ProtocolError, match="Last-Event-ID"):
        last_event_id({b"last-event-id": value})


def test_only_a_bearer_has_a_token() -> None:
    for value in (b"", b"Basic secret", b"secret"):
        assert bearer_token({b"authorization": value}) is NO_TOKEN
    assert bearer_token({}) is NO_TOKEN
    assert bearer_token({b"authorization": b"bEARER secret"}) == "secret"


def taken(
    body: bytes, gate: Noting, opening: Body | None = None, accept: str = LINES
) -> tuple[bool, Any, Any]:
    exchange, wire = come("POST", body, accept=accept)
    return StreamEndpoint(cast("Gate", gate)).take(exchange, json, opening), exchange, wire


def test_a_post_that_wants_no_stream_or_is_too_long_for_one_is_left_to_others() -> None:
    gate = Noting()
    assert not taken(b'{"sid":"sid"}', gate, accept="application/json")[0]
    assert not taken(b'{"sid":"sid"}'.ljust(LONGEST_OPENING + 1), gate)[0]
    assert gate.attached == []
    assert taken(b'{"sid":"sid"}'.ljust(LONGEST_OPENING), gate)[0]
    assert [sid for sid, *_ in gate.attached] == ["sid"]


@pytest.mark.parametrize("resume", [True, False])
def test_a_post_opens_a_session_with_a_stream(resume: bool) -> None:
    gate = Noting()
    answered, exchange, wire = taken(b"{}", gate, Body(rid=7, resume=resume))
    assert answered
    [opening] = gate.opened
    assert (opening.rid, opening.resumes) == (7, resume)
    assert not exchange.headers
    assert exchange.body == b""
    opening.opened(Welcome("sid", 30, 60, 2, 10, generation=4 if resume else None))
    assert getattr(opening.stream, "resuming", None) == (Resuming(4) if resume else None)
    opening.stream.taken()
    assert wire.told == [(200, LINES.encode())]


def test_a_post_attaches_a_stream_of_what_its_body_says() -> None:
    for members, token, says in (
        ('"ack":3', NO_TOKEN, None),
        ('"ack":3,"token":"t","gen":4', "t", Resuming(4)),
        ('"ack":3,"gen":4,"at":"there"', NO_TOKEN, Resuming(4, "there")),
    ):
        gate = Noting()
        answered, exchange, _ = taken(b'{"sid":"sid",%b}' % members.encode(), gate)
        [(sid, stream, ack, credentials)] = gate.attached
        assert (answered, sid, ack, credentials.token) == (True, "sid", 3, token)
        assert getattr(stream, "resuming", None) == says
        assert exchange.body == b""


def test_a_post_that_attaches_nothing_is_told_what_is_wrong() -> None:
    gate = Noting()
    answered, _, wire = taken(b'{"sid":"sid","rid":0}', gate)
    assert answered
    assert [status for status, _ in wire.told] == [400]
    assert gate.attached == []
