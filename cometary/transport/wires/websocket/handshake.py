"""The handshake of WebSockets (RFC 6455, section 4.2): what a request has to say, and the answer to it."""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from hashlib import sha1
from typing import TYPE_CHECKING, Final

from cometary.errors import ProtocolError
from cometary.transport.http.exchange import checked

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from cometary.transport.http.exchange import Headers

VERSION: Final = b"13"
KEY_BYTES: Final = 16
GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

UPGRADE: Final = ((b"Upgrade", b"websocket"), (b"Connection", b"Upgrade"))
OUR_VERSION: Final = (b"Sec-WebSocket-Version", VERSION)


def is_meant(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a request was to become a WebSocket, also if a proxy has taken the upgrade out of it."""
    return b"sec-websocket-key" in headers or b"websocket" in elements(headers.get(b"upgrade", b"").lower())


def asks_for_upgrade(headers: Mapping[bytes, bytes]) -> bool:
    """Whether the wish for a WebSocket has come through."""
    return b"websocket" in elements(headers.get(b"upgrade", b"").lower())


def accepted_key(headers: Mapping[bytes, bytes]) -> bytes:
    """Return the proof that the request was understood.

    Raises:
        ProtocolError: `bad-request`: there is no key, or it is no 16 bytes in base64; the client's fault.
    """
    key = headers.get(b"sec-websocket-key", b"")
    try:
        right = len(b64decode(key, validate=True)) == KEY_BYTES
    except binascii.Error:
        right = False
    if not right:
        raise ProtocolError("bad-request", "Sec-WebSocket-Key has to be 16 bytes in base64.")
    return b64encode(sha1(key + GUID, usedforsecurity=False).digest())


def chosen_protocol(headers: Mapping[bytes, bytes], known: Container[bytes]) -> bytes:
    """Return the first of the protocols that the client would speak, in its order, that is known here.

    Raises:
        ProtocolError: `bad-request`: it is not one; the client's fault.
    """
    for name in elements(headers.get(b"sec-websocket-protocol", b"")):
        if name in known:
            return name
    raise ProtocolError("bad-request", "Sec-WebSocket-Protocol names no protocol that is spoken here.")


def answer(key: bytes, protocol: bytes | None, headers: Headers = ()) -> bytes:
    """Return the answer that makes a connection a WebSocket.

    Args:
        key: what `accepted_key` has returned.
        protocol: the protocol that is spoken on it; None for none.
        headers: more headers.

    Raises:
        ValueError: one holds a line break; the fault of whoever put it there.
    """
    if protocol is not None:
        headers = ((b"Sec-WebSocket-Protocol", protocol), *headers)
    named = b"".join([b"%b: %b\r\n" % header for header in checked(headers)])
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: %b\r\n%b\r\n" % (key, named)
    )


def elements(value: bytes) -> list[bytes]:
    """Return the elements of a header that is a list (RFC 9110, section 5.6.1)."""
    return [element.strip(b" \t") for element in value.split(b",")]
