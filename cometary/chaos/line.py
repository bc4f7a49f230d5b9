"""One connection of a page, and all that can happen to it.

1.  An exchange is a request and its answer. It comes to nothing when the connection breaks, whoever
    broke it; the page sends the request again, here or on its other line.
2.  What breaks it on purpose was chosen when it was opened (`breaks.py`).
3.  A blackout takes all lines of a page at once. Each notices when it is next used, or at once if it waits.
"""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple

import httptools
import trio

from cometary.chaos.breaks import NEVER, Moment, choose_break
from cometary.chaos.habits import BYTE_PAUSE, NOTICING, TRICKLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.chaos.page import Page

RESET: Final = struct.pack("ii", 1, 0)
"""For SO_LINGER: closing sends RST."""

SMALL_BUFFER: Final = 2048
"""Bytes that the kernel takes in for a slow reader."""

READ: Final = 65_536


class Reply(NamedTuple):
    """An answer."""

    status: int
    body: bytes


class BrokenLineError(Exception):
    """The exchange came to nothing: never leaves this module."""


class Line:
    """One connection, opened again whenever it is needed and broken.

    Args:
        page: whose it is.
        chance: what its troubles follow from.
    """

    def __init__(self, page: Page, chance: Random) -> None:
        self._page = page
        self._chance = chance
        self._sock: socket.socket | None = None
        self._break = NEVER
        self._era = 0
        self._parser: httptools.HttpResponseParser
        self._body: list[bytes] = []
        self._complete = False
        self._kept = True

    async def exchange(self, data: bytes, written: Callable[[], None]) -> Reply | None:
        """Send a request and wait for its answer.

        Args:
            data: the request.
            written: called when all of it has been handed to the kernel.

        Returns:
            The answer; None if the connection broke (rule 1), after the pause that a page needs to notice.
        """
        if self._era != self._page.era:
            self._leave()
        reused = self._sock is not None
        try:
            with trio.CancelScope() as scope:
                return await self._carry_in(scope, data, written)
        except (OSError, BrokenLineError, httptools.HttpParserError):
            stale = reused and self._sock is not None
            self.close()
            self._page.lost_line()
            if stale:  # the server had closed it while it was idle, as servers do: another one, at once
                return None
        else:
            self._cut_by_time()
        await trio.sleep(self._chance.uniform(*NOTICING))
        return None

    async def _carry_in(self, scope: trio.CancelScope, data: bytes, written: Callable[[], None]) -> Reply:
        if self._sock is None:
            await self._connect()
        scope.deadline = min(self._break.deadline, self._page.blackout)
        return await self._carry(data, written)

    def _cut_by_time(self) -> None:
        page = self._page
        if trio.current_time() >= page.blackout:
            page.black_out()
        if self._era != page.era:
            self._leave()
        else:
            self._cut()

    # -- the ordinary way ---------------------------------------------------------------------

    async def _connect(self) -> None:
        page = self._page
        self._sock = sock = socket.socket(page.target.family, socket.SOCK_STREAM)
        sock.setblocking(False)  # noqa: FBT003 - its one argument
        if page.habits.trickles:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if sock.connect_ex(page.target.address) != 0:
            await trio.lowlevel.wait_writable(sock)
            if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise BrokenLineError
        if self._era != page.era:  # it was opened into a blackout
            raise BrokenLineError
        self._parser = httptools.HttpResponseParser(self)
        self.plan_break()

    async def _carry(self, data: bytes, written: Callable[[], None]) -> Reply:
        page = self._page
        moment = None
        if (
            self._break.moment is not Moment.WAITING
            and not page.calm
            and trio.current_time() >= self._break.at
        ):
            moment = self._break.moment
        if moment is Moment.SENDING:
            await self._send(data[: self._chance.randrange(len(data))])
            self._cut()
            raise BrokenLineError
        slow = not page.calm and self._chance.random() < page.habits.trickles
        await (self._trickle(data) if slow else self._send(data))
        written()
        if moment is not None:
            await self._cut_at_answer(moment)
        return await self._receive(slow=slow)

    async def _send(self, data: bytes) -> None:
        sock = self._connected()
        while data:
            try:
                data = data[sock.send(data) :]
            except BlockingIOError:
                await trio.lowlevel.wait_writable(sock)

    async def _receive(self, *, slow: bool) -> Reply:
        sock = self._connected()
        self._body.clear()
        self._complete = False
        left = TRICKLE if slow else 0
        while not self._complete:
            if left:
                left -= 1
                await trio.sleep(BYTE_PAUSE)
            await trio.lowlevel.wait_readable(sock)
            data = sock.recv(1 if left else READ)
            if not data:
                raise BrokenLineError
            self._parser.feed_data(data)
        reply = Reply(self._parser.get_status_code(), b"".join(self._body))
        if not self._kept:
            self.close()
        return reply

    def on_headers_complete(self) -> None:
        """Take note of whether the connection outlives this answer; for the parser."""
        self._kept = self._parser.should_keep_alive()

    def on_body(self, data: bytes) -> None:
        """Take a piece of an answer's body; for the parser."""
        self._body.append(data)

    def on_message_complete(self) -> None:
        """Take note that an answer is complete; for the parser."""
        self._complete = True

    def _connected(self) -> socket.socket:
        if self._sock is None:
            raise BrokenLineError
        return self._sock

    def plan_break(self) -> None:
        """Choose how the connection ends."""
        page = self._page
        self._break = NEVER
        if page.habits.cuts and not page.calm:
            self._break = choose_break(self._chance, trio.current_time(), page.plan.kill_every)

    # -- trouble --------------------------------------------------------------------------------

    async def _trickle(self, data: bytes) -> None:
        start = self._chance.randrange(max(1, len(data) - TRICKLE))
        await self._send(data[:start])
        for place in range(start, min(start + TRICKLE, len(data))):
            await trio.sleep(BYTE_PAUSE)
            await self._send(data[place : place + 1])
        if start + TRICKLE < len(data):
            await self._send(data[start + TRICKLE :])

    async def _cut_at_answer(self, moment: Moment) -> None:
        sock = self._connected()
        await trio.lowlevel.wait_readable(sock)
        if moment is Moment.READING:
            sock.recv(self._chance.randrange(1, 100))
        self._cut()
        raise BrokenLineError

    def _cut(self) -> None:
        """Break the connection in the way that was chosen for it."""
        if self._sock is not None and self._break.reset:
            with suppress(OSError):
                self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.close()
        self._page.cuts += 1
        self._page.lost_line()

    def _leave(self) -> None:
        """Let go of the connection in a blackout: cut it, or, in half-open, neither close nor read it."""
        sock, self._sock = self._sock, None
        self._era = self._page.era
        if sock is None:
            return
        self._page.cuts += 1
        if self._page.habits.vanishes:
            self._page.zombies.leave(sock)
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            sock.close()

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None
