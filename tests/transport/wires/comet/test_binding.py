"""Digests of cookies: made once for a header, and never many of them kept."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from cometary.transport.http.exchange import Exchange
from cometary.transport.wires.comet.binding import LONGEST, MOST, CookieBinding
from cometary.transport.wires.comet.shapes import Body

BODY = Body(rid=1)


def asked(cookie: bytes) -> Exchange:
    return Exchange("POST", "/comet", b"", {b"cookie": cookie})


def test_a_header_is_digested_once(monkeypatch: pytest.MonkeyPatch) -> None:
    digested: list[bytes] = []
    digest = hashlib.blake2b

    def note(value: bytes, **options: Any) -> Any:
        digested.append(value)
        return digest(value, **options)

    monkeypatch.setattr(hashlib, "blake2b", note)
    binding = CookieBinding("id")
    seals = {binding.seal(asked(cookie), BODY) for cookie in (b"id=1", b"id=1", b"a=b; id=1", b"id=1")}
    assert len(seals) == 1
    assert digested == [b"1", b"1"]


def test_neither_many_headers_nor_long_ones_are_remembered() -> None:
    binding = CookieBinding("id")
    assert binding.seal(asked(b"id=" + b"x" * LONGEST), BODY) is not None
    assert len(binding._known) == 0
    for number in range(MOST + 10):
        binding.seal(asked(b"id=%d" % number), BODY)
    assert len(binding._known) == 10
