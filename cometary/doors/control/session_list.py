"""`GET /sessions`: what operators may see of every living session.

1.  The answer grows with the server, so it is made in slices: after each, everything else has its turn.
2.  It shows each session as it is when its slice is made; those that end before are left out.
3.  Only a few answers are made at a time: each is megabytes when there are many sessions.
4.  A caller that accepts lines of JSON gets a line for each session, as fast as it reads: so no more of them is kept
    than one slice, neither here nor at a node that passes them on. One that takes nothing for `PATIENCE` is cut off.
"""

from __future__ import annotations

import heapq
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import trio

from cometary.doors.control.named import fits, query_of
from cometary.doors.control.slow_answers import SlowAnswers
from cometary.doors.control.watching import LINES, LONGEST_NUMBER
from cometary.errors import ProtocolError
from cometary.transport.codecs import json, preferred
from cometary.transport.wires.comet.bodies import array_head

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cometary.sessions import SessionKeeper, SessionManager
    from cometary.transport.codecs import Codec
    from cometary.transport.http.exchange import Exchange
    from cometary.transport.http.stream import Stream

SLICE: Final = 100
"""Sessions: about a millisecond."""

MOST_AT_A_TIME: Final = 8

PATIENCE: Final = 30.0
"""Seconds for which a reader of lines may take nothing: it keeps others from the list."""

MOST_CHOSEN: Final = 10_000
"""Sessions with the longest queues: all of these are put in order anew for each slice."""


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
        accept = exchange.headers.get(b"accept", b"")
        try:
            wanted = Wanted.read(query_of(exchange))
        except ProtocolError as error:
            exchange.refuse(error)
            return
        keepers = await self._chosen(wanted)
        if LINES in accept:
            await _Lines(exchange.stream(200, LINES)).write(self._slices(keepers, json, wanted.search))
        else:
            codec = preferred(accept)
            exchange.respond(200, await self._write(keepers, codec, wanted.search), codec.content_type)

    async def _chosen(self, wanted: Wanted) -> Iterator[SessionKeeper]:
        """Return the sessions among which those are that are wanted."""
        keepers = iter(self._manager.directory)
        if wanted.most is None:
            return keepers
        first: list[SessionKeeper] = []
        while part := list(islice(keepers, 10 * SLICE)):
            first = heapq.nlargest(wanted.most, [*first, *part], key=_queue_of)
            await trio.lowlevel.checkpoint()
        return iter(first)

    async def _write(self, keepers: Iterator[SessionKeeper], codec: Codec, search: str) -> bytes:
        written: list[bytes] = []
        for part in self._slices(keepers, codec, search):
            written += part
            await trio.lowlevel.checkpoint()
        if codec is json:
            return b'{"sessions":[%b]}' % b",".join(written)
        return b"\xa1\x68sessions" + array_head(len(written)) + b"".join(written)

    def _slices(self, keepers: Iterator[SessionKeeper], codec: Codec, search: str) -> Iterator[list[bytes]]:
        """Yield the sessions, slice by slice, each as it is by then; without those that have ended."""
        while part := list(islice(keepers, SLICE)):
            described = (self._manager.describe(keeper) for keeper in part if keeper.ended is None)
            yield [codec.encode(one) for one in described if _is_wanted(one, search)]


class Wanted(NamedTuple):
    """Which sessions are wanted.

    Attributes:
        search: what is in their name, their user, or one of their paths.
        most: only so many, with the longest queues, are searched; None for all.
    """

    search: str
    most: int | None

    @staticmethod
    def read(query: dict[str, str]) -> Wanted:
        """Read what a query says.

        Raises:
            ProtocolError: `bad-request`, as `most` is not such a number; the caller's fault.
        """
        most = query.get("most")
        if most is not None and (not most.isdecimal() or len(most) > LONGEST_NUMBER):
            raise ProtocolError("bad-request", "most is a number of sessions.")
        if most is not None and int(most) > MOST_CHOSEN:
            raise ProtocolError("bad-request", f"most is {MOST_CHOSEN} at most.")
        return Wanted(query.get("search", ""), None if most is None else int(most))


def _queue_of(keeper: SessionKeeper) -> tuple[int, int]:
    return len(keeper.machine.outbox), keeper.unhandled


def _is_wanted(session: dict[str, Any], search: str) -> bool:
    return not search or fits(session, search)


class _Lines:
    """An answer of which no more is written than is read (rule 4).

    Args:
        stream: takes it.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._goes_on = trio.Event()
        self._gone = False
        stream.on_writable = self._go_on
        stream.on_drop = self._leave

    def _go_on(self) -> None:
        self._goes_on.set()

    def _leave(self) -> None:
        self._gone = True
        self._goes_on.set()

    async def write(self, slices: Iterator[list[bytes]]) -> None:
        """Write all of it, unless its reader leaves before."""
        stream = self._stream
        for part in slices:
            while stream.full and not self._gone:
                self._goes_on = trio.Event()
                with trio.move_on_after(PATIENCE) as waiting:
                    await self._goes_on.wait()
                if waiting.cancelled_caught:
                    stream.abort()
                    return
            if self._gone or stream.finished:
                break
            if part:
                stream.write(b"\n".join((*part, b"")))
            await trio.lowlevel.checkpoint()
        stream.finish()
