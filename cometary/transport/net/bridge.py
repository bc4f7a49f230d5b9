"""A bridge: two sockets of which each gets what comes by the other.

1.  So another process can go on with a connection that cannot be handed over, as one on which TLS is spoken: it gets
    one end of a pair of sockets, and what is decrypted, and to be encrypted, goes by the bridge at the other.
2.  What one end does not take at once is kept, one piece, and nothing more is read of the other meanwhile.
3.  The near end is the other process's: when it says no more, both are closed, behind what is still to be sent. When
    the far end, its peer, says no more, the near one is told, and decides.
4.  How long a peer may take is the other process's affair: it sees of the pair what it would of the connection.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import TYPE_CHECKING

from cometary.transport.net.buffered import BufferedChannel

if TYPE_CHECKING:
    from cometary.transport.net.channel import Floor


class BridgeEnd(BufferedChannel):
    """One end.

    Args:
        sock: its socket.
        floor: what watches it.
        near: whether it leads to the other process.
    """

    __slots__ = ("_ends", "_near", "_other")

    def __init__(self, sock: socket.socket, floor: Floor, *, near: bool) -> None:
        super().__init__(sock, floor)
        self._near = near
        self._other = self
        self._ends = False

    def lead_to(self, other: BridgeEnd) -> None:
        """Let what comes by this one go to another."""
        self._other = other

    def start(self) -> None:
        """Begin: the near end is watched from when the far one is on."""
        if not self._near:
            self._floor.add(self._other)

    def readable(self, bits: int) -> None:  # noqa: ARG002 - it shows when it is read
        """Pass on what has come."""
        data = self._read_once()
        if data:
            self._other.pass_on(data)
        elif data is not None:
            self._half_closed = True
            self._watch(reading=False, writing=self._writing)
            self._other.end()

    def pass_on(self, data: bytes) -> None:
        """Send what has come by the other end."""
        self._send(data)
        self._look()

    def writable(self) -> None:
        """Send on."""
        self._send_rest()
        self._look()

    def end(self) -> None:
        """Take note that the other end says no more."""
        self._ends = True
        self._look()

    def _look(self) -> None:
        """Go by whether something is left to be sent (rule 2)."""
        if self.sock.fileno() < 0:
            return
        left = self._unsent is not None
        self._watch(reading=self._reading, writing=left)
        self._other.read_on(reading=not left)
        if self._ends and not left:
            self._say_the_end()

    def read_on(self, *, reading: bool) -> None:
        """Read more, or nothing for the time being."""
        if self.sock.fileno() >= 0 and not self._half_closed:
            self._watch(reading=reading, writing=self._writing)

    def _say_the_end(self) -> None:
        if not self._near:
            self.close()  # nothing comes from the near end any more
            return
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)

    def closed(self) -> None:
        """Close the other end, too."""
        self._other.close()


def bridge(far: socket.socket, near: socket.socket, floor: Floor) -> BridgeEnd:
    """Return what serves `far` from now on, and `near` with it.

    Args:
        far: leads to the peer; it is served already, by another channel.
        near: leads to the other process.
        floor: what watches both.
    """
    near.settimeout(0)
    ends = BridgeEnd(far, floor, near=False), BridgeEnd(near, floor, near=True)
    ends[0].lead_to(ends[1])
    ends[1].lead_to(ends[0])
    return ends[0]
