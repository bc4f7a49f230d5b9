"""A channel that keeps what the kernel does not take, and gives its peer a limited time to take it.

1. What is sent goes to the kernel in one call; what it does not take is kept (`_unsent`), and `_send_rest` sends it
   once the socket is writable. Nothing more may be sent while there is any, so that no more than one piece is kept.
2. The socket is watched anew only when what it is watched for changes.
3. At most one deadline runs, and it replaces whatever was waited for before. What moves bytes at a fair pace, in
   either direction, may have another period (`_gets_on`): a peer that sends or takes them is alive.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from mypy_extensions import mypyc_attr

from cometary.transport.net import socket_calls
from cometary.transport.net.channel import Channel, Floor
from cometary.transport.net.deadlines import gets_on
from cometary.transport.net.poller import unacknowledged

if TYPE_CHECKING:
    from cometary.transport.net.deadlines import DeadlineQueue


_IN_C: Final[bool] = socket_calls.IN_C
_receive: Final = socket_calls.receive  # which compiled code finds without looking for its name; so the next
_transmit: Final = socket_calls.send

MOST_UNSENT: Final = 16 * 1024
"""Bytes that the kernel keeps unsent of a stream."""


@mypyc_attr(allow_interpreted_subclasses=True)
class BufferedChannel(Channel):
    """What most channels have in common.

    Args:
        sock: The socket; the channel closes it.
        floor: What watches the socket.
    """

    __slots__ = (
        "_deadline",
        "_floor",
        "_half_closed",
        "_moved",
        "_periods",
        "_reading",
        "_unsent",
        "_writing",
    )

    def __init__(self, sock: socket.socket, floor: Floor) -> None:
        super().__init__(sock)
        self._floor = floor
        self._unsent: memoryview | None = None
        self._deadline: DeadlineQueue[Channel] | None = None
        self._half_closed: bool = False  # whether it is known that the peer says no more
        self._moved: int = 0  # bytes that came, or were taken, since the period began
        self._periods: int = 0
        self._reading: bool = True
        self._writing: bool = False

    def close(self) -> None:
        """Close at once; again, that does nothing."""
        if self.sock.fileno() >= 0:
            self._expect(None)
            self._floor.forget(self)
            self.sock.close()
            self.closed()

    def closed(self) -> None:
        """Give up what was under way, since the channel has been closed."""

    def broken(self) -> None:
        """Close, since the peer takes nothing any more."""
        self.close()

    def note_refusal(self, condition: str) -> None:
        """Count something that its peer is refused."""
        self._floor.traffic.refused[condition] += 1

    def _read_once(self) -> bytes | None:
        """Read once: what has come, None if that is nothing yet, b"" at the end, however it has come about."""
        try:
            data = _receive(self.sock, self._floor.read_bytes)
        except BlockingIOError:
            return None
        except OSError:
            return b""
        self._floor.traffic.received += len(data)
        return data

    def _send(self, data: bytes | memoryview) -> None:
        try:
            sent = _transmit(self.sock, data) if _IN_C else self.sock.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            return self.broken()
        self._floor.traffic.sent += sent
        if sent < len(data):
            self._unsent = memoryview(data)[sent:]
        return None

    def _send_rest(self) -> None:
        rest = self._unsent
        if rest is not None:
            self._unsent = None
            self._send(rest)
            self._moved += len(rest) - self._left()

    def _left(self) -> int:
        return 0 if self._unsent is None else len(self._unsent)

    def _watch(self, *, reading: bool, writing: bool) -> None:
        if reading is not self._reading or writing is not self._writing:
            self._reading, self._writing = reading, writing
            self._floor.watch(self, reading=reading, writing=writing, ended=self._half_closed)

    def _expect(self, deadline: DeadlineQueue[Channel] | None) -> None:
        current = self._deadline
        if deadline is not current:
            if current is not None:
                current.discard(self)
            if deadline is not None:
                deadline.add(self, self._floor.now)
            self._deadline = deadline
            self._periods = 0
            self._moved = 0 if self._unsent is None else unacknowledged(self.sock)

    def _gets_on(self, *, slowest: int, longest: float) -> bool:
        """Whether what has just expired moves on at a fair pace, so that it is waited for again."""
        deadline = self._deadline
        if deadline is None:
            return False
        waiting = 0 if self._unsent is None else unacknowledged(self.sock)
        self._periods += 1
        moved = self._moved - waiting
        if not gets_on(moved, self._periods, deadline.duration, slowest=slowest, longest=longest):
            return False
        self._moved = waiting
        deadline.add(self, self._floor.now)
        return True


def keep_little_unsent(sock: socket.socket) -> None:
    """Have the kernel take no more for a reader than it can soon send.

    Else it takes as much as its buffers hold, a megabyte and more, so that a reader who has stopped is not noticed
    before that. Source: tcp(7), `TCP_NOTSENT_LOWAT`.
    """
    with suppress(OSError):  # it has broken, which is noticed where it is written to
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, MOST_UNSENT)
