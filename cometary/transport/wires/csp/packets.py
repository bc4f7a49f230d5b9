"""The packets of CSP, `[id, encoding, data]`, and the batches that they travel in.

1.  What a client sends is a stream of bytes in packets that are counted from 1; what has come before is left out, and
    nothing may be missing. A last one without data, which js.io sends and the draft does not have, is the stream's end.
2.  What a session sends is one packet of CSP for each of its own, with the same number: the packet as JSON. As plain
    text if that is printable ASCII, else as base64; written once, however many receive it.
3.  `<` is written so that no document takes it for a tag of its own: a batch may stand within a script.

Pure. Source: CSP draft 0.3, sections 3.3.1 and 3.3.2.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec
from msgspec import Meta

from cometary.errors import ProtocolError
from cometary.packets.encodings import Encoding
from cometary.transport.codecs import json

if TYPE_CHECKING:
    from cometary.packets.packet import Packet

PLAIN: Final = 0
BASE64: Final = 1

ClientPacket = tuple[Annotated[int, Meta(ge=1, le=2**53 - 1)], Literal[0, 1], str | None]
"""A packet as a client writes it."""

EMPTY: Final = b"[]"


Batch = Sequence[tuple[int, bytes | None]]
"""What a client sends: the number and the bytes of each packet; None for the end of its stream."""


def read_batch(data: bytes) -> Batch:
    """Read a batch of a client; nothing, if there is no data.

    Raises:
        ProtocolError: `bad-request`: it is no batch, or its packets are not counted on; the client's fault.
    """
    if not data:
        return ()
    try:
        batch = msgspec.convert(json.decode(data), list[ClientPacket])
    except msgspec.ValidationError as error:
        raise ProtocolError("bad-request", f"The data is not a batch of packets: {error}.") from None
    packets = [(number, bytes_of(encoding, text)) for number, encoding, text in batch]
    if any(number != packets[0][0] + place for place, (number, _) in enumerate(packets)):
        raise ProtocolError("bad-request", "The packets of a batch are not numbered one after another.")
    if any(said is None for _, said in packets[:-1]):
        raise ProtocolError("bad-request", "Nothing may follow the end of a stream.")
    return packets


def bytes_of(encoding: int, text: str | None) -> bytes | None:
    """Return the bytes that a packet brings; None if it is the end.

    Raises:
        ProtocolError: `bad-request`: it is not written as it says; the client's fault.
    """
    if encoding == PLAIN or text is None:
        return None if text is None else text.encode()
    try:
        return b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise ProtocolError("bad-request", "The data of a packet is not base64.") from None


def news_of(batch: Batch, received: int) -> tuple[int, bytes, bool]:
    """Return the number of the last packet that has come, the bytes that are new, and whether they are the last.

    Args:
        batch: what has come now.
        received: the number of the last packet that had come before.

    Raises:
        ProtocolError: `bad-request`: packets are missing between these; the client's fault.
    """
    news = [(number, data) for number, data in batch if number > received]
    if not news:
        return received, b"", False
    if news[0][0] != received + 1:
        detail = f"Packet {news[0][0]} has come, but the one before it has not."
        raise ProtocolError("bad-request", detail)
    last, end = news[-1]
    return last, b"".join([data for _, data in news if data is not None]), end is None


class CspEncoding(Encoding):
    """A packet but for its number: the encoding and the data (rules 2 and 3)."""

    __slots__ = ()

    def write(self, packet: Packet) -> bytes:
        """Write the packet."""
        data = packet.json
        if data.isascii() and data.decode().isprintable():
            return b"%d,%b" % (PLAIN, json.encode(data.decode()).replace(b"<", rb"\u003c"))
        return b'%d,"%b"' % (BASE64, urlsafe_b64encode(data))


CSP: Final = CspEncoding("csp")


def write_batch(first_seq: int, packets: Sequence[Packet], null: int = 0) -> bytes:
    """Return a batch.

    Args:
        first_seq: the number of the first packet.
        packets: the packets.
        null: the number of the packet that says that nothing more comes; 0 if that is not to be said.
    """
    written = [b"[%d,%b]" % (seq, CSP.encode(packet)) for seq, packet in enumerate(packets, first_seq)]
    if null:
        written.append(b"[%d,%d,null]" % (null, PLAIN))
    return b"[%b]" % b",".join(written)
