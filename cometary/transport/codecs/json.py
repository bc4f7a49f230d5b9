"""JSON, read strictly: RFC 8259 as narrowed by I-JSON (RFC 7493).

What parsers disagree about is refused, so that no proxy or back-end can read a body differently
from this server: invalid UTF-8, lone surrogates, NaN and infinities, fractions and exponents that
no double can hold, text after the value, the same key twice in an object. Beyond 64 levels of nesting
a body is refused as well. Crossing into JSON, byte strings become base64 text, and floats that JSON has
no word for become null.
"""

from __future__ import annotations

import json
from typing import Final, NoReturn, cast

import msgspec

from cometary.errors import ProtocolError
from cometary.packets.nesting import DEEPEST, is_too_deep
from cometary.transport.codecs import amount

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder().decode

FEW: Final = 4
"""Items of a list that are looked at one by one."""

name: Final = "json"
content_type: Final = b"application/json"


def encode(value: object) -> bytes:
    """`value` as JSON.

    Raises:
        TypeError: It holds an object that JSON has no form for: the application's fault.
    """
    return _encode(value)


def decode(body: bytes) -> object:
    """The value that `body` holds.

    Raises:
        ProtocolError: `bad-request`, the sender's fault.
    """
    amount.check_json(body)
    try:
        value: object = _decode(body)
    except RecursionError:
        _refuse_depth()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProtocolError("bad-request", f"The body is no JSON: {error}.") from None
    if is_flat(value):
        return value  # so there is nothing of any depth, and no key
    if is_too_deep(body):
        _refuse_depth()
    _check_keys(body, value)
    return value


def is_flat(value: object) -> bool:
    """Whether a value is a short list with neither lists nor objects in it, as most events are."""
    if not isinstance(value, list):
        return False
    items = cast("list[object]", value)
    if len(items) > FEW:
        return False
    for item in items:  # noqa: SIM110 - a generator takes longer
        if type(item) is list or type(item) is dict:
            return False
    return True


def is_written_as(body: bytes, value: object, *, flat: bool) -> bool:
    """Whether `body`, from which `value` was decoded, is just as `encode` writes it, and not nested too deep.

    Then it holds nothing twice and nothing that `value` does not, and strict reading would come to the same. Clients
    that write a body's members in the order in which its type has them, and no blanks, are so read in one pass.

    Args:
        body: The bytes.
        value: What was decoded from them.
        flat: Whether it is known that nothing of any depth is in `value`; to count brackets takes longer.
    """
    try:
        return body == _encode(value) and (flat or not is_too_deep(body))
    except (ValueError, RecursionError):  # what can be read, but not be written
        return False


def _refuse_depth() -> NoReturn:
    raise ProtocolError("bad-request", f"The body is nested deeper than {DEEPEST} levels.") from None


def _check_keys(body: bytes, value: object) -> None:
    """Refuse an object with the same key twice.

    The parser keeps the last of the twins, so writing the value again loses the colon of each
    other one. Without escapes strings are written as they came, colons and all: then as many
    colons as before mean that there were no twins. Otherwise all pairs are looked at.
    """
    if body.find(b"{") < 0:
        return  # there is no object
    if body.find(b"\\") < 0:  # `in` takes as long as all of this: it tries bytes as a number first
        colons = body.count(b":")
        if colons == encode(value).count(b":"):
            return
    json.loads(body, object_pairs_hook=_refuse_twins, parse_int=float)


def _refuse_twins(pairs: list[tuple[str, object]]) -> None:
    if len({key for key, _ in pairs}) < len(pairs):
        raise ProtocolError("bad-request", "An object of the body has the same key twice.")
