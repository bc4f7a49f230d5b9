"""The two kinds of body of the comet protocol: reading requests, writing answers.

What clients send is nearly always written as this server would write it, and then read in one pass, into a struct: it
holds no key twice and no member that is not known. Any other body is read once more, by the strict codec, as is what is
wrong with one. What nearly all requests of a session begin with is read by itself (`read_head`): there is nothing to
look for but its three members. A poll has no more; one packet that comes behind them is read by itself as well
(`read_packet`).
"""

from __future__ import annotations

import re
from types import FunctionType
from typing import TYPE_CHECKING, Final

import cbor2
import msgspec
from msgspec import UNSET, UnsetType

from cometary.errors import ProtocolError
from cometary.packets.encodings import CBOR
from cometary.packets.nesting import is_too_deep
from cometary.packets.paths import CONTROL_PREFIX, check_path
from cometary.packets.question import Question
from cometary.packets.receipted import AskedPacket
from cometary.sessions import Packet
from cometary.sessions.ids import SID_LENGTH, TAG_LENGTH
from cometary.transport.codecs import json
from cometary.transport.codecs.amount import ALWAYS, check_json
from cometary.transport.wires.comet.shapes import HIGHEST_RID, AttachBody, Body, PacketBody

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cometary.gate.opening import Welcome
    from cometary.transport.codecs import Codec

VERSION: Final = 1
HIGHEST_FIRST_RID: Final = HIGHEST_RID - 2**20
EMPTY: Final = b'{"packets":[]}'
IN_JSON: Final = json.content_type
ABSENT: Final = UNSET
"""The same; compiled code looks up what was imported each time, and a constant of its own never."""


_find_head: Final = re.compile(
    rb'\{"sid":"(.{%d}(?:.{%d})??)","rid":([1-9][0-9]{0,14}),"ack":(0|[1-9][0-9]{0,14})(?![0-9])'
    % (SID_LENGTH, TAG_LENGTH),
    re.DOTALL,
).match

_decode_json: Final = msgspec.json.Decoder(Body).decode
_decode_packet: Final = msgspec.json.Decoder(PacketBody).decode


ZERO: Final = 0x30
NINE: Final = 9
CLOSING: Final = 0x7D
BEGINS: Final = b'{"sid":"'
RID: Final = b'","rid":'
ACK: Final = b',"ack":'
SID_AT: Final = len(BEGINS)
SID_ENDS: Final = SID_AT + SID_LENGTH
RID_AT: Final = SID_ENDS + len(RID)
TAG_ENDS: Final = SID_ENDS + TAG_LENGTH
QUOTE: Final = b'"'
SHORTEST_POLL: Final = RID_AT + len(b"1") + len(ACK) + len(b"0}")
PACKETS: Final = b',"packets":['
ENDS: Final = b"]}"
MOST_DIGITS: Final = 15
"""Of a number of which it need not be asked whether it is too high."""


def read_head(body: bytes) -> tuple[str, int, int, int]:
    """Read the members that each request of a session begins with, if they are written as this server would.

    Returns:
        `sid`, `rid` and `ack`, and where they end: a poll has nothing behind them but the bracket that closes it. A
        `rid` of 0 if the body is to be read in full, whatever that comes to. So it is if there is no session of that
        id, which may be written with escapes, or be no JSON at all.
    """
    return read_pattern(body) if INTERPRETED else read_bytes(body)


def read_pattern(body: bytes) -> tuple[str, int, int, int]:
    """Do so by a pattern, which is the cheaper way where each step is interpreted."""
    found = _find_head(body)
    if found is None or not body.endswith(b"}"):
        return "", 0, 0, 0
    sid, rid, ack = found.groups()
    return sid.decode("latin-1"), int(rid), int(ack), found.end(3)


def read_bytes(body: bytes) -> tuple[str, int, int, int]:
    """Do so byte for byte, which is the cheaper way in machine code."""
    if len(body) < SHORTEST_POLL or body[:SID_AT] != BEGINS:
        return "", 0, 0, 0
    sid_ends, rid_at = SID_ENDS, RID_AT
    if body[sid_ends:rid_at] != RID:  # else one that a node has given, which has its tag
        sid_ends, rid_at = sid_ends + TAG_LENGTH, rid_at + TAG_LENGTH
        if body[sid_ends:rid_at] != RID:
            return "", 0, 0, 0
    last = len(body) - 1
    if body[last] != CLOSING:
        return "", 0, 0, 0
    rid, rid_ends = _number(body, rid_at)
    ack_at = rid_ends + len(ACK)
    if rid <= 0 or ack_at >= last or body[rid_ends:ack_at] != ACK:
        return "", 0, 0, 0
    ack, ack_ends = _number(body, ack_at)
    if ack < 0:
        return "", 0, 0, 0
    return body[SID_AT:sid_ends].decode("latin-1"), rid, ack, ack_ends


def read_sid(body: bytes) -> str | None:
    """Return the id of a node's session, if the body begins with it as clients of this project write it."""
    if body[:SID_AT] != BEGINS or body[TAG_ENDS : TAG_ENDS + 1] != QUOTE:
        return None
    return body[SID_AT:TAG_ENDS].decode("latin-1")


def _number(body: bytes, begin: int) -> tuple[int, int]:
    """Return the number that is written from `begin` on, and where it ends; -1 if there is none that counts.

    Behind it there has to be something, if only the bracket that closes all.
    """
    value, at = 0, begin
    digit = body[at] - ZERO
    while 0 <= digit <= NINE and at - begin <= MOST_DIGITS:
        value = value * 10 + digit
        at += 1
        digit = body[at] - ZERO
    length = at - begin
    if not 0 < length <= MOST_DIGITS or (length > 1 and body[begin] == ZERO):
        return -1, at
    return value, at


INTERPRETED: Final = isinstance(read_bytes, FunctionType)


def read_packet(body: bytes, begins: int) -> Packet | None:
    """Read the one packet that comes behind the head, if it is written as this server would write it.

    Returns:
        It; None if the body is to be read in full, whatever that comes to.
    """
    at, end = begins + len(PACKETS), len(body) - len(ENDS)
    if len(body) > ALWAYS or body[begins:at] != PACKETS or body[end:] != ENDS:
        return None
    written = body[at:end]
    try:
        packet = _decode_packet(written)
        if not json.is_written_as(written, packet, flat=True):
            return None
        if isinstance(packet.message, (list, dict)) and is_too_deep(body):
            return None
        check_path(packet.path, from_client=True)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ProtocolError):
        return None
    return packet_of(packet)


def read_request(body: bytes, codec: Codec) -> Body:
    """Read and check one request.

    Raises:
        ProtocolError: `bad-request` or `forbidden-path`; the client's fault.
    """
    if codec is not json:
        request = _convert(codec.decode(body))
    else:
        if len(body) > ALWAYS:
            check_json(body)
        try:
            request = _decode_json(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            request = _convert(json.decode(body))  # which says what is wrong
        else:
            if not json.is_written_as(body, request, flat=are_flat(request.packets, request.token)):
                json.decode(body)
    packets = request.packets
    if request.sid is ABSENT:
        _check_opening(request)
    elif packets:
        for packet in packets:
            check_path(packet.path, from_client=True)
    return request


def are_flat(packets: Sequence[PacketBody] | UnsetType, *others: object) -> bool:
    """Whether no message of `packets` is an array or an object, and none of `others` is."""
    for value in others:
        if isinstance(value, (list, dict)):
            return False
    if packets is not ABSENT:
        for packet in packets:
            if isinstance(packet.message, (list, dict)):
                return False
    return True


def _convert(value: object) -> Body:
    try:
        return msgspec.convert(value, Body)
    except msgspec.ValidationError as error:
        raise ProtocolError("bad-request", f"The body is no request: {error}.") from None


def _check_opening(request: Body) -> None:
    check_first_rid(request.rid)
    if request.packets or request.close:
        raise ProtocolError("bad-request", "The request that opens a session does nothing else.")


def check_first_rid(rid: int) -> None:
    """Check the id of the request that opens a session, on every wire.

    Raises:
        ProtocolError: `bad-request`; the client's fault.
    """
    if rid > HIGHEST_FIRST_RID:
        raise ProtocolError("bad-request", "The first rid is too high to count on from.")


def read_attach(body: bytes, codec: Codec) -> AttachBody:
    """Read what is to attach a stream.

    Raises:
        ProtocolError: `bad-request`; the client's fault.
    """
    value = codec.decode(body)
    if isinstance(value, dict) and "rid" in value:
        raise ProtocolError("bad-request", "What attaches a stream has no rid: it sends nothing.")
    try:
        return msgspec.convert(value, AttachBody)
    except msgspec.ValidationError as error:
        raise ProtocolError("bad-request", f"The body attaches no stream: {error}.") from None


def welcome_members(welcome: Welcome) -> dict[str, object]:
    """Return what the client is told of its session."""
    members: dict[str, object] = {
        "version": VERSION,
        "sid": welcome.sid,
        "wait": welcome.wait,
        "die": welcome.die,
        "requests": welcome.requests,
        "packets": welcome.packets,
    }
    if welcome.expires is not None:
        members["expires"] = welcome.expires
    if welcome.bind is not None:
        members["bind"] = welcome.bind
    if welcome.generation is not None:
        members["gen"] = welcome.generation
    return members


def packets_of(packets: Sequence[PacketBody]) -> Sequence[Packet]:
    """Return what the client sends."""
    return [packet_of(packet) for packet in packets]


def packet_of(body: PacketBody) -> Packet:
    """Return one packet that the client sends."""
    message = None if body.message is ABSENT else body.message
    if body.ask is not ABSENT or body.path.startswith(CONTROL_PREFIX):
        return Question(body.path, message, None if body.ask is ABSENT else body.ask)
    if body.receipt is not ABSENT:
        return AskedPacket(body.path, message, body.receipt)
    return Packet(body.path, message)


def write_answer(first_seq: int, packets: Sequence[Packet], codec: Codec, *, follows: bool = False) -> bytes:
    """Return the body that brings packets, or none.

    Every packet brings its own bytes, made once however many sessions receive it.

    Args:
        first_seq: the number of the first packet.
        packets: the packets.
        codec: how it is written.
        follows: whether the number is left out, since it is the one that follows on.
    """
    if codec is json:
        if not packets:
            return EMPTY
        written = packets[0].json if len(packets) == 1 else b",".join([packet.json for packet in packets])
        if follows:
            return b'{"packets":[%b]}' % written
        return b'{"seq":%d,"packets":[%b]}' % (first_seq, written)
    members = {"seq": first_seq} if packets and not follows else {}
    # A map of one more member than `members`, whose last value is the array (RFC 8949, section 3.1).
    head = bytes([0xA1 + len(members)]) + cbor2.dumps(members)[1:]
    return (
        head
        + cbor2.dumps("packets")
        + array_head(len(packets))
        + b"".join([CBOR.encode(packet) for packet in packets])
    )


def with_members(body: bytes, members: dict[str, object], codec: Codec) -> bytes:
    """Return what `write_answer` has returned with a few more members, in front of the others."""
    if codec is json:
        return b"%b,%b" % (json.encode(members)[:-1], body[1:])
    head = 0xA0 + len(members) + (body[0] - 0xA0)
    return b"%c%b%b" % (head, codec.encode(members)[1:], body[1:])


IN_FIRST_BYTE: Final = 24
"""Counts below this are part of an array's first byte."""


def array_head(count: int) -> bytes:
    """Return the head of a CBOR array of `count` items (RFC 8949, section 3)."""
    if count < IN_FIRST_BYTE:
        return bytes([0x80 + count])
    if count < 1 << 8:
        return bytes([0x98, count])
    if count < 1 << 16:
        return b"\x99" + count.to_bytes(2, "big")
    return b"\x9a" + count.to_bytes(4, "big")
