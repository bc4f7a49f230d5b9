"""A client's subscription in STOMP: what it hears, how it acknowledges, and what is in flight.

In a mode other than `auto`, only so many unacknowledged messages are in flight. In `client`, acknowledging a message
also acknowledges all before it on the same subscription; in `client-individual`, that message alone.
"""

from __future__ import annotations

from typing import Final

ACK_MODES: Final = ("auto", "client", "client-individual")

MOST_UNACKNOWLEDGED: Final = 1_000
"""Of one subscription."""


class Subscription:
    """One of a client's subscriptions.

    Args:
        id: what the client calls it.
        destination: what it hears.
        mode: how it acknowledges.

    Attributes:
        unacknowledged: what is in flight, by message id, in order; with what the queue knows each message by.
    """

    __slots__ = ("destination", "id", "mode", "unacknowledged")

    def __init__(self, id: str, destination: str, mode: str) -> None:  # noqa: A002 - STOMP's word
        self.id = id
        self.destination = destination
        self.mode = mode
        self.unacknowledged: dict[str, object] = {}

    @property
    def full(self) -> bool:
        """Whether no further message may be in flight."""
        return len(self.unacknowledged) >= MOST_UNACKNOWLEDGED
