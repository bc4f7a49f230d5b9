"""What is in frames: read alike in JSON and CBOR, on the short way and the long one."""

from __future__ import annotations

import json as standard_json
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from cometary.errors import ProtocolError
from cometary.sessions import Packet
from cometary.transport.codecs import Codec, cbor, json
from cometary.transport.codecs.amount import MOST
from cometary.transport.wires.websocket.bodies import (
    CBOR_FORM,
    JSON_FORM,
    Form,
    brings_token,
    checked_packets,
    is_probe,
    read_frame,
    rid_of,
)
from tests.transport.wires.comet.test_bodies import packet_members, plain_values, write

members = st.fixed_dictionaries(
    {},
    optional={
        "rid": st.integers(1, 9),
        "ack": st.integers(0, 9),
        "token": plain_values,
        "close": st.booleans(),
        "probe": plain_values,
        "x": plain_values,
    },
).map(lambda frame: list(frame.items()))
blanks = st.sampled_from(["", " ", "\n", "\r", "\t"])


def verdict(payload: bytes, codec: Codec) -> object:
    """What becomes of a frame."""
    try:
        return read_frame(payload, codec)
    except ProtocolError as error:
        return error.condition


@given(members, blanks)
def test_frames_are_read_alike_in_json_and_cbor(frame: list[tuple[str, object]], blank: str) -> None:
    assert verdict(write(frame, blank), json) == verdict(cbor2.dumps(dict(frame)), cbor)


@given(members, blanks)
def test_no_key_comes_twice(frame: list[tuple[str, object]], blank: str) -> None:
    for twice in frame:
        again = write([twice], blank)[1:]
        assert verdict(write(frame)[:-1] + b"," + again, json) == "bad-request"


@given(st.lists(packet_members, min_size=1, max_size=3), st.booleans())
def test_packets_are_read_alike_on_the_short_way_and_the_long_one(
    packets: list[list[tuple[str, object]]], acknowledges: bool
) -> None:
    written = b",".join(write(members) for members in packets)
    payload = b'{"rid":2,%b"packets":[%b]}' % (b'"ack":1,' * acknowledges, written)
    if any(len(dict(members)) < len(members) for members in packets):
        assert verdict(payload, json) == "bad-request"
        return
    assert verdict(payload, json) == verdict(cbor2.dumps(standard_json.loads(payload)), cbor)


def test_what_a_frame_says_is_read() -> None:
    frame = read_frame(b'{"rid":2,"ack":1,"packets":[{"path":"a","message":"b:[c"},{"path":"d"}]}', json)
    assert (frame.rid, frame.ack, frame.close) == (2, 1, UNSET)
    assert [(one.path, one.message) for one in checked_packets(frame)] == [("a", "b:[c"), ("d", None)]
    assert checked_packets(read_frame(b"{}", json)) == ()
    assert is_probe(read_frame(b'{"probe":null}', json))
    assert brings_token(read_frame(b'{"token":null}', json))
    assert not is_probe(frame)


@pytest.mark.parametrize(
    ("payload", "rid"),
    [
        (b'{"rid":7,"packets":[{"path":1}]}', 7),
        (b'{"packets":[{"path":1}],"rid":7}', 7),
        (b'{"rid":0}', None),
        (b'{"rid":7', None),
        (b'{"ack":7}', None),
        (b"[7]", None),
    ],
)
def test_the_id_of_a_request_that_is_wrong_is_found(payload: bytes, rid: int | None) -> None:
    assert rid_of(payload, json) == rid
    assert rid_of(payload, cbor) is None


def said(form: Form, frame: bytes) -> Any:
    """What a short frame says."""
    assert frame[0] == 0x80 | form.opcode
    return form.codec.decode(frame[2:] if frame[1] < 126 else frame[4:])


@pytest.mark.parametrize("form", [JSON_FORM, CBOR_FORM], ids=["json", "cbor"])
@pytest.mark.parametrize("count", [1, 2, 30])
@pytest.mark.parametrize("follows", [True, False])
def test_packets_are_written_with_a_number_unless_they_follow_on(
    form: Form, count: int, follows: bool
) -> None:
    packets = [Packet("a", number) for number in range(count)]
    expected: dict[str, object] = {} if follows else {"seq": 7}
    expected["packets"] = [{"path": "a", "message": number} for number in range(count)]
    assert said(form, form.carry(7, packets, follows=follows)) == expected


@pytest.mark.parametrize("form", [JSON_FORM, CBOR_FORM], ids=["json", "cbor"])
def test_what_else_is_said_is_written(form: Form) -> None:
    assert said(form, form.beat) == {}
    assert said(form, form.confirmation(2**53)) == {"rid": 2**53}
    assert said(form, form.encode({"seq": 1, "packets": []})) == {"seq": 1, "packets": []}


def test_a_frame_that_holds_too_many_values_is_not_read() -> None:
    many = b'{"rid":2,"packets":[{"path":"a","message":[%b]}]}' % b",".join([b"1"] * (MOST + 1))
    with pytest.raises(ProtocolError, match="more than"):
        read_frame(many, json)
