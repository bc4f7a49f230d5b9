"""A connection with which another process goes on."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from cometary.transport.net.channel import Channel

if TYPE_CHECKING:
    from cometary.transport.net.channel import Floor


class Departing(Channel):
    """Hands its socket over as soon as it is served, and is done.

    Args:
        sock: the socket.
        floor: what watches it.
        hand_over: takes its descriptor, which is its own from then on.
    """

    __slots__ = ("_floor", "_hand_over")

    def __init__(self, sock: socket.socket, floor: Floor, hand_over: Callable[[int], object]) -> None:
        super().__init__(sock)
        self._floor = floor
        self._hand_over = hand_over

    def start(self) -> None:
        """Hand it over."""
        self._floor.forget(self)
        self._hand_over(self.sock.detach())

    def readable(self, bits: int) -> None:
        """Be served no more: it was handed over when it started."""

    def close(self) -> None:
        """Close at once; again, or after it was handed over, that does nothing."""
        if self.sock.fileno() >= 0:
            self._floor.forget(self)
            self.sock.close()
