"""How much a body may hold, in either encoding; and that finding out needs no decoding."""

from __future__ import annotations

import json as standard
from typing import cast

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cometary.errors import ProtocolError
from cometary.transport.codecs import cbor, json
from cometary.transport.codecs.amount import ALWAYS, MOST, check_cbor, check_json
from cometary.transport.wires.comet.bodies import read_request
from tests.fuzzing.expensive import expensive


def too_much(body: bytes, form: str) -> bool:
    """Whether `body` is refused for what it holds."""
    try:
        (check_cbor if form == "cbor" else check_json)(body)
    except ProtocolError as error:
        return error.condition == "bad-request"
    return False


def test_as_many_values_as_are_allowed_are_taken_and_no_more() -> None:
    fits = [1] * (MOST - 4)
    assert cbor.decode(cbor2.dumps(fits)) == json.decode(json.encode(fits)) == fits
    for codec, body in ((cbor, cbor2.dumps([1] * MOST)), (json, json.encode([1] * MOST))):
        with pytest.raises(ProtocolError, match=str(MOST)):
            codec.decode(body)


def test_an_array_or_object_counts_as_four() -> None:
    values: tuple[object, ...] = ([], {})
    for value in values:
        body = [value] * (MOST // 4 - 1)
        assert not too_much(cbor2.dumps(body), "cbor")
        assert too_much(cbor2.dumps([*body, 1]), "cbor")


@pytest.mark.parametrize(
    ("piece", "amount"), [(b"[", 4), (b"{", 4), (b",", 1), (b":", 1), (b"1e100", 100), (b"1E-100", 100)]
)
def test_each_thing_in_json_counts_as_it_is_said(piece: bytes, amount: int) -> None:
    most = b" " * ALWAYS + piece * (MOST // amount)
    assert not too_much(most, "json")
    assert too_much(most + piece, "json")


def test_what_just_fits_beside_text_is_taken() -> None:
    assert not too_much(b'[",,",' + b"1," * (MOST - 5) + b"1]", "json")
    assert too_much(b'[",,",' + b"1," * (MOST - 4) + b"1]", "json")


def test_there_may_be_as_many_texts_as_values() -> None:
    texts = b'",,"' * MOST
    assert not too_much(texts, "json")
    assert too_much(texts + b'"', "json")


def test_short_bodies_are_not_looked_at() -> None:
    body = b"1e999," * ALWAYS
    assert not too_much(body[:ALWAYS], "json")
    assert too_much(body[: ALWAYS + 1], "json")


def test_each_kind_of_value_in_cbor_is_as_long_as_its_head_says() -> None:
    """What its bytes would be, taken for heads, are arrays, which count as more."""
    values = bytearray()
    for head in range(256):
        major, info = head >> 5, head & 0x1F
        size = 1 << info - 24 if 24 <= info < 28 else 0
        values.append(head)
        if major not in {2, 3}:
            values += b"\x80" * size
        elif size:
            values += (5).to_bytes(size, "big") + b"\x80" * 5
        elif info < 24:
            values += b"\x80" * info
    body = bytes(values) + b"\x01" * (MOST - 6 * 32 - 2 * 32 * 4)
    assert not too_much(body, "cbor")
    assert too_much(body + b"\x01", "cbor")


def test_doubles_that_are_hard_to_find_count_as_many_values() -> None:
    assert too_much(b"[" + b",".join([b"1.0715086071862674399e301"] * 1_000) + b"]", "json")
    assert not too_much(b"[" + b",".join([b"1.0715086071862674e30"] * 10_000) + b"]", "json")


def test_text_is_one_value_whatever_it_says() -> None:
    for text in ('{"a": [1, 2, 3]}, ', '\\"[{,:', "[]{}", "e999,", '"'):
        body = [text * 10_000, text]
        assert not too_much(standard.dumps(body).encode(), "json")
        assert not too_much(cbor2.dumps(body), "cbor")
    assert not too_much(cbor2.dumps([b"\x80" * 200_000, "\u0080" * 100_000]), "cbor")


def test_what_is_between_texts_is_counted() -> None:
    assert too_much(b'["' + b'\\\\",[],"' * 20_000 + b'"]', "json")
    assert too_much(b"[" + b'"\\"",' * MOST + b"1]", "json")


@pytest.mark.parametrize("name", expensive())
def test_no_more_is_decoded_than_is_allowed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    form, body = expensive()[name]

    def decode(*_: object) -> None:
        pytest.fail("it was decoded")

    if too_much(body, form):
        monkeypatch.setattr("cometary.transport.wires.comet.bodies._decode_json", decode)
        monkeypatch.setattr("cometary.transport.codecs.cbor.cbor2.CBORDecoder", decode)
        with pytest.raises(ProtocolError, match="holds more than"):
            read_request(body, cbor if form == "cbor" else json)
    else:  # what is left are few values, each of which is long
        assert body.count(b",") <= MOST


@given(st.binary(max_size=9).map(lambda part: part * 20_000))
def test_any_bytes_are_counted(body: bytes) -> None:
    too_much(body, "cbor")
    too_much(body, "json")


values = st.recursive(
    st.none()
    | st.integers(-9, 9)
    | st.text(max_size=40)
    | st.binary(max_size=40).map(bytes.hex)
    | st.floats(0, 1),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=20,
)


def amount_of(value: object) -> int:
    """Count as the module says, with what is decoded; keys are values too."""
    if isinstance(value, dict):
        members = cast("dict[str, object]", value)
        return 4 + sum(1 + amount_of(member) for member in members.values())
    if isinstance(value, list):
        return 4 + sum(map(amount_of, cast("list[object]", value)))
    return 1


@given(values)
def test_bodies_are_refused_for_their_values_alone(value: object) -> None:
    times = MOST // amount_of(value)
    for count, refused in ((times - 4, False), (times + 1, True)):
        body = cbor2.dumps([value] * max(count, 1))
        if len(body) > ALWAYS and count > 0:
            assert too_much(body, "cbor") is refused
