"""Which codec a request's Content-Type names, and which one its Accept."""

from __future__ import annotations

import re
from typing import Final, Protocol

from cometary.errors import ProtocolError
from cometary.transport.codecs import cbor, json


class Codec(Protocol):
    """A way to write values as bytes; the modules of this package are its implementations."""

    @property
    def name(self) -> str:
        """A short name, for people and for tables."""
        ...

    @property
    def content_type(self) -> bytes:
        """The media type of what `encode` returns."""
        ...

    def encode(self, value: object, /) -> bytes:
        """`value` as bytes.

        Raises:
            TypeError: It holds an object that has no form in it: the application's fault.
        """
        ...

    def decode(self, body: bytes, /) -> object:
        """The value that `body` holds.

        Raises:
            ProtocolError: `bad-request`, the sender's fault.
        """
        ...


# What a page may send to another origin without a preflight has to be called text/plain.
CODECS: Final[dict[bytes, Codec]] = {
    b"application/json": json,
    b"text/plain": json,
    b"application/cbor": cbor,
}
WEIGHT: Final = re.compile(rb"[01](\.[0-9]{0,3})?")
CHARSETS: Final = frozenset({b"utf-8", b'"utf-8"', b"utf8"})


def negotiate(content_type: bytes) -> Codec:
    """The codec for a request's Content-Type; JSON if it has none.

    Args:
        content_type: The header's value; parameters other than `charset` mean nothing here.

    Raises:
        ProtocolError: `unsupported-media-type`, the client's fault.
    """
    if not content_type:
        return json
    return CODECS.get(content_type) or _negotiate_with_parameters(content_type)


def _negotiate_with_parameters(content_type: bytes) -> Codec:
    media_type, *parameters = [part.strip() for part in content_type.lower().split(b";")]
    for parameter in parameters:
        key, _, charset = parameter.partition(b"=")
        if key.strip() == b"charset" and charset.strip() not in CHARSETS:
            raise ProtocolError("unsupported-media-type", "The only charset taken is UTF-8.")
    codec = CODECS.get(media_type)
    if codec is None:
        raise ProtocolError("unsupported-media-type", "Only application/json and application/cbor are taken.")
    return codec


def preferred(accept: bytes) -> Codec:
    """The codec for the answer to a request that has no body; JSON if it does not care.

    Args:
        accept: The header's value. One that names neither codec is no reason to refuse an answer.

    Source: RFC 9110, section 12.5.1.
    """
    if not accept or accept == b"*/*":
        return json
    weights = dict(map(_weigh, accept.lower().split(b",")))
    rest = weights.get(b"application/*", weights.get(b"*/*", 0.0))
    in_cbor, in_json = (weights.get(codec.content_type, rest) for codec in (cbor, json))
    return cbor if in_cbor > in_json else json


def _weigh(wish: bytes) -> tuple[bytes, float]:
    media_type, *parameters = [part.strip() for part in wish.split(b";")]
    for parameter in parameters:
        key, _, weight = parameter.partition(b"=")
        if key == b"q":
            return media_type, float(weight) if WEIGHT.fullmatch(weight) else 0.0
    return media_type, 1.0
