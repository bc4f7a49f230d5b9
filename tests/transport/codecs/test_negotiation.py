"""Which Content-Type is which codec, and which one an Accept prefers."""

from __future__ import annotations

import pytest

from cometary.errors import ProtocolError
from cometary.transport.codecs import Codec, cbor, json, negotiate, preferred


@pytest.mark.parametrize(
    ("content_type", "codec"),
    [
        (b"application/json", json),
        (b"Application/JSON", json),
        (b"application/json; charset=utf-8", json),
        (b'application/json ;Charset = "UTF-8"', json),
        (b"application/json; x=y", json),
        (b"text/plain;charset=UTF-8", json),
        (b"text/plain", json),
        (b"", json),
        (b"application/cbor", cbor),
    ],
)
def test_a_known_type_is_its_codec(content_type: bytes, codec: Codec) -> None:
    assert negotiate(content_type) is codec


@pytest.mark.parametrize(
    "content_type",
    [
        b"text/html",
        b"application/json2",
        b"json",
        b"*/*",
        b"application/json; charset=latin-1",
        b"\xff",
        b";",
    ],
)
def test_anything_else_is_refused(content_type: bytes) -> None:
    with pytest.raises(ProtocolError) as refusal:
        negotiate(content_type)
    assert refusal.value.condition == "unsupported-media-type"
    assert refusal.value.status == 415


@pytest.mark.parametrize(
    ("accept", "codec"),
    [
        (b"", json),
        (b"*/*", json),
        (b"application/*", json),
        (b"text/html, */*;q=0.1", json),
        (b"application/json, application/cbor", json),
        (b"application/cbor;q=0.9, application/json", json),
        (b"application/cbor, application/json;q=1.0", json),
        (b"application/cbor;q=0", json),
        (b"application/cbor;q=many", json),
        (b"application/cbor;q=", json),
        (b"application/cbor;q=0.5, */*;q=0.5", json),
        (b";;,,\xff", json),
        (b"application/cbor", cbor),
        (b"Application/CBOR ; Q=0.1", cbor),
        (b"application/json;q=0.5, application/cbor", cbor),
        (b"application/json;q=0, */*", cbor),
        (b"application/cbor, */*;q=0.5", cbor),
        (b"application/cbor;x=y", cbor),
    ],
)
def test_an_accept_prefers_a_codec_or_does_not_care(accept: bytes, codec: Codec) -> None:
    assert preferred(accept) is codec
