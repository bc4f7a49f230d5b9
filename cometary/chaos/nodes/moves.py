"""What all pages of a run tell of sessions that went on at another node: how many, and how long that took.

1.  A session has gone on elsewhere when an answer has a later generation than all before. It has recovered when
    everything that its page had sent by then has been answered. Both are counted from when the last fault began.
2.  The time that a packet took, from when it was to be sent until its answer came, is measured for all of them,
    whether something was broken or not.

Pure: the time comes in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from cometary.chaos.quantiles import Quantiles


@dataclass(slots=True)
class Moves:
    """See above; times are in seconds.

    Attributes:
        began: when the last fault began.
        broken: whether something is broken now.
        count: how often a session has gone on elsewhere.
        recoveries: how long it took until it had recovered.
        delays: how long packets took.
        meanwhile: how many packets were answered while something was broken.
        since: how many packets were answered since something was broken for the first time.
        unanswered: requests that no node has answered, so that their pages had to make them again.
    """

    began: float = -math.inf
    broken: bool = False
    count: int = 0
    recoveries: Quantiles = field(default_factory=Quantiles)
    delays: Quantiles = field(default_factory=Quantiles)
    meanwhile: int = 0
    since: int = 0
    unanswered: int = 0

    def breaks(self, now: float) -> None:
        """Take note that something is broken from now on."""
        self.began, self.broken = now, True

    def took(self, seconds: float) -> None:
        """Take note of how long a packet took."""
        self.delays.add(seconds)
        self.meanwhile += self.broken
        self.since += self.began > -math.inf


class Moving:
    """What one page tells of it.

    Args:
        moves: where it is told.
    """

    def __init__(self, moves: Moves) -> None:
        self._moves = moves
        self._since = -math.inf
        self._goal = -1

    def moved(self, sent: int) -> None:
        """Take note that the session is at another node, when its page had sent so many packets (rule 1)."""
        self._moves.count += 1
        if self._goal < 0:  # otherwise it has moved once more before it recovered
            self._since = self._moves.began
        self._goal = sent

    def answered_up_to(self, number: int, now: float) -> None:
        """Take note that so many have been answered."""
        if 0 <= self._goal <= number:
            self._goal = -1
            if self._since > -math.inf:
                self._moves.recoveries.add(now - self._since)
