"""What is of a subclass of text, a number or bytes travels as these, by whichever entrance it comes, in both codecs."""

from __future__ import annotations

import collections
import json
from typing import Any, NamedTuple

import cbor2
import pytest

from cometary.connector import calls
from cometary.connector.wire import request
from cometary.errors import UsageError
from cometary.packets.contract_table import Contracts
from cometary.packets.encodings import CBOR
from cometary.packets.packet import outgoing
from cometary.packets.tracked import tracked


class Text(str):
    """As Django's SafeString: it is its own `__str__`."""

    __slots__ = ()

    def __str__(self) -> str:
        return self

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("nobody asks me")

    __hash__ = str.__hash__


class Whole(int):
    def __int__(self) -> int:
        raise RuntimeError("nobody asks me")


class Fraction(float):
    def __float__(self) -> float:
        raise RuntimeError("nobody asks me")


class Bytes(bytes):
    pass


class ByteArray(bytearray):
    pass


class List(list[Any]):
    pass


class Dict(dict[str, Any]):
    pass


class Tuple(tuple[Any, ...]):
    __slots__ = ()


class Named(NamedTuple):
    a: int
    b: int


VALUES: list[tuple[object, object]] = [
    (Text("a"), "a"),
    (Whole(7), 7),
    (Fraction(1.5), 1.5),
    (List([Text("a")]), ["a"]),
    (Dict(a=Whole(1)), {"a": 1}),
    (Tuple((1, 2)), [1, 2]),
    (Named(1, 2), [1, 2]),
    (collections.OrderedDict(a=Text("b")), {"a": "b"}),
    ({"deep": [Text("a"), Whole(1), Fraction(0.5), None, True]}, {"deep": ["a", 1, 0.5, None, True]}),
]
BYTES = [Bytes(b"ab"), ByteArray(b"ab"), memoryview(b"ab"), memoryview(b"-ab-")[1:3]]


@pytest.mark.parametrize(("value", "plain"), VALUES, ids=lambda value: type(value).__name__)
def test_a_subclass_travels_as_its_base(value: object, plain: object) -> None:
    for packet in (outgoing("a", value), tracked("a", value)):
        assert json.loads(packet.json)["message"] == cbor2.loads(CBOR.encode(packet))["message"] == plain
    content = request(calls.update("a", value))["content"]
    assert content is not None
    assert json.loads(content)["message"] == plain


@pytest.mark.parametrize("value", BYTES, ids=lambda value: type(value).__name__)
def test_bytes_of_any_kind_are_bytes(value: object) -> None:
    packet = outgoing("a", [value])
    assert json.loads(packet.json)["message"] == ["YWI="]
    assert cbor2.loads(CBOR.encode(packet))["message"] == [b"ab"]
    content = request(calls.update("a", [value]))["content"]
    assert content is not None
    assert cbor2.loads(content)["message"] == [b"ab"]


def test_a_path_and_a_pattern_may_be_of_a_subclass() -> None:
    assert type(outgoing(Text("a"), 1).path) is str
    assert type(tracked(Text("a"), 1).path) is str
    assert type(Contracts().packet(Text("a")).path) is str


@pytest.mark.parametrize(
    "message", [memoryview(b"abcd")[::2], [b"", memoryview(b"abcd")[::2]]], ids=["it", "in a list"]
)
def test_a_memoryview_that_is_not_contiguous_is_refused(message: object) -> None:
    with pytest.raises(UsageError, match="contiguous"):
        outgoing("a", message)
    with pytest.raises(UsageError, match="contiguous"):
        tracked("a", message)
    with pytest.raises(UsageError, match="contiguous"):
        request(calls.update("a", message))
