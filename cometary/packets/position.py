"""Positions: how far somebody has got in what is kept of a path, and what they want to be given of it.

To everybody but the engine a position is a text that it has given, such as `k3Fq9-17`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from cometary.errors import UsageError
from cometary.packets.paths import check_own_path

if TYPE_CHECKING:
    from cometary.packets.packet import Packet

LONGEST: Final = 64
"""Characters of a position."""

MOST_DIGITS: Final = 18


class Position(NamedTuple):
    """A place in what is kept of a path.

    Attributes:
        epoch: which life of it; of another epoch nothing is known any more.
        offset: grows with each packet, perhaps by more than one.
    """

    epoch: str
    offset: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.offset}"


class Replay(NamedTuple):
    """What a session is to be given of paths that it is connected to, before what is sent there from then on.

    Attributes:
        last: so many of the latest packets of each path, or of all that a pattern covers.
        since: for some paths, and patterns, all behind a position, in place of the latest.
    """

    last: int = 0
    since: Mapping[str, Position] = {}


def read_position(text: object) -> Position:
    """Read the text of a position.

    Raises:
        UsageError: if it is not one; the caller's fault.
    """
    if isinstance(text, str) and len(text) <= LONGEST:
        epoch, _, offset = text.rpartition("-")
        if epoch and offset.isascii() and offset.isdecimal() and len(offset) <= MOST_DIGITS:
            return Position(epoch, int(offset))
    raise UsageError("a position is a text that came with a packet as its `at`")


def place_of(packet: Packet) -> Position:
    """Return the position of a packet that was kept."""
    return read_position((packet.extra or {}).get("at"))


def before(packet: Packet) -> Position:
    """Return a position between such a packet and the one before it."""
    epoch, offset = place_of(packet)
    return Position(epoch, offset - 1)


NOTHING: Final = Replay()
"""Of what is kept nothing is replayed: only where it ends is told."""


def read_replay(last: object = 0, since: object = None) -> Replay:
    """Return what is to be replayed.

    Args:
        last: how many packets of each path.
        since: from paths to texts of positions; None for none.

    Raises:
        UsageError: if one of them is not that; the caller's fault.
    """
    if not isinstance(last, int) or isinstance(last, bool) or last < 0:
        raise UsageError(f"last is a whole number of packets, not {last!r}")
    if since is None:
        return Replay(last) if last else NOTHING
    if not isinstance(since, Mapping):
        raise UsageError("since is a map from paths to positions")
    given = cast("Mapping[Any, object]", since)
    for path in given:
        check_own_path(path)
    return Replay(last, {path: read_position(text) for path, text in given.items()})
