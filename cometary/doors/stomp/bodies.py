"""From STOMP's bodies to messages, and back.

`application/json` is any message, `text/plain` text, `application/octet-stream` bytes. A body without a type is text if
it is UTF-8, else bytes. STOMP clients are sent text as text, bytes as bytes, and anything else as JSON.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from cometary.doors.stomp.frames import Frame, bad, tail
from cometary.packets.encodings import Encoding
from cometary.packets.plain_values import plain_value
from cometary.transport.codecs import json

if TYPE_CHECKING:
    from cometary.packets.packet import Packet

JSON: Final = "application/json"
TEXT: Final = "text/plain"
BYTES: Final = "application/octet-stream"

_encode = msgspec.json.Encoder(enc_hook=plain_value).encode


def message_of(frame: Frame) -> Any:
    """Return the message of a SEND frame.

    Raises:
        ProtocolError: `bad-request`: it is not the JSON that it says it is; the client's fault.
    """
    kind = frame.headers.get("content-type", "")
    if kind != JSON:  # as it nearly always is written
        kind = kind.partition(";")[0].strip().lower()
    if kind == JSON:
        return json.decode(frame.body)
    return frame.body if kind == BYTES else text_or_bytes(frame.body)


def text_or_bytes(body: bytes) -> str | bytes:
    """Return the message of a body without a type."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body


def passed_on(frame: Frame) -> bytes:
    """Return the end of a MESSAGE frame that has the body of a SEND frame, as it came, and the type of that.

    Raises:
        ProtocolError: `bad-request`: what it says of the type would be more than a header to some clients, or none; the
            client's fault.
    """
    kind = frame.headers.get("content-type")
    if kind is None:
        kind = TEXT if isinstance(text_or_bytes(frame.body), str) else BYTES
    elif "\\" in kind or not kind.isprintable():  # which versions write in different ways
        raise bad("A content-type has neither backslashes nor ends of lines.")
    return tail([("content-type", kind)], frame.body)


class StompEncoding(Encoding):
    """The end of a MESSAGE frame: what its body is, and the body."""

    __slots__ = ()

    def write(self, packet: Packet) -> bytes:
        """Write it, once for all who hear it."""
        message = packet.message
        if isinstance(message, str):
            return tail([("content-type", TEXT)], message.encode(errors="replace"))
        if isinstance(message, bytes | bytearray | memoryview):
            return tail([("content-type", BYTES)], bytes(cast("bytes", message)))
        return tail([("content-type", JSON)], _encode(message))


STOMP: Final = StompEncoding("stomp")
