"""Connections that were left open and are never read again: what a vanished peer leaves to a server.

They stay open here until the server closes them, since the point is to see how long it keeps them.
"""

from __future__ import annotations

import select
import socket
from typing import Final

import trio

MOST: Final = 8_000
"""Zombies at a time; beyond it the oldest is closed, and not counted any further."""

SWEEP: Final = 0.25
"""Seconds between two looks."""


class Zombies:
    """Those that are open, and how long those lived that are not."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._open: dict[int, tuple[socket.socket, float]] = {}
        self.left = 0
        self.closed = 0
        self.longest = 0.0

    def __len__(self) -> int:
        return len(self._open)

    def leave(self, sock: socket.socket) -> None:
        """Leave `sock` open from now on, until the server closes it."""
        if len(self._open) >= MOST:
            self._close(next(iter(self._open)))
        self._epoll.register(sock.fileno(), select.EPOLLRDHUP)  # not for reading: nobody reads
        self._open[sock.fileno()] = (sock, trio.current_time())
        self.left += 1

    async def sweep(self) -> None:
        """Notice, for ever, which of them the server has closed."""
        while True:
            await trio.sleep(SWEEP)
            now = trio.current_time()
            for fd, _ in self._epoll.poll(0):
                self.longest = max(self.longest, now - self._open[fd][1])
                self.closed += 1
                self._close(fd)

    async def gone(self, patience: float) -> None:
        """Wait until the server has closed all of them, but at most `patience` seconds."""
        with trio.move_on_after(patience):
            while self._open:  # noqa: ASYNC110 - `sweep` looks no more often
                await trio.sleep(SWEEP)

    def _close(self, fd: int) -> None:
        sock, _ = self._open.pop(fd)
        self._epoll.unregister(fd)
        sock.close()

    def close(self) -> None:
        """Close all of them."""
        for fd in list(self._open):
            self._close(fd)
        self._epoll.close()
