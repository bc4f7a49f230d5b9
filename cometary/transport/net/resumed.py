"""A socket that another process has read from, and perhaps written to, before it was handed over.

1.  What was read there is read here first, as if it had come just now; then what the kernel has. A poller does not
    see it, so the floor is told of what is left (`Floor.keeps`).
2.  What was written there already is not written again: that many bytes of what is sent first are passed over. What
    handed it over knows that they are the same.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from cometary.transport.net.channel import Floor


class ResumedSocket(socket.socket):
    """A connected socket, made of its descriptor; it does not block.

    Args:
        descriptor: the socket's own from now on.
        read: what was read of it and not seen to.
        said: how many bytes of what is to be sent first were sent.

    Attributes:
        floor: is told of what no poller sees; whoever makes it sets it.
    """

    floor: Floor

    def __init__(self, descriptor: int, read: bytes = b"", said: int = 0) -> None:
        super().__init__(fileno=descriptor)
        self.settimeout(0)
        self._read = read
        self._said = said

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """Return what has come, at most so many bytes."""
        if not self._read:
            return super().recv(bufsize, flags)
        data, self._read = self._read[:bufsize], self._read[bufsize:]
        if self._read:
            self.floor.keeps(self.fileno())
        return data

    def rest(self) -> bytes:
        """Return what was read there and not here, for the next to go on with the connection."""
        rest, self._read = self._read, b""
        return rest

    def send(self, data: object, flags: int = 0, /) -> int:
        """Send what the kernel takes, but for what was sent before."""
        if not self._said:
            return super().send(cast("bytes", data), flags)
        rest = memoryview(cast("bytes", data))
        passed = min(self._said, len(rest))
        self._said -= passed
        try:
            return passed + (super().send(rest[passed:], flags) if len(rest) > passed else 0)
        except BlockingIOError:
            return passed
