"""What is in the frames of the comet protocol: reading those of clients, writing those of the server.

The frame of a packet that follows on is the same for everybody who receives it: it is made once, as the packet's form
in an encoding. An acknowledgement, or a packet with a plain value, is read in one pass, as on the comet wire.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from cometary.errors import ProtocolError
from cometary.packets.encodings import Encoding
from cometary.packets.paths import check_path
from cometary.sessions.resuming import Resuming
from cometary.transport.codecs import cbor, json
from cometary.transport.codecs.amount import ALWAYS, check_json
from cometary.transport.wires.comet.bodies import (
    ABSENT,
    are_flat,
    check_first_rid,
    packets_of,
    write_answer,
)
from cometary.transport.wires.websocket.frames import BINARY, TEXT, frame
from cometary.transport.wires.websocket.shapes import FrameBody, RidBody

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cometary.packets.packet import Packet
    from cometary.transport.codecs import Codec

_decode_json: Final = msgspec.json.Decoder(FrameBody).decode
_decode_rid: Final = msgspec.json.Decoder(RidBody).decode


def read_frame(payload: bytes, codec: Codec) -> FrameBody:
    """Read one frame.

    Raises:
        ProtocolError: `bad-request`; the client's fault.
    """
    if codec is not json:
        body = _convert(codec.decode(payload))
    else:
        if len(payload) > ALWAYS:
            check_json(payload)
        try:
            body = _decode_json(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            body = _convert(json.decode(payload))  # which says what is wrong
        else:
            if not json.is_written_as(payload, body, flat=are_flat(body.packets, body.token, body.probe)):
                json.decode(payload)
    return body


def _convert(value: object) -> FrameBody:
    try:
        return msgspec.convert(value, FrameBody)
    except msgspec.ValidationError as error:
        raise ProtocolError("bad-request", f"The frame is none of this protocol: {error}.") from None


def rid_of(payload: bytes, codec: Codec) -> int | None:
    """Return the request id of a frame that could not be read, if it can be found: what is wrong may be in a packet."""
    if codec is not json:
        return None
    try:
        return _decode_rid(payload).rid
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def checked_packets(body: FrameBody) -> Sequence[Packet]:
    """Return what the client sends.

    Raises:
        ProtocolError: `bad-request` or `forbidden-path`: a path is none; the client's fault.
    """
    if not body.packets:
        return ()
    for packet in body.packets:
        check_path(packet.path, from_client=True)
    return packets_of(body.packets)


def is_probe(body: FrameBody) -> bool:
    """Whether a frame only asks whether frames come through."""
    return body.probe is not ABSENT


def brings_token(body: FrameBody) -> bool:
    """Whether a frame brings a token; None is one, too."""
    return body.token is not ABSENT


def ack_of(body: FrameBody) -> int:
    """Return the highest packet number that the client says it has; 0 if it does not say."""
    return 0 if body.ack is ABSENT else body.ack


def says_of(body: FrameBody) -> Resuming | None:
    """Return what a client says of itself that can go on with its session elsewhere; None if it does not say so."""
    if body.gen is not ABSENT:
        return Resuming(
            body.gen,
            None if body.at is ABSENT else body.at,
            0 if body.done is ABSENT else body.done,
        )
    return Resuming(1) if body.resume is True else None


def check_opening(body: FrameBody) -> int:
    """Return the request id of a frame that opens a session.

    Raises:
        ProtocolError: `bad-request`: it does not; the client's fault.
    """
    if body.rid is ABSENT:
        raise ProtocolError("bad-request", "The first frame opens a session, names one, or is a probe.")
    check_first_rid(body.rid)
    if body.packets or body.close:
        raise ProtocolError("bad-request", "The frame that opens a session does nothing else.")
    return body.rid


def check_sign(body: FrameBody) -> None:
    """Accept a frame without a request id, which is no more than a sign of life, by returning.

    Raises:
        ProtocolError: `bad-request`: it asks for more; the client's fault.
    """
    if body.packets or body.close or brings_token(body):
        raise ProtocolError("bad-request", "A request needs a rid.")


class Form:
    """One of the two forms of all frames.

    Args:
        codec: how their bodies are written.
        opcode: what frames with such bodies are.
        encoding: of the frame of a single packet that follows on.
    """

    __slots__ = ("beat", "codec", "encoding", "opcode")

    def __init__(self, codec: Codec, opcode: int, encoding: Encoding) -> None:
        self.codec = codec
        self.opcode = opcode
        self.encoding = encoding
        self.beat = frame(opcode, codec.encode({}))

    def encode(self, members: dict[str, Any]) -> bytes:
        """Return a frame with these members."""
        return frame(self.opcode, self.codec.encode(members))

    def confirmation(self, rid: int) -> bytes:
        """Return the frame that says that all requests up to `rid` have been processed."""
        if self.opcode == TEXT:
            return frame(TEXT, b'{"rid":%d}' % rid)
        return self.encode({"rid": rid})

    def carry(self, first_seq: int, packets: Sequence[Packet], *, follows: bool) -> bytes:
        """Return the frame with these packets.

        Args:
            first_seq: the number of the first of them.
            packets: one or more.
            follows: whether the client knows that number: it is the next one.
        """
        if follows and len(packets) == 1:
            return self.encoding.encode(packets[0])
        return frame(self.opcode, write_answer(first_seq, packets, self.codec, follows=follows))


class JsonFrame(Encoding):
    """A packet in a frame of its own, in JSON."""

    __slots__ = ()

    def write(self, packet: Packet) -> bytes:
        """Write the frame."""
        return frame(TEXT, write_answer(0, (packet,), json, follows=True))


class CborFrame(Encoding):
    """The same in CBOR."""

    __slots__ = ()

    def write(self, packet: Packet) -> bytes:
        """Write the frame."""
        return frame(BINARY, write_answer(0, (packet,), cbor, follows=True))


JSON_FORM: Final = Form(json, TEXT, JsonFrame("websocket-json"))
CBOR_FORM: Final = Form(cbor, BINARY, CborFrame("websocket-cbor"))

FORMS: Final = {b"cometary.1": JSON_FORM, b"cometary.1.cbor": CBOR_FORM}
"""By subprotocol."""
