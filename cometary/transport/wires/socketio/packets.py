"""The packets of Socket.IO: a text, and where its type says so, byte strings that come behind it.

1.  `<type>[<attachments>-][<namespace>,][<id>][<JSON>]`. The main namespace, `/`, is left out.
2.  A byte string in what a packet says is `{"_placeholder": true, "num": k}` in the text, and attachment number k.
    Each is used once, and all are. There are `MOST_ATTACHMENTS` at most; their types, 5 and 6, have at least one.
3.  A packet says what its type may say: CONNECT and CONNECT_ERROR an object or nothing, DISCONNECT nothing, EVENT an
    array that begins with the event's name, ACK an array. Names that clients reserve for themselves are not events.
4.  What a client sends is read strictly, as every other JSON here is; whatever it is, the packet is read or refused.
5.  While attachments are missing, a packet is not whole (`Reader.midway`), and text may not come; nor may bytes where
    none are expected.

Pure. Source: the Socket.IO protocol, version 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

from cometary.errors import ProtocolError
from cometary.transport.codecs import json

CONNECT: Final = 0
DISCONNECT: Final = 1
EVENT: Final = 2
ACK: Final = 3
CONNECT_ERROR: Final = 4
BINARY_EVENT: Final = 5
BINARY_ACK: Final = 6

WITH_ATTACHMENTS: Final = BINARY_EVENT - EVENT
"""What is added to the type of an event, or of an acknowledgement, that has attachments."""

MAIN: Final = "/"
"""The namespace that is left out."""

MOST_ATTACHMENTS: Final = 10
LONGEST_NAMESPACE: Final = 256
"""Characters."""

MOST_DIGITS: Final = 15
"""Of an id: what JavaScript counts with."""

RESERVED: Final = frozenset(
    ("connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener")
)
"""What clients call events of their own by."""

PLACEHOLDER: Final = "_placeholder"

PLAIN_EVENT: Final = "2["
"""What nearly all that clients send begins with: an event in the main namespace that asks for nothing."""


PLAIN_FRAME: Final = b"42["
"""The same, as it is in a frame: a message of Engine.IO."""


class SocketPacket:
    """One packet.

    Attributes:
        kind: its type; that without attachments, once they are there.
        namespace: of which namespace it is.
        id: by which its sender knows the acknowledgement; None for none.
        data: what it says; None for nothing.
        attachments: how many byte strings come behind it.
    """

    __slots__ = ("attachments", "data", "id", "kind", "namespace")

    def __init__(
        self,
        kind: int,
        namespace: str,
        id: int | None,  # noqa: A002 - its name
        data: Any = None,
        attachments: int = 0,
    ) -> None:
        self.kind = kind
        self.namespace = namespace
        self.id = id
        self.data = data
        self.attachments = attachments

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SocketPacket):
            return NotImplemented
        return self._members == other._members

    def __hash__(self) -> int:
        return hash((self.kind, self.namespace, self.id))

    @property
    def _members(self) -> tuple[object, ...]:
        return self.kind, self.namespace, self.id, self.data, self.attachments

    def __repr__(self) -> str:
        return f"<SocketPacket {self.kind} {self.namespace}>"


class Reader:
    """Puts the packets of one client together."""

    __slots__ = ("_attachments", "_packet")

    def __init__(self) -> None:
        self._packet: SocketPacket | None = None
        self._attachments: list[bytes] = []

    @property
    def midway(self) -> bool:
        """Whether attachments of a packet are still to come."""
        return self._packet is not None

    def take(self, data: str | bytes) -> SocketPacket | None:
        """Take what came; returns the packet that is whole now, if one is.

        Raises:
            ProtocolError: `bad-request`: it is no part of a packet; the client's fault. Nothing is read any more.
        """
        packet = self._packet
        if packet is None:
            if isinstance(data, bytes):
                raise bad("Bytes come behind the packet that they are of.")
            packet = read(data)
            if packet.attachments:
                self._packet = packet
                return None
            return packet
        if isinstance(data, str):
            raise bad("Attachments come before the next packet.")
        self._attachments.append(data)
        if len(self._attachments) < packet.attachments:
            return None
        attachments, self._attachments, self._packet = self._attachments, [], None
        return with_attachments(packet, attachments)


def read(text: str) -> SocketPacket:
    """Return the packet that a text is, without its attachments.

    Raises:
        ProtocolError: `bad-request`: it is none; the client's fault.
    """
    if text.startswith(PLAIN_EVENT):
        packet = SocketPacket(EVENT, MAIN, None, json.decode(text[1:].encode(errors="surrogatepass")))
        check(packet)
        return packet
    kind, rest = text[:1], text[1:]
    if kind not in {"0", "1", "2", "3", "4", "5", "6"}:
        raise bad("A packet begins with its type, a digit from 0 to 6.")
    number, attachments = int(kind), 0
    if number >= BINARY_EVENT:
        count, dash, rest = rest.partition("-")
        attachments = _number(count, "the number of attachments", MOST_ATTACHMENTS)
        if not dash or not attachments:
            raise bad("A packet with attachments says how many there are.")
    namespace = MAIN
    if rest[:1] == "/":
        namespace, _, rest = rest.partition(",")
        if len(namespace) > LONGEST_NAMESPACE or not namespace.isprintable():
            raise bad(f"A namespace has {LONGEST_NAMESPACE} characters at most, all of which can be printed.")
    said = rest.lstrip("0123456789")
    digits = rest[: len(rest) - len(said)]
    packet = SocketPacket(number, namespace, _id(digits), attachments=attachments)
    packet.data = json.decode(said.encode(errors="surrogatepass")) if said else None
    check(packet)
    return packet


def read_plain(payload: bytes) -> list[Any]:
    """Return what a plain event says that is in a frame, beginning with `PLAIN_FRAME`: its name, and the arguments.

    Raises:
        ProtocolError: as `read`.
    """
    data = json.decode(payload[2:])
    if not isinstance(data, list) or not _names_event(data):  # pyright: ignore[reportUnknownArgumentType]
        raise bad("This is not what a packet of its type says.")
    return data  # pyright: ignore[reportUnknownVariableType]


def _id(digits: str) -> int | None:
    return _number(digits, "an id", 10**MOST_DIGITS - 1) if digits else None


def _number(digits: str, what: str, most: int) -> int:
    if not (digits.isascii() and digits.isdigit() and len(digits) <= MOST_DIGITS and int(digits) <= most):
        raise bad(f"This is not {what}, a whole number up to {most}.")
    return int(digits)


def check(packet: SocketPacket) -> None:
    """Accept a packet by returning (rule 3).

    Raises:
        ProtocolError: `bad-request`: its type does not say such a thing; the client's fault.
    """
    kind, data = packet.kind, packet.data
    if kind in {EVENT, BINARY_EVENT}:
        right = isinstance(data, list) and _names_event(data)  # pyright: ignore[reportUnknownArgumentType]
    elif kind in {ACK, BINARY_ACK}:
        right = isinstance(data, list) and packet.id is not None
    elif kind == DISCONNECT:
        right = data is None
    else:
        right = data is None or isinstance(data, dict)
    if not right:
        raise bad("This is not what a packet of its type says.")


def _names_event(data: list[Any]) -> bool:
    if not data:
        return False
    first = data[0]
    if isinstance(first, str):
        return first not in RESERVED
    return isinstance(first, int) and not isinstance(first, bool)


def bad(detail: str) -> ProtocolError:
    """Return the error for what is no packet."""
    return ProtocolError("bad-request", detail)


# -- attachments ------------------------------------------------------------------------------------


def with_attachments(packet: SocketPacket, attachments: list[bytes]) -> SocketPacket:
    """Return a packet with its attachments where they belong (rule 2).

    Raises:
        ProtocolError: `bad-request`: they do not belong there; the client's fault.
    """
    unused = dict(enumerate(attachments))
    data = _put_back(packet.data, unused)
    if unused:
        raise bad("Each attachment has its place.")
    packet.kind -= WITH_ATTACHMENTS
    packet.data, packet.attachments = data, 0
    return packet


def _put_back(value: Any, unused: dict[int, bytes]) -> Any:
    if isinstance(value, list):
        return [_put_back(item, unused) for item in cast("list[object]", value)]
    if not isinstance(value, dict):
        return value
    members = cast("dict[str, Any]", value)
    if members.get(PLACEHOLDER) is not True:
        return {name: _put_back(member, unused) for name, member in members.items()}
    number = members.get("num")
    if isinstance(number, bool) or not isinstance(number, int) or number not in unused:
        raise bad("A placeholder has the number of an attachment, which no other has.")
    return unused.pop(number)


def take_out(value: Any, attachments: list[bytes]) -> Any:
    """Return plain data with placeholders for its byte strings, which are added to `attachments`."""
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        return {name: take_out(member, attachments) for name, member in members.items()}
    if isinstance(value, list | tuple):
        return [take_out(item, attachments) for item in cast("Sequence[object]", value)]
    if isinstance(value, bytes | bytearray | memoryview):
        attachments.append(bytes(cast("Any", value)))  # not bytes: compiled, that would be looked at
        return {PLACEHOLDER: True, "num": len(attachments) - 1}
    return value


# -- what is sent -----------------------------------------------------------------------------------


def head(kind: int, namespace: str, id: int | str | None = None, attachments: int = 0) -> str:  # noqa: A002 - its name
    """Return what comes before a packet's JSON."""
    if attachments:
        kind += WITH_ATTACHMENTS
    count = f"{attachments}-" if attachments else ""
    where = "" if namespace == MAIN else f"{namespace},"
    return f"{kind}{count}{where}{'' if id is None else id}"
