"""`<body/>`: reading what comes from a client, and writing what goes to it. No socket, no clock.

1.  A body is one element in BOSH's namespace, with whole elements in it and nothing else; see `elements`.
2.  All numbers are checked here, so a body that was read has only valid ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from cometary.doors.bosh.elements import MOST_PARTS, Splitter, written
from cometary.doors.bosh.names import HTTPBIND, XBOSH, XML
from cometary.errors import ProtocolError

LARGEST_BYTE: Final = 255
LARGEST_SHORT: Final = 65_535
LARGEST_RID: Final = 2**53 - 1

MOST_ELEMENTS: Final = 1000
"""The most elements of one body."""

BODY: Final = f"{HTTPBIND} body"
RESTART: Final = f"{XBOSH} restart"
VERSION: Final = f"{XBOSH} version"
LANGUAGE: Final = f"{XML} lang"

NUMBERS: Final[Mapping[str, int]] = {
    "rid": LARGEST_RID,
    "ack": LARGEST_RID,
    "wait": LARGEST_SHORT,
    "pause": LARGEST_SHORT,
    "hold": LARGEST_BYTE,
}
"""What is a number, and how large it may be."""

_is_number: Final = re.compile(r"[0-9]{1,16}", re.ASCII).fullmatch


class Body:
    """What a client has sent.

    Args:
        attributes: those of the element, by name; a name in a namespace has that before it, and a space between.
        children: its elements, as they came.

    Raises:
        ProtocolError: `bad-request`: it has no rid, or a number that is not valid; the client's fault.

    Attributes:
        attributes: the same.
        children: the same.
        numbers: those of `NUMBERS` that it has.
        rid: the id of the request.
    """

    __slots__ = ("attributes", "children", "numbers", "rid")

    def __init__(self, attributes: Mapping[str, str], children: Sequence[bytes] = ()) -> None:
        self.attributes = attributes
        self.children = children
        self.numbers = numbers_of(attributes)
        if "rid" not in self.numbers:
            raise ProtocolError("bad-request", "a body has a rid")
        self.rid = self.numbers["rid"]

    @property
    def sid(self) -> str | None:
        """The id of the session; None if the client asks for a session."""
        return self.attributes.get("sid")

    @property
    def terminates(self) -> bool:
        """Whether the client ends the session with it."""
        return self.attributes.get("type") == "terminate"

    @property
    def pause(self) -> int | None:
        """Seconds for which the client wants to be away."""
        return self.numbers.get("pause")

    @property
    def restarts(self) -> bool:
        """Whether the client wants a new stream on the same connection to the XMPP server."""
        return self.attributes.get(RESTART) in {"true", "1"}

    @property
    def names_stream(self) -> bool:
        """Whether it belongs to one stream among several; the server offers none, so no such stream exists."""
        return "stream" in self.attributes

    @property
    def is_empty(self) -> bool:
        """Whether it asks for nothing but an answer."""
        return not (self.children or self.terminates or "pause" in self.numbers or self.restarts)


def numbers_of(attributes: Mapping[str, str]) -> dict[str, int]:
    """Return the numbers among attributes.

    Raises:
        ProtocolError: `bad-request`: one is not a number, or too large; the client's fault.
    """
    numbers: dict[str, int] = {}
    for name in NUMBERS.keys() & attributes.keys():
        text = attributes[name]
        if not _is_number(text) or int(text) > NUMBERS[name]:
            raise ProtocolError("bad-request", f"{name} is a whole number, {NUMBERS[name]} at most")
        numbers[name] = int(text)
    return numbers


def read_body(data: bytes) -> Body:
    """Return what a client has sent.

    Raises:
        ProtocolError: `bad-request`: it is not a body; the client's fault.
    """
    splitter = Splitter(len(data), MOST_ELEMENTS, parts=MOST_PARTS)
    children = splitter.feed(data, final=True)
    if splitter.root != BODY:
        raise ProtocolError("bad-request", f"the element is body, in {HTTPBIND}")
    return Body(splitter.attributes, [child.source for child in children])


def write_body(attributes: Iterable[tuple[str, str]] = (), payload: Sequence[bytes] = ()) -> bytes:
    """Return a body for a client.

    Args:
        attributes: besides the namespace.
        payload: its elements; each declares its own namespace.
    """
    said = written(attributes) if attributes else b""
    if not payload:
        return b"<body xmlns='%b'%b/>" % (_NAMESPACE, said)
    return b"<body xmlns='%b'%b>%b</body>" % (_NAMESPACE, said, b"".join(payload))


_NAMESPACE: Final = HTTPBIND.encode()
