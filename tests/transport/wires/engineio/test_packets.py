"""The packets of Engine.IO: what is written is read, and whatever is no packet is refused."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cometary.errors import ProtocolError
from cometary.transport.wires.engineio.packets import (
    MESSAGE,
    PING,
    SEPARATOR,
    Packet,
    frames_of,
    payload_of,
    pieces_of,
    read_piece,
    read_text,
)
from cometary.transport.wires.websocket.frames import BINARY, TEXT, frame

texts = st.text(st.characters(exclude_characters=SEPARATOR.decode(), exclude_categories=["Cs"]))
packets = st.tuples(st.sampled_from("0123456"), texts) | st.tuples(st.just(MESSAGE), st.binary())


@given(st.lists(packets, min_size=1))
def test_what_is_written_into_a_payload_is_read_from_it_in_order(sent: list[Packet]) -> None:
    assert [read_piece(piece) for piece in pieces_of(payload_of(*sent))] == sent


@given(st.binary())
def test_whatever_bytes_come_they_are_packets_or_refused(body: bytes) -> None:
    for piece in pieces_of(body):
        with contextlib.suppress(ProtocolError):
            read_piece(piece)


@given(st.text())
def test_whatever_text_comes_it_is_a_packet_or_refused(text: str) -> None:
    with contextlib.suppress(ProtocolError):
        kind, rest = read_text(text)
        assert f"{kind}{rest!s}" == text


@pytest.mark.parametrize(
    "piece", [b"", b"abc", b"7", b"-1", b"4\xff", b"b!", b"bAQ", b"b\xff", b"bAQID BA=="]
)
def test_e9_what_is_no_packet_is_refused(piece: bytes) -> None:
    with pytest.raises(ProtocolError, match="bad-request"):
        read_piece(piece)


def test_e4_packets_of_one_payload_keep_their_order_and_their_kind() -> None:
    payload = payload_of((MESSAGE, "hello"), (MESSAGE, b"\1\2\3\4"), (PING, ""))
    assert payload == b"4hello\x1ebAQIDBA==\x1e2"
    assert frames_of(payload) == frame(TEXT, b"4hello") + frame(BINARY, b"\1\2\3\4") + frame(TEXT, b"2")


@given(st.lists(packets, min_size=1))
def test_a_payload_becomes_one_frame_for_each_packet(sent: list[Packet]) -> None:
    frames = [
        frame(BINARY, data) if isinstance(data, bytes) else frame(TEXT, f"{kind}{data!s}".encode())
        for kind, data in sent
    ]
    assert frames_of(payload_of(*sent)) == b"".join(frames)


def test_what_is_no_text_is_no_packet() -> None:
    with pytest.raises(ProtocolError, match="UTF-8"):
        read_piece(b"\xff")
