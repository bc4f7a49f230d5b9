"""Which Content-Type is which codec."""

from __future__ import annotations

import pytest

from cometary.errors import ProtocolError
from cometary.transport.codecs import Codec, cbor, json, negotiate


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
