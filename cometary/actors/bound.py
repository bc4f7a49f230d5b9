"""The bound of a mailbox, and what is told of a mailbox; see `cometary.actors.bounded_mailbox`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cometary.errors import UsageError


@dataclass(frozen=True, slots=True)
class MailboxStatistics:
    """One mailbox, now and since its actor was started; it goes on counting over restarts.

    An unbounded mailbox counts nothing, because most actors are small and there are many: of
    one, only the length is known, and the rest is None.

    Attributes:
        length: messages that wait.
        high_water: the most that have ever waited.
        accepted: messages taken in, those of the runtime included.
        refused: messages whose senders got a `MailboxFullError`.
        dropped: messages lost by the policy, or to senders who cannot be told.
        waiting: senders who wait for room.
    """

    length: int
    high_water: int | None = None
    accepted: int | None = None
    refused: int | None = None
    dropped: int | None = None
    waiting: int | None = None


WhenFull = Literal["refuse", "drop_oldest", "drop_newest", "block"]
POLICIES = ("refuse", "drop_oldest", "drop_newest", "block")


@dataclass(frozen=True, slots=True)
class Bounded:
    """A bound for a mailbox: `mailbox = Bounded(1000, "drop_oldest")` in an actor's class.

    Args:
        capacity: messages that may wait, at least 1.
        when_full: what happens to a message for which there is no room. `refuse`: its sender
            gets a `MailboxFullError`. `drop_oldest`: it takes the place of the one that has
            waited longest. `drop_newest`: it is lost itself. `block`: its sender waits.

    Raises:
        UsageError: if there is no such bound; the calling code's fault.
    """

    capacity: int
    when_full: WhenFull = "refuse"

    def __post_init__(self) -> None:
        if type(self.capacity) is not int or self.capacity < 1:  # a bool is an int to isinstance
            raise UsageError(f"a mailbox takes a whole number of messages from 1, not {self.capacity!r}")
        if self.when_full not in POLICIES:
            raise UsageError(f"when_full is one of {', '.join(POLICIES)}, not {self.when_full!r}")
