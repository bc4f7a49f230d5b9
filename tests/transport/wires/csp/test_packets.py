"""The codec of CSP without sockets: what is written is read, and whatever is neither batch nor message is refused."""

from __future__ import annotations

import base64
import contextlib
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cometary.errors import ProtocolError
from cometary.packets.packet import Packet
from cometary.transport.wires.csp import messages as messages_module
from cometary.transport.wires.csp.messages import NOTHING, Goes, read_packet, split
from cometary.transport.wires.csp.packets import news_of, read_batch, write_batch
from cometary.transport.wires.csp.variables import DEFAULTS, READERS, Variables, ack_of

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('{}"\\ü'), inner, max_size=3),
    max_leaves=6,
)
messages = st.lists(values, max_size=4)


@given(messages, st.integers(1, 2**40), st.booleans())
def test_what_is_written_into_a_batch_is_read_from_it(sent: list[Any], first: int, ends: bool) -> None:
    null = first + len(sent) if ends else 0
    written = write_batch(first, [Packet("a", message) for message in sent], null)
    assert all(0x20 <= byte <= 0x7E for byte in written)
    assert b"<" not in written
    batch = json.loads(written)
    if ends:
        assert batch.pop() == [null, 0, None]
    assert [number for number, _, _ in batch] == [first + place for place in range(len(sent))]
    data = [base64.urlsafe_b64decode(text) if encoding else text.encode() for _, encoding, text in batch]
    assert [json.loads(one) for one in data] == [{"path": "a", "message": message} for message in sent]


@given(messages, st.data())
def test_a_stream_of_messages_is_read_however_it_is_cut_up(sent: list[Any], data: st.DataObject) -> None:
    written = "".join(
        [
            json.dumps({"path": "a", "message": message}, ensure_ascii=data.draw(st.booleans()))
            + data.draw(st.sampled_from(["", "\n", " "]))
            for message in sent
        ]
    ).encode()
    rest, read = NOTHING, list[Any]()
    while written:
        size = data.draw(st.integers(1, len(written)))
        objects, rest = split(rest, written[:size], 10_000)
        read += [read_packet(one).message for one in objects]
        written = written[size:]
    assert (read, rest) == (sent, NOTHING)


@given(st.binary() | st.text('{}"\\ a,:[]').map(str.encode))
def test_whatever_bytes_come_they_are_messages_or_refused(data: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        objects, rest = split(NOTHING, data, 10_000)
        everything = b"".join(objects) + rest.text
        assert data.replace(b" ", b"") == everything.replace(b" ", b"") or b"\n" in data
        for one in objects:
            read_packet(one)


@given(st.text('{}"\\ a,:').map(lambda text: b"{" + text.encode()), st.data())
def test_whatever_bytes_come_it_makes_no_difference_how_they_are_cut_up(
    data: bytes, draws: st.DataObject
) -> None:
    try:
        whole = split(NOTHING, data, 10_000)
    except ProtocolError:
        return
    objects, rest = list[bytes](), NOTHING
    while data:
        size = draws.draw(st.integers(1, len(data)))
        more, rest = split(rest, data[:size], 10_000)
        objects += more
        data = data[size:]
    assert (objects, rest) == whole


@given(st.binary() | st.text('[],"01 null').map(str.encode))
def test_whatever_bytes_come_they_are_a_batch_or_refused(data: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        numbers = [number for number, _ in read_batch(data)]
        assert numbers == sorted(numbers)


@given(st.integers(0, 20), st.integers(1, 20), st.integers(0, 20))
def test_what_has_come_before_is_left_out_and_nothing_is_missing(
    received: int, first: int, count: int
) -> None:
    batch: list[tuple[int, bytes | None]] = [
        (number, b"%d," % number) for number in range(first, first + count)
    ]
    if count and first > received + 1:
        with pytest.raises(ProtocolError, match="bad-request"):
            news_of(batch, received)
        return
    last, data, _ = news_of(batch, received)
    assert last == max(received, first + count - 1 if count else received)
    assert data == b"".join([b"%d," % number for number in range(received + 1, last + 1)])


@pytest.mark.parametrize("data", [b"}", b"x", b'"a"', b"{}x{}", b"{}}", b'{} "', b"[]", b"{} ["])
def test_what_is_outside_of_objects_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError, match="bad-request"):
        split(NOTHING, data, 100)


@pytest.mark.parametrize("cut", [0, 3, 9])
def test_a_message_that_is_too_long_is_refused_whole_or_in_pieces(cut: int) -> None:
    _, rest = split(NOTHING, b'{"a":1} {"a":1}'[:cut], 7)
    assert len(split(rest, b'{"a":1} {"a":1}'[cut:], 7)[0]) == 2 - cut // 7
    for data in (b'{"a":12} {', b'{"a":1} {"a":123'):
        with pytest.raises(ProtocolError, match="too-large"):
            split(split(NOTHING, data[:cut], 7)[1], data[cut:], 7)


def test_brackets_that_open_without_end_are_refused_at_once() -> None:
    assert split(NOTHING, b'{"a":' * 64, 10_000)[1].depth == 64
    with pytest.raises(ProtocolError, match="nested"):
        split(NOTHING, b'{"a":' * 65, 10_000)


@pytest.mark.parametrize("piece", [rb"\"", b"x", b"\\", b"{x}", b'"",'])
def test_a_hostile_string_takes_no_longer_than_it_is_long(
    piece: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanned = 0

    def counting(goes: Goes) -> Goes:
        def count(text: bytes, begin: int) -> re.Match[bytes] | None:
            nonlocal scanned
            found = goes(text, begin)
            scanned += 1 + (0 if found is None else found.end() - begin)
            return found

        return count

    monkeypatch.setattr(messages_module, "_to_quote", counting(messages_module._to_quote))
    monkeypatch.setattr(messages_module, "_to_bracket", counting(messages_module._to_bracket))
    text, (_, rest) = b'{"a":"', split(NOTHING, b'{"a":"', 10_000)
    for _ in range(1000):
        text += piece
        _, rest = split(rest, piece, 10_000)
    assert rest.text == text
    assert scanned <= 4 * len(text) + 100


@given(st.dictionaries(st.sampled_from(sorted(READERS)), st.text()))
def test_whatever_is_said_the_variables_can_be_written(said: dict[str, str]) -> None:
    with contextlib.suppress(ProtocolError):
        variables = DEFAULTS.changed(said)
        assert variables == DEFAULTS.changed(said)
        assert variables.content_type.isascii()
        assert b"([])" in variables.batch(b"[]", 0)
        assert b'("OK")' in variables.result(b'"OK"')
        assert len(variables.begin()) <= 16 * 1024 + 4 * 1024


@pytest.mark.parametrize(
    ("said", "variables"),
    [
        ({"du": "0", "is": "1"}, Variables(duration=0, is_streaming=True)),
        ({"du": "99999"}, Variables(duration=3600)),
        ({"is": "2"}, Variables()),
        ({"ps": "²"}, Variables()),
        ({"du": "1" * 5000}, Variables()),
    ],
)
def test_a_variable_is_read_as_the_draft_says(said: dict[str, str], variables: Variables) -> None:
    assert DEFAULTS.changed(said) == variables


@pytest.mark.parametrize(
    ("query", "header", "ack"),
    [({}, None, 0), ({"a": "-1"}, None, 0), ({"a": "3"}, None, 3), ({"a": "3"}, b"5", 5)],
)
def test_an_acknowledgement_is_a_number(query: dict[str, str], header: bytes | None, ack: int) -> None:
    assert ack_of(query, header) == ack


@pytest.mark.parametrize("value", ["", "x", "--1", "1.5", "²", "1" * 20])
def test_any_other_is_refused(value: str) -> None:
    with pytest.raises(ProtocolError, match="bad-request"):
        ack_of({"a": value})
