"""The packets of Socket.IO: what is written is read, and whatever is no packet is refused."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cometary.errors import ProtocolError
from cometary.transport.codecs import json
from cometary.transport.wires.socketio.packets import (
    ACK,
    CONNECT,
    CONNECT_ERROR,
    DISCONNECT,
    EVENT,
    LONGEST_NAMESPACE,
    MOST_ATTACHMENTS,
    PLACEHOLDER,
    RESERVED,
    Reader,
    SocketPacket,
    head,
    read,
    read_plain,
    take_out,
)

plain = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
keys = st.text(st.characters(exclude_categories=["Cs"]), max_size=5).filter(lambda key: key != PLACEHOLDER)
values = st.recursive(
    plain | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)
objects = st.none() | st.dictionaries(keys, plain, max_size=3)
names = st.text(st.characters(exclude_categories=["Cs"])).filter(
    lambda name: name not in RESERVED
) | st.integers(0, 99)
namespaces = st.just("/") | st.from_regex(r"/[a-zé/]{1,10}", fullmatch=True)
ids = st.integers(0, 10**15 - 1)
packets = st.one_of(
    st.builds(SocketPacket, st.sampled_from([CONNECT, CONNECT_ERROR]), namespaces, st.none(), objects),
    st.builds(SocketPacket, st.just(DISCONNECT), namespaces, st.none()),
    st.builds(
        SocketPacket,
        st.just(EVENT),
        namespaces,
        st.none() | ids,
        st.tuples(names, st.lists(values, max_size=3)).map(lambda said: [said[0], *said[1]]),
    ),
    st.builds(SocketPacket, st.just(ACK), namespaces, ids, st.lists(values, max_size=3)),
)


def write(packet: SocketPacket) -> tuple[str, list[bytes]]:
    """Return a packet as its text and its attachments."""
    attachments: list[bytes] = []
    data = take_out(packet.data, attachments)
    said = "" if data is None else json.encode(data).decode()
    return head(packet.kind, packet.namespace, packet.id, len(attachments)) + said, attachments


def come(reader: Reader, packet: SocketPacket) -> SocketPacket | None:
    text, attachments = write(packet)
    found = reader.take(text)
    for attachment in attachments:
        assert found is None
        found = reader.take(attachment)
    return found


def count_bytes(data: Any) -> int:
    attachments: list[bytes] = []
    take_out(data, attachments)
    return len(attachments)


@given(st.lists(packets.filter(lambda packet: count_bytes(packet.data) <= MOST_ATTACHMENTS), max_size=3))
def test_what_is_written_is_read(sent: list[SocketPacket]) -> None:
    reader = Reader()
    assert [come(reader, packet) for packet in sent] == sent
    assert not reader.midway


@given(st.lists(st.text() | st.binary(), max_size=4))
def test_whatever_comes_is_a_packet_or_refused(pieces: list[str | bytes]) -> None:
    reader = Reader()
    for piece in pieces:
        with contextlib.suppress(ProtocolError):
            reader.take(piece)


@given(st.text('0123456789-/,[]{}"a_:', max_size=40), st.binary(max_size=3))
def test_whatever_looks_like_a_packet_is_one_or_refused(text: str, behind: bytes) -> None:
    reader = Reader()
    with contextlib.suppress(ProtocolError):
        while reader.take(text if not reader.midway else behind) is None:
            pass


@pytest.mark.parametrize(
    ("text", "packet"),
    [
        ("0", SocketPacket(CONNECT, "/", None)),
        ('0/admin,{"token":"123"}', SocketPacket(CONNECT, "/admin", None, {"token": "123"})),
        ("0/random", SocketPacket(CONNECT, "/random", None)),
        ("1/admin,", SocketPacket(DISCONNECT, "/admin", None)),
        ('2["hello",1]', SocketPacket(EVENT, "/", None, ["hello", 1])),
        ('2/admin,456["delete",123]', SocketPacket(EVENT, "/admin", 456, ["delete", 123])),
        ("3/admin,456[]", SocketPacket(ACK, "/admin", 456, [])),
        ('2[1,"a"]', SocketPacket(EVENT, "/", None, [1, "a"])),
    ],
)
def test_the_examples_of_the_protocol(text: str, packet: SocketPacket) -> None:
    assert read(text) == packet


@pytest.mark.parametrize(
    "text",
    [
        "",
        "abc",
        "7",
        "2",
        "2{}",
        "2[]",
        "2[null]",
        "2[true]",
        '2["connect"]',
        '2["newListener"]',
        '2abc["a"]',
        '2["a"',
        '2["a"]x',
        '2["a",{"k":1,"k":2}]',
        "3[]",
        "31{}",
        '1["a"]',
        "0[]",
        '0"a"',
        '5["a"]',
        '50-["a"]',
        '5-["a"]',
        '51.5-["a",{"_placeholder":true,"num":0}]',
        '2٣["a"]',
        "0/\x1e",
        "0/" + "x" * 300,
        '21234567890123456["a"]',
        "2" + "[" * 100 + "]" * 100,
    ],
)
def test_what_is_no_packet_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError, match="bad-request"):
        read(text)


def test_s5_more_than_ten_attachments_are_refused_before_the_first_comes() -> None:
    text, attachments = write(SocketPacket(EVENT, "/", None, ["a", *[b"x"] * (MOST_ATTACHMENTS + 1)]))
    assert len(attachments) == MOST_ATTACHMENTS + 1
    with pytest.raises(ProtocolError, match="bad-request"):
        Reader().take(text)


@pytest.mark.parametrize(
    "said",
    [
        '["a"]',
        '["a",{"_placeholder":true,"num":1}]',
        '["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]',
        '["a",{"_placeholder":true,"num":"0"}]',
        '["a",{"_placeholder":true,"num":true}]',
        '["a",{"_placeholder":true}]',
        '[{"_placeholder":true,"num":0}]',
        '["a",{"_placeholder":true,"num":0.0}]',
    ],
)
def test_an_attachment_without_its_place_is_refused(said: str) -> None:
    reader = Reader()
    with pytest.raises(ProtocolError, match="bad-request"):  # noqa: PT012 - by either of the two
        reader.take(f"51-{said}")
        reader.take(b"x")


def test_a_placeholder_names_its_attachment_by_a_number_and_nothing_that_equals_it() -> None:
    reader = Reader()
    assert reader.take('52-["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":true}]') is None
    assert reader.take(b"x") is None
    with pytest.raises(ProtocolError, match="bad-request"):
        reader.take(b"y")


def test_as_much_is_read_as_may_be_said() -> None:
    longest = "/" + "x" * (LONGEST_NAMESPACE - 1)
    assert read(f"0{longest}").namespace == longest
    with pytest.raises(ProtocolError, match="256 characters"):
        read(f"0{longest}x")
    assert read('2999999999999999["a"]').id == 10**15 - 1
    assert read(f'5{MOST_ATTACHMENTS}-["a"]').attachments == MOST_ATTACHMENTS


def test_what_comes_before_a_packets_json_is_its_type_unless_there_is_more() -> None:
    assert head(EVENT, "/") == "2"
    assert head(EVENT, "/chat", 7, 2) == "52-/chat,7"


def test_text_may_not_come_while_bytes_are_missing_nor_bytes_where_none_are() -> None:
    reader = Reader()
    with pytest.raises(ProtocolError, match="bad-request"):
        reader.take(b"x")
    assert reader.take('51-["a",{"_placeholder":true,"num":0}]') is None
    assert reader.midway
    with pytest.raises(ProtocolError, match="bad-request"):
        reader.take('2["a"]')


def test_placeholders_in_a_packet_without_attachments_are_plain_data() -> None:
    assert read('2["a",{"_placeholder":true,"num":0}]').data == ["a", {PLACEHOLDER: True, "num": 0}]


@given(
    st.sampled_from(
        ["", "[]", "{}", '["connect"]', "[true]", "[null]", '["a",{"b":1,"b":2}]', '["\\ud800"]', "[1"]
    )
    | st.tuples(names, st.lists(plain, max_size=3)).map(
        lambda said: msgspec.json.encode([said[0], *said[1]]).decode()
    )
)
def test_a_plain_event_in_a_frame_is_what_it_is_anywhere_else(said: str) -> None:
    def told(reads: Callable[[], object]) -> object:
        try:
            return reads()
        except ProtocolError as error:
            return error.condition

    text = f"2{said}"
    assert told(lambda: read_plain(f"4{text}".encode())) == told(lambda: read(text).data)
