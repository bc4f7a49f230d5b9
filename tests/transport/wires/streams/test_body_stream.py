"""A stream as the body of a response: what is written when, what is kept, and what becomes of it at the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

from cometary.errors import ProtocolError
from cometary.packets.packet import Packet
from cometary.transport.wires.streams.body_stream import BodyStream
from cometary.transport.wires.streams.forms import FORMS

LINES = FORMS[b"application/x-ndjson"]
ONE, TWO, THREE = (Packet("a", number) for number in (1, 2, 3))
LATER = ProtocolError("shutting-down", "Later.", retry_after=3)


class Response:
    """What the connection has been given, and whether it takes more."""

    def __init__(self, *, full: bool) -> None:
        self.full = full
        self.fills = False
        self.written = b""
        self.last: bytes | None = None
        self.on_writable: Callable[[], None] | None = None

    def write(self, data: bytes) -> bool:
        assert not self.full
        self.written += data
        self.full = self.fills
        return not self.full

    def finish(self, last: bytes = b"") -> None:
        self.last = last

    def empties(self) -> None:
        self.full = False
        assert self.on_writable is not None
        self.on_writable()


class Wire:
    """An exchange and a gate in one."""

    def __init__(self, *, full: bool = False) -> None:
        self.response = Response(full=full)
        self.begun: list[tuple[Any, ...]] = []
        self.refused: ProtocolError | None = None
        self.told: list[str] = []
        self.on_drop: Callable[[], None] | None = None

    @property
    def answered(self) -> bool:
        return bool(self.begun) or self.refused is not None

    def stream(self, status: int, content_type: bytes, headers: Any) -> Response:
        self.begun.append((status, content_type, dict(headers)))
        return self.response

    def refuse(self, error: ProtocolError, codec: object) -> None:
        assert codec is LINES.codec
        self.refused = error

    def leave_unanswered(self) -> None:
        self.told.append("no answer will come")

    def writable(self, _: object) -> None:
        self.told.append("takes more")

    def leave(self, _: object) -> None:
        self.told.append("has gone")


def stream_on(wire: Wire, first: bytes = b"") -> BodyStream:
    return BodyStream(cast("Any", wire), LINES, cast("Any", wire), first)


FIRST = LINES.packets(7, [ONE], follows=True)
SECOND = LINES.packets(8, [TWO], follows=True)


def test_it_begins_with_the_first_packet_and_its_hello_says_the_number() -> None:
    wire = Wire()
    stream = stream_on(wire)
    assert stream.write(7, [ONE])
    stream.taken()
    assert stream.write(8, [TWO])
    assert wire.begun == [(200, b"application/x-ndjson", {b"X-Accel-Buffering": b"no"})]
    assert wire.response.written == LINES.hello(7) + FIRST + SECOND


def test_it_begins_without_a_packet_when_it_was_taken() -> None:
    wire = Wire()
    stream = stream_on(wire, b"the answer to an opening\n")
    stream.carried = 6
    stream.taken()
    assert wire.response.written == b"the answer to an opening\n" + LINES.hello(7)
    assert stream.write(7, [ONE])
    assert wire.response.written.endswith(FIRST)


def test_what_comes_before_all_else_comes_once() -> None:
    wire = Wire()
    stream = stream_on(wire, b"the answer to an opening\n")
    stream.taken()
    wire.response.full = True
    wire.response.empties()
    assert wire.response.written == b"the answer to an opening\n" + LINES.hello(1)


def test_a_number_that_does_not_follow_on_is_said() -> None:
    wire = Wire()
    stream = stream_on(wire)
    stream.write(7, [ONE])
    stream.write(9, [THREE])
    assert wire.response.written.endswith(LINES.packets(9, [THREE], follows=False))


def test_until_it_is_taken_it_may_be_refused_as_any_request() -> None:
    wire = Wire()
    stream = stream_on(wire)
    stream.refuse(LATER)
    stream.taken()
    stream.refuse(LATER)
    assert (wire.refused, wire.begun) == (LATER, [])


def test_what_comes_while_the_response_is_full_is_written_when_it_takes_more() -> None:
    wire = Wire()
    stream = stream_on(wire)
    stream.write(7, [ONE])
    wire.response.full = True
    assert not stream.write(8, [TWO])
    stream.beat()  # for which there is no room: what is written shows as well whether anybody is there
    assert wire.response.written == LINES.hello(7) + FIRST
    wire.response.empties()
    assert wire.response.written == LINES.hello(7) + FIRST + SECOND
    assert wire.told == ["takes more"]


def test_it_takes_more_when_nothing_is_kept_and_not_while_that_fills_it_again() -> None:
    wire = Wire()
    stream = stream_on(wire)
    stream.write(7, [ONE])
    wire.response.full = True
    stream.write(8, [TWO])
    wire.response.fills = True
    wire.response.empties()
    assert wire.told == []
    wire.response.empties()
    assert wire.told == ["takes more"]
    assert wire.response.written == LINES.hello(7) + FIRST + SECOND


def test_a_hello_for_which_there_is_no_room_yet_comes_before_all_else() -> None:
    wire = Wire(full=True)
    stream = stream_on(wire)
    assert not stream.write(7, [ONE])
    wire.response.empties()
    assert wire.response.written == LINES.hello(7) + FIRST


def test_a_beat_asks_for_a_sign_of_life_once_it_has_begun() -> None:
    wire = Wire()
    stream = stream_on(wire)
    stream.beat()
    stream.taken()
    stream.beat()
    assert wire.response.written == LINES.hello(1) + LINES.beat


def test_one_that_is_released_leaves_out_what_it_has_kept() -> None:
    wire = Wire()
    stream = stream_on(wire)
    stream.write(7, [ONE])
    wire.response.full = True
    stream.write(8, [TWO])
    stream.release()
    assert wire.response.last == b""
    wire.response.empties()
    assert wire.response.written == LINES.hello(7) + FIRST


def test_one_that_is_refused_later_says_what_it_has_kept_and_why() -> None:
    wire = Wire()
    stream = stream_on(wire)
    stream.write(7, [ONE])
    wire.response.full = True
    stream.write(8, [TWO])
    stream.refuse(LATER)
    assert wire.response.last == SECOND + LINES.error(LATER)
    assert wire.refused is None


@pytest.mark.parametrize("taken", [False, True])
def test_one_whose_client_has_gone_leaves_its_session_and_awaits_no_answer(*, taken: bool) -> None:
    wire = Wire()
    stream = stream_on(wire)
    if taken:
        stream.taken()
    assert wire.on_drop is not None
    wire.on_drop()
    assert wire.told == ["has gone", "no answer will come"]


def test_to_release_one_that_has_not_begun_does_nothing() -> None:
    wire = Wire()
    stream_on(wire).release()
    assert (wire.begun, wire.response.last) == ([], None)
