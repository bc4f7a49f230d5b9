"""What a session is by CSP: its variables, what has come of its client's stream, and how its end is told.

1.  The numbers of packets, and what is acknowledged, are the session's own (`cometary.sessions.outbox`). What was sent
    and not acknowledged is kept here a second time, since the client has a right to it after the end.
2.  The end is told by a packet without data, numbered behind all that was sent, as the answer to each /comet, until
    that is acknowledged, or the server has forgotten that the session existed.
3.  A client has one sending request under way, but may believe that it is lost when it is not: those that come
    meanwhile wait, `MOST_WAITING` at most. The ids of requests are counted here; the client knows nothing of them.
4.  A request changes nothing of this unless the gate has let it in. So a client that knows the key of a session that
    is bound to something else as well cannot so much as change a variable.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, Protocol

from cometary.errors import ProtocolError
from cometary.transport.wires.csp.messages import NOTHING
from cometary.transport.wires.csp.packets import write_batch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cometary.packets.packet import Packet
    from cometary.transport.wires.csp.sends import Send
    from cometary.transport.wires.csp.variables import Variables

MOST_WAITING: Final = 2


class Comet(Protocol):
    """The answer to /comet that is waited for."""

    def complete(self) -> None:
        """Bring it to its end, with no more packets."""
        ...


class CspSession:
    """One session.

    Args:
        sid: its id, which is the client's key.
        variables: those of the request that opened it.
        forget: called with it once its client knows that it has ended.

    Attributes:
        sid: the same.
        variables: those that count now.
        rid: the id of the last request that was answered.
        received: the number of the last packet that has come.
        taken: how many of the messages that are not received yet the session has been handed all the same.
        rest: what has come of a message that is not whole.
        comet: the answer that is waited for, if one is.
        null: the number of the packet that says that it has ended; 0 as long as it has not.
        unheard_bytes: bytes of the packets that were sent and not acknowledged.
    """

    __slots__ = (
        "_forget",
        "_sent",
        "_under_way",
        "_unheard",
        "comet",
        "null",
        "received",
        "rest",
        "rid",
        "sid",
        "taken",
        "unheard_bytes",
        "variables",
    )

    def __init__(self, sid: str, variables: Variables, forget: Callable[[CspSession], None]) -> None:
        self.sid = sid
        self.variables = variables
        self.rid = 1
        self.received = 0
        self.taken = 0
        self.rest = NOTHING
        self.comet: Comet | None = None
        self.null = 0
        self.unheard_bytes = 0
        self._forget = forget
        self._sent = 0
        self._unheard: deque[Packet] = deque()
        self._under_way: deque[Send] = deque()

    def change(self, variables: Variables, ack: int) -> None:
        """Take what a request says that was let in: its variables, and how far its client has everything."""
        before, self.variables = self.variables, variables
        if before.gzip != variables.gzip and self.comet is not None:
            self.comet.complete()
        self._hear(ack)

    # -- from the server to the client ------------------------------------------------------------------

    @property
    def unheard(self) -> int:
        """How many packets were sent and not acknowledged."""
        return len(self._unheard)

    def note_sent(self, first_seq: int, packets: Sequence[Packet]) -> None:
        """Take note of packets that are on their way, perhaps again."""
        for packet in packets[self._sent + 1 - first_seq :]:
            self._unheard.append(packet)
            self.unheard_bytes += packet.size
        self._sent = max(self._sent, first_seq - 1 + len(packets))

    def _hear(self, ack: int) -> None:
        for _ in range(min(len(self._unheard), len(self._unheard) - (self._sent - ack))):
            self.unheard_bytes -= self._unheard.popleft().size
        if 0 < self.null <= ack:
            self._forget(self)

    def end(self) -> None:
        """Take note that it has ended."""
        if not self.null:
            self.null = self._sent + 1

    def last_batch(self) -> bytes:
        """Return what its client lacks, and that it has ended."""
        return write_batch(self._sent + 1 - len(self._unheard), self._unheard, self.null)

    # -- from the client to the server (rule 3) -----------------------------------------------------------

    def send(self, send: Send) -> None:
        """Have a request submitted in its turn."""
        if len(self._under_way) > MOST_WAITING:
            detail = "a client may have only one request to send under way"
            send.turn_away(ProtocolError("too-many-requests", detail, retry_after=1))
            return
        self._under_way.append(send)
        if len(self._under_way) == 1:
            send.submit()

    def settled(self) -> None:
        """Take note that the request that was submitted has been answered."""
        self._under_way.popleft()
        if self._under_way:
            self._under_way[0].submit()
