"""Bodies within the limit of their length that take a parser as much time as such a body can.

Each is known by what it is made of. None of them opens a session; some are no requests at all,
which shows only once they have been parsed.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

LENGTH: Final = 256 * 1024
"""The most bytes that a body has by default."""

IN_CBOR: Final = MappingProxyType(
    {
        "empty arrays": b"\x80",
        "empty maps": b"\xa0",
        "arrays within arrays": b"\x81" * 60 + b"\x80",
        "maps of one": b"\xa1\x61a\x01",
        "numbers": b"\x01",
        "empty texts": b"\x60",
    }
)
"""What an array in CBOR is full of."""

IN_JSON: Final = MappingProxyType(
    {
        "empty arrays": b"[]",
        "empty objects": b"{}",
        "arrays within arrays": b"[" * 60 + b"]" * 60,
        "objects of one": b'{"a":1}',
        "keys with an escape": b'{"\\n":1}',
        "texts": b'"a"',
        "numbers": b"1",
        "long integers": b"9" * 4300,
        "floats between two doubles": b"1.0715086071862674399e301",
        "small floats between two doubles": b"9.3326361850321898260e-302",
        "floats of many digits": b"1." + b"0715086071862674399" * 10 + b"e301",
    }
)
"""What an array in JSON is full of."""

IN_XML: Final = MappingProxyType(
    {
        "elements in a long namespace": (b"<x xmlns='%b'>" % (b"u" * 100_000), b"<a/>", b"</x>"),
        "elements in a namespace": (b"<x xmlns='%b'>" % (b"u" * 250), b"<a/>", b"</x>"),
        "attributes in a namespace": (
            b"<x xmlns:p='%b'>" % (b"u" * 250),
            b"<a %b/>" % b" ".join([b"p:a%d=''" % number for number in range(1500)]),
            b"</x>",
        ),
        "attributes in a long namespace": (b"<x xmlns:p='%b'><a " % (b"u" * 15_000), b"p:a='' ", b"/></x>"),
        "namespaces": (b"<x>", b"<a %b/>" % b" ".join([b"xmlns:a%d='a'" % n for n in range(1000)]), b"</x>"),
        "elements": (b"<x>", b"<a></a>", b"</x>"),
        "character references": (b"<x>", b"&lt;", b"</x>"),
        "empty lines": (b"<x>", b"\n", b"</x>"),
    }
)
"""What a body of BOSH is full of: what is before, what is repeated, and what is behind."""

BEGINNING: Final = {
    "cbor": b"\xa2\x63rid\x01\x67packets\x9a",
    "json": b'{"rid":1,"x":"\\u0061","packets":[',
}


@cache
def expensive(length: int = LENGTH) -> Mapping[str, tuple[str, bytes]]:
    """Return the bodies by name: the form of each, `cbor` or `json`, and its bytes.

    Args:
        length: bytes of each at most.
    """
    in_cbor = {f"{name} in CBOR": ("cbor", _cbor(item, length)) for name, item in IN_CBOR.items()}
    in_json = {f"{name} in JSON": ("json", _json(item, length)) for name, item in IN_JSON.items()}
    return MappingProxyType({**in_cbor, **in_json})


def expensive_in_xml(length: int = LENGTH) -> Mapping[str, tuple[str, bytes]]:
    """Return those for BOSH in the same way; their form is `xml`."""
    return {f"{name} in XML": ("xml", _xml(*parts, length)) for name, parts in IN_XML.items()}


def _cbor(item: bytes, length: int) -> bytes:
    beginning = BEGINNING["cbor"]
    count = (length - len(beginning) - 4) // len(item)
    return beginning + count.to_bytes(4, "big") + item * count


def _json(item: bytes, length: int) -> bytes:
    beginning = BEGINNING["json"]
    count = (length - len(beginning) - 2) // (len(item) + 1)
    return beginning + b",".join([item] * count) + b"]}"


def _xml(before: bytes, item: bytes, behind: bytes, length: int) -> bytes:
    beginning = b"<body xmlns='http://jabber.org/protocol/httpbind' rid='1' sid='a'>" + before
    count = (length - len(beginning) - len(behind) - 7) // len(item)
    return beginning + item * count + behind + b"</body>"
