"""`GET /sessions`: what operators may see of every living session.

1.  The answer grows with the server, so it is made in slices: after each, everything else has its turn.
2.  It shows each session as it is when its slice is made; those that end before are left out.
3.  Only a few answers are made at a time: each is megabytes when there are many sessions.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

import trio

from cometary.doors.control.slow_answers import SlowAnswers
from cometary.transport.codecs import json, preferred
from cometary.transport.wires.comet.bodies import array_head

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cometary.sessions import SessionKeeper, SessionManager
    from cometary.transport.codecs import Codec
    from cometary.transport.http.exchange import Exchange

SLICE: Final = 100
"""Sessions: about a millisecond."""

MOST_AT_A_TIME: Final = 8


class SessionList(SlowAnswers):
    """Answers `GET /sessions`.

    Args:
        manager: knows the sessions.
        start_soon: runs an async function beside everything else.
    """

    def __init__(self, manager: SessionManager, start_soon: Callable[..., None]) -> None:
        super().__init__(start_soon, MOST_AT_A_TIME)
        self._manager = manager

    async def answer(self, exchange: Exchange) -> None:
        """Answer `exchange`."""
        codec = preferred(exchange.headers.get(b"accept", b""))
        exchange.respond(200, await self._write(codec), codec.content_type)

    async def _write(self, codec: Codec) -> bytes:
        written: list[bytes] = []
        keepers = iter(self._manager.directory)
        while (part := self._write_slice(keepers, codec)) is not None:
            written += part
            await trio.lowlevel.checkpoint()
        if codec is json:
            return b'{"sessions":[%b]}' % b",".join(written)
        return b"\xa1\x68sessions" + array_head(len(written)) + b"".join(written)

    def _write_slice(self, keepers: Iterator[SessionKeeper], codec: Codec) -> list[bytes] | None:
        """Write the next sessions, all of which may have ended; None if there was no next one."""
        part = list(islice(keepers, SLICE))
        if not part:
            return None
        living = [keeper for keeper in part if keeper.ended is None]
        return [codec.encode(self._manager.describe(keeper)) for keeper in living]
