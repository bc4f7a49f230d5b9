"""A packet is encoded once, and what one codec can carry the other can too."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import json
import uuid
from typing import Any

import cbor2
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cometary.errors import UsageError
from cometary.packets.encodings import CBOR
from cometary.packets.packet import MOST_REMEMBERED_PATHS, before_message, marked, outgoing
from cometary.sessions import Packet

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda values: st.lists(values) | st.dictionaries(st.text(st.characters(codec="utf-8")), values),
    max_leaves=10,
)


@given(st.text(st.characters(codec="utf-8"), min_size=1), plain)
def test_both_encodings_say_the_same(path: str, message: object) -> None:
    packet = Packet(path, message)
    expected = {"path": path, "message": message}
    assert json.loads(packet.json) == expected
    assert cbor2.loads(CBOR.encode(packet)) == expected
    assert packet.size == len(packet.json)


@given(st.text(st.characters(codec="utf-8"), max_size=20), plain)
def test_its_json_is_that_of_a_map_of_path_and_message(path: str, message: object) -> None:
    written = msgspec.json.encode({"path": path, "message": message})
    assert [Packet(path, message).json for _ in range(2)] == [written, written]


def test_only_so_many_paths_are_remembered() -> None:
    for number in range(2 * MOST_REMEMBERED_PATHS + 1):
        assert before_message(f"path/{number}") == b'{"path":"path/%d","message":' % number


def test_it_is_encoded_once() -> None:
    packet = Packet("a", {"b": 1})
    assert packet.json is packet.json
    assert CBOR.encode(packet) is CBOR.encode(packet)


def test_the_sender_does_not_travel() -> None:
    packet = Packet("a", 1, sender="somebody")
    assert json.loads(packet.json) == {"path": "a", "message": 1}


def test_bytes_are_base64_in_json_and_bytes_in_cbor() -> None:
    packet = Packet("a", {"picture": b"\x89PNG"})
    assert json.loads(packet.json)["message"] == {"picture": "iVBORw=="}
    assert cbor2.loads(CBOR.encode(packet))["message"] == {"picture": b"\x89PNG"}


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int


class Struct(msgspec.Struct):
    y: int


@pytest.mark.parametrize(
    "message",
    [
        Point(1),
        Struct(2),
        Colour.RED,
        {1: "a number for a key"},
        {b"bytes": "for a key"},
        (1, 2),
        frozenset({3}),
        uuid.UUID(int=4),
        decimal.Decimal("5.5"),
        dt.datetime(2026, 1, 1),  # noqa: DTZ001 - without a time zone on purpose
        dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        [{"nested": Point(6)}],
        bytearray(b"bytes"),
    ],
    ids=repr,
)
def test_what_json_can_carry_cbor_carries_in_the_same_plain_form(message: object) -> None:
    packet = outgoing("a", message)
    as_cbor = cbor2.loads(CBOR.encode(packet))
    assert isinstance(message, bytearray) or as_cbor == json.loads(packet.json)
    _check_plain(as_cbor)


@pytest.mark.parametrize("tag", [2, 3])
def test_only_integers_beyond_64_bits_need_a_tag_and_lose_nothing(tag: int) -> None:
    sign = 1 if tag == 2 else -1
    widest = sign * 2**64 - (tag == 2)
    assert CBOR.encode(outgoing("a", widest))[-9] >> 5 == tag - 2, "an integer of eight bytes"
    packet = outgoing("a", widest + sign)
    assert CBOR.encode(packet)[-11:] == bytes([0xC0 | tag, 0x49, 1, *bytes(8)])
    assert json.loads(packet.json)["message"] == cbor2.loads(CBOR.encode(packet))["message"] == widest + sign


def _check_plain(value: object) -> None:
    """A receiver that knows no tags gets along with it."""
    assert not isinstance(value, cbor2.CBORTag)
    assert isinstance(value, None | bool | int | float | str | bytes | list | dict)


@pytest.mark.parametrize(
    "message",
    [object(), {"deep": [object()]}, "\ud800", {None: 1}, lambda: None],
    ids=["object", "object, deep", "half a surrogate pair", "key that is no text", "function"],
)
def test_what_cannot_be_encoded_is_refused_at_once(message: object) -> None:
    with pytest.raises(UsageError, match="'somewhere'"):
        outgoing("somewhere", message)


class Wrong(dt.tzinfo):
    """A zone that raises when a date is encoded."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def fail(self, *_: object) -> Any:
        raise self.error

    utcoffset = dst = tzname = fail


class SpeechlessError(Exception):
    def __str__(self) -> str:
        raise LookupError


@pytest.mark.parametrize(
    ("error", "why"),
    [(TypeError("no offset"), "encoded: no offset$"), (SpeechlessError(), r"encoded: SpeechlessError\(\)$")],
)
def test_a_refusal_says_why_if_that_can_be_said(error: Exception, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        outgoing("a", dt.datetime(2026, 1, 1, tzinfo=Wrong(error)))


def test_a_message_that_holds_itself_is_refused_at_once() -> None:
    message: list[object] = []
    message.append(message)
    with pytest.raises(UsageError):
        outgoing("a", message)


def test_a_packet_shows_its_path_and_not_what_is_in_it() -> None:
    assert repr(Packet("a", "a secret")) == "<Packet to 'a'>"


@pytest.mark.parametrize("encoded", [False, True])
def test_a_mark_travels_beside_path_and_message_whether_it_comes_before_or_after_they_are_encoded(
    *, encoded: bool
) -> None:
    packet = Packet("a", {"b": 1})
    if encoded:
        assert packet.json
        assert CBOR.encode(packet)
    packet.mark("at", "x-1")
    expected = {"path": "a", "message": {"b": 1}, "at": "x-1"}
    assert json.loads(packet.json) == cbor2.loads(CBOR.encode(packet)) == expected
    assert packet.size == len(packet.json)


def test_a_packet_that_somebody_may_have_is_marked_in_a_twin() -> None:
    packet = Packet("a", 1, "sender")
    packet.cause = "cause"
    first = marked(packet, "at", "x-1")
    second = marked(first, "at", "x-2")
    assert first is packet
    assert [json.loads(each.json)["at"] for each in (first, second)] == ["x-1", "x-2"]
    assert (second.path, second.message, second.sender, second.cause) == ("a", 1, "sender", "cause")
