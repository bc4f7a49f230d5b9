"""An outbox for wires that cannot say what has arrived: all but the last packets that were sent are presumed to have.

1.  It keeps `window` packets that were sent; what was sent before them goes when others are sent. Nothing that goes
    is ever said to be `delivered`: its outcome is `presumed`.
2.  What its client does acknowledge, for instance by the last id that an EventSource returns with, is delivered.
3.  A client that comes back and lacks more than the window has lost what is missing: numbers tell it how much.

A class of its own, so that an outbox whose packets are kept until they are acknowledged pays nothing for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cometary.sessions.outbox import Outbox

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cometary.packets.packet import Packet
    from cometary.sessions.events import Stream


class PresumingOutbox(Outbox):
    """The packets that one client may lack.

    Args:
        max_packets: see `Outbox`.
        max_bytes: see `Outbox`.
        window: how many packets that were sent are kept.
    """

    __slots__ = ("window",)

    def __init__(self, max_packets: int, max_bytes: int, window: int) -> None:
        super().__init__(max_packets, max_bytes)
        self.window = window

    def batch(self, max_bytes: int, after: int = 0) -> tuple[int, Sequence[Packet]]:
        """Return what to send now, and let go of what is presumed to have arrived then."""
        first, packets = super().batch(max_bytes, after)
        self._presume()
        return first, packets

    def send_last(self, stream: Stream) -> int:
        """Take note that `stream` carries the last packet, and let go of what is presumed to have arrived then."""
        number = super().send_last(stream)
        self._presume()
        return number

    def _presume(self) -> None:
        count = self.sent - self.window - self.acknowledged
        if count <= 0:
            return
        gone = self.packets[:count]
        del self.packets[:count]
        self.acknowledged += count
        self.presumed += count
        if self.followed is not None and self.followed.is_among(self.acknowledged):
            self.followed = None  # nobody knows when it arrived
        for packet in gone:
            self.size -= packet.size
        if self.tracking is not None:
            self.tracking.gone(gone, "presumed")
