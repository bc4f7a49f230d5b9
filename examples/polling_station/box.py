"""The ballot box: votes wait here until the site has them, whatever the network does.

A vote leaves the box when the site has said what has become of it. If that answer is lost, the vote is sent again, and
the site knows it by its id. The box has a bound: when it is full, no further votes are taken (`refuse`).
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable

import trio

from cometary.supervision import Backoff
from examples.polling_station.ballot import Vote
from examples.polling_station.network import LOST, Network

ROOM = 10_000
BACKOFF = Backoff(min=0.1, max=2.0)
PATIENCE = 5.0


class Box:
    """Votes on their way.

    Args:
        network: what is between it and the site.
        told: called with each vote that the site has, and what has become of it.

    Attributes:
        refused: votes for which there was no room.
    """

    def __init__(self, network: Network, told: Callable[[Vote, str], None]) -> None:
        self._network, self._told = network, told
        self._votes: deque[Vote] = deque()
        self._news = trio.Event()
        self.refused = 0

    def __len__(self) -> int:
        """Return how many votes wait."""
        return len(self._votes)

    def put(self, vote: Vote) -> None:
        """Take a vote."""
        if len(self._votes) >= ROOM:
            self.refused += 1
            return
        self._votes.append(vote)
        self._news.set()

    async def send_all(self) -> None:
        """Send votes, for ever; a function for a supervisor."""
        failures = 0
        while True:
            try:
                async with await self._network.connect() as stream:
                    while True:
                        await self._send_next(stream)
                        failures = 0
            except LOST:
                await trio.sleep(BACKOFF.delay(failures))
                failures += 1

    async def _send_next(self, stream: trio.SocketStream) -> None:
        while not self._votes:
            self._news = trio.Event()
            await self._news.wait()
        with trio.fail_after(PATIENCE):
            await stream.send_all(json.dumps(self._votes[0]).encode() + b"\n")
            answer = b""
            while not answer.endswith(b"\n"):
                more = await stream.receive_some()
                if not more:
                    raise trio.BrokenResourceError
                answer += more
        self._told(self._votes.popleft(), answer.decode().strip())
