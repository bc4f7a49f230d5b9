"""Clients that take their time, never read, never speak or never stop: each is cut off."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
import trio

from cometary.transport.http.exchange import Exchange
from cometary.transport.http.limits import Limits
from tests.transport.wire import Holder, Server, echo, get, post, serving

LIMITS = Limits(head_seconds=10, body_seconds=20, idle_seconds=75, write_seconds=30, linger_seconds=2)


@pytest.fixture
def holder() -> Holder:
    return Holder()


@pytest.fixture
async def server(mock_clock: trio.testing.MockClock) -> AsyncIterator[Server]:
    async with serving(echo, limits=LIMITS) as server:
        yield server


async def pass_time(server: Server, clock: trio.testing.MockClock, seconds: int) -> None:
    """Let time go by in steps of a tick, with everything that happens meanwhile."""
    for _ in range(seconds):
        await server.settle()
        clock.jump(1)
    await server.settle()


async def test_one_who_says_nothing(server: Server, mock_clock: trio.testing.MockClock) -> None:
    clients = [await server.connect() for _ in range(20)]
    await pass_time(server, mock_clock, 9)
    assert server.switchboard.open_connections == 20
    await pass_time(server, mock_clock, 2)
    assert server.switchboard.open_connections == 0
    assert await clients[0].closed()


async def test_one_who_sends_line_breaks_for_a_request(
    server: Server, mock_clock: trio.testing.MockClock
) -> None:
    client = await server.connect()
    for _ in range(11):
        await client.send(b"\r\n")
        await pass_time(server, mock_clock, 1)
    assert server.switchboard.open_connections == 0


async def test_one_who_sends_a_byte_of_the_head_a_second(
    server: Server, mock_clock: trio.testing.MockClock
) -> None:
    client = await server.connect()
    assert (await client.ask(post(b"first"))).status == 200
    for byte in get()[:10]:
        assert server.switchboard.open_connections == 1
        await client.send(bytes([byte]))
        await pass_time(server, mock_clock, 1)
    await pass_time(server, mock_clock, 1)
    assert server.switchboard.open_connections == 0


async def test_one_who_sends_a_byte_of_the_body_a_second(
    server: Server, mock_clock: trio.testing.MockClock
) -> None:
    client = await server.connect()
    await client.send(post(b"x" * 1000)[:-1000])
    for _ in range(19):
        await client.send(b"x")
        await pass_time(server, mock_clock, 1)
    assert server.switchboard.open_connections == 1
    await pass_time(server, mock_clock, 2)
    assert server.switchboard.open_connections == 0


async def test_each_request_gets_the_whole_time(server: Server, mock_clock: trio.testing.MockClock) -> None:
    client = await server.connect()
    request = post(b"slow")
    for _ in range(4):
        await client.send(request[:9])
        await pass_time(server, mock_clock, 6)
        assert (await client.ask(request[9:])).body == b"slow"


async def test_one_who_is_idle(server: Server, mock_clock: trio.testing.MockClock) -> None:
    client = await server.connect()
    for _ in range(3):
        assert (await client.ask(post())).status == 200
        await pass_time(server, mock_clock, 74)
    assert server.switchboard.open_connections == 1
    await pass_time(server, mock_clock, 2)
    assert await client.closed()


async def test_one_whose_request_is_held_may_wait_as_long_as_that(
    mock_clock: trio.testing.MockClock, holder: Holder
) -> None:
    async with serving(holder, limits=LIMITS) as server:
        client = await server.connect()
        await client.send(post())
        await pass_time(server, mock_clock, 200)
        holder.held[0].respond(200, b"at last")
        assert (await client.response()).body == b"at last"


async def test_one_who_asked_something_else_before_may_wait_as_long(
    mock_clock: trio.testing.MockClock, holder: Holder
) -> None:
    def answer_first(exchange: Exchange) -> None:
        if exchange.body == b"first":
            exchange.respond(200)
        else:
            holder(exchange)

    async with serving(answer_first, limits=LIMITS) as server:
        client = await server.connect()
        await client.send(post(b"first") + post(b"second"))
        await pass_time(server, mock_clock, 200)
        assert holder.dropped == []
        assert server.switchboard.open_connections == 1


async def test_one_who_never_reads_a_large_answer(mock_clock: trio.testing.MockClock) -> None:
    async with serving(lambda exchange: exchange.respond(200, b"x" * 20_000_000), limits=LIMITS) as server:
        client = await server.connect()
        await client.send(post())
        await pass_time(server, mock_clock, 29)
        assert server.switchboard.open_connections == 1
        await pass_time(server, mock_clock, 2 + 30)  # its kernel has taken some
        assert server.switchboard.open_connections == 0


async def test_one_who_never_reads_and_never_stops_asking(mock_clock: trio.testing.MockClock) -> None:
    answered = 0

    def answer(exchange: Exchange) -> None:
        nonlocal answered
        answered += 1
        exchange.respond(200, b"x" * 5_000_000)

    async with serving(answer, limits=LIMITS) as server:
        client = await server.connect()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.send, post(b"x" * 200_000) * 200)
            await pass_time(server, mock_clock, 29)
            assert server.switchboard.open_connections == 1
            nursery.cancel_scope.cancel()
        assert answered <= LIMITS.unanswered + 2  # what the kernel took, and what may be unanswered
        await pass_time(server, mock_clock, 2 + 30)
        assert server.switchboard.open_connections == 0


async def test_one_whose_body_takes_long_but_gets_on(
    server: Server, mock_clock: trio.testing.MockClock
) -> None:
    """As 120 kB do on a link of 64 kbit/s, of which something else takes the half."""
    client = await server.connect()
    request = post(b"x" * 120_000)
    for place in range(0, len(request), 4_000):
        await client.send(request[place : place + 4_000])
        await pass_time(server, mock_clock, 1)
    assert len((await client.response()).body) == 120_000


async def test_one_whose_body_gets_on_for_a_while_only(
    server: Server, mock_clock: trio.testing.MockClock
) -> None:
    client = await server.connect()
    await client.send(post(b"x" * 200_000)[:-200_000])
    for _ in range(30):
        await client.send(b"x" * 1_000)
        await pass_time(server, mock_clock, 1)
    assert server.switchboard.open_connections == 1
    await pass_time(server, mock_clock, 31)
    assert server.switchboard.open_connections == 0


async def test_one_whose_body_gets_on_for_ever(mock_clock: trio.testing.MockClock) -> None:
    async with serving(echo, limits=Limits(body_bytes=10_000_000, longest_seconds=60)) as server:
        client = await server.connect()
        await client.send(post(b"x" * 5_000_000)[:-5_000_000])
        for _ in range(59):
            assert server.switchboard.open_connections == 1
            await client.send(b"x" * 1_000)
            await pass_time(server, mock_clock, 1)
        await pass_time(server, mock_clock, 2)
        assert server.switchboard.open_connections == 0


async def test_one_who_takes_a_large_answer_slowly(mock_clock: trio.testing.MockClock) -> None:
    answer = b"x" * 5_000_000
    async with serving(lambda exchange: exchange.respond(200, answer), limits=LIMITS) as server:
        client = await server.connect()
        await client.send(post())
        taken = 0
        for _ in range(40):
            await server.settle()
            for _ in range(4):  # the kernel gives it out in pieces
                taken += len(await client.stream.receive_some(30_000))
            await pass_time(server, mock_clock, 1)
        assert taken < len(answer)
        assert server.switchboard.open_connections == 1
        await pass_time(server, mock_clock, 61)
        assert server.switchboard.open_connections == 0


async def test_what_one_sends_does_not_count_for_what_one_takes(mock_clock: trio.testing.MockClock) -> None:
    async with serving(lambda exchange: exchange.respond(200, b"x" * 20_000_000), limits=LIMITS) as server:
        client = await server.connect()
        await client.send(post())
        await server.settle()
        await client.send(post(b"x" * 200_000)[:-200_000])
        for _ in range(61):
            with suppress(trio.BrokenResourceError):
                await client.send(b"x" * 2_000)
            await pass_time(server, mock_clock, 1)
        assert server.switchboard.open_connections == 0


async def test_one_who_sends_a_hundred_megabytes_for_nothing(
    server: Server, mock_clock: trio.testing.MockClock
) -> None:
    client = await server.connect()
    await client.send(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 100000000\r\n\r\n")
    assert (await client.response()).status == 413
    sent = 0
    with suppress(trio.BrokenResourceError):
        while sent < 100_000_000:
            await client.send(b"x" * 100_000)
            sent += 100_000
            mock_clock.jump(0.1)
    assert sent < 10_000_000
    assert server.switchboard.open_connections == 0


async def test_nothing_ticks_while_nothing_can_expire(
    mock_clock: trio.testing.MockClock, holder: Holder
) -> None:
    async with serving(holder, limits=LIMITS) as server:
        client = await server.connect()
        await client.send(post())
        await pass_time(server, mock_clock, 3)
        assert trio.lowlevel.current_statistics().seconds_to_next_deadline == float("inf")
        holder.held[0].respond(200)
        await server.settle()
        assert trio.lowlevel.current_statistics().seconds_to_next_deadline <= 1
