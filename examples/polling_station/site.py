"""The site that keeps the votes and knows whose tag is whose: a stand-in for the real one, at a port of this machine.

A vote is one line of JSON, and so is what has become of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import trio

from examples.polling_station.ballot import Ballot, Vote
from examples.polling_station.network import LOST, Network

LONGEST_LINE = 4096


class Site:
    """Takes votes.

    Args:
        ballot: counts them.
        changed: called with the name of a question that has another result now.
    """

    def __init__(self, ballot: Ballot, changed: Callable[[str], None]) -> None:
        self._ballot, self._changed = ballot, changed

    async def serve(self, network: Network) -> None:
        """Take connections, for ever; a function for a supervisor."""
        listeners = await trio.open_tcp_listeners(network.port, host="127.0.0.1")
        network.port = listeners[0].socket.getsockname()[1]
        await trio.serve_listeners(self._talk, listeners)

    async def _talk(self, stream: trio.SocketStream) -> None:
        rest = b""
        try:
            async with stream:
                while data := await stream.receive_some():
                    *lines, rest = (rest + data).split(b"\n")
                    if len(rest) > LONGEST_LINE:
                        return
                    for line in lines:
                        await stream.send_all(self._take(Vote(*json.loads(line))))
        except LOST:
            return  # the vote comes again

    def _take(self, vote: Vote) -> bytes:
        outcome = self._ballot.cast(vote)
        if outcome in {"counted", "changed"}:
            self._changed(vote.question)
        return outcome.encode() + b"\n"
