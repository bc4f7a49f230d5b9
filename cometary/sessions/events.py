"""What goes into a session's machine, and what comes out of it.

A packet for the client is an event by itself: a `Packet`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy_extensions import mypyc_attr

from cometary.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cometary.packets.packet import Packet
    from cometary.packets.tracked import TrackedPacket
    from cometary.sessions.tracking import Settle


@mypyc_attr(allow_interpreted_subclasses=True)
class Request:
    """A request of the client has arrived. Each wire has a subclass of its own that can answer.

    Args:
        rid: its request id.
        ack: the highest packet number that the client has received.
        packets: what the client sends.
        close: whether the client ends the session with this request.
        size: bytes that the request took on the wire.

    Attributes:
        sid: the id of the session that it was submitted to, once it is.
    """

    __slots__ = ("ack", "close", "packets", "rid", "sid", "size")

    def __init__(
        self, rid: int, ack: int = 0, packets: Sequence[Packet] = (), *, close: bool = False, size: int = 0
    ) -> None:
        self.rid = rid
        self.sid = ""
        self.ack = ack
        self.packets = packets
        self.close = close
        self.size = size

    @property
    def address(self) -> str:
        """The address that it came from, if it came from one."""
        return ""

    def answer(self, first_seq: int, packets: Sequence[Packet]) -> None:
        """Answer with packets numbered from `first_seq`, or with none."""
        raise NotImplementedError

    def refuse(self, error: ProtocolError) -> None:
        """Answer with an error."""
        raise NotImplementedError

    def discarded(self) -> None:
        """Answer in the stead of an actor that failed with this request in its mailbox."""
        self.refuse(ProtocolError("session-ended", "the session has failed", reason="failed"))

    def __repr__(self) -> str:
        return f"<Request {self.rid}, ack {self.ack}, {len(self.packets)} packets>"


class RequestDropped:
    """The connection of a request broke before the request was answered."""

    __slots__ = ("request",)

    def __init__(self, request: Request) -> None:
        self.request = request


class Arrival:
    """A tracked packet for the client has come.

    Args:
        packet: the packet.
        now: the time, in seconds of the shell's clock.
        settle: is told what becomes of it, if it wants a receipt; see `Outbox.admit`.
    """

    __slots__ = ("now", "packet", "settle")

    def __init__(self, packet: TrackedPacket, now: float, settle: Settle) -> None:
        self.packet = packet
        self.now = now
        self.settle = settle


class Expiry:
    """The time `now` has come, for which `ExpireAt` asked."""

    __slots__ = ("now",)

    def __init__(self, now: float) -> None:
        self.now = now


class ExpireAt:
    """For the shell: say `Expiry` at this time, and at no earlier one that was asked for before."""

    __slots__ = ("time",)

    def __init__(self, time: float) -> None:
        self.time = time


class End:
    """End the session, for one of protocol.md's reasons."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason


class Answer:
    """For the shell: answer `request` with `packets`, numbered from `first_seq`."""

    __slots__ = ("first_seq", "packets", "request")

    def __init__(self, request: Request, first_seq: int, packets: Sequence[Packet]) -> None:
        self.request = request
        self.first_seq = first_seq
        self.packets = packets

    def __repr__(self) -> str:
        return f"<Answer to {self.request.rid}: {len(self.packets)} from {self.first_seq}>"


class Refuse:
    """For the shell: answer `request` with `error`."""

    __slots__ = ("error", "request")

    def __init__(self, request: Request, error: ProtocolError) -> None:
        self.request = request
        self.error = error

    def __repr__(self) -> str:
        return f"<Refuse {self.request.rid}: {self.error.condition}>"


class HandOver:
    """For the shell: hand the packets of `request` to the application, then say `HandedOver`."""

    __slots__ = ("request",)

    def __init__(self, request: Request) -> None:
        self.request = request


class HandedOver:
    """The application has been given the packets of `request`."""

    __slots__ = ("request",)

    def __init__(self, request: Request) -> None:
        self.request = request
