"""Requests come out of bytes however these are cut up, and what is wrong ends it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cometary.transport.http.exchange import Exchange
from cometary.transport.http.limits import Limits
from cometary.transport.http.request_parser import Phase, RequestParser
from tests.transport.wire import get, post

SMALL = Limits(header_bytes=300, headers=6, target_bytes=40, body_bytes=50)

Seen = tuple[str, str, bytes, bytes, dict[bytes, bytes], bool, str | None]


def seen(exchange: Exchange) -> Seen:
    fault = exchange.fault.condition if exchange.fault else None
    headers = dict(exchange.headers)
    return (exchange.method, exchange.path, exchange.query, exchange.body, headers, exchange.closing, fault)


def parse(*pieces: bytes, limits: Limits = SMALL) -> list[Exchange]:
    """All the exchanges in `pieces`, fed one after the other until the parser is through."""
    parser = RequestParser(limits)
    exchanges: list[Exchange] = []
    for piece in pieces:
        rest: bytes | None = piece
        while rest is not None and not parser.finished:
            exchanges += parser.feed(rest)
            rest, parser.beyond = parser.beyond, None
    return exchanges


def condition_of(*pieces: bytes) -> str | None:
    """What the last exchange in `pieces` is refused with."""
    fault = parse(*pieces)[-1].fault
    return fault.condition if fault else None


def chunked(*chunks: bytes, trailers: bytes = b"") -> bytes:
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    head = b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: Chunked\r\n\r\n"
    return head + body + b"0\r\n" + trailers + b"\r\n"


def test_a_request_has_its_parts() -> None:
    (exchange,) = parse(post(b"{}", b"X-Name:  a b \t", path=b"/comet?a=1&b=?"))
    assert seen(exchange) == (
        "POST",
        "/comet",
        b"a=1&b=?",
        b"{}",
        {b"host": b"test", b"content-length": b"2", b"x-name": b"a b"},
        False,
        None,
    )


def test_lines_of_the_same_name_are_one_list() -> None:
    (exchange,) = parse(get(b"/", b"X-A: 1", b"x-a: 2"))
    assert exchange.headers[b"x-a"] == b"1, 2"


def test_a_chunked_body_is_put_together_and_its_trailers_are_ignored() -> None:
    (exchange,) = parse(chunked(b"one ", b"two ", b"three", trailers=b"X-Late: 1\r\nHost: other\r\n"))
    assert exchange.body == b"one two three"
    assert exchange.headers == {b"host": b"test", b"transfer-encoding": b"Chunked"}


def test_requests_that_come_together_come_out_in_order() -> None:
    exchanges = parse(post(b"1") + get(b"/2") + post(b"3"))
    assert [(e.path, e.body) for e in exchanges] == [("/", b"1"), ("/2", b""), ("/", b"3")]


@pytest.mark.parametrize(
    "request_",
    [get(b"/", b"Connection: close"), b"GET / HTTP/1.0\r\n\r\n", b"GET / HTTP/1.0\r\nHost: a\r\n\r\n"],
)
def test_a_request_that_ends_the_connection_is_the_last(request_: bytes) -> None:
    exchanges = parse(request_ + get(b"/more"))
    assert [(e.path, e.closing, e.fault) for e in exchanges] == [("/", True, None)]


def test_what_follows_a_wish_for_another_protocol_is_left_alone() -> None:
    parser = RequestParser(SMALL)
    (wish,) = parser.feed(get(b"/wish", b"Upgrade: x", b"Connection: upgrade") + b"\x00 whatever")
    assert (wish.upgradable, wish.headers[b"upgrade"], wish.headers[b"connection"]) == (
        True,
        b"x",
        b"upgrade",
    )
    assert parser.beyond == b"\x00 whatever"
    assert parser.phase is Phase.BOUNDARY


@pytest.mark.parametrize(
    "request_",
    [
        get(b"/", b"Upgrade: x"),
        get(b"/", b"Upgrade: x", b"Connection: upgrade, close"),
        post(b"body", b"Upgrade: x", b"Connection: upgrade"),
        b"GET / HTTP/1.0\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    ],
)
def test_a_wish_that_cannot_be_granted_is_a_header(request_: bytes) -> None:
    parser = RequestParser(SMALL)
    (wish,) = parser.feed(request_)
    assert (wish.upgradable, wish.headers[b"upgrade"], wish.fault) == (False, b"x", None)
    assert parser.beyond is None


@pytest.mark.parametrize("body", [b"", b"hello"])
def test_a_wish_for_another_protocol_is_not_granted(body: bytes) -> None:
    wish = post(body, b"Upgrade: h2c", b"Connection: Upgrade, HTTP2-Settings", b"HTTP2-Settings: x")
    exchanges = parse(wish + get(b"/next") + wish)
    assert [(e.path, e.body, e.fault) for e in exchanges] == [
        ("/", body, None),
        ("/next", b"", None),
        ("/", body, None),
    ]
    assert exchanges[0].headers[b"upgrade"] == b"h2c"


def test_a_great_many_wishes_for_another_protocol_are_no_burden() -> None:
    wish = get(b"/", b"Upgrade: x", b"Connection: upgrade")
    assert len(parse(wish * 300)) == 300


MALFORMED = {
    "no HTTP": b"hello\r\n\r\n",
    "no version": b"GET /\r\n\r\n",
    "version 0.9": b"GET / HTTP/0.9\r\nHost: a\r\n\r\n",
    "version 1.2": b"GET / HTTP/1.2\r\nHost: a\r\n\r\n",
    "version 2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "version 2, method GET": b"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
    "version 11": b"GET / HTTP/1.10\r\nHost: a\r\n\r\n",
    "unknown method": b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n",
    "method in lower case": b"get / HTTP/1.1\r\nHost: a\r\n\r\n",
    "space before the method": b" GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "space in the target": b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
    "control character in the target": b"GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
    "8-bit character in the target": b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n",
    "relative target": b"GET a HTTP/1.1\r\nHost: a\r\n\r\n",
    "a long target": get(b"/" + b"a" * 40),
    "a proxy's method": b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
    "a proxy's method, with a length": b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    "a proxy's method, in chunks": b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    "a proxy's method, for no path": b"CONNECT ?a HTTP/1.1\r\nHost: a\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": get(b"/", b"Host: other"),
    "two types": post(b"{}", b"Content-Type: a/b", b"Content-Type: c/d"),
    "two origins": get(b"/", b"Origin: http://a", b"Origin: http://b"),
    "two authorizations": get(b"/", b"Authorization: a", b"Authorization: b"),
    "bare line feeds": b"GET / HTTP/1.1\nHost: a\n\n",
    "bare line feed after a header": get(b"/", b"A: b\nC: d"),
    "bare carriage return in a header": get(b"/", b"A: b\rC: d"),
    "NUL in a header": get(b"/", b"A: b\0c"),
    "NUL in a name": get(b"/", b"A\0: b"),
    "control character in a header": get(b"/", b"A: \x01"),
    "DEL in a header": get(b"/", b"A: \x7f"),
    "folded header": get(b"/", b"A: b", b" c"),
    "folded at once": get(b"/", b"A:", b" b"),
    "space before the colon": get(b"/", b"A : b"),
    "space before the first header": b"GET / HTTP/1.1\r\n Host: a\r\n\r\n",
    "no colon": get(b"/", b"Abc"),
    "no name": get(b"/", b": b"),
    "length and coding": post(b"0\r\n\r\n", b"Transfer-Encoding: chunked"),
    "coding and length": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
    b"Content-Length: 5\r\n\r\n0\r\n\r\n",
    "two lengths that differ": post(b"ab", b"Content-Length: 3"),
    "two lengths that agree": post(b"ab", b"Content-Length: 2"),
    "a list of lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2, 2\r\n\r\nab",
    "a length with a sign": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +2\r\n\r\nab",
    "a negative length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -2\r\n\r\nab",
    "a hexadecimal length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x2\r\n\r\nab",
    "an empty length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\nab",
    "a length with a space in it": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1 1\r\n\r\nab",
    "a length beyond 64 bits": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551618\r\n\r\nab",
    "identity": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n",
    "gzip": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
    "gzip before chunked": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "gzip after chunked": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "something like chunked": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked in quotes": b'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n',
    "vertical tab before chunked": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "chunked in 1.0": b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked twice": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "no chunk size": chunked()[:-5] + b"\r\nab\r\n0\r\n\r\n",
    "negative chunk size": chunked()[:-5] + b"-2\r\nab\r\n0\r\n\r\n",
    "chunk size with 0x": chunked()[:-5] + b"0x2\r\nab\r\n0\r\n\r\n",
    "chunk size with a space": chunked()[:-5] + b"2 \r\nab\r\n0\r\n\r\n",
    "chunk size beyond 64 bits": chunked()[:-5] + b"10000000000000002\r\nab\r\n0\r\n\r\n",
    "chunk size before a bare line feed": chunked()[:-5] + b"2\nab\r\n0\r\n\r\n",
    "line feed in a chunk extension": chunked()[:-5] + b"2;a\nb\r\nab\r\n0\r\n\r\n",
    "chunk longer than its size": chunked()[:-5] + b"2\r\nabc\r\n0\r\n\r\n",
    "length among the trailers": chunked(b"ab", trailers=b"Content-Length: 5\r\n"),
}


@pytest.mark.parametrize("request_", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_malformed_is_refused_and_ends_the_connection(request_: bytes) -> None:
    for pieces in ([request_ + get(b"/smuggled")], [bytes([byte]) for byte in request_ + get(b"/smuggled")]):
        exchanges = parse(*pieces)
        assert len(exchanges) == 1
        assert exchanges[0].fault is not None
        assert exchanges[0].fault.condition == "bad-request"
        assert exchanges[0].closing


def test_what_came_before_a_malformed_request_is_served() -> None:
    good, bad = parse(post(b"ok") + b"hello\r\n\r\n")
    assert (good.body, good.fault) == (b"ok", None)
    assert bad.fault is not None


def test_too_long_a_head_is_refused() -> None:
    long = get(b"/", b"A: " + b"a" * 300)
    assert condition_of(*(long[i : i + 50] for i in range(0, len(long), 50))) == "headers-too-large"
    assert condition_of(long[:20], long[20:]) == "headers-too-large"


def test_the_longest_head_and_target_that_are_taken() -> None:
    """A header counts with its colon, its blank and its line's end."""
    for length, condition in ((283, None), (284, "headers-too-large")):
        long = get(b"/", b"A: " + b"a" * length)
        assert condition_of(long[:20], long[20:]) == condition
    assert condition_of(get(b"/" + b"a" * (SMALL.target_bytes - 1))) is None


def test_what_requests_before_it_took_does_not_count_for_one() -> None:
    (*before, last) = parse(*[get()] * 20, get()[:-1], get()[-1:])
    assert (len(before), last.fault) == (20, None)


def test_a_head_that_never_ends_is_refused_before_it_takes_memory() -> None:
    assert condition_of(get()[:-2], *[b"A: b\r\n"] * 100) == "headers-too-large"
    assert condition_of(get()[:-2] + b"A: ", *[b"a" * 100] * 4) == "headers-too-large"


def test_too_many_headers_are_refused() -> None:
    assert condition_of(get(b"/", *(b"A%d: b" % i for i in range(5)))) is None
    assert condition_of(get(b"/", *(b"A%d: b" % i for i in range(6)))) == "headers-too-large"
    assert condition_of(get(b"/", *[b"A: b"] * 5)) is None
    assert condition_of(get(b"/", *[b"A: b"] * 6)) == "headers-too-large"
    assert condition_of(get(b"/", *[b"A: b"] * 9)[:-2]) == "headers-too-large", "before the head's end"


def test_too_long_a_body_is_refused_before_it_is_read() -> None:
    assert condition_of(post(b"a" * 50)) is None
    assert condition_of(post(b"a" * 51)[:-51]) == "too-large"


def test_where_no_body_may_be_none_is_taken_piece_by_piece_either() -> None:
    (exchange,) = parse(post(b"a"), limits=Limits(body_bytes=0))
    assert exchange.fault is not None
    assert (exchange.fault.condition, exchange.upload) == ("too-large", None)


def test_too_long_a_body_in_chunks_is_refused_while_it_comes() -> None:
    assert condition_of(chunked(b"a" * 25, b"a" * 25)) is None
    assert condition_of(chunked(b"a" * 25, b"a" * 26)[:-5]) == "too-large"


def test_endless_chunk_extensions_and_trailers_are_refused() -> None:
    head = chunked()[:-5]
    assert condition_of(head, b"2;", *[b"a" * 100] * 10) == "too-large"
    assert condition_of(head, b"0\r\n", *(b"A%d: b\r\n" % i for i in range(100))) == "too-large"


def test_a_request_in_chunks_may_be_as_long_on_its_way_as_a_head_and_twice_a_body_but_no_longer() -> None:
    """What came in the same piece as its first byte does not count."""
    most = SMALL.header_bytes + 2 * SMALL.body_bytes
    head, opening = chunked()[:-5], b"1;"
    fill = b"a" * (most - len(head) + 1 - len(opening))
    assert parse(head[:1], head[1:], opening + fill) == []
    assert condition_of(head[:1], head[1:], opening + fill + b"a") == "too-large"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_a_body_needs_a_length(method: str) -> None:
    assert condition_of(f"{method} / HTTP/1.1\r\nHost: a\r\n\r\n".encode()) == "length-required"


def test_other_methods_may_do_without_a_body() -> None:
    for method in ("GET", "HEAD", "DELETE", "OPTIONS"):
        assert condition_of(f"{method} / HTTP/1.1\r\nHost: a\r\n\r\n".encode()) is None


def test_a_client_that_waits_for_a_word_is_noticed() -> None:
    parser = RequestParser(SMALL)
    request = post(b"body", b"Expect: 100-Continue")
    parser.feed(request[:-4])
    assert parser.awaits_continue
    parser.feed(b"bo")
    assert not parser.awaits_continue
    (exchange,) = parser.feed(b"dy")
    assert exchange.body == b"body"
    assert not parser.awaits_continue


def test_at_a_boundary_it_holds_nothing_of_anybody() -> None:
    parser = RequestParser(SMALL)
    parser.feed(post(b"secret", b"Authorization: secret"))
    assert parser.phase is Phase.BOUNDARY
    held = [getattr(parser, name) for name in RequestParser.__slots__]
    assert b"secret" not in repr(held).encode()


def test_what_can_be_kept_is_no_upload() -> None:
    for length, is_upload in ((SMALL.body_bytes, False), (SMALL.body_bytes + 1, True)):
        parser = RequestParser(SMALL, lambda _: 1_000)
        (exchange,) = parser.feed(post(b"a" * length))
        assert (exchange.upload is not None) is is_upload


def test_the_target_of_a_proxy_names_what_its_path_does_and_no_other_path_is_taken_for_one() -> None:
    targets = b"/a://b/c", b"http://b/c", b"http://b"
    assert [exchange.path for exchange in parse(*map(get, targets))] == ["/a://b/c", "/c", "/"]


def test_what_is_wrong_in_the_middle_of_an_upload_ends_that_and_is_no_request_of_its_own() -> None:
    parser = RequestParser(SMALL, lambda _: 1_000)
    (exchange,) = parser.feed(chunked(b"first")[:-5])
    assert exchange.upload is not None
    assert parser.feed(b"no size\r\n") == []
    assert parser.finished
    assert exchange.fault is None


def test_an_upload_comes_out_once_and_is_the_last() -> None:
    parser = RequestParser(SMALL, lambda _: 1_000)
    (exchange,) = parser.feed(chunked(b"first")[:-5])
    assert exchange.upload is not None
    assert not parser.finished
    assert parser.feed(chunked(b"second")[-16:]) == []
    assert parser.finished
    assert parser.phase is Phase.BOUNDARY


def test_a_body_in_many_pieces_is_not_copied_for_each_of_them() -> None:
    parser = RequestParser(SMALL)
    request = post(b"pieces")
    parser.feed(request[:-5])
    for place in range(-5, -1):
        parser.feed(request[place:][:1])
        assert isinstance(parser._body, bytearray)
    (exchange,) = parser.feed(request[-1:])
    assert exchange.body == b"pieces"


def test_where_no_more_may_be_uploaded_than_is_kept_anyway_it_is_kept() -> None:
    parser = RequestParser(SMALL, lambda _: SMALL.body_bytes)
    (exchange,) = parser.feed(chunked(b"all"))
    assert (exchange.body, exchange.upload) == (b"all", None)


FINE = (
    post(b"{}", b"Content-Type: application/json"),
    get(b"/a?b=c", b"A: 1", b"A: 2"),
    chunked(b"one", b"two", trailers=b"X: y\r\n"),
    post(b"hi", b"Upgrade: h2c", b"Connection: upgrade"),
    b"\r\n" + get(),
    get(b"/", b"Connection: close"),
    b"BREW / HTTP/1.1\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 51\r\n\r\n",
)


@given(st.lists(st.sampled_from(FINE), max_size=4), st.lists(st.integers(0, 500), max_size=12))
def test_how_the_bytes_are_cut_up_makes_no_difference(requests: list[bytes], cuts: list[int]) -> None:
    data = b"".join(requests)
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    pieces = [data[start:end] for start, end in pairwise(places)]
    whole = [seen(exchange) for exchange in parse(data)]
    assert [seen(exchange) for exchange in parse(*pieces)] == whole


@given(st.lists(st.binary(max_size=60) | st.sampled_from([*FINE, *MALFORMED.values()]), max_size=6))
def test_arbitrary_bytes_are_requests_or_refused(pieces: list[bytes]) -> None:
    exchanges = parse(*pieces)
    assert all(exchange.fault is None for exchange in exchanges[:-1])
