"""What goes into a session's machine, and what comes out of it.

A packet for the client is an event by itself: a `Packet`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from mypy_extensions import mypyc_attr

from cometary.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cometary.packets.packet import Packet
    from cometary.packets.tracked import TrackedPacket
    from cometary.sessions.tracking import Settle


@mypyc_attr(allow_interpreted_subclasses=True)
class Request:
    """A request of the client has arrived: a carrier that is answered once. Each wire has a subclass that can answer.

    Attributes:
        holds: whether it wants to be held until there is a packet. One that does not, a send, is answered at once
            with nothing, and leaves the present carrier alone.
        resumes: whether its client can go on with the session elsewhere.

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

    holds: ClassVar[bool] = True
    resumes: ClassVar[bool] = False

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

    def hurry(self) -> None:
        """Have it answered now, with nothing, if it is only held: its client is about to lose what it waits on."""

    def given_back(self) -> Any:
        """Return the exchange that it came as, for another node to answer it as it came; None if that cannot be."""
        return None

    def discarded(self) -> None:
        """Answer in the stead of an actor that failed with this request in its mailbox."""
        self.refuse(session_ended("failed"))

    def __repr__(self) -> str:
        return f"<Request {self.rid}, ack {self.ack}, {len(self.packets)} packets>"


@mypyc_attr(allow_interpreted_subclasses=True)
class Stream:
    """A carrier that stays when it has carried something. Each wire that has streams has a subclass that can write.

    Attributes:
        carried: the highest number that it has carried, or need not carry: the machine's.
        heard: whether its client has given a sign of life since the machine last looked: the machine's.
        asked: whether its client has been asked for one since: the machine's.
        sid: the id of the session that it is attached to, once it was let in.
        wire: what operators call it.
        resumes: whether its client can go on with the session elsewhere.
        travels: whether its whole connection goes to where the session is, and not what asked for it alone.
    """

    __slots__ = ("asked", "carried", "heard", "sid")

    wire: ClassVar[str] = "streams"
    resumes: ClassVar[bool] = False
    travels: ClassVar[bool] = False

    def __init__(self) -> None:
        self.carried = 0
        self.heard = False
        self.asked = False
        self.sid = ""

    def admitted(self) -> None:
        """Take note that it was let in, and has its `sid`; what it carries comes next."""

    def taken(self) -> None:
        """Take note that the session has taken it, and written what its client lacks, or has refused it."""

    @property
    def gone(self) -> bool:
        """Whether its client has gone before it was let in."""
        return False

    def given_back(self) -> Any:
        """Return the exchange that it came as, if that can be answered elsewhere; see `Request.given_back`."""
        return None

    def write(self, first_seq: int, packets: Sequence[Packet]) -> bool:
        """Send packets numbered from `first_seq`; all of them, now or later.

        Returns:
            Whether it takes more. If not, it gets no more until it has said `Writable`.
        """
        raise NotImplementedError

    def beat(self) -> None:
        """Ask the client for a sign of life."""
        raise NotImplementedError

    def release(self) -> None:
        """Finish: another carrier has come, or the client is silent. The session goes on."""
        raise NotImplementedError

    def refuse(self, error: ProtocolError) -> None:
        """Tell the client of an error, and finish."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<Stream, up to {self.carried}>"


class Attach:
    """A stream has come, of a client that has all packets up to `ack`."""

    __slots__ = ("ack", "stream")

    def __init__(self, stream: Stream, ack: int) -> None:
        self.stream = stream
        self.ack = ack

    def discarded(self) -> None:
        """Refuse it in the stead of an actor that failed with this in its mailbox."""
        self.stream.refuse(session_ended("failed"))


class Heard:
    """A sign of life has come on a stream, of a client that has all packets up to `ack`; 0 if it does not say."""

    __slots__ = ("ack", "stream")

    def __init__(self, stream: Stream, ack: int = 0) -> None:
        self.stream = stream
        self.ack = ack


class Full:
    """A stream takes no more for now."""

    __slots__ = ("stream",)

    def __init__(self, stream: Stream) -> None:
        self.stream = stream


class Writable:
    """A stream that was full, or was to wait for its turn, takes more."""

    __slots__ = ("stream",)

    def __init__(self, stream: Stream) -> None:
        self.stream = stream


class StreamDropped:
    """The connection of a stream broke, or its client has left it."""

    __slots__ = ("stream",)

    def __init__(self, stream: Stream) -> None:
        self.stream = stream


def session_ended(reason: str, retry_after: int | None = None, last_rid: int | None = None) -> ProtocolError:
    """Return the error for a request to a session that has ended.

    Args:
        reason: why it has.
        retry_after: seconds after which its client is to open another; None if that is not known.
        last_rid: the id of the last request that was processed; None if that is not known. The client is told, unless
            the session has failed: then the application was not given all packets of these requests.
    """
    detail = f"the session has ended: {reason}"
    known = {} if last_rid is None or reason == "failed" else {"processed": last_rid}
    return ProtocolError("session-ended", detail, retry_after=retry_after, reason=reason, **known)


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
    """End the session, for one of protocol.md's reasons.

    Args:
        reason: why.
        retry_after: seconds after which its client is to come back; None if that is not known.
    """

    __slots__ = ("reason", "retry_after")

    def __init__(self, reason: str, retry_after: int | None = None) -> None:
        self.reason = reason
        self.retry_after = retry_after


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
    """For the shell: answer `carrier` with `error`."""

    __slots__ = ("carrier", "error")

    def __init__(self, carrier: Request | Stream, error: ProtocolError) -> None:
        self.carrier = carrier
        self.error = error

    def __repr__(self) -> str:
        return f"<Refuse {self.carrier}: {self.error.condition}>"


class HandOver:
    """For the shell: hand the packets of `ready.request` to the application, then say `ready`."""

    __slots__ = ("ready",)

    def __init__(self, ready: Ready) -> None:
        self.ready = ready


class Ready:
    """A request has been checked, and the application has been given its packets: now it meets what is queued.

    Args:
        request: the request.
        behind: whether there was anything that its client did not have, when it came.
    """

    __slots__ = ("behind", "request")

    def __init__(self, request: Request, *, behind: bool) -> None:
        self.request = request
        self.behind = behind


class Write:
    """For the shell: have `stream` carry `packets`, numbered from `first_seq`.

    If it then takes no more, say `Full`: after everything else that was asked for, since the timer that is asked
    for behind this is another than that of a session whose stream is full.
    """

    __slots__ = ("first_seq", "packets", "stream")

    def __init__(self, stream: Stream, first_seq: int, packets: Sequence[Packet]) -> None:
        self.stream = stream
        self.first_seq = first_seq
        self.packets = packets

    def __repr__(self) -> str:
        return f"<Write: {len(self.packets)} from {self.first_seq}>"


class WriteMore:
    """For the shell: say `Writable` in another turn, unless `stream` takes no more."""

    __slots__ = ("stream",)

    def __init__(self, stream: Stream) -> None:
        self.stream = stream


class Beat:
    """For the shell: ask the client of `stream` for a sign of life."""

    __slots__ = ("stream",)

    def __init__(self, stream: Stream) -> None:
        self.stream = stream


class Release:
    """For the shell: finish `stream`; the session goes on without it."""

    __slots__ = ("stream",)

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
