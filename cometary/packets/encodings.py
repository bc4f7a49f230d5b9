"""Encodings: the forms in which packets travel, each made once however many receive it.

1.  An encoding is known by its name, of which there is one in a process: what it made of a packet is kept
    on the packet under this name, for every session and every wire that wants the same.
2.  JSON is no special case to whoever uses it, but has a slot of its own: what counts against every limit is
    its size, so that each packet has it.
3.  A packet that was checked where it was sent (`check_encodable`) can be written in every encoding.
"""

from __future__ import annotations

from typing import Any, Final

import cbor2
from mypy_extensions import mypyc_attr

from cometary.packets.packet import Packet


def write_view(encoder: Any, view: Any) -> None:
    """Write a memoryview as the bytes that it shows; cbor2 would take it for an array of numbers."""
    encoder.encode(view.tobytes())


VIEWS: Final[dict[type, Any]] = {memoryview: write_view}


@mypyc_attr(allow_interpreted_subclasses=True)
class Encoding:
    """One form of packets; subclasses say how it is written.

    Args:
        name: what it is known by; no other encoding may have it.
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def encode(self, packet: Packet) -> bytes:
        """Return the packet in this form: written when it is first asked for, then kept on the packet."""
        kept = packet.encoded
        if kept is None:
            kept = packet.encoded = {}
        written = kept.get(self.name)
        if written is None:
            written = kept[self.name] = self.write(packet)
        return written

    def write(self, packet: Packet) -> bytes:
        """Write the packet; called by `encode`, once for each packet."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<Encoding {self.name}>"


class JsonEncoding(Encoding):
    """`{"path": …, "message": …}` as JSON."""

    __slots__ = ()

    def encode(self, packet: Packet) -> bytes:
        """Return the packet as JSON; rule 2."""
        return packet.json

    def write(self, packet: Packet) -> bytes:
        """Return the packet as JSON."""
        return packet.json


class CborEncoding(Encoding):
    """The same as CBOR, in the values that JSON has, and byte strings."""

    __slots__ = ()

    def write(self, packet: Packet) -> bytes:
        """Write the packet as CBOR."""
        members: dict[str, object] = {"path": packet.path, "message": packet.plain_message()}
        if packet.extra is not None:
            members.update(packet.extra)
        return cbor2.dumps(members, encoders=VIEWS)


JSON: Final = JsonEncoding("json")
CBOR: Final = CborEncoding("cbor")
