"""Packets as plain data, for a session that goes on at another node; and other values of the application's.

1.  What JSON has exactly is written as it is. What it has not (byte strings, numbers that are not finite or beyond 64
    bits) is written as CBOR, in base64: so plain data can travel as JSON or as CBOR, and nothing is lost in either.
2.  A message comes back in the values that every encoding has (`Packet.plain_message`): a client gets what it would
    have got anyway.
3.  A tracked packet has a contract, which holds code and does not travel. It comes under the contract that its path
    has where it is thawed: all nodes run the same application.
"""

from __future__ import annotations

import base64
from math import inf, isfinite
from typing import TYPE_CHECKING, Any, Final, cast

import cbor2
import msgspec

from cometary.errors import UsageError
from cometary.escapes import exit_in
from cometary.log import show
from cometary.packets.encodings import VIEWS
from cometary.packets.packet import Packet, marked
from cometary.packets.question import Question
from cometary.packets.receipted import AskedPacket
from cometary.packets.tracked import PLAIN_KEYS, TrackedPacket

if TYPE_CHECKING:
    from collections.abc import Callable

LEAST: Final = 1e-9
"""Seconds: what is left at least of a time to live; a packet whose time has passed expires at once."""


class FrozenValue(msgspec.Struct):
    """Any value: itself, or its form in CBOR."""

    value: Any = None
    cbor: str | None = None


class FrozenPacket(msgspec.Struct):
    """A packet.

    Attributes:
        path: its path.
        message: its message.
        tracked: whether it is a tracked one; then `receipt`, `ttl` and `key` are its sender's wishes.
        receipt: the id for its receipts, or what its client knows it by.
        ttl: seconds that are left to it; None for no end.
        key: what it is conflated and counted by; None: as its path's contract says.
        extra: what travels beside path and message.
        question: whether it is a client's question, and `ask` what that knows it by.
    """

    path: str
    message: FrozenValue
    tracked: bool = False
    receipt: str | None = None
    ttl: float | None = None
    key: FrozenValue | None = None
    extra: dict[str, str] | None = None
    question: bool = False
    ask: str | None = None


def freeze_value(value: object) -> FrozenValue:
    """Write a value of the application's as plain data, which shares nothing with it.

    Raises:
        UsageError: if that cannot be; the fault of whoever made it.
    """
    try:
        if _is_exact(value):
            return FrozenValue(msgspec.json.decode(msgspec.json.encode(value)))
        return FrozenValue(cbor=base64.b64encode(cbor2.dumps(value, encoders=VIEWS)).decode())
    except BaseException as error:
        if exit_in(error) is not None:
            raise
        raise UsageError(f"this cannot be written as plain data: {show(error)}") from error


def thaw_value(frozen: FrozenValue) -> Any:
    """Return the value; what was a tuple is a list."""
    return frozen.value if frozen.cbor is None else cbor2.loads(base64.b64decode(frozen.cbor))


def _is_exact(value: object) -> bool:
    """Whether JSON has exactly this value."""
    kind = type(value)
    if value is None or kind is str or kind is bool:
        return True
    if kind is int:
        return -(2**63) <= cast("int", value) < 2**63
    if kind is float:
        return isfinite(cast("float", value))
    if kind is list:
        return all(map(_is_exact, cast("list[object]", value)))
    if kind is dict:
        members = cast("dict[object, object]", value)
        return all(type(key) is str for key in members) and all(map(_is_exact, members.values()))
    return False


def freeze_packet(packet: Packet, ttl: float = inf) -> FrozenPacket:
    """Write a packet as plain data.

    Args:
        packet: the packet.
        ttl: seconds that are left to it, if it is a tracked one.
    """
    message = freeze_value(packet.plain_message())
    if isinstance(packet, Question):
        return FrozenPacket(packet.path, message, question=True, ask=packet.ask)
    if isinstance(packet, AskedPacket):
        return FrozenPacket(packet.path, message, receipt=packet.receipt)
    if not isinstance(packet, TrackedPacket):
        return FrozenPacket(packet.path, message, extra=packet.extra)
    left, key = None if ttl == inf else ttl, _freeze_key(packet.key)
    return FrozenPacket(packet.path, message, True, packet.receipt, left, key, packet.extra)  # noqa: FBT003


def _freeze_key(key: object) -> FrozenValue | None:
    """Write a key; None where its contract makes it again, since no plain data is the same."""
    try:
        return freeze_value(key) if type(key) in PLAIN_KEYS else None
    except UsageError:  # half a surrogate pair, which no encoding carries
        return None


def thaw_packet(frozen: FrozenPacket, tracked: Callable[..., TrackedPacket], late: float = 0.0) -> Packet:
    """Return the packet.

    Args:
        frozen: what was written.
        tracked: makes a tracked packet; see `Contracts.tracked`.
        late: seconds that have passed since it was written.

    Raises:
        UsageError: if it cannot be sent here, such as a larger one than this server queues; nobody's fault.
    """
    message = thaw_value(frozen.message)
    if frozen.question:
        return Question(frozen.path, message, frozen.ask)
    if not frozen.tracked:
        if frozen.receipt is not None:
            return AskedPacket(frozen.path, message, frozen.receipt)
        packet = Packet(frozen.path, message)
    else:
        ttl = inf if frozen.ttl is None else max(frozen.ttl - late, LEAST)
        key = None if frozen.key is None else thaw_value(frozen.key)
        packet = tracked(frozen.path, message, receipt=frozen.receipt, ttl=ttl, key=key)
    for name, value in (frozen.extra or {}).items():
        packet = marked(packet, name, value)
    return packet
