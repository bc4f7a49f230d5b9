"""The commonest call of all, read in the shortest way: one packet for one session, with only a path and a message.

1.  A body that equals, byte for byte, what its session and packet would be written as holds nothing else: no wish, no
    duplicate key, nothing unknown. So nothing else is looked for, and the packet is written once, both for the
    comparison and for the client.
2.  Whatever differs is read in full, and so is whatever is wrong. Reading sends nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from cometary.doors.control.shapes import PlainSending
from cometary.errors import ProtocolError, UsageError
from cometary.packets.paths import check_target
from cometary.transport.codecs.amount import ALWAYS

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.packets.packet import Packet

_decode: Final = msgspec.json.Decoder(PlainSending).decode


class Sending:
    """One packet for one session.

    Attributes:
        sid: the id of the session, as the back-end gives it.
        packet: the packet.
    """

    __slots__ = ("packet", "sid")

    def __init__(self, sid: str, packet: Packet) -> None:
        self.sid = sid
        self.packet = packet


def read_sending(make: Callable[[str, object], Packet], body: bytes) -> Sending | None:
    """Read a body of the commonest form.

    Args:
        make: makes a packet of path and message.
        body: the body, which is to be JSON.

    Returns:
        It; None if the body is to be read in full, whatever that comes to.
    """
    if len(body) > ALWAYS:
        return None
    try:
        sending = _decode(body)
        (one,) = sending.packets
        path, message, sid = one.path, one.message, sending.sid
        if isinstance(message, (list, dict)):  # which may be nested too deep
            return None
        check_target(path)
        packet = make(path, message)
        written = b'{"sid":"%b","packets":[%b]}' % (sid.encode(), packet.json)
    except (msgspec.DecodeError, ProtocolError, UsageError, ValueError, RecursionError):
        return None
    return Sending(sid, packet) if body == written else None
