"""A packet that travels to another process, a worker or a node: what is told of it there, and the packet again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from cometary.errors import UsageError
from cometary.packets.packet import Packet
from cometary.packets.tracked import PLAIN_KEYS, TrackedPacket

if TYPE_CHECKING:
    from cometary.packets.contract_table import Contracts


class Published(msgspec.Struct, array_like=True, frozen=True, tag="published", omit_defaults=True):
    """A packet for everybody who hears its path.

    Attributes:
        json: the packet, as it is sent to clients.
        path: its path.
        message: its message, as MessagePack, which has byte strings; None if it is to be read from `json`.
        receipt: see `TrackedPacket`; the next three likewise.
        ttl: seconds.
        key: text, a number or bytes.
        exclude: the id of a session.
        tracked: whether it has any of these.
        several: whether the message is a tuple: several arguments of an event, which MessagePack takes for a list.
    """

    json: bytes
    path: str
    message: bytes | None = None
    tracked: bool = False
    receipt: str | None = None
    ttl: float | None = None
    key: Any = None
    exclude: str | None = None
    several: bool = False


_encode: Final = msgspec.msgpack.Encoder().encode
decode_published: Final = msgspec.msgpack.Decoder[Published](Published).decode


def encoded(published: Published) -> bytes:
    """Return what is sent of a packet.

    Raises:
        UsageError: its key cannot travel; the caller's fault.
    """
    try:
        return _encode(published)
    except (OverflowError, msgspec.MsgspecError):
        raise UsageError("with several processes a key that is a number has 64 bits at most") from None


def as_published(packet: Packet) -> Published:
    """Return what is told of a packet.

    Raises:
        UsageError: its key cannot travel; the caller's fault.
    """
    try:
        message = msgspec.msgpack.encode(packet.plain_message())
    except (OverflowError, msgspec.MsgspecError):  # integers of more than 64 bits, which only JSON has
        message = None
    several = isinstance(packet.message, tuple)
    if not isinstance(packet, TrackedPacket):
        return Published(packet.json, packet.path, message, several=several)
    key: Any = packet.key
    if type(key) not in PLAIN_KEYS:
        raise UsageError(f"with several processes a key is text, a number or bytes, not {key!r}")
    return Published(
        packet.json,
        packet.path,
        message,
        tracked=True,
        receipt=packet.receipt,
        ttl=packet.ttl,
        key=key,
        exclude=packet.exclude,
        several=several,
    )


def as_packet(published: Published, contracts: Contracts) -> Packet:
    """Return the packet of which it was told."""
    if published.message is None:
        message = msgspec.json.decode(published.json)["message"]
    else:
        message = msgspec.msgpack.decode(published.message)
    if published.several:
        message = tuple(message)
    packet: Packet
    if published.tracked:
        packet = tracked = TrackedPacket(
            published.path,
            message,
            contract=contracts.find(published.path),
            receipt=published.receipt,
            ttl=published.ttl,
            key=published.path,
            exclude=published.exclude,
        )
        tracked.take_key(published.key)
    else:
        packet = Packet(published.path, message)
    packet.preset(json=published.json)
    return packet
