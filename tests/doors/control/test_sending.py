"""The commonest call, read in the shortest way, comes to what it comes to when it is read in full."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from cometary.doors.control.endpoint import PostEndpoint
from cometary.doors.control.sending import read_sending
from cometary.doors.control.shapes import SessionPackets
from cometary.packets.packet import outgoing
from cometary.transport.codecs import json
from tests.transport.wires.comet.test_bodies import mutated

COMMONEST = (
    '{"sid":"s","packets":[{"path":"a/b","message":"b:[c"}]}',
    '{"sid":"sé","packets":[{"path":"a","message":-1.5}]}',
    '{"sid":"s","packets":[{"path":"::a","message":true}]}',
)


@pytest.mark.parametrize("body", COMMONEST)
def test_the_commonest_form_is_read_the_short_way(body: str) -> None:
    assert read_sending(outgoing, body.encode()) is not None


@pytest.mark.parametrize(
    "body",
    [
        '{"sid":"s","packets":[{"path":"a","message":"b","ttl":1.0}]}',
        '{"sid":"s","packets":[{"path":"a","message":"b","key":"k"}]}',
        '{"sid":"s","packets":[{"path":"a","message":[1]}]}',
        '{"sid":"s","packets":[]}',
        '{"sid":"s","packets":[{"path":"","message":1}]}',
        '{"sid":"s","packets":[{"path":"a","message":1}],"sid":"t"}',
        '{"sid":"s", "packets":[{"path":"a","message":1}]}',
        '{"sid":"\\ud800","packets":[{"path":"a","message":1}]}',
    ],
)
def test_whatever_is_special_is_read_in_full(body: str) -> None:
    assert read_sending(outgoing, body.encode()) is None


@settings(max_examples=300)
@given(mutated(COMMONEST))
def test_what_is_read_the_short_way_is_read_in_full_as_the_same(body: bytes) -> None:
    sending = read_sending(outgoing, body)
    if sending is not None:
        in_full = PostEndpoint(SessionPackets, lambda _: None).read(body, json)  # type: ignore[arg-type,return-value]
        (packet,) = in_full.packets
        assert (sending.sid, sending.packet.path) == (in_full.sid, packet.path)
        assert sending.packet.message == packet.message
        assert json.encode({"sid": in_full.sid, "packets": [packet]}) == body
