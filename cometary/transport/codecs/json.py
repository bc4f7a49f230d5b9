"""JSON, read strictly: RFC 8259 as narrowed by I-JSON (RFC 7493).

What parsers disagree about is refused, so that no proxy or back-end can read a body differently
from this server: invalid UTF-8, lone surrogates, NaN and infinities, fractions and exponents that
no double can hold, text after the value, the same key twice in an object. Beyond 64 levels of nesting
a body is refused as well. Crossing into JSON, byte strings become base64 text, and floats that JSON has
no word for become null.
"""

from __future__ import annotations

import json
from typing import Final, NoReturn, TypeVar

import msgspec

from cometary.errors import ProtocolError
from cometary.packets.nesting import DEEPEST, is_too_deep
from cometary.transport.codecs import amount

T = TypeVar("T")

name: Final = "json"
content_type: Final = b"application/json"


def encode(value: object) -> bytes:
    """`value` as JSON.

    Raises:
        TypeError: It holds an object that JSON has no form for: the application's fault.
    """
    return msgspec.json.encode(value)


def decode(body: bytes) -> object:
    """The value that `body` holds.

    Raises:
        ProtocolError: `bad-request`, the sender's fault.
    """
    amount.check_json(body)
    try:
        value: object = msgspec.json.decode(body)
    except RecursionError:
        _refuse_depth()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProtocolError("bad-request", f"The body is no JSON: {error}.") from None
    return checked(body, value)


def checked(body: bytes, value: T) -> T:
    """`value`, which was decoded from `body`, once it is sure that no other parser would see another.

    For a decoder that knows the type of its values, and so does in one pass what `decode` and a
    conversion do in two. Written again, `value` must not gain members (`omit_defaults`), since they
    would stand in for the twins that were lost.

    Raises:
        ProtocolError: `bad-request`, the sender's fault.
    """
    if is_too_deep(body):
        _refuse_depth()
    _check_keys(body, value)
    return value


def is_written_as(body: bytes, value: object) -> bool:
    """Whether `body`, from which `value` was decoded, is just as `encode` writes it, and not nested too deep.

    Then it holds nothing twice and nothing that `value` does not, and strict reading would come to the same. Clients
    that write a body's members in the order in which its type has them, and no blanks, are so read in one pass.
    """
    try:
        return body == encode(value) and not is_too_deep(body)
    except (ValueError, RecursionError):  # what can be read, but not be written
        return False


def _refuse_depth() -> NoReturn:
    raise ProtocolError("bad-request", f"The body is nested deeper than {DEEPEST} levels.") from None


def _check_keys(body: bytes, value: object) -> None:
    """Refuse an object with the same key twice.

    The parser keeps the last of the twins, so writing the value again loses the colon of each
    other one. What is written just as it came had none, and without escapes strings are written as they
    came, colons and all: then as many colons as before mean that there were none. Otherwise all pairs are looked at.
    """
    written = encode(value)
    if written != body and (b"\\" in body or body.count(b":") != written.count(b":")):
        json.loads(body, object_pairs_hook=_refuse_twins, parse_int=float)


def _refuse_twins(pairs: list[tuple[str, object]]) -> None:
    if len({key for key, _ in pairs}) < len(pairs):
        raise ProtocolError("bad-request", "An object of the body has the same key twice.")
