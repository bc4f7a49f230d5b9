"""What is JSON here and what is refused."""

from __future__ import annotations

import json as standard
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cometary.errors import ProtocolError
from cometary.transport.codecs import json

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


def refused(body: bytes) -> bool:
    """Whether `body` is refused in the one way there is."""
    try:
        json.decode(body)
    except ProtocolError as error:
        return error.condition == "bad-request"
    return False


@given(values)
def test_values_come_back_as_they_were(value: object) -> None:
    assert json.decode(json.encode(value)) == value


@given(values, st.booleans(), st.sampled_from([None, 1]))
def test_other_writers_are_understood(value: object, ascii_only: bool, indent: int | None) -> None:
    body = standard.dumps(value, ensure_ascii=ascii_only, indent=indent, separators=(" ,", " : ")).encode()
    assert json.decode(body) == value


@given(st.binary() | st.text(alphabet='{}[]":,\\u0123ab tfn-.e\n').map(str.encode))
def test_arbitrary_bytes_are_decoded_or_refused(body: bytes) -> None:
    refused(body)


REFUSED = {
    "nothing": b"",
    "blank": b" \n",
    "cut off": b'{"a":',
    "two values": b"1 2",
    "text after the value": b'{"a":1}x',
    "byte order mark": b"\xef\xbb\xbf1",
    "UTF-16": '"a"'.encode("utf-16-le"),
    "invalid UTF-8": b'"\xff"',
    "invalid UTF-8 in a key": b'{"\xff":1}',
    "overlong UTF-8": b'"\xc0\x80"',
    "surrogate in UTF-8": b'"\xed\xa0\x80"',
    "lone high surrogate": b'"\\ud800"',
    "lone low surrogate": b'"\\udc00"',
    "surrogates in the wrong order": b'"\\udc00\\ud800"',
    "control character in a string": b'"\x01"',
    "NaN": b"NaN",
    "Infinity": b"[Infinity]",
    "-Infinity": b"-Infinity",
    "a number beyond double": b"1e999",
    "an integer of very many digits": b"1" * 4301,
    "leading zero": b"01",
    "no digit after the point": b"1.",
    "plus sign": b"+1",
    "hexadecimal": b"0x10",
    "single quotes": b"'a'",
    "bare key": b"{a:1}",
    "trailing comma": b"[1,]",
    "comment": b"1 // one",
    "a key twice": b'{"a":1,"a":2}',
    "a key twice, apart": b'{"a":1,"b":{"c":1},"a":2}',
    "a key twice, inside": b'[{"b":{"a":1,"a":1}}]',
    "a key twice, with blanks": b'{"a" : 1 , "a"\n:2}',
    "a key twice, once with an escape": b'{"a":1,"\\u0061":2}',
    "a key twice, hidden by colons in strings": b'{"a":"::","a":":","b":"\\u003a\\u003a"}',
    "the empty key twice": b'{"":1,"":2}',
    "a key twice beside a long number": b'{"a":%b,"a":2}' % (b"1" * 400),
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED.keys())
def test_what_parsers_disagree_about_is_refused(body: bytes) -> None:
    assert refused(body)


ACCEPTED = [
    (b' {"a" :\t[1 ,\r\n2]} ', {"a": [1, 2]}),
    (b'"\\ud83d\\ude00\\u0000\\/"', "😀\0/"),
    (b"123456789012345678901234567890", 123456789012345678901234567890),
    pytest.param(b"9" * 4300, 10**4300 - 1, id="4300 digits"),
    (b"-0.0", 0.0),
    (b"1E5", 100000.0),
    (b'{"a":":","b":"\\"a\\":"}', {"a": ":", "b": '"a":'}),
    (b'[{"a":1},{"a":2}]', [{"a": 1}, {"a": 2}]),
    (b'{"a":{"a":{"a":1}}}', {"a": {"a": {"a": 1}}}),
]


@pytest.mark.parametrize(("body", "value"), ACCEPTED)
def test_what_is_well_formed_is_taken(body: bytes, value: object) -> None:
    assert json.decode(body) == value


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_nesting_ends_at_64_levels(opening: bytes) -> None:
    closing = b"]" if opening == b"[" else b"}"
    assert not refused(opening * 64 + b"1" + closing * 64)
    assert refused(opening * 65 + b"1" + closing * 65)
    assert refused(opening * 10_000 + b"1" + closing * 10_000)
    assert refused(opening * 100_000)


def test_brackets_that_do_not_nest_are_not_counted() -> None:
    assert not refused(b"[" + b",".join([b"[]"] * 1000) + b"]")
    assert not refused(b'"' + b"[{" * 1000 + b'"')
    assert not refused(b'["' + b'\\"[' * 1000 + b'"]')


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b", ":", '"', "\\"]), st.sampled_from([1, ":", {"a": ":"}])))
)
def test_a_key_is_there_twice_exactly_when_it_is_refused(members: list[tuple[str, object]]) -> None:
    body = "{" + ",".join(f"{standard.dumps(key)}:{standard.dumps(value)}" for key, value in members) + "}"
    assert refused(body.encode()) == (len({key for key, _ in members}) < len(members))


def test_byte_strings_become_base64_and_what_is_no_number_null() -> None:
    assert json.encode([b"\xff\xfe", math.nan, math.inf]) == b'["//4=",null,null]'


def test_what_has_no_form_is_the_applications_mistake() -> None:
    with pytest.raises(TypeError):
        json.encode({"a": object()})


def test_what_is_written_as_this_server_writes_is_known_by_that() -> None:
    assert json.is_written_as(b'{"a":1,"b":[2]}', {"a": 1, "b": [2]}, flat=False)
    assert not json.is_written_as(b'{"a":1, "b":[2]}', {"a": 1, "b": [2]}, flat=False)
    assert not json.is_written_as(b'{"a":1,"a":2}', {"a": 2}, flat=True)


def test_what_is_nested_too_deep_is_not_taken_for_that_unless_it_is_known_to_be_flat() -> None:
    for depth, fine in ((64, True), (65, False)):
        body = b"[" * depth + b"]" * depth
        value = standard.loads(body)
        assert json.is_written_as(body, value, flat=False) is fine
        assert json.is_written_as(body, value, flat=True)


def test_what_cannot_be_written_was_not_written_by_this_server() -> None:
    assert not json.is_written_as(b"1", 10**5000, flat=True)
