"""Channels that keep what the kernel does not take: nothing is lost, and who gets on too slowly is not waited for."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

import pytest
import trio
from trio.testing import MockClock

from cometary.transport.net.buffered import BufferedChannel
from cometary.transport.net.channel import Floor
from cometary.transport.net.listener import Listener
from cometary.transport.net.switchboard import Listen, Switchboard

PERIOD = 10.0
SLOWEST = 10_000
LONGEST = 60.0
ALL = bytes(range(251)) * 80_000
SMALL = 8 * 1024
"""Bytes of the kernel's buffers at each end, far fewer than have to move in a period."""
LARGE = 1024 * 1024
"""The same, and far more."""


class Sayer(BufferedChannel):
    """Says `ALL`, and takes what it is told, while that gets on. A full stop ends one thing that it is told; after an
    exclamation mark it waits but for a second."""

    buffer = SMALL

    def __init__(self, sock: socket.socket, peer: str, floor: Floor) -> None:
        super().__init__(sock, floor)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.buffer)
        self._pace = floor.deadline("pace", PERIOD)
        self._moment = floor.deadline("moment", 1)
        self.times_closed = 0

    def start(self) -> None:
        self.say(ALL)

    def say(self, data: bytes) -> None:
        self._send(data)
        self._expect(self._pace)
        self._watch(reading=True, writing=self._unsent is not None)

    def readable(self, bits: int) -> None:
        data = self.sock.recv(self._floor.read_bytes)
        self._moved += len(data)
        if not data:
            self.close()
        elif data.endswith(b"."):
            self._expect(None)
            self._expect(self._pace)
        elif data.endswith(b"!"):
            self._expect(self._moment)

    def writable(self) -> None:
        self._send_rest()
        if not self.times_closed:
            self._watch(reading=True, writing=self._unsent is not None)

    def expire(self) -> None:
        if not self._gets_on(slowest=SLOWEST, longest=LONGEST):
            self.close()

    def closed(self) -> None:
        self.times_closed += 1


class Listening(Sayer):
    """Says nothing."""

    def start(self) -> None:
        self.say(b"")


class Hearing(Listening):
    """Keeps what it has read last."""

    heard: bytes | None = None

    def readable(self, bits: int) -> None:
        self.heard = self._read_once()


class Eager(Sayer):
    """May send much before its peer takes it."""

    buffer = LARGE


class Pair:
    """A channel on its switchboard, and its peer."""

    def __init__(self, board: Switchboard, clock: MockClock, peer: trio.socket.SocketType) -> None:
        self.board, self.clock, self.peer = board, clock, peer

    @property
    def channel(self) -> Sayer:
        (channel,) = self.board._channels.values()
        assert isinstance(channel, Sayer)
        return channel

    @property
    def open(self) -> bool:
        return self.board.open_connections == 1

    async def pass_seconds(self, seconds: int, *, taking: int = 0, telling: int = 0) -> None:
        """Let time go by; `taking` and `telling` so many bytes in each second."""
        for _ in range(seconds):
            left = taking
            while left:
                left -= len(await self.peer.recv(min(left, 1000)))
            with suppress(OSError):
                await self.peer.send(b"x" * telling)
            await trio.testing.wait_all_tasks_blocked(0.002)
            self.clock.jump(1)
        await trio.testing.wait_all_tasks_blocked(0.002)


@asynccontextmanager
async def paired(kind: type[Sayer], clock: MockClock, buffer: int = SMALL) -> AsyncGenerator[Pair, None]:
    board = Switchboard([Listen(kind)])
    async with trio.open_nursery() as nursery:
        [address] = await nursery.start(board.serve)
        with trio.socket.socket() as peer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            await peer.connect(address)
            await trio.testing.wait_all_tasks_blocked(0.002)
            yield Pair(board, clock, peer)
        nursery.cancel_scope.cancel()


async def test_no_byte_is_lost_where_the_kernel_takes_nothing_although_it_was_asked(
    mock_clock: MockClock,
) -> None:
    async with paired(Sayer, mock_clock) as pair:
        left = 0
        while left != pair.channel._left():
            left = pair.channel._left()
            pair.channel._send_rest()
        assert left > 0
        taken = bytearray()
        while len(taken) < len(ALL):
            taken += await pair.peer.recv(1 << 20)
        assert taken == ALL


@pytest.mark.parametrize(("kind", "buffer"), [(Sayer, SMALL), (Eager, LARGE)])
async def test_who_takes_it_at_a_fair_pace_is_waited_for_however_much_is_on_its_way(
    kind: type[Sayer], buffer: int, mock_clock: MockClock
) -> None:
    async with paired(kind, mock_clock, buffer) as pair:
        await pair.pass_seconds(55, taking=4 * SLOWEST)
        assert pair.open


@pytest.mark.parametrize("kind", [Sayer, Eager])
async def test_who_takes_nothing_is_not_waited_for_however_much_is_on_its_way(
    kind: type[Sayer], mock_clock: MockClock
) -> None:
    async with paired(kind, mock_clock) as pair:
        await pair.pass_seconds(9)
        assert pair.open
        await pair.pass_seconds(2)
        assert not pair.open


async def test_who_takes_it_too_slowly_is_not_waited_for(mock_clock: MockClock) -> None:
    async with paired(Sayer, mock_clock) as pair:
        await pair.pass_seconds(11, taking=SLOWEST // 5)
        assert not pair.open


async def test_what_was_taken_in_one_period_does_not_count_in_the_next(mock_clock: MockClock) -> None:
    async with paired(Sayer, mock_clock) as pair:
        await pair.pass_seconds(11, taking=8 * SLOWEST)
        assert pair.open
        await pair.pass_seconds(10)
        assert not pair.open


@pytest.mark.parametrize(("missing", "stays"), [(0, True), (1, False)])
async def test_exactly_the_slowest_pace_is_fair(missing: int, stays: bool, mock_clock: MockClock) -> None:
    async with paired(Listening, mock_clock) as pair:
        await pair.pass_seconds(1, telling=SLOWEST - missing)
        await pair.pass_seconds(9, telling=SLOWEST)
        await pair.pass_seconds(1)
        assert pair.open is stays


async def test_what_came_for_one_thing_does_not_count_for_the_next(mock_clock: MockClock) -> None:
    async with paired(Listening, mock_clock) as pair:
        await pair.pass_seconds(5, telling=10 * SLOWEST)
        await pair.peer.send(b".")
        await pair.pass_seconds(11)
        assert not pair.open


async def test_each_thing_that_is_waited_for_has_the_longest_time(mock_clock: MockClock) -> None:
    async with paired(Listening, mock_clock) as pair:
        for _ in range(2):
            await pair.pass_seconds(55, telling=2 * SLOWEST)
            assert pair.open
            await pair.peer.send(b".")
        await pair.pass_seconds(58, telling=2 * SLOWEST)
        assert pair.open
        await pair.pass_seconds(5, telling=2 * SLOWEST)
        assert not pair.open


async def test_nobody_is_cut_off_too_early_however_long_ago_the_last_look_at_the_times_was(
    mock_clock: MockClock,
) -> None:
    """There is a look once a second, here at whole seconds."""
    async with paired(Listening, mock_clock) as pair:
        with trio.socket.socket() as other:
            await other.connect(pair.peer.getpeername())
            await pair.pass_seconds(1)
            for peer in (pair.peer, other):
                mock_clock.jump(0.75)
                await peer.send(b"!")
                await trio.testing.wait_all_tasks_blocked(0.002)
                mock_clock.jump(0.25)
                await trio.testing.wait_all_tasks_blocked(0.002)
            assert pair.board.open_connections == 1
            await pair.pass_seconds(1)
            assert pair.board.open_connections == 0


async def test_one_that_has_closed_is_told_once_and_is_waited_for_no_longer(mock_clock: MockClock) -> None:
    async with paired(Sayer, mock_clock) as pair:
        channel = pair.channel
        channel.close()
        assert not pair.open
        assert not pair.board.deadlines
        channel.close()
        assert channel.times_closed == 1


async def test_what_comes_what_goes_and_what_is_refused_is_counted(mock_clock: MockClock) -> None:
    async with paired(Hearing, mock_clock) as pair:
        channel, traffic = pair.channel, pair.board.traffic
        await pair.peer.send(b"12345")
        await trio.testing.wait_all_tasks_blocked(0.002)
        assert isinstance(channel, Hearing)
        assert channel.heard == b"12345"
        channel.say(b"123")
        channel.note_refusal("gone")
        assert (traffic.received, traffic.sent, traffic.refused) == (5, 3, {"gone": 1})


async def test_one_whose_peer_takes_nothing_any_more_is_closed(mock_clock: MockClock) -> None:
    async with paired(Listening, mock_clock) as pair:
        channel = pair.channel
        channel.sock.shutdown(socket.SHUT_WR)  # as if the peer had gone
        channel._send(b"1")
        assert not pair.open
        assert channel.times_closed == 1


async def test_a_server_without_standard_input_closes_what_has_its_descriptor(mock_clock: MockClock) -> None:
    """The system gives out the lowest descriptor that is free, which then is 0."""
    kept = os.dup(0)
    try:
        os.close(0)
        listening = socket.create_server(("127.0.0.1", 0))
        assert listening.fileno() == 0
        listening.setblocking(False)
        board = Switchboard([])
        board.poller.watch(0)
        listener = Listener(listening, Sayer, board, 10)
        listener.close()
        assert listening.fileno() == -1
        one, other = socket.socketpair()
        assert one.fileno() == 0
        one.setblocking(False)
        board.add(channel := Sayer(one, "", board))
        channel.close()
        assert one.fileno() == -1
        other.close()
        board.poller.close()
    finally:
        os.dup2(kept, 0)
        os.close(kept)
