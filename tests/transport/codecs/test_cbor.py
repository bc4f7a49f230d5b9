"""What CBOR is taken and what is refused."""

from __future__ import annotations

import datetime as dt
import tracemalloc

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cometary.errors import ProtocolError
from cometary.transport.codecs import cbor, json

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


def refused(body: bytes) -> bool:
    """Whether `body` is refused in the one way there is."""
    try:
        cbor.decode(body)
    except ProtocolError as error:
        return error.condition == "bad-request"
    return False


@given(values)
def test_values_come_back_as_they_were(value: object) -> None:
    assert cbor.decode(cbor.encode(value)) == value


@given(values)
def test_whatever_is_taken_can_cross_into_json(value: object) -> None:
    json.decode(json.encode(cbor.decode(cbor.encode(value))))


@given(
    st.binary()
    | values.map(cbor.encode).flatmap(lambda body: st.binary(max_size=3).map(lambda b: body[:-1] + b))
)
def test_arbitrary_bytes_are_decoded_or_refused(body: bytes) -> None:
    refused(body)


REFUSED = {
    "nothing": b"",
    "cut off": bytes.fromhex("8201"),
    "bytes after the value": bytes.fromhex("0102"),
    "a lone break": bytes.fromhex("ff"),
    "a reserved length": bytes.fromhex("1c"),
    "invalid UTF-8": bytes.fromhex("61ff"),
    "a surrogate": bytes.fromhex("63eda080"),
    "an array of indefinite length": bytes.fromhex("9f01ff"),
    "a map of indefinite length": bytes.fromhex("bf616101ff"),
    "a text of indefinite length": bytes.fromhex("7f6161ff"),
    "a string of indefinite length": bytes.fromhex("5f4161ff"),
    "a key that is a number": cbor2.dumps({1: 2}),
    "a key that is a byte string": cbor2.dumps({b"a": 2}),
    "a key that is an array": bytes.fromhex("a18001"),
    "a key twice": bytes.fromhex("a2616101616102"),
    "a key twice, inside": bytes.fromhex("81a2616101616102"),
    "undefined": bytes.fromhex("f7"),
    "undefined, inside": bytes.fromhex("a16161f7"),
    "undefined, in an array": bytes.fromhex("81f7"),
    "a simple value": bytes.fromhex("f820"),
    "a simple value in one byte": bytes.fromhex("e0"),
    "a date": cbor2.dumps(dt.datetime(2020, 1, 1, tzinfo=dt.UTC)),
    "a time": cbor2.dumps(cbor2.CBORTag(1, 0)),
    "a set": cbor2.dumps({"a"}),
    "a big number": cbor2.dumps(2**64),
    "a decimal with a monstrous exponent": bytes.fromhex("c4821b7fffffffffffffff01"),
    "a regular expression": bytes.fromhex("d8236161"),
    "an unknown tag": bytes.fromhex("d9ffff6161"),
    "a self-description": bytes.fromhex("d9d9f701"),
    "a cycle": bytes.fromhex("d81c81d81d00"),
    "a shared reference": bytes.fromhex("82d81c80d81d00"),
    "a string reference": bytes.fromhex("d901008263616161d81900"),
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED.keys())
def test_what_json_has_no_place_for_is_refused(body: bytes) -> None:
    assert refused(body)


def test_keys_whose_hashes_could_be_made_to_collide_are_refused_before_there_is_a_map_of_them() -> None:
    with pytest.raises(ProtocolError, match="none that is taken"):
        cbor.decode(cbor2.dumps({1: 2}))


@pytest.mark.parametrize("tag", [*range(300), 1004, 43000, 55799, 2**32, 2**64 - 1])
def test_no_tag_is_taken(tag: int) -> None:
    for content in ("a", b"a", 1, [], ["a", 1]):
        assert refused(cbor2.dumps(cbor2.CBORTag(tag, content)))


LYING = {
    "a byte string of 2^60": bytes.fromhex("5b1000000000000000") + b"x",
    "a text of 2^60": bytes.fromhex("7b1000000000000000") + b"x",
    "an array of 2^40": bytes.fromhex("9b0000010000000000") + b"\x01",
    "an array of 2^64": bytes.fromhex("9bffffffffffffffff") + b"\x01",
    "a map of 2^40": bytes.fromhex("bb0000010000000000") + b"\x61a\x01",
    "arrays of 2^24, nested": bytes.fromhex("9a00ffffff") * 60 + b"\x01",
}


@pytest.mark.parametrize("body", LYING.values(), ids=LYING.keys())
def test_lengths_that_lie_cost_nothing(body: bytes) -> None:
    tracemalloc.start()
    try:
        assert refused(body)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("opening", [b"\x81", b"\xa1\x61a"])
def test_nesting_ends_at_64_levels(opening: bytes) -> None:
    assert not refused(opening * 64 + b"\x01")
    assert refused(opening * 65 + b"\x01")
    assert refused(opening * 10_000 + b"\x01")


def test_a_float_that_is_no_number_becomes_null_in_json() -> None:
    value = cbor.decode(cbor2.dumps([float("nan"), float("inf")]))
    assert json.encode(value) == b"[null,null]"


def test_what_has_no_form_is_the_applications_mistake() -> None:
    with pytest.raises(TypeError):
        cbor.encode({"a": object()})
