"""What the bodies of back-ends' calls look like, before anything is made of them.

In a module of its own: these classes are made by a metaclass of msgspec's, and are fast as they are.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec

LONGEST_QUESTION: Final = 60.0
"""Seconds that a client has for an answer at most."""

MOST_READ: Final = 1_000
"""Packets of a history in one answer."""


class PacketBody(msgspec.Struct, omit_defaults=True):
    """A packet or an update, and what its sender wishes for it."""

    path: str
    message: Any = None
    json: str | None = None
    cbor: bytes | None = None
    receipt: str | None = None
    ttl: float | None = None
    key: str | None = None
    exclude: str | None = None
    idempotency_key: str | None = None


class PlainPacket(msgspec.Struct):
    """A packet for which its sender wishes nothing."""

    path: str
    message: Any


class PlainSending(msgspec.Struct):
    """The body of `/send`, as nearly every one is, with one packet."""

    sid: str
    packets: Annotated[list[PlainPacket], msgspec.Meta(min_length=1, max_length=1)]


class SessionPaths(msgspec.Struct):
    """The body of `/disconnect`."""

    sid: str
    paths: list[str]


class PathsToConnect(msgspec.Struct):
    """The body of `/connect`: the paths, and what is replayed of them."""

    sid: str
    paths: list[str]
    last: int = 0
    since: dict[str, str] | None = None


class SessionQuestion(msgspec.Struct):
    """The body of `/ask`."""

    sid: str
    path: str
    message: Any = None
    timeout: Annotated[float, msgspec.Meta(gt=0, le=LONGEST_QUESTION)] = 10.0


class HistoryOf(msgspec.Struct):
    """The body of `/history`."""

    path: str
    last: Annotated[int, msgspec.Meta(ge=1, le=MOST_READ)] = 100
    since: str | None = None


class PresenceOf(msgspec.Struct):
    """The body of `/presence`."""

    path: str
    most: Annotated[int, msgspec.Meta(ge=0, le=MOST_READ)] = 100


class SessionPackets(msgspec.Struct):
    """The body of `/send`."""

    sid: str
    packets: list[PacketBody]


class SessionToKick(msgspec.Struct):
    """The body of `/kick`: one of the two."""

    sid: str | None = None
    name: str | None = None


class ActorOrder(msgspec.Struct):
    """The body of `/actor`."""

    urn: str
    order: Literal["kill", "suspend", "resume"]


class CrashCount(msgspec.Struct):
    """The body of `/crash`."""

    count: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1
