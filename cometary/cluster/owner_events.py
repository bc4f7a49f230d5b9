"""What the machine of a session's owner is told, and what it tells its shell to do.

The shell has the engine, the application and, beneath the machine, the session that answers requests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from cometary.cluster.change import NOTHING, Change, Fields, Verdict
from cometary.cluster.client_position import ClientPosition, Logs
from cometary.cluster.record import Record
from cometary.packets.position import Position

# -- events


class ClientRequest(NamedTuple):
    """A request of the client, at this node or forwarded to it.

    Attributes:
        rid: its id.
        generation: the highest that the client has seen.
        ack: the number of the last packet that the client has.
        done: the highest id of a request that was answered.
        position: where the client is.
        packets: what it sends.
        exchange: what answers it.
    """

    rid: int
    generation: int
    ack: int
    done: int
    position: ClientPosition
    packets: tuple[bytes, ...] = ()
    exchange: Any = None


class ClientSign(NamedTuple):
    """What a client says without a request of its own: it attaches a stream, or gives a sign of life on one.

    Attributes:
        generation: the highest that the client has seen.
        ack: the number of the last packet that the client has.
        position: where the client is.
        exchange: what says it.
    """

    generation: int
    ack: int
    position: ClientPosition
    exchange: Any = None


Asking = ClientRequest | ClientSign


class RequestBroken(NamedTuple):
    """The connection of a request broke; or it has waited for an older one for too long."""

    request: ClientRequest


class Sent(NamedTuple):
    """The application sends packets to this session alone, or changes its data or its paths.

    Attributes:
        packets: what it sends.
        fields: what it changes; and the receipts that were made since.
        accounted: how many of all packets sent to the session alone, from its beginning on, want no receipt, or have
            theirs made: in `fields`, or before.
    """

    packets: tuple[bytes, ...] = ()
    fields: Fields = ()
    accounted: int = 0


class Published(NamedTuple):
    """There is a packet to a path that the session is connected to.

    Attributes:
        log: the log that keeps it; None if none does that outlives the node.
        position: its place there.
        packet: the packet.
    """

    log: str | None
    position: Position | None
    packet: Any


class Yielded(NamedTuple):
    """The handler that was called is a coroutine, and waits."""


class Returned(NamedTuple):
    """What was begun is over: the handler has returned, or has failed and that was told; or a death was told.

    Attributes:
        change: what the handler has sent and changed.
        accounted: see `Sent`.
    """

    change: Change = NOTHING
    accounted: int = 0


class Committed(NamedTuple):
    """The engine has answered the change that is under way."""

    verdict: Verdict


class Restored(NamedTuple):
    """The engine has answered the record that was put back."""

    verdict: Verdict


class Renewed(NamedTuple):
    """The node's lease had run out, and is renewed."""


class Drain(NamedTuple):
    """The session is to go on at another node; `hurry`: without waiting for the handler that runs."""

    hurry: bool = False


class End(NamedTuple):
    """The session ends; `sign_off` is what the application is told."""

    reason: str
    sign_off: bytes


# -- actions


@dataclass(frozen=True, slots=True)
class Commit:
    """Have the engine apply a change; step the machine with `Committed`."""

    generation: int
    version: int
    change: Change


@dataclass(frozen=True, slots=True)
class PutBack:
    """Have the engine put the record back; step the machine with `Restored`."""

    record: Record


@dataclass(frozen=True, slots=True)
class Invoke:
    """Call the application for one item of the inbox; step the machine with `Returned`, before it perhaps `Yielded`."""

    item: bytes


@dataclass(frozen=True, slots=True)
class ReportDeath:
    """Tell the application that the node has died that had begun a call for this item.

    Step the machine with `Returned` when it was told; before that perhaps with `Yielded`.
    """

    item: bytes


@dataclass(frozen=True, slots=True)
class Number:
    """Number packets from behind `acknowledged` on; read what logs have behind these places."""

    acknowledged: int
    logs: Logs


@dataclass(frozen=True, slots=True)
class TakeForSent:
    """Of a mirrored session that was adopted: have its outbox as it was, and read on in the logs of its paths.

    Attributes:
        acknowledged: the number of the last packet that the client is known to have.
        packets: those after it, as they are recorded.
        sent: the number of the last packet that may have been part of an answer.
    """

    acknowledged: int
    packets: tuple[bytes, ...]
    sent: int


@dataclass(frozen=True, slots=True)
class Deliver:
    """Put packets behind the outbox, and answer with them."""

    packets: tuple[Any, ...]
    """Those sent to the session alone as they are recorded, that of a path as it came."""


@dataclass(frozen=True, slots=True)
class Meet:
    """Hold a request, or answer it with what its client lacks; or, if it does not count, with nothing, at once.

    Attributes:
        request: the request.
        counts: whether its `ack` is of this generation. Otherwise it is to be ignored.
    """

    request: ClientRequest
    counts: bool


@dataclass(frozen=True, slots=True)
class Heed:
    """Have the session take a sign; or, if it does not count, no more of it than that its client is there.

    Attributes:
        sign: the sign.
        counts: whether its `ack` is of this generation. Otherwise it is to be ignored, and a stream that is attached by
            it carries nothing until something comes that counts.
    """

    sign: ClientSign
    counts: bool


@dataclass(frozen=True, slots=True)
class Dismiss:
    """Refuse a request or a sign, for good unless the condition says otherwise."""

    request: Asking
    condition: str


@dataclass(frozen=True, slots=True)
class Close:
    """The session has ended: whatever is held is answered with that."""

    reason: str


@dataclass(frozen=True, slots=True)
class Forget:
    """Forget the session. Whatever is held, and these requests, go to the present owner.

    Attributes:
        requests: requests that are not met, and signs that are not heeded.
        hand_on: whether the next owner is to be told to adopt it.
    """

    requests: tuple[Asking, ...]
    hand_on: bool = False
