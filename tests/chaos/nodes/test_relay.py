"""What stands between two processes: it passes on, holds back, and delays, and loses nothing of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from functools import partial

import trio

from cometary.chaos.nodes.relay import Relay, Way, serve_tcp


async def echo(stream: trio.SocketStream) -> None:
    """Be what is behind it."""
    async with stream:
        async for data in stream:
            await stream.send_all(data)


@asynccontextmanager
async def relayed(way: Way) -> AsyncGenerator[trio.SocketStream]:
    """Be connected with an echo, through a relay."""
    async with trio.open_nursery() as nursery:
        [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, echo, [listener])
        behind = partial(trio.open_tcp_stream, "127.0.0.1", listener.socket.getsockname()[1])
        port = await serve_tcp(Relay(behind, lambda _: [way]), nursery)
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            yield stream
        nursery.cancel_scope.cancel()


async def all_of(stream: trio.SocketStream, count: int) -> bytes:
    read = b""
    while len(read) < count:
        read += await stream.receive_some()
    return read


async def test_all_goes_by_in_its_order() -> None:
    way, sent = Way(), b"".join(b"%d," % number for number in range(50_000))
    async with relayed(way) as stream, trio.open_nursery() as nursery:
        nursery.start_soon(stream.send_all, sent)
        assert await all_of(stream, len(sent)) == sent
    assert (way.held, way.delayed) == (0, 0)


async def test_what_is_held_back_comes_when_it_is_over() -> None:
    way = Way()
    async with relayed(way) as stream:
        await stream.send_all(b"a")
        assert await all_of(stream, 1) == b"a"
        way.cut()
        way.cut()
        await stream.send_all(b"b")
        with trio.move_on_after(0.05) as waited:
            await stream.receive_some()
        assert waited.cancelled_caught
        assert way.held == 1
        way.mend()
        assert await all_of(stream, 1) == b"b"


async def test_who_connects_meanwhile_waits() -> None:
    way = Way()
    way.cut()
    async with relayed(way) as stream:
        await stream.send_all(b"a")
        with trio.move_on_after(0.05) as waited:
            await stream.receive_some()
        assert waited.cancelled_caught
        way.mend()
        assert await all_of(stream, 1) == b"a"


async def test_answers_are_delayed_and_none_waits_for_another() -> None:
    way = Way()
    way.delay = 0.1
    async with relayed(way) as stream:
        began = trio.current_time()
        for number in range(5):
            await stream.send_all(b"%d" % number)
            await trio.sleep(0.01)
        assert await all_of(stream, 5) == b"01234"
        took = trio.current_time() - began
    assert 0.1 <= took < 0.3, "or each has waited for the one before"
    assert way.delayed >= 1


async def test_where_nobody_listens_it_hangs_up() -> None:
    async with trio.open_nursery() as nursery:
        nowhere = partial(trio.open_tcp_stream, "127.0.0.1", 1)
        port = await serve_tcp(Relay(nowhere, lambda _: [Way()]), nursery)
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            await stream.send_all(b"a")
            with suppress(trio.BrokenResourceError):
                assert not await stream.receive_some()
        nursery.cancel_scope.cancel()
