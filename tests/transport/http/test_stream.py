"""A response that is written bit by bit: in order, at the reader's pace, with an end that is not like a cut."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
import trio

from cometary.transport.http.exchange import Exchange
from cometary.transport.http.limits import Limits
from cometary.transport.http.stream import Stream
from cometary.transport.net.poller import EpollPoller, Poller, SelectorPoller, unacknowledged
from tests.transport.http.test_pipelines import what_is_there
from tests.transport.wire import Client, Server, echo, get, post, serving

LARGE = b"x" * 10_000_000


@pytest.fixture(params=[SelectorPoller, EpollPoller])
def new_poller(request: pytest.FixtureRequest) -> Callable[[], Poller]:
    poller: Callable[[], Poller] = request.param
    return poller


class Streamer:
    """An endpoint that begins a stream when it is asked by GET, and else echoes."""

    def __init__(self) -> None:
        self.streams: list[Stream] = []
        self.dropped: list[Stream] = []
        self.writable: list[Stream] = []

    def __call__(self, exchange: Exchange) -> None:
        if exchange.method not in {"GET", "HEAD"}:
            echo(exchange)
            return
        stream = exchange.stream(200, b"text/plain", ((b"X-A", b"b"),))
        stream.on_drop = lambda: self.dropped.append(stream)
        stream.on_writable = lambda: self.writable.append(stream)
        self.streams.append(stream)


@pytest.fixture
def streamer() -> Streamer:
    return Streamer()


async def begin(server: Server, request: bytes | None = None) -> Client:
    client = await server.connect()
    await client.send(request or get())
    await server.settle()
    return client


async def chunk(client: Client) -> bytes:
    """The next chunk of a stream whose head has been read; empty at its end."""
    while True:
        size, line, rest = client.received.partition(b"\r\n")
        length = int(size or b"0", 16)
        if line and len(rest) >= length + 2:
            client._buffer = rest[length + 2 :]
            return rest[:length]
        assert await client.read_some(), "closed in the middle of a chunk"


async def test_the_head_comes_at_once_and_each_piece_as_it_is_written(streamer: Streamer) -> None:
    async with serving(streamer) as server:
        client = await begin(server)
        head = await client.response()
        assert (head.status, head.headers["transfer-encoding"], head.headers["x-a"]) == (200, "chunked", "b")
        assert head.headers["cache-control"] == "no-store"
        assert "content-length" not in head.headers
        (stream,) = streamer.streams
        for piece in (b"one", b"twenty bytes of text", b"3"):
            assert stream.write(piece)
            assert await chunk(client) == piece
        stream.finish()
        assert await chunk(client) == b""
        assert (await client.ask(post(b"next"))).body == b"next"
        assert streamer.dropped == []


async def test_an_empty_piece_is_no_end(streamer: Streamer) -> None:
    async with serving(streamer) as server:
        client = await begin(server)
        (stream,) = streamer.streams
        assert stream.write(b"")
        assert stream.write(b"more")
        await client.response()
        assert await chunk(client) == b"more"


async def test_http_1_0_reads_until_the_connection_ends(streamer: Streamer) -> None:
    async with serving(streamer) as server:
        client = await begin(server, b"GET / HTTP/1.0\r\n\r\n")
        (stream,) = streamer.streams
        stream.write(b"one ")
        stream.write(b"two")
        stream.finish()
        head, _, body = (await client.rest()).partition(b"\r\n\r\n")
        assert b"Transfer-Encoding" not in head
        assert b"Content-Length" not in head
        assert body == b"one two"


async def test_connection_close_is_obeyed_at_the_end(streamer: Streamer) -> None:
    async with serving(streamer) as server:
        client = await begin(server, get(b"/", b"Connection: close"))
        (stream,) = streamer.streams
        stream.write(b"last")
        stream.finish()
        assert (await client.response()).headers["connection"] == "close"
        assert [await chunk(client), await chunk(client)] == [b"last", b""]
        assert await client.closed()


async def test_head_gets_the_head_alone(streamer: Streamer) -> None:
    async with serving(streamer) as server:
        client = await begin(server, b"HEAD / HTTP/1.1\r\nHost: test\r\n\r\n" + post(b"next"))
        assert (await client.response(to_head=True)).headers["x-a"] == "b"
        assert (await client.response()).body == b"next"
        assert [stream.finished for stream in streamer.streams] == [True]


async def test_a_reader_that_is_slow_makes_the_writer_wait(
    streamer: Streamer, new_poller: Callable[[], Poller]
) -> None:
    async with serving(streamer, new_poller=new_poller) as server:
        client = await begin(server)
        (stream,) = streamer.streams
        assert not stream.write(LARGE)
        with pytest.raises(RuntimeError, match="full"):
            stream.write(b"more")
        await server.settle()
        assert streamer.writable == []
        await client.response()
        assert await chunk(client) == LARGE
        await server.settle()
        assert streamer.writable == [stream]
        assert stream.write(b"more")
        assert await chunk(client) == b"more"


async def test_the_end_of_a_full_stream_comes_behind_what_is_unsent(streamer: Streamer) -> None:
    async with serving(streamer) as server:
        client = await begin(server, get() + post(b"next"))
        (stream,) = streamer.streams
        stream.write(LARGE)
        stream.finish()
        stream.finish()
        with pytest.raises(RuntimeError, match="finished"):
            stream.write(b"more")
        await client.response()
        assert [await chunk(client), await chunk(client)] == [LARGE, b""]
        assert (await client.response()).body == b"next"
        assert streamer.writable == []
        assert stream.on_writable is None, "it keeps its writer"


async def test_what_is_asked_behind_a_stream_waits_for_its_end(streamer: Streamer) -> None:
    async with serving(streamer) as server:
        client = await begin(server, get() + post(b"behind"))
        (stream,) = streamer.streams
        await client.response()
        stream.write(b"first")
        assert await chunk(client) == b"first"
        assert await what_is_there(client) == (b"", False)
        stream.finish()
        assert await chunk(client) == b""
        assert (await client.response()).body == b"behind"


async def test_a_stream_behind_another_begins_when_that_ends(
    streamer: Streamer, new_poller: Callable[[], Poller]
) -> None:
    async with serving(streamer, new_poller=new_poller) as server:
        client = await begin(server, get() * 2)
        first, second = streamer.streams
        assert second.full
        with pytest.raises(RuntimeError, match="full"):
            second.write(b"early")
        await client.response()
        first.finish()
        assert second.full, "its writer is told from the switchboard's turn, not from within finish()"
        assert await chunk(client) == b""
        assert (await client.response()).status == 200
        await server.settle()
        assert streamer.writable == [second]
        assert second.write(b"now")
        assert await chunk(client) == b"now"


def close(client: Client) -> None:
    client.stream.socket.close()


@pytest.mark.parametrize("cut", [Client.reset, close])
async def test_a_stream_that_is_cut_is_dropped(streamer: Streamer, cut: Callable[[Client], None]) -> None:
    async with serving(streamer) as server:
        client = await begin(server)
        (stream,) = streamer.streams
        cut(client)
        for _ in range(3):  # after an end of file only writing shows that nobody is there
            await server.settle()
            if not stream.write(b"piece"):
                break
        await server.settle()
        assert streamer.dropped == [stream]
        assert server.switchboard.open_connections == 0
        assert not stream.write(b"nobody reads this")
        stream.finish()


async def test_a_reader_that_says_no_more_still_gets_the_end(streamer: Streamer) -> None:
    async with serving(streamer) as server:
        client = await begin(server)
        (stream,) = streamer.streams
        client.half_close()
        await server.settle()
        assert streamer.dropped == [stream]
        stream.write(b"good bye")
        stream.finish()
        await client.response()
        assert [await chunk(client), await chunk(client)] == [b"good bye", b""]
        assert await client.closed()


async def test_a_stream_that_nobody_ends_after_that_is_cut_off(
    streamer: Streamer, mock_clock: trio.testing.MockClock
) -> None:
    async with serving(streamer, limits=Limits(linger_seconds=2)) as server:
        client = await begin(server)
        client.half_close()
        await server.settle()
        mock_clock.jump(4)
        await server.settle()
        assert server.switchboard.open_connections == 0


async def test_a_reader_that_takes_nothing_is_cut_off(
    streamer: Streamer, mock_clock: trio.testing.MockClock
) -> None:
    async with serving(streamer, limits=Limits(write_seconds=5)) as server:
        await begin(server)
        (stream,) = streamer.streams
        stream.write(LARGE)
        for _ in range(20):  # a first period is prolonged if the kernel went on taking in it
            await server.settle()
            mock_clock.jump(1)
        await server.settle()
        assert streamer.dropped == [stream]
        assert server.switchboard.open_connections == 0


async def test_a_stream_to_which_nothing_is_written_is_waited_for(
    streamer: Streamer, mock_clock: trio.testing.MockClock
) -> None:
    async with serving(streamer) as server:
        client = await begin(server)
        (stream,) = streamer.streams
        await client.response()
        for _ in range(10):
            mock_clock.jump(100)
            await server.settle()
        assert stream.write(b"still here")
        assert await chunk(client) == b"still here"


async def test_one_that_is_aborted_has_no_end(streamer: Streamer) -> None:
    async with serving(streamer) as server:
        client = await begin(server)
        (stream,) = streamer.streams
        stream.write(b"one")
        stream.abort()
        assert stream.on_writable is None, "it keeps its writer"
        with pytest.raises(RuntimeError, match="finished"):
            stream.write(b"two")
        assert b"0\r\n\r\n" not in await client.rest()
        assert streamer.dropped == []


async def test_an_endpoint_that_fails_after_it_has_begun_leaves_nobody_waiting(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(exchange: Exchange) -> None:
        exchange.stream(200, b"text/plain").write(b"one")
        raise ZeroDivisionError

    async with serving(fail) as server:
        with caplog.at_level(logging.ERROR, "cometary.transport"):
            client = await begin(server)
            assert b"0\r\n\r\n" not in await client.rest()
        assert "ZeroDivisionError" in caplog.text


async def test_a_writer_that_fails_costs_its_own_stream(
    streamer: Streamer, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    async with serving(streamer) as server:
        client, other = await begin(server), await begin(server)
        first, second = streamer.streams
        first.on_writable = fail
        first.write(LARGE)
        with caplog.at_level(logging.ERROR, "cometary.transport"):
            await client.rest()
        assert "ZeroDivisionError" in caplog.text
        assert second.write(b"unharmed")
        await other.response()
        assert await chunk(other) == b"unharmed"


async def test_a_server_that_stops_lets_streams_end(
    streamer: Streamer, autojump_clock: trio.testing.MockClock
) -> None:
    async with serving(streamer) as server:
        client = await begin(server)
        (stream,) = streamer.streams
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.switchboard.aclose, 10)
            await trio.testing.wait_all_tasks_blocked()
            stream.write(b"good bye")
            stream.finish()
            await client.response()
            assert [await chunk(client), await chunk(client)] == [b"good bye", b""]
            assert await client.closed()
            await client.stream.aclose()
        assert trio.current_time() < 10


async def test_a_server_that_stops_cuts_streams_that_do_not_end(
    streamer: Streamer, autojump_clock: trio.testing.MockClock
) -> None:
    async with serving(streamer) as server:
        await begin(server)
        await server.switchboard.aclose(5)
        assert streamer.dropped == streamer.streams
        assert server.switchboard.open_connections == 0


async def test_an_exchange_that_streams_has_had_its_answer(streamer: Streamer) -> None:
    refused: list[RuntimeError] = []

    def twice(exchange: Exchange) -> None:
        exchange.stream(200, b"text/plain").finish()
        try:
            exchange.respond(200)
        except RuntimeError as error:
            refused.append(error)

    async with serving(twice) as server:
        await begin(server)
        assert len(refused) == 1


async def test_last_words_go_out_behind_what_is_unsent_whether_it_is_full_or_not(streamer: Streamer) -> None:
    async with serving(streamer) as server:
        client = await begin(server)
        (stream,) = streamer.streams
        assert not stream.write(LARGE)
        stream.finish(b"goodbye")
        await client.response()
        assert [await chunk(client), await chunk(client), await chunk(client)] == [LARGE, b"goodbye", b""]


async def test_the_kernel_takes_little_for_a_reader_that_stops(streamer: Streamer) -> None:
    async with serving(streamer) as server:
        await begin(server)
        (stream,) = streamer.streams
        while stream.write(b"x" * 10_000):
            await server.settle()
        (channel,) = server.switchboard._channels.values()
        assert unacknowledged(channel.sock) < 100_000
