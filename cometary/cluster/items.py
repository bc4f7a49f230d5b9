"""What a record holds, as bytes: packets for the client, and what the application is to be told.

Written as plain data in JSON (`cometary.packets.frozen`), so that a process of any version can read it.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from cometary.packets.contract import KEEP
from cometary.packets.frozen import FrozenPacket, freeze_packet, thaw_packet, thaw_value
from cometary.packets.packet import Packet
from cometary.packets.tracked import TrackedPacket

SIGN_ON: Final = b"+"
SIGN_OFF: Final = b"-"
"""How what tells of a session's end begins; the reason is behind it."""

WISHES: Final = ("receipt", "extra", "question", "ask")
"""What may be said of a packet beside its path and its message. Its time to live and its key do not count."""

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(FrozenPacket).decode


class OwnPacket(TrackedPacket):
    """A packet that was sent to the session alone, and is recorded: it is never dropped, whatever it waits for."""

    __slots__ = ()


class Ending(NamedTuple):
    """What the application is to be told of a session's end."""

    reason: str


def write_own(packet: Packet) -> bytes:
    """Write a packet for the client, which was sent to the session alone."""
    return _written(packet)


def read_own(item: bytes) -> OwnPacket:
    """Read one. Of its sender's wishes only the one for a receipt holds: what is recorded is delivered."""
    frozen = _decode(item)
    message = thaw_value(frozen.message)
    packet = OwnPacket(frozen.path, message, contract=KEEP, receipt=frozen.receipt, key=frozen.path)
    for name, value in (frozen.extra or {}).items():
        packet.mark(name, value)
    return packet


def write_item(packet: Packet) -> bytes:
    """Write a packet of the client, for the application."""
    return _written(packet)


def _written(packet: Packet) -> bytes:
    """Write what is not as it is anyway: there are many of them in an engine."""
    frozen = freeze_packet(packet)
    value, cbor = frozen.message.value, frozen.message.cbor
    members: dict[str, object] = {
        "path": frozen.path,
        "message": {"value": value} if cbor is None else {"cbor": cbor},
    }
    for name in WISHES:
        wish = getattr(frozen, name)
        if wish is not None and wish is not False:
            members[name] = wish
    return _encode(members)


def write_ending(reason: str) -> bytes:
    """Write what the application is to be told of a session's end."""
    return SIGN_OFF + reason.encode()


def read_item(item: bytes) -> Packet | Ending | None:
    """Read what the application is to be told: a packet of the client, the end; None for the sign-on."""
    if item == SIGN_ON:
        return None
    if item.startswith(SIGN_OFF):
        return Ending(item[len(SIGN_OFF) :].decode())
    return thaw_packet(_decode(item), TrackedPacket)
