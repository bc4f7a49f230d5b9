"""What has become of all packets of a server's sessions, in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cometary.sessions.outbox import Outbox


@dataclass(slots=True)
class Totals:
    """Packets by what has become of them, receipts or not.

    Attributes:
        delivered: their clients have acknowledged them.
        presumed: they are presumed to have arrived, on a wire that cannot say so.
        expired: their time to live has passed.
        dropped: they gave way by the contract of their path.
        undelivered: their session had ended.
        sent: they were part of an answer.
        received: they came from clients.
    """

    delivered: int = 0
    presumed: int = 0
    expired: int = 0
    dropped: int = 0
    undelivered: int = 0
    sent: int = 0
    received: int = 0

    def take_off(self, outbox: Outbox) -> None:
        """Do not count here what an outbox has done that comes from elsewhere, where it is counted."""
        self.delivered -= outbox.delivered
        self.presumed -= outbox.presumed
        self.sent -= outbox.sent
        if outbox.tracking is not None:
            self.expired -= outbox.tracking.expired
            self.dropped -= outbox.tracking.dropped

    def add(self, outbox: Outbox, undelivered: int = 0) -> None:
        """Count what an outbox has done, and what it has left undone."""
        self.delivered += outbox.delivered
        self.presumed += outbox.presumed
        self.sent += outbox.sent
        if outbox.tracking is not None:
            self.expired += outbox.tracking.expired
            self.dropped += outbox.tracking.dropped
        self.undelivered += undelivered
