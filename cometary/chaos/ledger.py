"""What became of numbered packets: lost, doubled, out of order.

1.  A page numbers what it sends 1, 2, 3, …. The application numbers its answers, too, and an answer
    holds both: its own number, and that of the packet it answers.
2.  So the answers' own numbers, in the order in which they come, tell about the way down, and the numbers that they
    hold, in the order of the answers, about the way up.
3.  A packet whose number does not come is missing. One that comes after higher ones is reordered if it was missing,
    and otherwise doubled. What is missing at the end is lost.
4.  A lost answer takes with it what it would have told about the way up: that is not counted as lost both ways.

Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Final, Self

MOST_MISSING: Final = 10_000
"""Numbers that one stream remembers as missing; any others count as lost at once."""


@dataclass(slots=True)
class Counts:
    """What is known of one direction; the counts of several pages are added up."""

    sent: int = 0
    received: int = 0
    lost: int = 0
    doubled: int = 0
    reordered: int = 0

    @property
    def wrong(self) -> int:
        """How many packets did not go as they should."""
        return self.lost + self.doubled + self.reordered

    def __iadd__(self, other: Counts) -> Self:
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))
        return self


def total(counts: Iterable[Counts]) -> Counts:
    """Add up the counts of several pages."""
    result = Counts()
    for one in counts:
        result += one
    return result


class Stream:
    """Numbers as they arrive.

    Args:
        joined: whether the first number may be any, since the stream was joined while it ran.
    """

    def __init__(self, *, joined: bool = False) -> None:
        self._expected: int | None = None if joined else 1
        self._missing: set[int] = set()
        self._forgiving = False
        self.received = 0
        self.lost = 0
        self.doubled = 0
        self.reordered = 0

    @property
    def missing(self) -> int:
        """How many numbers below the highest have not come."""
        return len(self._missing) + self.lost

    @property
    def seen(self) -> int:
        """How many numbers are known to have been given out: those that came and those that are missing."""
        return self.received - self.doubled + self.missing

    def counts(self) -> Counts:
        """Return what is known by now."""
        return Counts(self.seen, self.received, self.missing, self.doubled, self.reordered)

    def forgive(self) -> None:
        """Take note that some may be missing, as was announced: the next ones, until one comes."""
        self._forgiving = True

    def take(self, number: int) -> None:
        """Take note of another arrival."""
        self.received += 1
        expected = number if self._expected is None else self._expected
        if number >= expected:
            if not self._forgiving:
                self._skip(expected, number)
            self._expected, self._forgiving = number + 1, False
        elif number in self._missing:
            self._missing.discard(number)
            self.reordered += 1
        else:
            self.doubled += 1

    def _skip(self, expected: int, number: int) -> None:
        remembered = min(number - expected, MOST_MISSING - len(self._missing))
        self._missing.update(range(expected, expected + remembered))
        self.lost += number - expected - remembered


class Ledger:
    """Both directions of one page."""

    def __init__(self) -> None:
        self.sent = 0
        self._up = Stream()
        self._down = Stream()
        self._beats: defaultdict[int, Stream] = defaultdict(lambda: Stream(joined=True))
        self._shouts: defaultdict[int, Stream] = defaultdict(lambda: Stream(joined=True))

    def number(self) -> int:
        """Return the number of the packet that is sent next."""
        self.sent += 1
        return self.sent

    def answered(self, own: int, number: int) -> None:
        """Take note of an answer: its own number, and that of the packet it answers (rule 1)."""
        self._down.take(own)
        self._up.take(number)

    def beat(self, process: int, number: int) -> None:
        """Take note of a packet that a process of the application sends to everybody, unasked."""
        self._beats[process].take(number)

    def forsake(self) -> None:
        """Take note that the session is lost, as expected, and with it what is out: nobody promised that."""
        self.sent -= self.outstanding

    def shout(self, shouter: int, number: int) -> None:
        """Take note of a packet that another page sends to everybody."""
        self._shouts[shouter].take(number)

    @property
    def excused(self) -> int:
        """How many packets were lost or doubled as their wire allows; see `guest_ledgers`."""
        return 0

    @property
    def outstanding(self) -> int:
        """How many packets have not been answered."""
        return self.sent - (self._up.received - self._up.doubled)

    def answered_up_to(self, number: int) -> bool:
        """Whether everything numbered up to `number` has been answered, as far as order tells."""
        return self._up.received - self._up.doubled >= number

    def up(self) -> Counts:
        """Return what is known by now about the way up; what is still on its way counts as lost."""
        up = self._up
        unknown = min(self.outstanding, self._down.missing)  # rule 4
        lost = max(0, self.outstanding - unknown)
        received = up.received + unknown
        return Counts(self.sent, received, lost, up.doubled, up.reordered)

    def down(self) -> Counts:
        """Return the same about the way down."""
        return total(
            stream.counts() for stream in (self._down, *self._beats.values(), *self._shouts.values())
        )
