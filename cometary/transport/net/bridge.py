"""A bridge: two sockets, each of which gets what comes by the other.

1.  So another process can go on with a connection that cannot be handed over, such as one on which TLS is spoken: it
    gets one end of a pair of sockets, and what is decrypted, or to be encrypted, goes over the bridge at the other.
2.  What one end does not take at once is kept, one piece, and nothing more is read from the other meanwhile: not even
    when that is reported to say no more, or to have hung up. It is read on, to its end, when there is room.
3.  The near end is the other process's: when it says no more, both are closed, behind what is still to be sent. When
    the far end, its peer, says no more, the near one is told, and decides. When that has hung up, both are closed.
4.  How long a peer may take is the other process's affair, as long as that is there: it sees of the pair what it
    would see of the connection. When it says no more, its peer has as long as others have to take what is left
    (`Pace`).
5.  What the peer says to a process that takes nothing any more is thrown away; what the process said before that is
    sent.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from cometary.transport.net.buffered import BufferedChannel, keep_little_unsent
from cometary.transport.net.poller import PEER_SHUT, READABLE

if TYPE_CHECKING:
    from cometary.transport.net.channel import Floor


class Pace(NamedTuple):
    """How long a peer may take.

    Attributes:
        seconds: for a piece; as often again as `slowest` bytes a second went meanwhile.
        slowest: bytes a second.
        longest: seconds for a piece, however it gets on.
    """

    seconds: float
    slowest: int
    longest: float


class BridgeEnd(BufferedChannel):
    """One end.

    Args:
        sock: its socket.
        floor: what watches it.
        pace: how long the peer may take, if this one leads to it; None if it leads to the other process.
    """

    __slots__ = ("_ends", "_finished", "_hung_up", "_other", "_pace")

    def __init__(self, sock: socket.socket, floor: Floor, pace: Pace | None) -> None:
        super().__init__(sock, floor)
        self._pace = pace
        self._other = self
        self._ends = False  # whether the other end says no more,
        self._finished = False  # and whether this one does, which has been read,
        self._hung_up = False  # or was reported

    def lead_to(self, other: BridgeEnd) -> None:
        """Let what comes by this one go to another."""
        self._other = other

    def start(self) -> None:
        """Begin: the near end is watched from when the far one is on."""
        if self._pace is not None:
            keep_little_unsent(self.sock)
            self._floor.add(self._other)

    def readable(self, bits: int) -> None:
        """Pass on what has come, or take note of what is reported though nobody asked."""
        if self._reading:
            self._read()
            return
        if bits & ~(READABLE | PEER_SHUT):
            self._hung_up = True
        elif not bits & PEER_SHUT:
            return  # of the same turn as what has stopped the reading
        if not self._half_closed:  # from now on it is not reported again
            self._half_closed = True
            self._floor.watch(self, reading=False, writing=self._writing, ended=True)
        self._other.look()

    def _read(self) -> None:
        data = self._read_once()
        if data:
            self._other.pass_on(data)
        elif data is not None:
            self._finished = self._half_closed = True
            self._watch(reading=False, writing=self._writing)
            self._other.end()

    def pass_on(self, data: bytes) -> None:
        """Send what has come by the other end, which is not read while there is any of it left."""
        self._send(data)
        self.look()

    def writable(self) -> None:
        """Send on."""
        self._send_rest()
        self.look()

    def end(self) -> None:
        """Take note that the other end says no more."""
        self._ends = True
        self.look()

    def look(self) -> None:
        """Go by whether something is left to be sent (rule 2)."""
        if self.sock.fileno() < 0:
            return
        left = self._unsent is not None
        self._watch(reading=self._reading, writing=left)
        self._wait(left=left)
        self._other.read_on(reading=not left)
        if self._ends and not left:
            self._say_the_end()

    def _wait(self, *, left: bool) -> None:
        """Wait for the peer, if nobody else does (rule 4)."""
        if self._pace is not None:
            alone = left and self._other.says_no_more
            self._expect(self._floor.deadline("bridge", self._pace.seconds) if alone else None)

    @property
    def says_no_more(self) -> bool:
        """Whether that is known, though there may be something to be read."""
        return self._half_closed

    @property
    def hung_up(self) -> bool:
        """Whether nothing that is said to it comes anywhere."""
        return self._hung_up

    def read_on(self, *, reading: bool) -> None:
        """Read more, or nothing for the time being."""
        if self.sock.fileno() >= 0 and not self._finished:
            self._watch(reading=reading, writing=self._writing)

    def _say_the_end(self) -> None:
        if self._pace is not None or self._other.hung_up:
            self.close()  # nothing comes from the near end any more, or nobody hears it
        else:
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_WR)

    def expire(self) -> None:
        """Close, since the time is up; unless the peer gets on."""
        pace = self._pace
        if pace is None or not self._gets_on(slowest=pace.slowest, longest=pace.longest):
            self.close()

    def broken(self) -> None:
        """Close if it is the peer that takes nothing any more; the other process is still heard (rule 5)."""
        if self._pace is not None:
            self.close()

    def closed(self) -> None:
        """Close the other end, too."""
        self._unsent = None
        self._other.close()


def bridge(far: socket.socket, near: socket.socket, floor: Floor, pace: Pace) -> BridgeEnd:
    """Return what serves `far` from now on, and `near` with it.

    Args:
        far: leads to the peer; it is served already, by another channel.
        near: leads to the other process.
        floor: what watches both.
        pace: how long the peer may take once the other process is not there to wait for it.
    """
    near.settimeout(0)
    ends = BridgeEnd(far, floor, pace), BridgeEnd(near, floor, None)
    ends[0].lead_to(ends[1])
    ends[1].lead_to(ends[0])
    return ends[0]
