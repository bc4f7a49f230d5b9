"""Which of very many sockets are ready: epoll where it exists, else the standard library's best.

The two differ only in cost. `selectors` makes a tuple and a key for every ready socket, and it
cannot watch for a hang-up alone, so that of a connection which is not being read it shows only
when something is written.
"""

from __future__ import annotations

import fcntl
import select
import selectors
import socket
import sys
import termios
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, Protocol

import trio

READABLE: Final = 1
WRITABLE: Final = 4
PEER_SHUT: Final = 0x2000
"""Bits of what `poll` reports, epoll's own; any other bit means error or hang-up in both directions."""


class Poller(Protocol):
    """A level-triggered set of descriptors."""

    def wait(self) -> Awaitable[None]:
        """Wait, as a Trio task, until any in the set is ready; a checkpoint."""
        ...

    def watch(self, fd: int) -> None:
        """Add `fd`, for reading."""
        ...

    def change(self, fd: int, *, reading: bool, writing: bool, ended: bool = False) -> None:
        """Say anew what `fd` is watched for.

        Args:
            fd: The descriptor.
            reading: Whether for reading. If not, that its peer says no more may still be reported
                (`PEER_SHUT`), as may errors.
            writing: Whether for writing.
            ended: Whether that is known already, and not reported again. A hang-up in both directions is then
                reported once more at most while neither is asked for: whoever has heard of it need not do anything.
        """
        ...

    def forget(self, fd: int) -> None:
        """Take `fd` out; before it is closed, since a forked child may hold it open."""
        ...

    def poll(self, limit: int) -> list[tuple[int, int]]:
        """At most `limit` ready descriptors, each with its bits; without waiting."""
        ...

    def close(self) -> None:
        """Give the set back to the system."""
        ...


class EpollPoller:
    """Linux."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self.wait = until_readable(self._epoll.fileno())
        self.forget = self._epoll.unregister
        self.close = self._epoll.close

    def watch(self, fd: int) -> None:
        """Add `fd`, for reading."""
        self._epoll.register(fd, select.EPOLLIN)

    def change(self, fd: int, *, reading: bool, writing: bool, ended: bool = False) -> None:
        """Say anew what `fd` is watched for; errors and hang-ups in both directions are always among it.

        They last, and epoll cannot be told to leave them out. So where there is nothing else to watch for, it is told
        to report what changes (EPOLLET), not what is: else it would report them in every turn.
        """
        if ended and not reading and not writing:
            self._epoll.modify(fd, select.EPOLLET)
            return
        bits = select.EPOLLIN if reading else 0 if ended else PEER_SHUT
        self._epoll.modify(fd, bits | select.EPOLLOUT if writing else bits)

    def poll(self, limit: int) -> list[tuple[int, int]]:
        """At most `limit` ready descriptors, each with its bits."""
        return self._epoll.poll(0, limit)


class SelectorPoller:
    """Any system whose `selectors.DefaultSelector` is a descriptor itself: macOS, the BSDs, Solaris."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self.wait = until_readable(self._selector.fileno())
        self.close = self._selector.close

    def watch(self, fd: int) -> None:
        """Add `fd`, for reading."""
        self._selector.register(fd, selectors.EVENT_READ)

    def change(self, fd: int, *, reading: bool, writing: bool, ended: bool = False) -> None:  # noqa: ARG002
        """Say anew what `fd` is watched for; for neither, it is not watched at all."""
        self.forget(fd)
        events = (selectors.EVENT_READ if reading else 0) | (selectors.EVENT_WRITE if writing else 0)
        if events:
            self._selector.register(fd, events)

    def forget(self, fd: int) -> None:
        """Take `fd` out, if it is in."""
        if fd in self._selector.get_map():
            self._selector.unregister(fd)

    def poll(self, limit: int) -> list[tuple[int, int]]:
        """At most `limit` ready descriptors, each with its bits."""
        ready = self._selector.select(0)[:limit]
        return [(key.fd, BITS[events]) for key, events in ready]


BITS: Final = {
    selectors.EVENT_READ: READABLE,
    selectors.EVENT_WRITE: WRITABLE,
    selectors.EVENT_READ | selectors.EVENT_WRITE: READABLE | WRITABLE,
}
"""What `selectors` reports, in epoll's words."""


def unacknowledged(sock: socket.socket) -> int:
    """How many of the bytes that the kernel has taken for `sock` the peer has not; 0 where nobody knows.

    The kernel takes much at once, and then, of a slow peer, nothing for long: so what it takes says
    little of how the peer gets on.
    """
    if not isinstance(sock, socket.socket):  # pyright: ignore[reportUnnecessaryIsInstance]  # of a simulation
        return 0
    try:
        return int.from_bytes(fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4)), sys.byteorder)
    except OSError:
        return 0


def until_readable(fd: int) -> Callable[[], Awaitable[None]]:
    """What waits until a poller's own descriptor is readable, which it is while any in its set is ready."""
    return partial(trio.lowlevel.wait_readable, fd)


def best_poller() -> Poller:
    """The cheapest that this system has."""
    return EpollPoller() if hasattr(select, "epoll") else SelectorPoller()
