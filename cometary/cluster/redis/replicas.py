"""Replies that count when enough replicas have what they are about (`WAIT`).

1.  The commands of each write are followed by a `WAIT`. Replies are held until it is answered.
2.  If not enough replicas have it in time, none of these replies counts: all is sent again.
3.  So a master that is cut off from its replicas confirms nothing, although it may go on for a while after another
    has taken its place.

Pure: no clock, no socket. Source: https://redis.io/docs/latest/commands/wait/
"""

from __future__ import annotations

from collections import deque
from typing import Final

from cometary.cluster.redis.wire import Refusal, Reply, command

WAITED: Final = 1_000
"""Milliseconds within which replicas have to have it: less than a renewal of a lease is waited for."""


class Confirmations:
    """The replies of one connection.

    Args:
        replicas: how many must hold what was written.

    Attributes:
        request: what follows the commands of each write.
    """

    def __init__(self, replicas: int) -> None:
        self._replicas = replicas
        self._held = list[Reply]()
        self._expected = deque[int]()
        self.request = command("WAIT", replicas, WAITED)

    def sent(self, commands: int) -> None:
        """Take note that so many commands were written, and the request behind them."""
        self._expected.append(commands)

    def take(self, reply: Reply) -> list[Reply]:
        """Take a reply, and return those that count now: none, or those of one write.

        The last of these is a refusal of the whole write, in place of its replies, if too few replicas have it.
        """
        if not self._expected:
            return [reply]
        if len(self._held) < self._expected[0]:
            self._held.append(reply)
            return []
        held, self._held = self._held, []
        self._expected.popleft()
        if isinstance(reply, Refusal) and all(isinstance(each, Refusal) for each in held):
            return held  # nothing was done, so nothing is to be confirmed; each may have to go elsewhere
        if isinstance(reply, Refusal):  # of a replica: what it says of the commands is clearer
            return [next((each for each in held if isinstance(each, Refusal) and not each.lasts), reply)]
        if not isinstance(reply, int) or reply < self._replicas:
            return [Refusal(f"NOREPLICAS {reply!r} of {self._replicas}")]
        return held
