"""Whose request it is behind proxies: their word counts, what clients write themselves does not."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cometary.transport.http.forwarded import MOST, TrustedProxies
from tests.protocol.client import serving

X_FORWARDED_FOR, FORWARDED = b"x-forwarded-for", b"forwarded"
PROXIES = TrustedProxies(["127.0.0.1", "10.0.0.0/8", "fd00::/8"])
RFC_7239 = TrustedProxies(["127.0.0.1", "10.0.0.0/8"], "forwarded")


@pytest.mark.parametrize(
    ("peer", "header", "client"),
    [
        ("127.0.0.1", "203.0.113.5", "203.0.113.5"),
        ("127.0.0.1", "127.0.0.1, 203.0.113.5", "203.0.113.5"),
        ("127.0.0.1", "192.0.2.1, 203.0.113.5, 10.1.2.3", "203.0.113.5"),
        ("127.0.0.1", "10.9.9.9, 10.1.2.3", "10.9.9.9"),
        ("127.0.0.1", "203.0.113.5:4711", "203.0.113.5"),
        ("127.0.0.1", "[2001:db8::5]:4711", "2001:db8::5"),
        ("127.0.0.1", "2001:db8::5", "2001:db8::5"),
        ("::ffff:127.0.0.1", "203.0.113.5", "203.0.113.5"),
        ("127.0.0.1", "::ffff:203.0.113.5", "203.0.113.5"),
        ("fd00::1", "2001:DB8::5", "2001:db8::5"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "unknown", "127.0.0.1"),
        ("127.0.0.1", "203.0.113.5, nonsense", "127.0.0.1"),
        ("127.0.0.1", "203.0.113.5, nonsense, 10.1.2.3", "10.1.2.3"),
        ("198.51.100.7", "203.0.113.5", "198.51.100.7"),
        ("198.51.100.7", "127.0.0.1", "198.51.100.7"),
    ],
)
def test_the_list_is_read_from_its_end_as_far_as_it_is_trusted(peer: str, header: str, client: str) -> None:
    assert PROXIES.address(peer, {X_FORWARDED_FOR: header.encode()}) == client


@pytest.mark.parametrize(
    ("header", "client"),
    [
        ("for=203.0.113.5", "203.0.113.5"),
        ("for=203.0.113.5;proto=https;by=10.1.2.3", "203.0.113.5"),
        ('For="[2001:db8::5]:4711"', "2001:db8::5"),
        ('for=127.0.0.1, proto=https;for="203.0.113.5:80", for=10.1.2.3', "203.0.113.5"),
        ("for=_hidden", "127.0.0.1"),
        ("for=unknown, for=10.1.2.3", "10.1.2.3"),
        ("by=203.0.113.5", "127.0.0.1"),
        ("203.0.113.5", "127.0.0.1"),
    ],
)
def test_the_header_of_rfc_7239_is_read_likewise(header: str, client: str) -> None:
    assert RFC_7239.address("127.0.0.1", {FORWARDED: header.encode()}) == client


@given(st.text(st.characters(max_codepoint=255), max_size=60))
def test_whatever_a_client_writes_its_own_address_counts(written: str) -> None:
    headers = {X_FORWARDED_FOR: f"{written}, 203.0.113.5".encode("latin-1")}
    assert PROXIES.address("127.0.0.1", headers) == "203.0.113.5"
    headers = {FORWARDED: f"{written}, for=203.0.113.5".encode("latin-1")}
    assert RFC_7239.address("127.0.0.1", headers) == "203.0.113.5"


def test_the_header_that_the_proxies_do_not_write_is_a_clients_and_not_read() -> None:
    assert PROXIES.address("127.0.0.1", {FORWARDED: b"for=192.0.2.1"}) == "127.0.0.1"
    assert RFC_7239.address("127.0.0.1", {X_FORWARDED_FOR: b"192.0.2.1"}) == "127.0.0.1"


def test_a_long_list_is_read_no_further_than_so_many_entries() -> None:
    header = ",".join(["203.0.113.5"] + MOST * ["10.0.0.1"] + ["10.0.0.2"])
    assert PROXIES.address("127.0.0.1", {X_FORWARDED_FOR: header.encode()}) == "10.0.0.1"


async def test_limits_and_the_log_go_by_the_client(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "cometary.sessions")
    async with serving(trusted_proxies=["127.0.0.1"], opens_per_minute=2) as world:

        async def status(header: bytes) -> int:
            connection = await world.connect()
            return (await connection.ask({"rid": 1}, b"X-Forwarded-For: " + header)).status

        first = [await status(b"192.0.2.%d, 203.0.113.5" % number) for number in range(3)]
        assert first == [200, 200, 429]
        assert await status(b"203.0.113.6") == 200
    fields: list[dict[str, Any]] = [vars(record)["structured"] for record in caplog.records]
    opened = [each["address"] for each in fields if each["event"] == "session opened"]
    assert opened == ["203.0.113.5", "203.0.113.5", "203.0.113.6"]


async def test_without_trusted_proxies_the_header_is_not_read(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "cometary.sessions")
    async with serving() as world:
        await (await world.connect()).ask({"rid": 1}, b"X-Forwarded-For: 203.0.113.5")
    assert vars(caplog.records[0])["structured"]["address"] == "127.0.0.1"
