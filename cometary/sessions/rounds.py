"""Rounds: when which session's packets are handed to the application, so that no client holds up the others.

1.  In one round, at most `MOST_PACKETS` packets of clients that bring anything about for others, or came with others
    in one request, are handed over, counting all sessions together; and `MOST_HANDED` in all, since even what
    concerns nobody else takes time. Once they come to `MOST_BYTES`, no further one is. A round lasts for one batch of
    the scheduler at least.
2.  The next round begins when the dispatcher has routed what the last one brought about. Those who hear of that
    have their turns then before any session hands over more: so what is on its way to them is never more than one
    round's worth, however many send.
3.  While many hear each update, a round is smaller: it brings about `MOST_DELIVERIES` at most, or is one packet.
    What a packet brings about by way of another actor is seen when it waits for the dispatcher: while as much waits
    as a round may bring about, nothing is handed over.
4.  A session for which there is no room waits in line. At the next round as many of the line go on as may, each with
    the same share. While there is a line, nobody else goes first.
5.  A session whose packets fit into the round that runs notices none of this.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cometary.actors import Timer
from cometary.actors.mailbox import Mailbox
from cometary.actors.timers import TimerQueue

if TYPE_CHECKING:
    from cometary.actors import ActorRef
    from cometary.sessions.keeper import SessionKeeper

MOST_PACKETS: Final = 64
MOST_HANDED: Final = 512
MOST_BYTES: Final = 256 << 10
MOST_DELIVERIES: Final = 5_000


class GoOn(NamedTuple):
    """To a session's actor: it may hand over packets again, `share` of them in this turn."""

    share: int


class NextRound:
    """To the dispatcher: what stood before this in its mailbox has been routed."""


class Rounds:
    """The round that runs, and who waits for the next one.

    Attributes:
        widest: how many heard of an update, of the one that most did.
    """

    __slots__ = ("_began", "_bytes", "_clock", "_handed", "_line", "_mailbox", "_packets", "_timer", "widest")

    def __init__(self) -> None:
        self._line: deque[SessionKeeper] = deque()
        self._packets = MOST_PACKETS
        self._handed = MOST_HANDED
        self._bytes = MOST_BYTES
        self._began = -1.0
        self._mailbox: Mailbox | None = None
        self._clock: TimerQueue | None = None
        self._timer: Timer | None = None
        self.widest = 1

    def attach(self, dispatcher: ActorRef[Any]) -> None:
        """Go by the mailbox of `dispatcher` from now on; without any there are no rounds."""
        self._mailbox = cell = dispatcher.actor_inbox
        self._clock = clock = cell.system.scheduler.timers
        self._timer = Timer(clock, cell, NextRound())
        if self._line:
            self._timer.start(0)

    def take(self, size: int) -> bool:
        """Whether one packet more, of `size` bytes, may be handed over in this round."""
        mailbox, clock = self._mailbox, self._clock
        if mailbox is None or clock is None:
            return True
        now = clock.now()
        if now != self._began and not self._line and mailbox.empty():
            self._renew(now)
        if self._line or self._packets <= 0 or self._handed <= 0 or self._bytes <= 0:
            return False
        if len(mailbox) >= MOST_PACKETS:
            return False
        self._handed -= 1
        self._bytes -= size
        return True

    def count(self) -> None:
        """Take note that a packet of a client has brought something about for others."""
        self._packets -= 1

    def take_of_share(self, size: int) -> bool:
        """The same for a packet of somebody's share."""
        if self._bytes <= 0:
            return False
        self._bytes -= size
        return True

    def wait(self, keeper: SessionKeeper) -> None:
        """Let a session wait in line; it gets a `GoOn`."""
        keeper.waits = True
        self._line.append(keeper)
        if self._timer is not None and not self._timer.running:
            self._timer.start(0)

    def next_round(self, now: float) -> None:
        """Begin the next round; the dispatcher has come to its `NextRound`."""
        self._renew(now)
        chosen: list[SessionKeeper] = []
        size = 0
        while self._line and len(chosen) < self._packets and size < MOST_BYTES:
            keeper = self._line.popleft()
            size += keeper.next_size
            chosen.append(keeper)
        if chosen:
            share = self._packets // len(chosen)
            self._packets -= share * len(chosen)
            for keeper in chosen:
                keeper.tell(GoOn(share))
        if self._line and self._timer is not None:
            self._timer.start(0)

    def _renew(self, now: float) -> None:
        self._began = now
        self._packets = max(1, min(MOST_PACKETS, MOST_DELIVERIES // self.widest))
        self._handed = MOST_HANDED
        self._bytes = MOST_BYTES
        self.widest = max(1, self.widest // 2)
