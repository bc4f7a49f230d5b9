"""What workers tell each other of a packet, and the packet of which it was told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cometary.errors import UsageError
from cometary.packets.packet import Packet
from cometary.packets.tracked import PLAIN_KEYS, TrackedPacket
from cometary.workers.messages import Published, encode

if TYPE_CHECKING:
    from cometary.packets.contract_table import Contracts


def encoded(published: Published) -> bytes:
    """Return what is sent of a packet.

    Raises:
        UsageError: its key cannot travel; the caller's fault.
    """
    try:
        return encode(published)
    except (OverflowError, msgspec.MsgspecError):
        raise UsageError("with several workers a key that is a number has 64 bits at most") from None


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
        raise UsageError(f"with several workers a key is text, a number or bytes, not {key!r}")
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
