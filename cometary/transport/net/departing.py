"""A connection with which another process goes on."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from cometary.transport.net.channel import Channel
from cometary.transport.net.resumed import ResumedSocket

if TYPE_CHECKING:
    from cometary.transport.net.channel import Floor


class Departing(Channel):
    """Hands its socket over as soon as it is served, and is done.

    Args:
        sock: the socket.
        floor: what watches it.
        read: what was read of it and not seen to.
        hand_over: takes that, with what the socket keeps behind it, and its descriptor, which is its own from then on.
    """

    __slots__ = ("_floor", "_hand_over", "_read")

    def __init__(
        self, sock: socket.socket, floor: Floor, read: bytes, hand_over: Callable[[bytes, int], object]
    ) -> None:
        super().__init__(sock)
        self._floor = floor
        self._read = read
        self._hand_over = hand_over

    def start(self) -> None:
        """Hand it over."""
        self._floor.forget(self)
        read = self._read + self.sock.rest() if isinstance(self.sock, ResumedSocket) else self._read
        self._hand_over(read, self.sock.detach())

    def readable(self, bits: int) -> None:
        """Be served no more: it was handed over when it started."""

    def close(self) -> None:
        """Close at once; again, or after it was handed over, that does nothing."""
        if self.sock.fileno() >= 0:
            self._floor.forget(self)
            self.sock.close()
