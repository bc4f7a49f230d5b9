"""CBOR (RFC 8949), read as strictly as JSON: the same values, and byte strings.

Refused: whatever JSON has no place for and a receiver might read differently, which is any tag
(dates, sets, big numbers, shared and cyclic references), `undefined` and other simple values, keys
that are not text, the same key twice, strings and containers of indefinite length, bytes after
the value, more than 64 levels, more values than `amount` lets through. Lengths that lie cost nothing:
memory grows with what is there.

A float that is no number travels as it is; where a message crosses into JSON it becomes null.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Final, NoReturn, cast

import cbor2

from cometary.errors import ProtocolError
from cometary.packets.nesting import DEEPEST
from cometary.transport.codecs import amount

name: Final = "cbor"
content_type: Final = b"application/cbor"

_PLAIN: Final = frozenset({type(None), bool, int, float, str, bytes})


def encode(value: object) -> bytes:
    """`value` as CBOR.

    Raises:
        TypeError: It holds an object that CBOR has no form for: the application's fault.
    """
    try:
        return cbor2.dumps(value)
    except cbor2.CBOREncodeError as error:
        raise TypeError(str(error)) from error


def decode(body: bytes) -> object:
    """The value that `body` holds.

    Raises:
        ProtocolError: `bad-request`, the sender's fault.
    """
    amount.check_cbor(body)
    stream = BytesIO(body)
    decoder = cbor2.CBORDecoder(
        stream,
        tag_hook=_refuse_tag,
        semantic_decoders=_NoTags(),
        max_depth=DEEPEST,
        allow_indefinite=False,
        allow_duplicate_keys=False,
        strict_hashable_types=True,
    )
    try:
        value: object = decoder.decode()
    except cbor2.CBORError as error:
        raise ProtocolError("bad-request", f"The body is no CBOR, or none that is taken: {error}.") from None
    if stream.tell() < len(body):
        raise ProtocolError("bad-request", "The body goes on after its value.")
    _check(value)
    return value


def _refuse_tag(_value: object, _immutable: bool) -> NoReturn:  # noqa: FBT001 - cbor2 calls it
    raise ValueError("tags are not taken")


class _NoTags(dict[int, Callable[..., NoReturn]]):
    """Decoders for all tags, including those that cbor2 knows by itself."""

    def __missing__(self, _tag: int) -> Callable[..., NoReturn]:
        return _refuse_tag


def _check(value: object) -> None:
    pending = [value]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            members = cast("dict[object, object]", value)
            if not all(isinstance(key, str) for key in members):
                raise ProtocolError("bad-request", "A key in the body is not text.")
            pending.extend(members.values())
        elif isinstance(value, list):
            pending.extend(cast("list[object]", value))
        elif type(value) not in _PLAIN:
            raise ProtocolError("bad-request", "The body holds a simple value that JSON does not have.")
