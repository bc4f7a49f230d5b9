"""A bridge between two sockets: every byte in its order, with a bound, and the end of one is told at the other."""

from __future__ import annotations

import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import trio
import trio.testing

from cometary.transport.net.bridge import bridge
from cometary.transport.net.switchboard import Switchboard

BYTES = bytes(range(256)) * 8_192
"""More than the kernel keeps for two pairs of sockets."""

Ends = tuple[trio.SocketStream, trio.SocketStream, Switchboard]


@asynccontextmanager
async def bridged() -> AsyncGenerator[Ends]:
    """The peer's end, that of the other process, and what serves the bridge between them."""
    (peer, far), (process, near) = socket.socketpair(), socket.socketpair()
    far.settimeout(0)
    async with trio.open_nursery() as nursery:
        switchboard = Switchboard([])
        nursery.start_soon(switchboard.serve)
        await trio.testing.wait_all_tasks_blocked()
        switchboard.add(bridge(far, near, switchboard))
        ours = [trio.SocketStream(trio.socket.from_stdlib_socket(sock)) for sock in (peer, process)]
        async with ours[0], ours[1]:
            yield ours[0], ours[1], switchboard
        nursery.cancel_scope.cancel()


async def all_of(stream: trio.SocketStream) -> bytes:
    return b"".join([bytes(data) async for data in stream])


async def test_all_bytes_cross_in_both_directions_and_no_more_than_there_is_room_for() -> None:
    async with bridged() as (peer, process, _), trio.open_nursery() as nursery:
        nursery.start_soon(peer.send_all, BYTES)
        nursery.start_soon(process.send_all, BYTES[::-1])
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert nursery.child_tasks, "all of it is kept"
        for end, sent in ((process, BYTES), (peer, BYTES[::-1])):
            come = b""
            while len(come) < len(sent):
                come += await end.receive_some()
            assert come == sent


async def test_a_peer_that_says_no_more_is_still_answered() -> None:
    async with bridged() as (peer, process, switchboard):
        await peer.send_all(b"question")
        await peer.send_eof()
        assert await all_of(process) == b"question"
        async with trio.open_nursery() as nursery:

            async def answer() -> None:
                await process.send_all(BYTES)
                await process.aclose()

            nursery.start_soon(answer)
            assert await all_of(peer) == BYTES
        await trio.testing.wait_all_tasks_blocked()
        assert switchboard.open_connections == 0


async def test_a_process_that_has_gone_closes_the_connection_of_its_peer() -> None:
    async with bridged() as (peer, process, switchboard):
        await process.aclose()
        assert await all_of(peer) == b""
        await trio.testing.wait_all_tasks_blocked()
        assert switchboard.open_connections == 0


async def test_a_peer_that_has_gone_closes_the_end_of_the_process() -> None:
    async with bridged() as (peer, process, switchboard):
        with trio.move_on_after(1):
            await process.send_all(b"x" * 100)
        await peer.aclose()
        assert await all_of(process) == b""
        await process.aclose()
        await trio.testing.wait_all_tasks_blocked()
        assert switchboard.open_connections == 0
