"""The two kinds of body of the comet protocol: reading requests, writing answers.

A poll, or a packet with a plain value, is the commonest request by far and is read in one pass,
into a struct. What the codecs check beyond that (no key twice, not nested too deep) is free for a
body with as many keys as known members and no bracket but its own; only other bodies are read once
more, by the strict codec.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cbor2
import msgspec
from msgspec import UNSET

from cometary.errors import ProtocolError
from cometary.packets.encodings import CBOR
from cometary.packets.paths import CONTROL_PREFIX, check_path
from cometary.packets.question import Question
from cometary.packets.receipted import AskedPacket
from cometary.sessions import Packet
from cometary.transport.codecs import json
from cometary.transport.codecs.amount import ALWAYS, check_json
from cometary.transport.wires.comet.shapes import HIGHEST_RID, AttachBody, Body, PacketBody

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cometary.gate.opening import Welcome
    from cometary.transport.codecs import Codec

VERSION: Final = 1
HIGHEST_FIRST_RID: Final = HIGHEST_RID - 2**20
BACKSLASH: Final = ord("\\")
"""As a number, because that is found ten times as fast in a byte string as another byte string."""
EMPTY: Final = b'{"packets":[]}'


_decode_json = msgspec.json.Decoder(Body).decode


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
            if request.sid is UNSET or BACKSLASH in body:
                json.decode(body)
            elif not request.packets:
                if count_members(body) == MEMBERS[request.ack is UNSET]:
                    return request  # a plain poll
                json.decode(body)
            elif not _plain(request, request.packets, body):
                json.decode(body)
    _check(request)
    return request


def _plain(request: Body, packets: Sequence[PacketBody], body: bytes) -> bool:
    """Whether there are the members that are known and no others, and the only array is that of the packets.

    A key that came twice, or a member that is not known, would have brought one more. That
    must not be made up for by a member that is missing, so none may be.
    """
    members = MEMBERS[request.ack is UNSET] + 1 + 2 * len(packets)
    count = count_members(body)
    return (
        (count == members or (count == members + 1 and request.hold is not UNSET))
        and body.count(b"[") == 1
        and UNSET not in [packet.message for packet in packets]
    )


def count_members(body: bytes) -> int:
    """Return how many members the objects of a body have at most in all, if nothing in it is escaped.

    A text that begins with a colon counts, too. -1 if a blank may stand before a colon, which makes it hard to say.
    """
    for blank in BLANKS:
        if body.find(blank) >= 0:  # `in` would first try it as a number, and raise
            return -1
    return body.count(b'":')


BLANKS: Final = (b'" ', b'"\n', b'"\r', b'"\t')

MEMBERS: Final = (3, 2)
"""Members of a poll with and without an `ack`."""


def _convert(value: object) -> Body:
    try:
        return msgspec.convert(value, Body)
    except msgspec.ValidationError as error:
        raise ProtocolError("bad-request", f"The body is no request: {error}.") from None


def _check(request: Body) -> None:
    if request.sid is UNSET:
        if request.rid > HIGHEST_FIRST_RID:
            raise ProtocolError("bad-request", "The first rid is too high to count on from.")
        if request.packets or request.close:
            raise ProtocolError("bad-request", "The request that opens a session does nothing else.")
    if request.packets:
        for packet in request.packets:
            check_path(packet.path, from_client=True)


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
    members: dict[str, object] = {"version": VERSION, **welcome._asdict()}
    for name in ("expires", "bind"):
        if members[name] is None:
            del members[name]
    return members


def packets_of(packets: Sequence[PacketBody]) -> Sequence[Packet]:
    """Return what the client sends."""
    return [packet_of(packet) for packet in packets]


def packet_of(body: PacketBody) -> Packet:
    """Return one packet that the client sends."""
    message = None if body.message is UNSET else body.message
    if body.ask is not UNSET or body.path.startswith(CONTROL_PREFIX):
        return Question(body.path, message, None if body.ask is UNSET else body.ask)
    if body.receipt is not UNSET:
        return AskedPacket(body.path, message, body.receipt)
    return Packet(body.path, message)


def write_answer(first_seq: int, packets: Sequence[Packet], codec: Codec) -> bytes:
    """Return the body that answers a request with packets, or with none.

    Every packet brings its own bytes, made once however many sessions receive it.
    """
    if codec is json:
        if not packets:
            return EMPTY
        written = packets[0].json if len(packets) == 1 else b",".join([packet.json for packet in packets])
        return b'{"seq":%d,"packets":[%b]}' % (first_seq, written)
    members = {"seq": first_seq} if packets else {}
    # A map of one more member than `members`, whose last value is the array (RFC 8949, section 3.1).
    head = bytes([0xA1 + len(members)]) + cbor2.dumps(members)[1:]
    return (
        head
        + cbor2.dumps("packets")
        + array_head(len(packets))
        + b"".join([CBOR.encode(packet) for packet in packets])
    )


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
