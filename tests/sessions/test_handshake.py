"""What a client showed of itself when it connected, as the application sees it."""

from __future__ import annotations

import pytest

from cometary.sessions import Applicant
from cometary.sessions.handshake import Handshake, head_of

HEADERS = {b"host": b"www.example.org:8080", b"x-empty": b"", b"cookie": b"a=1; b=h\xe9", b"accept": b"a, b"}


def test_headers_are_what_came_and_found_by_their_names() -> None:
    shown = Handshake("192.0.2.1", head=head_of(HEADERS))
    assert shown.headers == {
        "host": "www.example.org:8080",
        "x-empty": "",
        "cookie": "a=1; b=hé",
        "accept": "a, b",
    }
    assert (shown.header(b"x-empty"), shown.header(b"host")) == (b"", b"www.example.org:8080")
    assert (shown.header(b"hos"), shown.header(b"x")) == (None, None)


def test_who_shows_nothing_has_nothing() -> None:
    shown = Handshake("192.0.2.1")
    assert (shown.headers, shown.query, shown.auth, shown.header(b"")) == ({}, {}, {}, None)


@pytest.mark.parametrize(
    ("query", "members"),
    [
        (b"EIO=4&transport=polling", {"EIO": "4", "transport": "polling"}),
        (b"%26a=%26%3D%3Fa&b=x+y&c&d=", {"&a": "&=?a", "b": "x y", "c": "", "d": ""}),
        (b"a=1&a=2", {"a": "2"}),
        (b"a=%C3%A9&b=%FF", {"a": "é", "b": "\N{REPLACEMENT CHARACTER}"}),
        (b"&" * 4000 + b"a=1", {"a": "1"}),
    ],
)
def test_a_query_is_what_it_says_and_of_each_name_what_came_last(
    query: bytes, members: dict[str, str]
) -> None:
    assert Handshake("", query).query == members


def test_with_what_a_client_gives_it_is_the_same_beside_that() -> None:
    shown = Handshake("192.0.2.1", b"a=1", head_of(HEADERS), {"token": "x"})
    other = shown.with_auth({"token": "y"})
    assert (other.auth, other.query, other.headers) == ({"token": "y"}, {"a": "1"}, shown.headers)
    assert (other.address, shown.auth) == ("192.0.2.1", {"token": "x"})


def test_what_may_be_secret_is_not_shown() -> None:
    shown = Handshake("192.0.2.1", b"key=secret", b"cookie:secret", {"token": "secret"})
    who = Applicant("secret", "192.0.2.1", handshake=shown)
    assert (repr(shown), f"{who}") == ("<Handshake from 192.0.2.1>", "<Applicant from 192.0.2.1>")
