"""Messages that are encoded already, checked as strictly as what clients send."""

from __future__ import annotations

import msgspec

from cometary.errors import ProtocolError, UsageError
from cometary.packets.encoded import Encoded
from cometary.transport.codecs import cbor, json


def encoded_json(data: bytes | str) -> Encoded:
    """Return a message that is JSON already: for `app.update`, `session.send` and the connectors.

    It is passed on as it is, but that line breaks between its values are taken out: a packet is one line.

    Raises:
        UsageError: if it is no JSON, or none that every client could read; the caller's fault.
    """
    text = data.encode() if isinstance(data, str) else bytes(data)
    try:
        value = json.decode(text)
    except ProtocolError as error:
        raise UsageError(f"the message is not passed on: {error.detail}") from None
    if b"\n" in text or b"\r" in text:
        text = msgspec.json.format(text, indent=-1)
    return Encoded(value, json=text)


def encoded_cbor(data: bytes) -> Encoded:
    """Return a message that is CBOR already; see `encoded_json`.

    On a path with a history it is encoded once more, with its position.

    Raises:
        UsageError: if it is no CBOR, or none that every client could read; the caller's fault.
    """
    try:
        return Encoded(cbor.decode(bytes(data)), cbor=bytes(data))
    except ProtocolError as error:
        raise UsageError(f"the message is not passed on: {error.detail}") from None
