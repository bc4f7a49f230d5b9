"""What a client says in its stream of bytes: JSON objects, one after another, each a packet of its session.

1.  CSP has no messages: a client may join what it writes, and cut it up. So an object ends where its last bracket is,
    whatever packets it came in; blanks between two objects mean nothing.
2.  What has come of an object that is not whole waits for the rest (`Unfinished`), with how far it was looked at: so
    each byte is looked at once, into however many pieces the object is cut.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from cometary.errors import ProtocolError
from cometary.packets.nesting import DEEPEST
from cometary.packets.paths import check_path
from cometary.transport.codecs import json
from cometary.transport.codecs.amount import check_json
from cometary.transport.wires.comet.bodies import packet_of
from cometary.transport.wires.comet.shapes import PacketBody

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cometary.packets.packet import Packet

OPENS: Final = 0x7B
CLOSES: Final = 0x7D
QUOTE: Final = 0x22
BLANKS: Final = b" \t\r\n"

Goes = Callable[[bytes, int], "re.Match[bytes] | None"]

_to_quote: Goes = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL).match
"""Goes within a string to its end; to a backslash that is the last byte."""

_to_bracket: Goes = re.compile(rb'[^{}"]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^{}"]*+)*+', re.DOTALL).match
"""Goes to the next curly bracket that is in no string, in one step; to the quote of a string that has no end yet."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """What has come of an object that is not whole; nothing, as a rule.

    Attributes:
        text: its bytes.
        place: how many of them need not be looked at again.
        depth: how many curly brackets are open there.
        in_string: whether that is within a string.
    """

    text: bytes = b""
    place: int = 0
    depth: int = 0
    in_string: bool = False


NOTHING: Final = Unfinished()


def split(before: Unfinished, data: bytes, longest: int) -> tuple[Sequence[bytes], Unfinished]:
    """Return the objects that are whole, and what has come of one that is not.

    Args:
        before: what there was of one before.
        data: what has come now.
        longest: bytes that one may have.

    Raises:
        ProtocolError: `bad-request` or `too-large`: something is in none, or one is too deep or too long; the client's
            fault.
    """
    if not data:
        return (), before
    text, at, depth = before.text + data, before.place, before.depth
    check_json(b'"' + text[at:] if before.in_string else text[at:])
    if before.in_string:
        at = _end(_to_quote, text, at)
        if at >= len(text) or text[at] != QUOTE:
            return (), Unfinished(_checked(text, longest), at, depth, in_string=True)
        at += 1
    objects: list[bytes] = []
    begin = 0
    while (at := _end(_to_bracket, text, at)) < len(text) and text[at] != QUOTE:
        if not depth:
            _check_between(text[begin:at], is_end=text[at] == CLOSES)
            begin = at
        depth += 1 if text[at] == OPENS else -1
        at += 1
        if depth > DEEPEST:
            raise ProtocolError("bad-request", f"A message is nested deeper than {DEEPEST} levels.")
        if not depth:
            objects.append(_checked(text[begin:at], longest))
            begin = at
    if not depth:
        _check_between(text[begin:])
        return objects, NOTHING
    in_string = at < len(text)
    if in_string:
        at = _end(_to_quote, text, at + 1)
    return objects, Unfinished(_checked(text[begin:], longest), at - begin, depth, in_string)


def _end(goes: Goes, text: bytes, begin: int) -> int:
    found = goes(text, begin)
    return begin if found is None else found.end()


def _check_between(text: bytes, *, is_end: bool = False) -> None:
    if is_end or text.strip(BLANKS):
        raise ProtocolError("bad-request", "A client has to send JSON objects, one after another.")


def _checked(text: bytes, longest: int) -> bytes:
    if len(text) > longest:
        raise ProtocolError("too-large", f"A message may have at most {longest} bytes.")
    return text


def read_packet(text: bytes) -> Packet:
    """Read one object.

    Raises:
        ProtocolError: `bad-request` or `forbidden-path`; the client's fault.
    """
    try:
        body = msgspec.convert(json.decode(text), PacketBody)
    except msgspec.ValidationError as error:
        raise ProtocolError("bad-request", f"The message is not a packet: {error}.") from None
    check_path(body.path, from_client=True)
    return packet_of(body)
