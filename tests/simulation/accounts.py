"""What was promised for each session, and what has come of it: seen from both ends.

Up, from the page to the application:

1.  Each packet is handed over once and in order; none is left out before one that is.
2.  Of each that was handed over the handler returns, or its failure is reported, once, before the next
    one is handed over.
3.  What the server has answered for has been handed over when the session has signed off, unless the
    session had failed: what its handlers had not been given then is gone with it.

Down, from the application to the page, for each sender by itself:

4.  The page gets packets once and in order.
5.  At sign-off the application is given what was not acknowledged: the last packets that were sent, in
    order, all those among them that the page does not have.

Packets with a time to live and a receipt:

6.  Each has one receipt. `delivered`: the page has it; `expired`: it has not, and never will; `undelivered`:
    the application was given it at sign-off. Those that the page has came once and in order.

Other packets with receipts:

7.  Each has one receipt, `delivered` or `undelivered`.

And each session signs on once and off once. The handlers of the sign-off return, or their failure is
reported, once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from cometary.chaos.ledger import Counts, Stream, total
from cometary.sessions import Packet

TRACKED: Final = "down/tracked"
"""Where packets go that may expire, and have receipts."""


class Way:
    """Packets of one sender to one page.

    Args:
        joined: whether they go to others as well, and were numbered before there was this page.
    """

    def __init__(self, *, joined: bool = False) -> None:
        self.joined = joined
        self.sent = 0
        """The number of the last one, unless it was joined."""
        self.highest = 0
        """The highest number that the page got."""
        self.stream = Stream(joined=joined)

    def take(self, number: int) -> None:
        """Take note of a packet that the page gets."""
        self.highest = max(number, self.highest)
        self.stream.take(number)

    def faults(self, undelivered: Sequence[int]) -> Iterator[str]:
        """Say what is wrong with the packets that were given to the application at sign-off (rule 5)."""
        sent = self.sent if not self.joined else undelivered[-1] if undelivered else self.highest
        first = undelivered[0] if undelivered else sent + 1
        if list(undelivered) != list(range(first, sent + 1)):
            yield f"undelivered {undelivered} of {sent}"
        if first > self.highest + 1 and (self.highest or not self.joined):
            yield f"received up to {self.highest}, undelivered from {first} on, sent {sent}"

    def counts(self, undelivered: Sequence[int]) -> Counts:
        """Count what was sent, and what has become of it; what is undelivered is not lost."""
        got = self.stream
        if self.joined:
            return got.counts()
        told = len([number for number in undelivered if number > self.highest])
        lost = got.missing + max(0, self.sent - self.highest - told)
        return Counts(self.sent, got.received, lost, got.doubled, got.reordered)


class Tracked:
    """Packets that may expire, and have receipts (rule 6)."""

    def __init__(self) -> None:
        self.outcomes: dict[int, list[str]] = {}
        self.received: list[int] = []

    def number(self) -> int:
        """Return the number of the next one."""
        number = len(self.outcomes) + 1
        self.outcomes[number] = []
        return number

    def faults(self, undelivered: Sequence[int]) -> Iterator[str]:
        """Say what is wrong."""
        received = set(self.received)
        if self.received != sorted(received):
            yield f"received {self.received}"
        for number, outcomes in self.outcomes.items():
            if len(outcomes) != 1:
                yield f"{number} has the receipts {outcomes}"
            elif outcomes == ["delivered"] and number not in received:
                yield f"{number} is said to be delivered"
            elif outcomes == ["expired"] and number in {*received, *undelivered}:
                yield f"{number} is said to have expired"
            elif (outcomes == ["undelivered"]) is not (number in undelivered):
                yield f"{number} is said to be {outcomes}, undelivered are {undelivered}"


class Account:
    """One session.

    Args:
        name: for whoever looks for a fault.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.faults: list[str] = []
        self.reason: str | None = None
        self.answered_for = 0
        self.handed = Stream()
        self.last_handed = 0
        self.under_way: int | None = None
        self.failures = 0
        self.ways: dict[str, Way] = {}
        self.tracked = Tracked()
        self._wanted: dict[str, list[str]] = {}
        self._signed_on = False
        self._signed_off = 0
        self._undelivered: dict[str, list[int]] = {}

    # -- what the application sees -----------------------------------------------------------------

    def sign_on(self) -> None:
        """Take note of the sign-on."""
        if self._signed_on:
            self.faults.append("signed on twice")
        self._signed_on = True

    def hand_over(self, number: int) -> None:
        """Take note of a packet that the application is given (rule 1)."""
        if self.under_way is not None:
            self.faults.append(f"{number} handed over while {self.under_way} was under way")
        if self.reason is not None:
            self.faults.append(f"{number} handed over after the sign-off")
        self.handed.take(number)
        self.last_handed = max(number, self.last_handed)
        self.under_way = number

    def returned(self, number: int) -> None:
        """Take note that its handler has returned (rule 2)."""
        if self.under_way != number:
            self.faults.append(f"the handler of {number} returned while {self.under_way} was under way")
        self.under_way = None

    def failed(self, number: int) -> None:
        """Take note of a failure (rule 2)."""
        if self.under_way != number:
            self.faults.append(f"failure of {number} while {self.under_way} was under way")
        self.failures += 1
        self.under_way = None

    def number(self, sender: str) -> int:
        """Return the number of the next packet of a sender who numbers them for this session alone."""
        way = self.ways.setdefault(sender, Way())
        way.sent += 1
        return way.sent

    def wants_receipt(self, sender: str, number: int) -> str:
        """Return the id of the receipt for a packet of a sender (rule 7)."""
        receipt = f"{self.name} {number} {sender}"
        self._wanted[receipt] = []
        return receipt

    def take_receipt(self, receipt: str, outcome: str) -> None:
        """Take note of such a receipt."""
        self._wanted[receipt].append(outcome)

    def sign_off(self, reason: str, undelivered: Sequence[Packet]) -> None:
        """Take note of the sign-off."""
        if self.reason is not None:
            self.faults.append(f"signed off twice: {self.reason}, {reason}")
        if not self._signed_on:
            self.faults.append("signed off, but not on")
        self.reason = reason
        for packet in undelivered:
            self._undelivered.setdefault(packet.path, []).append(packet.message)

    def signed_off(self) -> None:
        """Take note that the handler of the sign-off has returned."""
        self._signed_off += 1

    def hook_failed(self, hook: str) -> None:
        """Take note of the failure of another hook than that for packets."""
        if hook != "signoff" or self.reason is None:
            self.faults.append(f"{hook} is said to have failed")
        self._signed_off += 1

    # -- what the page sees ------------------------------------------------------------------------

    def receive(self, sender: str, number: int) -> None:
        """Take note of a packet that the page gets (rule 4)."""
        if sender == TRACKED:
            self.tracked.received.append(number)
            return
        way = self.ways.setdefault(sender, Way(joined=True))
        if number > way.sent and not way.joined:
            self.faults.append(f"{sender} {number} was never sent")
        way.take(number)

    # -- the end -----------------------------------------------------------------------------------

    def settle(self) -> None:
        """Judge what can only be judged at the end."""
        if self._signed_on and self.reason is None:
            self.faults.append("never signed off")
        elif self._signed_on and self._signed_off != 1:
            self.faults.append(f"the sign-off returned or failed {self._signed_off} times")
        if self.under_way is not None:
            self.faults.append(f"{self.under_way} neither returned nor failed")
        if self.answered_for > self.last_handed and self.reason != "failed":
            self.faults.append(f"answered for {self.answered_for}, but handed over {self.last_handed}")
        for sender, way in self.ways.items():
            faults = way.faults(self._undelivered.get(sender, ()))
            self.faults += [f"{sender}: {fault}" for fault in faults]
        self.faults += [
            f"{TRACKED}: {fault}" for fault in self.tracked.faults(self._undelivered.get(TRACKED, ()))
        ]
        for receipt, outcomes in self._wanted.items():
            if outcomes not in (["delivered"], ["undelivered"]):
                self.faults.append(f"the receipts for {receipt} are {outcomes}")
        for direction, counts in (("up", self.up()), ("down", self.down())):
            if counts.wrong:
                self.faults.append(f"{direction}: {counts}")

    @property
    def receipts(self) -> Iterator[str]:
        """The receipts for packets that might expire."""
        for outcomes in self.tracked.outcomes.values():
            yield from outcomes

    def up(self) -> Counts:
        """Count the packets to the application."""
        known = self.handed
        lost = known.missing
        if self.reason != "failed":
            lost += max(0, self.answered_for - self.last_handed)
        return Counts(self.answered_for, known.received, lost, known.doubled, known.reordered)

    def down(self) -> Counts:
        """Count the packets to the page; those that are undelivered are not lost."""
        return total(way.counts(self._undelivered.get(sender, ())) for sender, way in self.ways.items())
