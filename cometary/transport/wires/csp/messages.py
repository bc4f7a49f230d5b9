"""What a client says in its stream of bytes: objects of JSON, one behind the other, each a packet of its session.

1.  CSP has no messages: a client may join what it writes, and cut it up. So an object ends where its last bracket is,
    whatever packets it came in; blanks between two are nothing.
2.  What has come of an object that is not whole waits for the rest.

Pure.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from cometary.errors import ProtocolError
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
BLANKS: Final = b" \t\r\n"

_to_bracket: Final = re.compile(rb'[^{}"]*+(?:"(?:[^"\\]|\\.)*+"[^{}"]*+)*+', re.DOTALL).match
"""Goes to the next curly bracket that is in no string, in one step; to the quote of a string that has no end yet."""


def split(data: bytes) -> tuple[Sequence[bytes], bytes]:
    """Return the objects that are whole, and what there is of one that is not.

    Raises:
        ProtocolError: `bad-request`: something is in none; the client's fault.
    """
    check_json(data)
    objects: list[bytes] = []
    depth = begin = at = 0
    while (at := _end_of_text(data, at)) < len(data) and data[at] in {OPENS, CLOSES}:
        if not depth and (data[begin:at].strip(BLANKS) or data[at] == CLOSES):
            break
        if not depth:
            begin = at
        depth += 1 if data[at] == OPENS else -1
        at += 1
        if not depth:
            objects.append(data[begin:at])
            begin = at
    if depth:
        return objects, data[begin:]
    if data[begin:].strip(BLANKS):
        raise ProtocolError("bad-request", "What a client sends is objects of JSON, one behind the other.")
    return objects, b""


def _end_of_text(data: bytes, begin: int) -> int:
    found = _to_bracket(data, begin)
    return begin if found is None else found.end()


def read_packets(rest: bytes, data: bytes, longest: int) -> tuple[Sequence[Packet], bytes]:
    """Return the packets that are whole, and what there is of one that is not.

    Args:
        rest: what there was of one before.
        data: what has come now.
        longest: bytes that one may have.

    Raises:
        ProtocolError: `bad-request`, `forbidden-path` or `too-large`; the client's fault.
    """
    if not data:
        return (), rest
    objects, rest = split(rest + data)
    if len(rest) > longest:
        raise ProtocolError("too-large", f"A message has at most {longest} bytes.")
    return [read_packet(one) for one in objects], rest


def read_packet(text: bytes) -> Packet:
    """Read one object.

    Raises:
        ProtocolError: `bad-request` or `forbidden-path`; the client's fault.
    """
    try:
        body = msgspec.convert(json.decode(text), PacketBody)
    except msgspec.ValidationError as error:
        raise ProtocolError("bad-request", f"The message is no packet: {error}.") from None
    check_path(body.path, from_client=True)
    return packet_of(body)
