"""Notices: what the server itself tells a client, in packets on control paths.

A notice travels as any packet does: once and in order. But it is the business of that client alone: one that
was not delivered is not among the packets that the application gets at the end of the session.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cometary.packets.packet import Packet

EXPIRING_PATH: Final = "::token"
"""The token that the session was let in on is about to expire."""

FAILED_PATH: Final = "::failed"
"""The application has failed on a packet of the client."""

AT_PATH: Final = "::at"
"""The position of the client in what is kept of a path that it has just been connected to."""

GAP_PATH: Final = "::gap"
"""Of what was sent to a path the client misses something that cannot be replayed."""

ANSWER_PATH: Final = "::answer"
"""The answer to a question of the client's; from a client, to one of the server's."""

REFUSED_PATH: Final = "::refused"
"""What the client has asked for on a control path is refused, or what it was granted is withdrawn."""

PRESENCE_PATH: Final = "::presence"
"""Who has joined or left a path that the client hears."""

NOTICES: Final = frozenset(
    (EXPIRING_PATH, FAILED_PATH, AT_PATH, GAP_PATH, ANSWER_PATH, REFUSED_PATH, PRESENCE_PATH)
)


def without_notices(packets: Iterable[Packet]) -> list[Packet]:
    """Return the other packets, in order."""
    return [packet for packet in packets if packet.path not in NOTICES]
