"""A message that its sender has encoded already: it reaches every client of that encoding byte for byte.

So numbers keep all of their digits, keys their order, and whoever has the bytes anyway pays for no second encoding.
Clients of the other encoding, and handlers in the server, get the value. Made by `cometary.encoded_json` and
`encoded_cbor`, which see to it that it is what a client can read.
"""

from __future__ import annotations

from typing import Final

import cbor2
import msgspec

from cometary.packets.packet import Packet

HEAD: Final = b"\xa2\x64path"
"""Of a map of two members in CBOR (RFC 8949, section 3.1), the first of which is the path."""


class Encoded:
    """A message and its bytes.

    Args:
        value: the message.
        json: it as JSON, on one line; or
        cbor: it as CBOR.
    """

    __slots__ = ("cbor", "json", "value")

    def __init__(self, value: object, *, json: bytes | None = None, cbor: bytes | None = None) -> None:
        self.value = value
        self.json = json
        self.cbor = cbor

    def put_into(self, packet: Packet) -> None:
        """Have a packet, whose message is the value, travel with these bytes."""
        if self.json is not None:
            packet.preset(b'{"path":%b,"message":%b}' % (msgspec.json.encode(packet.path), self.json))
        if self.cbor is not None:
            written = b"%b%b\x67message%b" % (HEAD, cbor2.dumps(packet.path), self.cbor)
            packet.preset(encoded={"cbor": written})
