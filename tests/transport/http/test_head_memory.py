"""A request whose head is known comes out exactly as the parser would make it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cometary.transport.http.exchange import Exchange
from cometary.transport.http.head_memory import LONGEST, MOST, HeadMemory
from cometary.transport.http.limits import Limits
from cometary.transport.http.request_parser import RequestParser


def request(body: bytes, *headers: bytes, length: int | None = None) -> bytes:
    declared = len(body) if length is None else length
    lines = b"".join([header + b"\r\n" for header in (b"Host: here", *headers)])
    return b"POST /comet?x HTTP/1.1\r\n%bContent-Length: %d\r\n\r\n%b" % (lines, declared, body)


def parsed(data: bytes) -> list[Exchange]:
    return RequestParser(Limits()).feed(data)


def learned(data: bytes) -> HeadMemory:
    memory = HeadMemory()
    exchanges = parsed(data)
    if len(exchanges) == 1:
        memory.learn(data, exchanges[0])
    return memory


def same(one: Exchange, other: Exchange) -> bool:
    names = ("method", "path", "query", "headers", "body", "closing", "fault")
    return all(getattr(one, name) == getattr(other, name) for name in names)


def test_a_wish_for_another_protocol_is_the_parsers_each_time() -> None:
    assert len(learned(b"GET / HTTP/1.1\r\nHost: here\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")) == 0


@pytest.mark.parametrize("header", [b"X-Comet-Session: secret", b"Last-Event-ID: 7"])
def test_the_head_of_a_stream_which_names_its_session_is_not_remembered(header: bytes) -> None:
    assert len(learned(b"GET / HTTP/1.1\r\nHost: here\r\n%b\r\n\r\n" % header)) == 0


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_what_is_recalled_is_what_the_parser_makes_of_it(first: bytes, second: bytes) -> None:
    memory = learned(request(first))
    recalled = memory.recall(request(second))
    assert (recalled is not None) is (len(first) == len(second))
    if recalled is not None:
        assert same(recalled.exchange(request(second)), parsed(request(second))[0])


@pytest.mark.parametrize(
    "data",
    [
        request(b"abc", b"Connection: close"),
        request(b"abc", b"Expect: 100-continue"),
        request(b"abc", b"Cookie: " + b"x" * LONGEST),
        request(b"abc") + request(b"abc"),
        request(b"abc", length=2),
        request(b"abc", length=4),
        b"POST /comet HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /comet HTTP/1.0\r\nHost: here\r\nContent-Length: 0\r\n\r\n",
        b"POST /comet HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_nothing_but_whole_plain_requests_is_remembered(data: bytes) -> None:
    assert len(learned(data)) == 0


@pytest.mark.parametrize(
    "data",
    [
        request(b"abc")[:-1],
        request(b"abc") + b"G",
        request(b"abc").replace(b"here", b"Here"),
        request(b"abcd"),
        b"",
        b"\r\n\r\n",
    ],
)
def test_nothing_but_the_same_bytes_is_recalled(data: bytes) -> None:
    assert learned(request(b"abc")).recall(data) is None


def test_a_request_without_a_body_is_remembered_too() -> None:
    data = b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n"
    recalled = learned(data).recall(data)
    assert recalled is not None
    assert same(recalled.exchange(data), parsed(data)[0])


def test_the_longest_head_that_is_remembered() -> None:
    fill = LONGEST - len(request(b"", b"Cookie: "))
    assert len(learned(request(b"", b"Cookie: " + b"x" * fill))) == 1
    assert len(learned(request(b"", b"Cookie: " + b"x" * (fill + 1)))) == 0


def test_requests_with_the_same_head_share_what_was_found_out_about_their_way() -> None:
    memory = learned(request(b"abc"))
    first, second = memory.recall(request(b"abc")), memory.recall(request(b"def"))
    assert first is not None
    assert first is second
    assert first.exchange(request(b"abc")).route is first.exchange(request(b"def")).route


def test_when_there_are_too_many_heads_all_are_forgotten() -> None:
    memory = HeadMemory()
    for number in range(MOST + 1):
        data = request(b"", b"Cookie: %d" % number)
        memory.learn(data, parsed(data)[0])
    assert len(memory) == 1
