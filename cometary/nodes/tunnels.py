"""Whole connections whose session is at another node: WebSockets, of which the first frame says whose they are.

1.  At the node to which the client is connected, its socket is one end of a tunnel; what comes goes on by the link. At
    the other node there is a pair of sockets: one is served as if the client had connected there, and answered anew
    from the handshake on, of which the client has had its answer (`ResumedSocket`); the other is the tunnel's end.
2.  No more than `WINDOW` bytes are on their way in each direction: an end that has sent so many reads no more until
    they are taken.
3.  An end that closes closes the other one, behind what was sent, of which what the kernel keeps for it is a part. When
    the link breaks both close: the client connects again, and nothing is lost, since what it has not acknowledged is
    the session's.
4.  A node has no more than `MOST` ends of tunnels by one link: connections for more are closed.
"""

from __future__ import annotations

import socket
from collections import deque
from itertools import count
from typing import TYPE_CHECKING, Final

from cometary.nodes.messages import Bytes, Closed, Taken, Tunnelled
from cometary.transport.net.buffered import BufferedChannel
from cometary.transport.net.channel import Channel
from cometary.transport.net.poller import READABLE
from cometary.transport.net.resumed import ResumedSocket

if TYPE_CHECKING:
    from cometary.nodes.link import Link
    from cometary.server.front_end import FrontEnd
    from cometary.transport.net.channel import Floor, Successor

WINDOW: Final = 64 * 1024
MOST: Final = 20_000
KERNEL: Final = 16 * 1024
"""Bytes that the pair of sockets keeps: a client that takes nothing is to be noticed soon."""


class Tunnels:
    """The ends of all tunnels by one link.

    Args:
        link: the link.

    Attributes:
        link: the same.
    """

    def __init__(self, link: Link) -> None:
        self.link = link
        self._numbers = count(1)
        self._ends: dict[int, TunnelEnd] = {}

    def successor(self, read: bytes, said: int) -> Successor:
        """Return what a client's connection goes on as; see `ElsewhereError`."""

        def succeed(sock: socket.socket, peer: str, floor: Floor, beyond: bytes) -> Channel:
            rest = sock.rest() if isinstance(sock, ResumedSocket) else b""
            number = next(self._numbers)
            if self.link.ended or self.link.full or len(self._ends) >= MOST:
                return HungUp(sock, floor)
            return self._end(number, sock, floor, Tunnelled(number, peer, read + beyond + rest, said))

        return succeed

    def _end(
        self, number: int, sock: socket.socket, floor: Floor, asked: Tunnelled | None = None
    ) -> TunnelEnd:
        end = TunnelEnd(sock, floor, number, self, asked)
        self._ends[number] = end
        return end

    def open(self, asked: Tunnelled, front_end: FrontEnd) -> None:
        """Serve a connection that another node has."""
        if len(self._ends) >= MOST:
            self.link.send(Closed(asked.number))
            return
        near, far = socket.socketpair()
        for each in (near, far):
            each.settimeout(0)
            each.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL)

        def end(sock: socket.socket, _: str, floor: Floor) -> Channel:
            return self._end(asked.number, sock, floor)

        if not front_end.serve(far, "", end):
            near.close()
            self.link.send(Closed(asked.number))
            return
        front_end.resume(ResumedSocket(near.detach(), asked.read, asked.said), asked.peer)

    def take(self, message: Bytes | Taken | Closed) -> None:
        """Take what the other end says."""
        end = self._ends.get(message.number)
        if end is None:
            return
        match message:
            case Bytes():
                end.take(message.data)
            case Taken():
                end.taken(message.count)
            case Closed():
                end.other_closed()

    def forget(self, number: int) -> bool:
        """Let go of an end; returns whether there was one."""
        return self._ends.pop(number, None) is not None

    def close(self) -> None:
        """Close all: the link has ended."""
        ends, self._ends = self._ends, {}
        for end in ends.values():
            end.close()


class HungUp(Channel):
    """A connection that is closed, since its session cannot be reached: its client connects again.

    Args:
        sock: its socket.
        floor: what watches it.
    """

    def __init__(self, sock: socket.socket, floor: Floor) -> None:
        super().__init__(sock)
        self._floor = floor

    def start(self) -> None:
        """Close it."""
        self.close()

    def readable(self, bits: int) -> None:
        """Serve it no longer."""

    def close(self) -> None:
        """Close it; again, that does nothing."""
        if self.sock.fileno() >= 0:
            self._floor.forget(self)
            self.sock.close()


def hang_up(read: bytes, said: int = 0) -> Successor:
    """Return what a connection goes on as that is closed; see `ElsewhereError`."""
    del read, said
    return lambda sock, _peer, floor, _beyond: HungUp(sock, floor)


class TunnelEnd(BufferedChannel):
    """One end.

    Args:
        sock: the socket: the client's, or the one of a pair.
        floor: what watches it.
        number: that of the tunnel.
        tunnels: whose it is.
        asked: what opens it, if this is the client's end.
    """

    def __init__(
        self,
        sock: socket.socket,
        floor: Floor,
        number: int,
        tunnels: Tunnels,
        asked: Tunnelled | None,
    ) -> None:
        super().__init__(sock, floor)
        self._number = number
        self._tunnels = tunnels
        self._asked = asked
        self._on_its_way = 0
        self._behind: deque[bytes] = deque()
        self._no_more = False

    def start(self) -> None:
        """Open the tunnel."""
        if self._asked is not None:
            self._tunnels.link.send(self._asked)
            self._asked = None

    def readable(self, bits: int) -> None:
        """Send on what has come."""
        if not self._reading:
            self._note_the_end(bits)
            return
        data = self._read_once()
        if data is None:
            return
        if not data:
            self.close()
            return
        self._on_its_way += len(data)
        self._tunnels.link.send(Bytes(self._number, data))
        self._look()

    def _note_the_end(self, bits: int) -> None:
        """Take note of what is reported though nobody asked: what was said before is read when there is room.

        A hang-up as well: the server's end of a pair may close as soon as the pair has taken all that it had to say.
        """
        if bits & ~READABLE and not self._half_closed:
            self._half_closed = True
            self._floor.watch(self, reading=False, writing=self._writing, ended=True)

    def taken(self, count: int) -> None:
        """Take note that so much has gone on at the other end."""
        self._on_its_way -= count
        self._look()

    def take(self, data: bytes) -> None:
        """Write what has come by the tunnel."""
        self._behind.append(data)
        if self._unsent is None:
            self._write()

    def _write(self) -> None:
        taken = 0
        while self._behind and self._unsent is None:
            data = self._behind.popleft()
            taken += len(data)
            self._send(data)
            if self.sock.fileno() < 0:
                return
        if taken:  # all but what is unsent, of which there is one piece at most
            self._tunnels.link.send(Taken(self._number, taken))
        self._look()

    def writable(self) -> None:
        """Write on."""
        self._send_rest()
        if self.sock.fileno() >= 0 and self._unsent is None:
            self._write()

    def _look(self) -> None:
        if self._no_more and self._unsent is None and not self._behind:
            self.close()
        elif self.sock.fileno() >= 0:
            self._watch(reading=self._on_its_way < WINDOW, writing=self._unsent is not None)

    def other_closed(self) -> None:
        """Close, behind what is still to be written."""
        self._tunnels.forget(self._number)
        self._no_more = True
        self._look()

    def closed(self) -> None:
        """Have the other end close."""
        if self._tunnels.forget(self._number):
            self._tunnels.link.send(Closed(self._number))
