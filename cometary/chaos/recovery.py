"""How long a replay takes: from the first request after an outage until nothing from before is missing.

1.  An outage begins when a page loses connections, or stays away on purpose.
2.  The clock starts when the first request after it is on the wire as a whole.
3.  It stops when everything that the page had sent until then has been answered. If nothing was open, there was
    nothing to replay, and nothing is measured.
4.  Another outage in between starts it all over: that first request was not the one that succeeded.

Pure: the time comes in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cometary.chaos.ledger import Ledger
    from cometary.chaos.quantiles import Quantiles


class Recovery:
    """Measures the replays of one page.

    Args:
        ledger: knows what has been sent and answered.
        replays: where the durations go.
    """

    def __init__(self, ledger: Ledger, replays: Quantiles) -> None:
        self._ledger = ledger
        self._replays = replays
        self._out = False
        self._since = 0.0
        self._goal = 0

    def outage(self) -> None:
        """Take note that connections were lost."""
        self._out = True
        self._goal = 0

    def written(self, now: float) -> None:
        """Take note that a request has gone out as a whole."""
        if self._out:
            self._out = False
            if self._ledger.outstanding:
                self._since, self._goal = now, self._ledger.sent

    def received(self, now: float) -> None:
        """Take note that answers have come."""
        if self._goal and self._ledger.answered_up_to(self._goal):
            self._goal = 0
            self._replays.add(now - self._since)
