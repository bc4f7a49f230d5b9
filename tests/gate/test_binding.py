"""Digests of cookies: made once for a header, and never many of them kept."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from cometary.gate.binding import LONGEST, MOST, CookieBinding
from cometary.gate.opening import NO_TOKEN
from cometary.transport.http.credentials import HttpCredentials
from cometary.transport.http.exchange import Exchange

KEY = bytes(32)


def asked(cookie: bytes) -> HttpCredentials:
    return HttpCredentials(Exchange("POST", "/comet", b"", {b"cookie": cookie}), NO_TOKEN)


def test_a_header_is_digested_once(monkeypatch: pytest.MonkeyPatch) -> None:
    digested: list[bytes] = []
    digest = hashlib.blake2b

    def note(value: bytes, **options: Any) -> Any:
        digested.append(value)
        return digest(value, **options)

    monkeypatch.setattr(hashlib, "blake2b", note)
    binding = CookieBinding("id", KEY)
    digests = {binding.digest(asked(cookie)) for cookie in (b"id=1", b"id=1", b"a=b; id=1", b"id=1")}
    assert len(digests) == 1
    assert digested == [b"1", b"1"]


def test_neither_many_headers_nor_long_ones_are_remembered() -> None:
    binding = CookieBinding("id", KEY)
    assert binding.digest(asked(b"id=" + b"x" * LONGEST)) is not None
    assert len(binding._known) == 0
    for number in range(MOST + 10):
        binding.digest(asked(b"id=%d" % number))
    assert len(binding._known) == 10
