"""How much a body holds, found out before any of it is decoded.

A parser makes an object of each value, and of a body of a given length the costliest has
the most of them. So these are counted first, which costs little and stops at the limit.

1.  A value counts as one, an array or an object as `CONTAINER`: that is about what they cost.
2.  A number with an exponent of three digits counts as `EXPONENT`: a double that is hard to find takes that long.
3.  A body of no more than `ALWAYS` bytes cannot hold too much, so it is not looked at.
4.  What is counted need not be well-formed: what is wrong with it is for the parser to say.
"""

from __future__ import annotations

import re
from typing import Final, NoReturn

from cometary.errors import ProtocolError

MOST: Final = 65_536
"""How much a body may hold: a value for each four bytes of the longest that is taken by default."""

CONTAINER: Final = 4
EXPONENT: Final = 100
ALWAYS: Final = MOST // CONTAINER

_find_exponents: Final = re.compile(rb"[eE][+-]?[0-9]{3}").findall
_LONG_STRINGS: Final = frozenset(major << 5 | info for major in (2, 3) for info in (24, 25, 26, 27))


def check_json(body: bytes) -> None:
    """See whether a body in JSON may be decoded.

    Raises:
        ProtocolError: `bad-request`: it holds too much; the sender's fault.
    """
    # What is within strings is counted only if it makes no difference, since that is faster.
    if len(body) > ALWAYS and _at_most(body) > MOST:
        unescaped = body.replace(rb"\\", b"").replace(rb"\"", b"")
        if unescaped.count(b'"') > 2 * MOST or _at_most(b"".join(unescaped.split(b'"')[::2])) > MOST:
            _refuse()


def _at_most(body: bytes) -> int:
    """Return what values there may be: one after each of what separates and opens."""
    containers = body.count(b"[") + body.count(b"{")
    return (
        CONTAINER * containers + body.count(b",") + body.count(b":") + EXPONENT * len(_find_exponents(body))
    )


def check_cbor(body: bytes) -> None:
    """See whether a body in CBOR may be decoded; else as `check_json`.

    In CBOR each value begins with its head, and where one ends the next begins, at whatever level (RFC 8949,
    section 3): to count them, nothing needs to be known of what contains what.
    """
    end = len(body)
    if end <= ALWAYS:
        return
    at = amount = 0
    while at < end:
        head = body[at]
        amount += _AMOUNTS[head]
        if amount > MOST:
            _refuse()
        at += _LENGTHS[head]
        if head in _LONG_STRINGS:
            size = 1 << (head & 0x1F) - 24
            at += int.from_bytes(body[at - size : at], "big")


def _length(head: int) -> int:
    """Bytes of what begins with `head`, content of arrays, maps and long strings left out."""
    major, info = head >> 5, head & 0x1F
    if info < 24:  # noqa: PLR2004 - RFC 8949, section 3
        return 1 + info if major in {2, 3} else 1
    return 1 + (1 << info - 24) if info < 28 else 1  # noqa: PLR2004 - the same


_LENGTHS: Final = [_length(head) for head in range(256)]
_AMOUNTS: Final = [CONTAINER if head >> 5 in {4, 5} else 1 for head in range(256)]


def _refuse() -> NoReturn:
    raise ProtocolError(
        "bad-request", f"The body holds more than {MOST} values (an array or object counts as {CONTAINER})."
    )
