"""One page's side of the comet protocol: which request is next, and what of an answer is new.

1.  At most `requests` requests are unanswered. One whose connection broke stays unanswered, whether the
    server has seen it or not, until it was sent again, with the same id and packets, and answered.
2.  Requests that were lost go first, the oldest before the others: the server handles them in order.
3.  A new request goes out when there are packets to send, or when no other request is out.
4.  Packets numbered up to `ack` have been received before, and are dropped (`docs/protocol.md`).
5.  While a stream is attached, or about to be, no request is to be held: one goes out only when there are packets, or
    when something is to be acknowledged. Whatever was lost before goes out as such a send.
6.  A request whose packets the server refuses is sent again without them, since its id is still the next one.

Pure: no clock, no socket.
"""

from __future__ import annotations

import heapq
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")

MOST_WAITING: Final = 200
"""Packets that wait for a request; the page sends no more until there is room."""

MOST_PACKETS: Final = 50
"""Packets in one request."""

MOST_BYTES: Final = 192 << 10
"""Bytes of the packets in one request, unless one alone has more."""

ACKNOWLEDGED: Final = 16
"""Packets of a stream that are acknowledged at once."""


class Request(NamedTuple):
    """A request, whatever becomes of it."""

    rid: int
    packets: tuple[bytes, ...]


class Conversation:
    """What a page knows of its session.

    Args:
        sid: the session id that the server gave.
        first_rid: the id of the request that opened the session.
        requests: how many requests may be unanswered, as the server said.
    """

    def __init__(self, sid: str, first_rid: int, requests: int) -> None:
        self._sid = sid.encode()
        self._rid = first_rid
        self._requests = requests
        self._waiting: deque[bytes] = deque()
        self._lost: list[Request] = []
        self.unanswered = 0
        self.ack = 0
        self.attached = False
        """Whether a stream carries packets, or is about to."""
        self._owed = 0
        self._urged = False

    @property
    def sid(self) -> bytes:
        """The session's id."""
        return self._sid

    @property
    def full(self) -> bool:
        """Whether as many packets wait as may."""
        return len(self._waiting) >= MOST_WAITING

    @property
    def waiting(self) -> int:
        """How many packets no request has taken."""
        return len(self._waiting)

    @property
    def has_lost(self) -> bool:
        """Whether a request is to be sent again."""
        return bool(self._lost)

    def offer(self, packet: bytes) -> None:
        """Have `packet`, a JSON object, sent with the next new request."""
        self._waiting.append(packet)

    def urge(self) -> None:
        """Have a request go out, although there may be nothing to send."""
        self._urged = True

    def drain(self) -> tuple[bytes, ...]:
        """Take out the packets that no request has taken."""
        packets = tuple(self._waiting)
        self._waiting.clear()
        return packets

    def take(self) -> Request | None:
        """Return the request that is to go out now, if there is one."""
        if self._lost:
            return heapq.heappop(self._lost)
        wanted = self._owed >= ACKNOWLEDGED if self.attached else not self.unanswered
        if not (wanted or self._waiting or self._urged) or self.unanswered >= self._requests:
            return None
        self.unanswered += 1
        self._owed = 0
        self._urged = False
        return self._new()

    def _new(self) -> Request:
        self._rid += 1
        packets: list[bytes] = []
        room = MOST_BYTES
        while (
            self._waiting and len(packets) < MOST_PACKETS and (not packets or room >= len(self._waiting[0]))
        ):
            packets.append(self._waiting.popleft())
            room -= len(packets[-1])
        return Request(self._rid, tuple(packets))

    def body(self, request: Request, members: bytes = b"") -> bytes:
        """Write a request, as of now: the acknowledgement may have grown since it was lost.

        Args:
            request: the request.
            members: more of them, as JSON, each behind a comma.
        """
        packets = b',"packets":[%b]' % b",".join(request.packets) if request.packets else b""
        hold = b',"hold":false' if self.attached else b""
        return b'{"sid":"%b","rid":%d,"ack":%d%b%b%b}' % (
            self._sid,
            request.rid,
            self.ack,
            packets,
            hold,
            members,
        )

    def farewell(self) -> bytes:
        """Write the request that closes the session."""
        self._rid += 1
        return b'{"sid":"%b","rid":%d,"ack":%d,"close":true}' % (self._sid, self._rid, self.ack)

    def lost(self, request: Request) -> None:
        """Take note that there will be no answer to `request` on its connection."""
        heapq.heappush(self._lost, request)

    def answered(self, first_seq: int, packets: Sequence[T]) -> Sequence[T]:
        """Take the answer to a request; returns the packets that are new."""
        self.unanswered -= 1
        return self._new_of(first_seq, packets)

    # -- streams ------------------------------------------------------------------------------

    def attach(self, members: bytes = b"") -> bytes:
        """Attach a stream from now on; returns the body that asks for it.

        Args:
            members: more of them, as JSON, each behind a comma.
        """
        self.attached = True
        return b'{"sid":"%b","ack":%d%b}' % (self._sid, self.ack, members)

    def detach(self) -> None:
        """Have requests held again: there is no stream any more, or it is to be released."""
        self.attached = False

    @property
    def owes(self) -> bool:
        """Whether a stream has brought what is not acknowledged."""
        return self._owed > 0

    def beat(self) -> None:
        """Give a sign of life with the next request, soon: the server asks for it."""
        self._owed = ACKNOWLEDGED

    def carried(self, first_seq: int, packets: Sequence[T]) -> Sequence[T]:
        """Take what a stream brings, perhaps one that is attached no more; returns the packets that are new."""
        new = self._new_of(first_seq, packets)
        self._owed += len(new)
        return new

    def _new_of(self, first_seq: int, packets: Sequence[T]) -> Sequence[T]:
        last = first_seq + len(packets) - 1
        if not packets or last <= self.ack:
            return ()
        new = packets[max(0, self.ack + 1 - first_seq) :]
        self.ack = last
        return new
