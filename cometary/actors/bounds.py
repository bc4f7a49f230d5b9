"""The bound of a mailbox as a value, and what a bounded mailbox counts."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import inf
from typing import Literal

from cometary.actors.line import Line
from cometary.errors import UsageError

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


class Intake:
    """What a bounded mailbox goes by and has counted, and who waits in front of it.

    Attributes:
        ahead: what is older than all the rest of the mail, and may not be dropped.
    """

    __slots__ = (
        "accepted",
        "ahead",
        "bound",
        "dropped",
        "high_water",
        "line",
        "refused",
        "report_after",
        "reported",
    )

    def __init__(self, bound: Bounded) -> None:
        self.bound = bound
        self.line = Line()
        self.ahead: deque[object] = deque()
        self.accepted = self.refused = self.dropped = self.reported = self.high_water = 0
        self.report_after = -inf

    def unreported(self) -> int:
        """Tell how many were dropped since this was last asked."""
        reported, self.reported = self.reported, self.dropped
        return self.dropped - reported
