"""A bridge between two sockets: every byte in its order, with a bound, and the end of one is told at the other."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager

import pytest
import trio
import trio.testing

from cometary.transport.net.bridge import BridgeEnd, Pace, bridge
from cometary.transport.net.buffered import MOST_UNSENT
from cometary.transport.net.poller import READABLE, unacknowledged
from cometary.transport.net.switchboard import Switchboard

BYTES = bytes(range(256)) * 8_192
"""More than the kernel keeps for two pairs of sockets."""

PACE = Pace(seconds=10.0, slowest=500, longest=120.0)

Ends = tuple[trio.SocketStream, trio.SocketStream, Switchboard]


@asynccontextmanager
async def bridged(*, tcp: bool = False) -> AsyncGenerator[Ends]:
    """The peer's end, that of the other process, and what serves the bridge between them."""
    peer, far = tcp_pair() if tcp else socket.socketpair()[::-1]
    process, near = socket.socketpair()
    far.settimeout(0)
    far.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8_192)
    async with trio.open_nursery() as nursery:
        switchboard = Switchboard([])
        nursery.start_soon(switchboard.serve)
        await trio.testing.wait_all_tasks_blocked()
        switchboard.add(bridge(far, near, switchboard, PACE))
        ours = [trio.SocketStream(trio.socket.from_stdlib_socket(sock)) for sock in (peer, process)]
        async with ours[0], ours[1]:
            yield ours[0], ours[1], switchboard
        nursery.cancel_scope.cancel()


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    """Two sockets connected to each other, of which the first takes little at once."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8_192)
        calling = socket.socket()
        calling.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8_192)
        calling.connect(listening.getsockname())
        return calling, listening.accept()[0]


def ends_of(switchboard: Switchboard) -> list[BridgeEnd]:
    """The two ends of the bridge, the far one first."""
    ends = [channel for channel in switchboard._channels.values() if isinstance(channel, BridgeEnd)]
    return sorted(ends, key=lambda end: end._pace is None)


async def all_of(stream: trio.SocketStream) -> bytes:
    return b"".join([bytes(data) async for data in stream])


async def part_of(stream: trio.SocketStream, size: int) -> bytes:
    """Receive so many bytes, fewer only when no more come."""
    come = bytearray()
    while len(come) < size and (piece := await stream.receive_some(size - len(come))):
        come += piece
    return bytes(come)


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


def reset(stream: trio.SocketStream) -> None:
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.socket.close()


async def settled() -> None:
    """Wait until nothing is ready any more; whatever is reported in every turn is never waited for."""
    with trio.move_on_after(5) as waiting:
        await trio.testing.wait_all_tasks_blocked(0.002)
    assert not waiting.cancelled_caught, "it is called again and again, for nothing"


async def answer_in_the_pair(process: trio.SocketStream, how_it_ends: str) -> bytes:
    """Answer with more than the far end takes at once, all of which the pair takes; then say no more."""
    said = b"".join(b"%07d\n" % line for line in range(12_000))
    with trio.fail_after(5):
        await process.send_all(said)
    if how_it_ends == "closed":
        await process.aclose()
    else:
        await process.send_eof()
    return said


@pytest.mark.parametrize("how_it_ends", ["closed", "shut"])
@pytest.mark.parametrize("tcp", [False, True], ids=["unix", "tcp"])
async def test_an_answer_behind_which_the_process_has_gone_comes_whole_to_a_peer_that_is_slow(
    how_it_ends: str, tcp: bool
) -> None:
    async with bridged(tcp=tcp) as (peer, process, switchboard):
        said = await answer_in_the_pair(process, how_it_ends)
        await settled()
        assert await all_of(peer) == said
        await trio.testing.wait_all_tasks_blocked()
        assert switchboard.open_connections == 0


async def test_an_answer_comes_whole_though_the_process_has_not_read_what_it_was_told() -> None:
    async with bridged() as (peer, process, switchboard), trio.open_nursery() as nursery:
        nursery.start_soon(peer.send_all, BYTES)
        await trio.testing.wait_all_tasks_blocked(0.002)
        said = await answer_in_the_pair(process, "closed")
        await trio.testing.wait_all_tasks_blocked(0.002)
        come = b""
        while len(come) < len(said):
            come += await peer.receive_some()
        assert come == said
        nursery.cancel_scope.cancel()
    assert switchboard.open_connections == 0


async def test_a_peer_that_never_reads_what_is_left_of_a_process_is_closed(
    autojump_clock: trio.testing.MockClock,
) -> None:
    autojump_clock.autojump_threshold = 0.002
    async with bridged() as (_peer, process, switchboard):
        said = await answer_in_the_pair(process, "closed")
        assert said
        await trio.sleep(PACE.seconds - 1)
        ends = ends_of(switchboard)
        assert len(ends) == 2
        await trio.sleep(3)
        assert switchboard.open_connections == 0
        assert [end._unsent for end in ends] == [None, None], "it is kept"


async def test_a_peer_that_takes_what_is_left_at_a_fair_pace_gets_all_of_it(
    mock_clock: trio.testing.MockClock,
) -> None:
    """The clock goes on when the peer has taken something, and then alone: a kernel takes its own time."""
    async with bridged(tcp=True) as (peer, process, switchboard):
        said, come = await answer_in_the_pair(process, "closed"), b""
        while piece := await part_of(peer, 16_384):
            come += piece
            mock_clock.jump(PACE.seconds - 1)
            await trio.testing.wait_all_tasks_blocked(0.002)
        assert come == said
        assert trio.current_time() > 2 * PACE.seconds, "it was not slow"
        assert switchboard.open_connections == 0


async def test_a_peer_that_has_taken_enough_in_one_period_has_another_one() -> None:
    async with bridged() as (_peer, process, switchboard):
        await answer_in_the_pair(process, "closed")
        await settled()
        far, _ = ends_of(switchboard)
        far._moved = unacknowledged(far.sock) + int(PACE.slowest * PACE.seconds)
        far.expire()
        assert switchboard.open_connections == 2
        far.expire()  # nothing was taken since then
        assert switchboard.open_connections == 0


async def test_how_long_a_peer_may_take_is_the_affair_of_a_process_that_is_there(
    autojump_clock: trio.testing.MockClock,
) -> None:
    autojump_clock.autojump_threshold = 0.002
    async with bridged() as (_peer, process, switchboard):
        await process.send_all(b"x" * 60_000)
        await trio.sleep(PACE.longest * 2)
        assert switchboard.open_connections == 2


async def test_a_peer_that_says_no_more_while_the_process_reads_nothing_is_heard_to_the_end() -> None:
    async with bridged() as (peer, process, _), trio.open_nursery() as nursery:

        async def say() -> None:
            await peer.send_all(BYTES)
            await peer.aclose()

        nursery.start_soon(say)
        await trio.testing.wait_all_tasks_blocked(0.002)
        come = b""
        while nursery.child_tasks:
            come += await process.receive_some()
            await trio.lowlevel.checkpoint()
        await settled()
        assert come + await all_of(process) == BYTES


async def test_a_process_that_answers_nothing_yet_is_told_that_its_peer_has_hung_up() -> None:
    async with bridged(tcp=True) as (peer, process, switchboard):
        await peer.send_all(b"question")
        await peer.send_eof()
        assert await all_of(process) == b"question"
        reset(peer)
        await settled()
        assert switchboard.open_connections == 0


async def test_what_was_reported_before_the_reading_stopped_is_no_end() -> None:
    async with bridged() as (peer, process, switchboard), trio.open_nursery() as nursery:
        nursery.start_soon(peer.send_all, BYTES)
        await trio.testing.wait_all_tasks_blocked(0.002)
        far, near = ends_of(switchboard)
        assert near._unsent is not None
        far.readable(READABLE)
        assert not far.says_no_more
        assert await part_of(process, len(BYTES)) == BYTES


async def test_a_peer_that_breaks_off_while_it_is_written_to_is_nobodys_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with bridged(tcp=True) as (peer, process, switchboard):
        await answer_in_the_pair(process, "closed")
        await settled()
        far, _ = ends_of(switchboard)
        assert far._unsent is not None
        reset(peer)
        await settled()
        assert switchboard.open_connections == 0
        assert not caplog.records


async def test_a_process_that_only_speaks_is_told_by_its_first_word_that_its_peer_has_hung_up() -> None:
    async with bridged(tcp=True) as (peer, process, switchboard), trio.open_nursery() as nursery:
        nursery.start_soon(peer.send_all, BYTES)
        await trio.testing.wait_all_tasks_blocked(0.002)
        nursery.cancel_scope.cancel()
        reset(peer)
        with trio.CancelScope(shield=True):
            await settled()
            assert switchboard.open_connections == 2, "it may still read what was said"
            await process.send_all(b"word")
            await settled()
            assert switchboard.open_connections == 0


async def test_the_kernel_keeps_little_for_a_peer_across_a_bridge() -> None:
    async with bridged(tcp=True) as (_peer, _process, switchboard):
        far, _ = ends_of(switchboard)
        assert far.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == MOST_UNSENT


@contextmanager
def without_standard_input() -> Generator[None]:
    """The system gives out the lowest descriptor that is free, which then is 0."""
    kept = os.dup(0)
    os.close(0)
    try:
        yield
    finally:
        os.dup2(kept, 0)
        os.close(kept)


async def test_a_server_without_standard_input_bridges_with_what_has_its_descriptor() -> None:
    with without_standard_input():
        async with bridged() as (peer, process, switchboard), trio.open_nursery() as nursery:
            assert 0 in switchboard._channels
            nursery.start_soon(peer.send_all, BYTES)
            await trio.testing.wait_all_tasks_blocked(0.002)
            assert await part_of(process, len(BYTES)) == BYTES
            await process.aclose()
            assert await all_of(peer) == b""
            await settled()
            assert switchboard.open_connections == 0
