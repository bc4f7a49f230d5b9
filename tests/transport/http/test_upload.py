"""A body that is taken as it comes: at its reader's pace, whole, or known to be broken off."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from cometary.errors import ClientGoneError
from cometary.transport.http.exchange import Exchange
from cometary.transport.http.limits import Limits
from cometary.transport.http.protocol import Http
from cometary.transport.http.request_parser import RequestParser
from cometary.transport.http.service import Service
from cometary.transport.http.upload import MOST_WAITING, Upload
from cometary.transport.http.upload_connection import receive_upload, take_upload
from cometary.transport.net.poller import READABLE
from tests.transport.wire import Client, Server, echo, post, serving

MOST = 1_000_000
LIMITS = Limits(body_bytes=1_000, body_seconds=4, bytes_per_second=500, longest_seconds=10, linger_seconds=2)
LONG = bytes(range(256)) * 480
"""More than waits, and less than the kernel keeps beside that."""
SETTLED = 0.01
"""Seconds in which nothing happens before time goes on; `settle` is content with less."""


def head(length: int, *headers: bytes) -> bytes:
    """The head of a request with a body of so many bytes."""
    lines = b"".join(header + b"\r\n" for header in headers)
    return b"POST /up?a=b HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n%b\r\n" % (length, lines)


def upload_of(exchange: Exchange) -> Upload:
    assert exchange.upload is not None
    return exchange.upload


# What is between the parser and the reader.


def begun(length: int, most: int = MOST) -> tuple[RequestParser, Upload]:
    parser = RequestParser(LIMITS, lambda _: most)
    (exchange,) = parser.feed(head(length))
    return parser, upload_of(exchange)


def test_what_has_come_is_taken_once_and_nothing_is_the_end() -> None:
    _, upload = begun(1_006)
    assert upload.taken() is None
    assert upload.feed(b"x" * 1_000)
    assert upload.feed(b"one")
    assert upload.taken() == b"x" * 1_000 + b"one"
    assert (upload.taken(), upload.complete) == (None, False)
    assert upload.feed(b"two")
    assert upload.complete
    assert [upload.taken(), upload.taken()] == [b"two", b""]


def test_what_had_come_before_it_broke_off_is_not_taken_for_all_of_it() -> None:
    _, upload = begun(2_000)
    upload.feed(b"half")
    upload.break_off()
    assert upload.taken() == b"half"
    with pytest.raises(ClientGoneError, match="broke off"):
        upload.taken()


def test_one_that_is_complete_does_not_break_off_any_more() -> None:
    _, upload = begun(2_000)
    upload.feed(b"x" * 2_000)
    upload.break_off()
    assert [upload.taken(), upload.taken()] == [b"x" * 2_000, b""]


def test_it_is_full_with_more_than_may_wait_and_says_when_it_is_not_any_more() -> None:
    _, upload = begun(MOST)
    room: list[bool] = []
    upload.on_room = lambda: room.append(upload.full)
    upload.feed(b"x" * MOST_WAITING)
    assert not upload.full
    upload.taken()
    assert room == []
    upload.feed(b"x" * MOST_WAITING)
    assert not upload.full
    upload.feed(b"x")
    assert upload.full
    upload.taken()
    assert room == [False]


def test_its_reader_is_told_of_each_change() -> None:
    for ends in (True, False):
        _, upload = begun(2_000)
        changes: list[tuple[bool, bool]] = []
        upload.on_change = lambda upload=upload, changes=changes: changes.append(
            (upload.complete, upload._broken)
        )
        upload.feed(b"x" * 1_000)
        upload.feed(b"x" * 999)
        if ends:
            upload.feed(b"x")
            assert changes == [(False, False)] * 3 + [(True, False)]
        else:
            upload.break_off()
            assert changes == [(False, False)] * 2 + [(False, True)]


@pytest.mark.parametrize(("more", "fits"), [(0, True), (1, False)])
def test_a_body_in_chunks_that_is_longer_than_its_path_allows_breaks_off(more: int, fits: bool) -> None:
    parser = RequestParser(LIMITS, lambda _: 2_000)
    (exchange,) = parser.feed(b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n")
    upload = upload_of(exchange)
    assert upload.feed(b"3e8\r\n" + b"x" * 1_000 + b"\r\n")
    last = 1_000 + more
    assert upload.feed(b"%x\r\n" % last + b"x" * last + b"\r\n0\r\n\r\n") is fits
    assert upload.complete is fits


@pytest.mark.parametrize("ends", [True, False])
def test_its_parser_is_left_when_it_is_over(ends: bool) -> None:
    parser, upload = begun(2_000)
    assert hasattr(parser, "_llhttp")
    if ends:
        upload.feed(b"x" * 2_000)
    else:
        upload.break_off()
    assert not hasattr(parser, "_llhttp"), "it and llhttp would keep each other"
    assert upload.feed(b"behind it") is ends
    assert not upload.awaits_continue


async def test_a_reader_waits_for_the_next_piece(autojump_clock: trio.testing.MockClock) -> None:
    _, upload = begun(2_000)
    pieces: list[bytes] = []

    async def read() -> None:
        while piece := await receive_upload(upload):
            pieces.append(piece)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        for piece in (b"a" * 1_500, b"b" * 500):
            await trio.sleep(1)
            upload.feed(piece)
    assert b"".join(pieces) == b"a" * 1_500 + b"b" * 500
    assert len(pieces) == 2


# On a connection.


class Taker:
    """An endpoint that takes bodies as they come, and echoes short ones."""

    def __init__(self) -> None:
        self.taken: list[Exchange] = []
        self.dropped: list[Exchange] = []

    def __call__(self, exchange: Exchange) -> None:
        if exchange.upload is None:
            echo(exchange)
        else:
            take_upload(exchange, self._take)

    def _take(self, exchange: Exchange) -> None:
        exchange.on_drop = lambda: self.dropped.append(exchange)
        self.taken.append(exchange)

    @property
    def upload(self) -> Upload:
        return upload_of(self.taken[-1])

    async def read(self) -> bytes:
        """Read to the end."""
        come = b""
        with trio.fail_after(300):
            while piece := await receive_upload(self.upload):
                come += piece
        return come


@pytest.fixture
def taker() -> Taker:
    return Taker()


@asynccontextmanager
async def receiving(taker: Taker) -> AsyncGenerator[Server]:
    def around(_: Http) -> Http:
        return Http(Service(taker, uploads=lambda _: MOST), LIMITS)

    async with serving(taker, around=around) as server:
        yield server


async def begin(server: Server, taker: Taker, data: bytes) -> Client:
    client = await server.connect()
    await client.send(data)
    with trio.fail_after(60):
        while not taker.taken:
            await server.settle()
    await server.settle()
    return client


async def test_a_body_comes_whole_and_its_answer_is_the_last_of_the_connection(taker: Taker) -> None:
    async with receiving(taker) as server:
        client = await begin(server, taker, post(b"short") + head(len(LONG)) + LONG)
        assert (await client.response()).body == b"short"
        (exchange,) = taker.taken
        assert (exchange.method, exchange.path, exchange.query) == ("POST", "/up", b"a=b")
        assert (exchange.version, exchange.peer) == ("1.1", "127.0.0.1")
        assert exchange.headers[b"host"] == b"test"
        assert await taker.read() == LONG
        exchange.respond(200, b"thanks")
        response = await client.response()
        assert (response.body, response.headers["connection"]) == (b"thanks", "close")
        assert await client.closed()
        assert taker.dropped == []


async def test_no_more_is_read_than_there_is_room_for(taker: Taker) -> None:
    async with receiving(taker) as server:
        await begin(server, taker, head(len(LONG)) + LONG)
        upload = taker.upload
        assert upload.full
        assert upload._size <= MOST_WAITING + LIMITS.header_bytes
        assert await taker.read() == LONG


async def test_a_reader_may_hold_a_body_up_for_as_long_as_it_likes(
    taker: Taker, autojump_clock: trio.testing.MockClock
) -> None:
    autojump_clock.autojump_threshold = SETTLED
    async with receiving(taker) as server:
        client = await begin(server, taker, head(len(LONG)) + LONG)
        await trio.sleep(2 * LIMITS.longest_seconds)
        assert await taker.read() == LONG
        await trio.sleep(2 * LIMITS.longest_seconds)
        taker.taken[0].respond(200, b"thanks")
        assert (await client.response()).body == b"thanks"
        assert taker.dropped == []


async def test_a_body_that_comes_no_further_is_broken_off_in_time(
    taker: Taker, autojump_clock: trio.testing.MockClock
) -> None:
    autojump_clock.autojump_threshold = SETTLED
    async with receiving(taker) as server:
        client = await begin(server, taker, head(len(LONG)) + LONG[:2_000])
        began = trio.current_time()
        with pytest.raises(ClientGoneError):
            await taker.read()
        assert LIMITS.body_seconds <= trio.current_time() - began <= LIMITS.body_seconds + 2
        assert taker.dropped == taker.taken
        assert await client.closed()


async def test_a_body_at_a_fair_pace_may_take_longer_than_any_that_is_kept(
    taker: Taker, autojump_clock: trio.testing.MockClock
) -> None:
    autojump_clock.autojump_threshold = SETTLED
    pieces = [b"%d" % number * 3_000 for number in range(9)]
    async with receiving(taker) as server, trio.open_nursery() as nursery:
        client = await begin(server, taker, head(sum(map(len, pieces))))

        async def send() -> None:
            for piece in pieces:
                await trio.sleep(LIMITS.body_seconds - 1)
                await client.send(piece)

        nursery.start_soon(send)
        assert await taker.read() == b"".join(pieces)
        assert trio.current_time() > 2 * LIMITS.longest_seconds


async def test_a_client_that_asks_whether_its_body_is_welcome_is_told_so_once(taker: Taker) -> None:
    async with receiving(taker) as server:
        client = await begin(server, taker, head(len(LONG), b"Expect: 100-continue"))
        assert (await client.response()).status == 100
        await client.send(LONG)
        assert await taker.read() == LONG
        taker.taken[0].respond(200, b"thanks")
        assert (await client.response()).body == b"thanks"


async def test_a_client_that_says_no_more_within_its_body_has_gone(taker: Taker) -> None:
    async with receiving(taker) as server:
        client = await begin(server, taker, head(len(LONG)) + LONG[:2_000])
        client.half_close()
        await server.settle()
        assert taker.dropped == taker.taken
        with pytest.raises(ClientGoneError):
            await taker.read()
        assert await client.closed()
        assert server.switchboard.open_connections == 0


async def test_a_client_that_hangs_up_while_nothing_is_read_has_gone_at_once(taker: Taker) -> None:
    async with receiving(taker) as server:
        client = await begin(server, taker, head(len(LONG)) + LONG)
        client.reset()
        await server.settle()
        assert taker.dropped == taker.taken
        assert server.switchboard.open_connections == 0


async def test_a_client_that_has_said_all_is_heard_to_the_end_and_answered(taker: Taker) -> None:
    async with receiving(taker) as server:
        client = await begin(server, taker, head(len(LONG)) + LONG)
        waiting = taker.upload._size
        client.half_close()
        await server.settle()
        assert taker.dropped == [], "what it has said is still to be read"
        assert taker.upload._size == waiting, "and not before there is room"
        assert await taker.read() == LONG
        taker.taken[0].respond(200, b"thanks")
        assert (await client.response()).body == b"thanks"
        assert await client.closed()


async def test_a_client_that_says_no_more_behind_its_body_is_answered(taker: Taker) -> None:
    async with receiving(taker) as server:
        client = await begin(server, taker, head(len(LONG)) + LONG)
        assert await taker.read() == LONG
        client.half_close()
        await server.settle()
        assert taker.dropped == taker.taken, "it may have gone"
        taker.taken[0].respond(200, b"thanks")
        assert (await client.response()).body == b"thanks"
        assert await client.closed()


async def test_an_answer_before_all_has_come_ends_it(taker: Taker) -> None:
    async with receiving(taker) as server:
        client = await begin(server, taker, head(len(LONG)) + LONG[:2_000])
        taker.taken[0].respond(403, b"no")
        assert (await client.response()).status == 403
        assert taker.upload.taken() == LONG[:2_000]
        with pytest.raises(ClientGoneError):
            taker.upload.taken()
        await client.send(LONG[2_000:])  # which is thrown away, and resets nothing
        assert await client.closed()


async def test_where_nothing_has_come_after_all_more_is_waited_for(taker: Taker) -> None:
    async with receiving(taker) as server:
        client = await begin(server, taker, head(len(LONG)) + LONG[:2_000])
        (connection,) = server.switchboard._channels.values()
        connection.readable(READABLE)
        await client.send(LONG[2_000:])
        assert await taker.read() == LONG


async def test_bytes_that_are_no_such_body_break_it_off(taker: Taker) -> None:
    chunked = b"POST /up HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with receiving(taker) as server:
        client = await begin(server, taker, chunked + b"4\r\nfine\r\n")
        await client.send(b"no length\r\n")
        await server.settle()
        assert taker.upload.taken() == b"fine"
        assert taker.dropped == taker.taken
        assert await client.closed()


@pytest.mark.parametrize("gone", [True, False])
def test_where_no_body_is_to_come_nothing_is_taken(taker: Taker, gone: bool) -> None:
    exchange = Exchange("POST", "/", b"", {})
    if gone:
        exchange.upload = begun(2_000)[1]
    take_upload(exchange, taker._take)
    assert (exchange.answered, taker.taken) == (False, [])
