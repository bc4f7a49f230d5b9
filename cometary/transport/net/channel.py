"""What the switchboard serves, a channel, and what a channel may ask of the switchboard: its floor.

A channel is one connection and the protocol spoken on it; the switchboard knows no protocol. A
listener is told which one its callers speak: by what makes the channel.

1. A channel is made before its socket is watched. While being made it may set a deadline; all else is for `start`,
   which is called once, when the socket is watched for reading.
2. Whatever `start`, `readable`, `writable` and `expire` raise is logged, and closes the channel and no other.
3. `close` may be called at any time, and again. It tells the floor (`Floor.forget`), then closes the socket.
4. At most one deadline of a channel runs at a time. It is the channel's own: its name, its seconds, and what `expire`
   makes of it. The floor looks once a second.
5. A channel that hands its socket to another one (`Floor.replace`) is done with it, and is not called again.
"""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from mypy_extensions import mypyc_attr

if TYPE_CHECKING:
    from cometary.transport.net.deadlines import DeadlineQueue
    from cometary.transport.net.idle_queue import IdleQueue


@mypyc_attr(allow_interpreted_subclasses=True)
class Channel:
    """One connection, in one protocol.

    Args:
        sock: Its socket, connected and non-blocking; the channel closes it.

    Attributes:
        sock: The same.
        idle_until: Until when it may be idle, in seconds of Trio's clock; 0 while it is not. Set by an `IdleQueue`.
        idle_second: Under which second it is in that; 0 if it is not.
    """

    __slots__ = ("idle_second", "idle_until", "sock")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.idle_until: float = 0.0
        self.idle_second: int = 0

    @property
    def idle(self) -> bool:
        """Whether nothing is under way: one that is idle is closed at once when the server stops."""
        return False

    def start(self) -> None:  # most have nothing to do before the peer says something
        """Begin: from now on the socket is watched for reading."""

    def readable(self, bits: int) -> None:
        """Read, since there is something to read, if only the end.

        Args:
            bits: What the poller has reported (`cometary.transport.net.poller`).
        """
        raise NotImplementedError

    def writable(self) -> None:
        """Write on, since the kernel takes more."""
        raise NotImplementedError

    def expire(self) -> None:
        """Do what is to be done once the deadline has passed, of which nothing is kept: close."""
        self.close()

    def close(self) -> None:
        """Close at once."""
        raise NotImplementedError


class Traffic:
    """What has gone through the connections of a server.

    Attributes:
        received: bytes that were read; of TLS, what was in them.
        sent: bytes that the kernel has taken; likewise.
        accepted: connections.
        refused: requests that were refused, by condition.
    """

    __slots__ = ("accepted", "received", "refused", "sent")

    def __init__(self) -> None:
        self.received: int = 0
        self.sent: int = 0
        self.accepted: int = 0
        self.refused: Counter[str] = Counter()


@mypyc_attr(allow_interpreted_subclasses=True)
class Floor:
    """What a channel may ask of the switchboard.

    Attributes:
        now: Trio's time in seconds, at most one tick old while any deadline runs.
        turn: Which turn of serving what is ready this is; a count.
        read_bytes: How much a channel may read at once now.
        draining: Whether the server is stopping: what is under way may end, and nothing else may begin.
        closing: Whether a channel that has nothing to do is to close.
        traffic: What channels count.
    """

    __slots__ = ("closing", "draining", "now", "read_bytes", "traffic", "turn")

    def __init__(self, read_bytes: int, traffic: Traffic) -> None:
        self.traffic = traffic
        self.now = 0.0
        self.turn = 0
        self.read_bytes = read_bytes
        self.draining = False
        self.closing = False

    def watch(self, channel: Channel, *, reading: bool, writing: bool, ended: bool = False) -> None:
        """Say anew what the socket of `channel` is watched for; a hang-up is always reported once.

        Args:
            channel: Whose socket.
            reading: Whether for something to read.
            writing: Whether for the kernel to take something.
            ended: Whether it is known that the peer says no more, so that it is not to be reported again; nor is a
                hang-up then, but once, while the socket is watched for nothing else.
        """
        raise NotImplementedError

    def deadline(self, name: str, seconds: float) -> DeadlineQueue[Channel]:
        """Return where channels wait for `expire`; it is made when it is first asked for.

        Args:
            name: Of what is waited for, among those of the same duration.
            seconds: From being added to being called.
        """
        raise NotImplementedError

    def idle_queue(self, seconds: float) -> IdleQueue:
        """Return where channels wait for `expire` that are idle again and again; one for each duration, in seconds."""
        raise NotImplementedError

    def count_parsed(self, count: int) -> None:
        """Take note of bytes that a channel has had parsed: after many in one turn `read_bytes` is small."""
        raise NotImplementedError

    def keeps(self, fd: int) -> None:
        """Take note that the socket `fd` keeps some of what it has read, which no poller sees.

        Its channel is called in the next turn as if there were something to read, if it is watched for that then. Of a
        socket that has been closed nothing is kept.
        """
        raise NotImplementedError

    def add(self, channel: Channel) -> None:
        """Serve one channel more."""
        raise NotImplementedError

    def forget(self, channel: Channel) -> None:
        """Serve `channel`, about to close its socket, no longer."""
        raise NotImplementedError

    def replace(self, channel: Channel, by: Channel) -> None:
        """Serve `by`, which has the same socket, in place of `channel`, and start it."""
        raise NotImplementedError


Protocol = Callable[[socket.socket, str, Floor], Channel]
"""What a listener is told that its callers speak: makes the channel of one, given its socket, its peer's address
and the floor."""

Successor = Callable[[socket.socket, str, Floor, bytes], Channel]
"""What makes the channel that a connection goes on as in another protocol: as `Protocol`, given also what has been
read already and is that channel's."""
