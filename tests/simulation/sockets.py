"""Connections in memory. To the server each end is a non-blocking socket, and behaves as Linux's do.

1.  What was sent is there for the other end at once: what takes time is the proxies' business.
2.  An end takes in at most `capacity` bytes that nobody has read; then the other one's `send` blocks.
3.  Closing sends FIN, or RST if there was anything left to read. Sending to an end that is closed is
    answered by RST. RST takes what has not been read along.
4.  Whoever owns an end is told of every change (`changed`), from within what changed it: it takes note.
"""

from __future__ import annotations

import errno
import socket
from collections import deque
from collections.abc import Callable
from typing import Final

READABLE: Final = 1
WRITABLE: Final = 4
ERROR: Final = 8
HANG_UP: Final = 16
PEER_SHUT: Final = 0x2000
"""epoll's bits."""

Address = tuple[str, int]


def ignore() -> None:
    """Take no note."""


class End:
    """One end of a connection.

    Args:
        capacity: bytes that it takes in before anybody reads them.

    Attributes:
        other: the other end.
        descriptor: its number, once the server has accepted it.
        changed: called when there may be more to read or to write.
        released: called with the descriptor when the server closes it.
        ended: whether FIN has come.
        broken: whether RST has come.
        closed: whether it was closed on this side.
    """

    other: End

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._unread = bytearray()
        self._shut = False
        self.descriptor = -1
        self.changed: Callable[[], None] = ignore
        self.released: Callable[[int], None] | None = None
        self.ended = False
        self.broken = False
        self.closed = False

    # -- a socket's methods ----------------------------------------------------------------------

    def fileno(self) -> int:
        return self.descriptor

    def settimeout(self, seconds: float) -> None:
        assert seconds == 0

    def setsockopt(self, level: int, option: int, value: int) -> None:
        """Do nothing: there is no network to be told."""

    def recv(self, most: int) -> bytes:
        self._check()
        if self._unread:
            data = bytes(self._unread[:most])
            del self._unread[:most]
            self.other.changed()
            return data
        if self.ended:
            return b""
        raise BlockingIOError(errno.EAGAIN, "nothing to read")

    def send(self, data: bytes | memoryview) -> int:
        self._check()
        other = self.other
        if self._shut:
            raise BrokenPipeError(errno.EPIPE, "shut")
        if other.closed:
            self._take_reset()
            return len(data)
        room = other._capacity - len(other._unread)
        if room <= 0:
            raise BlockingIOError(errno.EAGAIN, "no room")
        other._unread += data[:room]
        other.changed()
        return min(room, len(data))

    def shutdown(self, how: int) -> None:
        assert how == socket.SHUT_WR
        self._check()
        self._shut = True
        self._send_end()

    def close(self, *, reset: bool = False) -> None:
        """Close it; `reset` as with SO_LINGER of no time."""
        if self.closed:
            return
        self.closed = True
        if reset or self._unread:
            if not self.other.closed:
                self.other._take_reset()
        else:
            self._send_end()
        self._unread.clear()
        if self.released is not None:
            self.released(self.descriptor)
        self.descriptor = -1

    # -- how it is ---------------------------------------------------------------------------------

    @property
    def bits(self) -> int:
        """What epoll would report, whatever was asked for."""
        bits = 0
        if self._unread or self.ended or self.broken:
            bits |= READABLE
        if self.broken or self.other.closed or len(self.other._unread) < self.other._capacity:
            bits |= WRITABLE
        if self.ended or self.broken:
            bits |= PEER_SHUT
        if self.broken:
            bits |= ERROR | HANG_UP
        elif self.ended and self._shut:
            bits |= HANG_UP
        return bits

    def _check(self) -> None:
        if self.closed:
            raise OSError(errno.EBADF, "closed")
        if self.broken:
            raise ConnectionResetError(errno.ECONNRESET, "reset")

    def _send_end(self) -> None:
        other = self.other
        if not (other.closed or other.ended):
            other.ended = True
            other.changed()

    def _take_reset(self) -> None:
        self.broken = True
        self._unread.clear()
        self.changed()


def pair(server: int, client: int) -> tuple[End, End]:
    """Return the two ends of a new connection.

    Args:
        server: bytes that the server's end takes in.
        client: bytes that the other end takes in.
    """
    ends = End(server), End(client)
    ends[0].other, ends[1].other = reversed(ends)
    return ends


class Backlog:
    """The callers at one address, until a listening socket accepts them.

    Args:
        name: the address.
    """

    def __init__(self, name: Address) -> None:
        self.name = name
        self.callers: deque[tuple[End, Address]] = deque()
        self.listening: list[Listening] = []

    def call(self, end: End, caller: Address) -> None:
        """Put the server's end of a new connection into the queue."""
        self.callers.append((end, caller))
        for sock in self.listening:
            sock.changed()


class Listening:
    """A listening socket; several may share a backlog, as duplicates do.

    Args:
        backlog: its callers.
        new_descriptor: returns one for it, or for a socket that it accepts; given its owner.
        released: called with the descriptor when it is closed.
    """

    def __init__(
        self,
        backlog: Backlog,
        new_descriptor: Callable[[End | Listening], int],
        released: Callable[[int], None],
    ) -> None:
        self._backlog = backlog
        self._new_descriptor = new_descriptor
        self._released = released
        self.changed: Callable[[], None] = ignore
        self.descriptor = new_descriptor(self)
        backlog.listening.append(self)

    def fileno(self) -> int:
        return self.descriptor

    def getsockname(self) -> Address:
        return self._backlog.name

    def dup(self) -> Listening:
        return Listening(self._backlog, self._new_descriptor, self._released)

    def accept(self) -> tuple[End, Address]:
        if not self._backlog.callers:
            raise BlockingIOError(errno.EAGAIN, "no caller")
        end, caller = self._backlog.callers.popleft()
        end.released = self._released
        end.descriptor = self._new_descriptor(end)
        return end, caller

    def close(self) -> None:
        if self.descriptor < 0:
            return
        self._backlog.listening.remove(self)
        self._released(self.descriptor)
        self.descriptor = -1
        if not self._backlog.listening:
            for end, _ in self._backlog.callers:
                end.close(reset=True)
            self._backlog.callers.clear()

    @property
    def bits(self) -> int:
        """What epoll would report."""
        return READABLE if self._backlog.callers else 0
