"""Sequence numbers: each session's events count from 1, so that a receiver sees what it has missed.

A session's last number is remembered for a while after its end, since receipts may still come. The
latest 10,000 ended sessions are remembered; after that, a session's number would begin anew.

Pure: no clock, no socket.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

REMEMBERED: Final = 10_000
"""Ended sessions whose numbers are remembered."""


class SequenceNumbers:
    """The numbers of all sessions.

    Args:
        remembered: how many sessions that have ended are remembered.
    """

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        self._living: dict[str | None, int] = {None: 0}  # None: the events of no session
        self._ended: OrderedDict[str | None, int] = OrderedDict()  # a dict would be slow to find its first

    def begin(self, session: str) -> None:
        """Take note of a new session."""
        self._living[session] = 0

    def next(self, session: str | None) -> int:
        """Return the session's next number."""
        if session in self._living:
            self._living[session] += 1
            return self._living[session]
        number = self._ended.pop(session, 0) + 1
        self._remember(session, number)
        return number

    def end(self, session: str) -> None:
        """Take note that the session has ended."""
        self._remember(session, self._living.pop(session, 0))

    def _remember(self, session: str | None, number: int) -> None:
        self._ended[session] = number
        if len(self._ended) > self._remembered:
            self._ended.popitem(last=False)
