"""How far a client has got in everything that it is sent: the opaque `at` of answers and requests.

1.  For packets sent to the session alone it is their number; for those of a path with a log, the place in the log. So
    nothing has to be recorded for a delivery, and a node that adopts the session reads on from there (R7).
2.  The client gives it back unchanged. It is the client's own word: a client that changes it harms only what it is sent
    itself.
"""

from __future__ import annotations

import base64
from typing import Final, NamedTuple

import msgspec

from cometary.errors import UsageError
from cometary.packets.position import Position

LONGEST: Final = 256
"""Characters of its text. One that were longer is to be shortened by recording where the client is."""

Logs = tuple[tuple[str, Position], ...]
"""Places in logs, by the names of these, in their order."""


class ClientPosition(NamedTuple):
    """A place in what a client is sent.

    Attributes:
        own: how many packets were sent to the session alone.
        logs: the place in each log from which anything was sent.
    """

    own: int = 0
    logs: Logs = ()

    def text(self) -> str:
        """Return its text, for the client."""
        packed = msgspec.msgpack.encode((self.own, [(log, *place) for log, place in self.logs]))
        return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def read_client_position(text: object) -> ClientPosition:
    """Read such a text.

    Raises:
        UsageError: if it is not a position; the client's fault.
    """
    if isinstance(text, str) and len(text) <= LONGEST and text.isascii():
        try:
            packed = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
            own, logs = msgspec.msgpack.decode(packed, type=tuple[int, list[tuple[str, str, int]]])
        except (ValueError, msgspec.MsgspecError):
            pass
        else:
            if own >= 0 and all(offset >= 0 for _, _, offset in logs):
                places = {log: Position(epoch, offset) for log, epoch, offset in logs}
                return ClientPosition(own, tuple(sorted(places.items())))
    raise UsageError("a position is the text that an answer gave as its `at`")
