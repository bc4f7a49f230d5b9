"""Clients that take a connection or a session and give nothing for it: all of it comes back in time.

Counted are the descriptors that the kernel says this process has, and the actors of the tree. The clients,
in the same process, never close theirs, so whatever is gone was taken back by the server.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

from cometary.sessions import Session
from tests.protocol.client import Connection, Recorder, World, serving

WAIT = 8.0
DIE = 4.0
STEP = 0.25
CROWD = 40


def descriptors() -> int:
    """How many descriptors this process has."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - no path, a question to the kernel


class Guard:
    """Counts what the server has, beside what there was when nobody had come."""

    def __init__(self, world: World, recorder: Recorder) -> None:
        self.world = world
        self.recorder = recorder
        self._before = descriptors()

    @property
    def connections(self) -> int:
        """The descriptors that the server has for its clients."""
        return descriptors() - self._before - len(self.world.connections)

    @property
    def actors(self) -> int:
        """The actors of sessions."""
        root = self.world.running.tree()
        [sessions] = [child for child in root.children if child.id == "sessions"]
        return sessions.count or 0

    async def open(self) -> tuple[Connection, str]:
        """Open a session, and return its connection and its id."""
        comet = await self.world.open()
        return comet.connection, comet.sid

    async def pass_time(self, clock: trio.testing.MockClock, seconds: float) -> None:
        for _ in range(round(seconds / STEP)):
            await self.world.pass_time(clock, STEP)


Zombie = Callable[[Guard], Awaitable[None]]


async def opens_a_session_and_no_more(guard: Guard) -> None:
    await guard.open()


async def connects_and_says_nothing(guard: Guard) -> None:
    await guard.world.connect()


async def stops_in_the_middle_of_a_head(guard: Guard) -> None:
    connection, _ = await guard.open()
    await connection.wire.send(b"POST /comet HTTP/1.1\r\nHost: ")


async def stops_in_the_middle_of_a_body(guard: Guard) -> None:
    connection, _ = await guard.open()
    await connection.wire.send(b"POST /comet HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{")


async def floods_with_requests(guard: Guard) -> None:
    """More than its session may release, more than its connection may have unanswered; none of it is read."""
    connection, sid = await guard.open()
    for rid in range(2, 60):
        await connection.send({"sid": sid, "rid": rid, "ack": 0})


async def floods_with_nonsense(guard: Guard) -> None:
    connection, _ = await guard.open()
    await connection.wire.send(b"\x00\xff nonsense \r\n\r\n" * 100)


async def closes_its_half_and_stays(guard: Guard) -> None:
    connection, sid = await guard.open()
    await connection.send({"sid": sid, "rid": 2})
    await guard.world.settle()
    connection.wire.half_close()


async def asks_for_much_and_reads_nothing(guard: Guard) -> None:
    """More than the kernel takes off the server's hands."""
    connection, sid = await guard.open()
    connection.wire.stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    session: Session = guard.recorder.sessions[-1]
    session.send("much", "x" * 8_000_000)
    await guard.world.settle()
    await connection.send({"sid": sid, "rid": 2})


async def vanishes_while_its_request_is_held(guard: Guard) -> None:
    connection, sid = await guard.open()
    await connection.send({"sid": sid, "rid": 2})


AT_ONCE: list[Zombie] = [
    opens_a_session_and_no_more,
    connects_and_says_nothing,
    stops_in_the_middle_of_a_head,
    stops_in_the_middle_of_a_body,
    floods_with_nonsense,
    closes_its_half_and_stays,
]
HELD: list[Zombie] = [vanishes_while_its_request_is_held, floods_with_requests]
"""These are noticed when the server has waited for a packet in vain, and answers."""

everybody = pytest.mark.parametrize(
    ("zombie", "seconds", "crowd"),
    [
        *[(zombie, DIE + 1, CROWD) for zombie in AT_ONCE],
        *[(zombie, WAIT + DIE + 1, CROWD) for zombie in HELD],
        (asks_for_much_and_reads_nothing, DIE + 1, 4),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)


@everybody
async def test_descriptors_and_actors_come_back_within_the_die_timer_and_a_second(
    zombie: Zombie, seconds: float, crowd: int, recorder: Recorder, mock_clock: trio.testing.MockClock
) -> None:
    async with serving(recorder.app, wait=WAIT, die=DIE, queue_bytes=1 << 24) as world:
        guard = Guard(world, recorder)
        for _ in range(crowd):
            await zombie(guard)
        await world.settle()
        assert guard.connections + guard.actors >= crowd  # there is something to come back
        await guard.pass_time(mock_clock, seconds)
        assert (guard.connections, guard.actors) == (0, 0)
        assert {reason for reason, _ in recorder.ended} <= {"timeout"}
        assert len(recorder.ended) == len(recorder.sessions)


async def test_one_who_sends_a_byte_at_a_time_has_no_longer(
    recorder: Recorder, mock_clock: trio.testing.MockClock
) -> None:
    async with serving(recorder.app, wait=WAIT, die=DIE) as world:
        guard = Guard(world, recorder)
        connections = [(await guard.open())[0] for _ in range(CROWD)]
        request = b"POST /comet HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n"
        for place in range(round((DIE + 1) / STEP)):
            for number, connection in enumerate(connections):
                if not connection.is_closed():  # half of them are in the head, half in the body
                    rest = request[place : place + 1] if number % 2 else request
                    await connection.wire.send(rest if place == 0 or number % 2 else b" ")
            await guard.pass_time(mock_clock, STEP)
        assert (guard.connections, guard.actors) == (0, 0)


async def test_those_who_behave_are_not_taken_for_zombies(
    recorder: Recorder, mock_clock: trio.testing.MockClock
) -> None:
    async with serving(recorder.app, wait=WAIT, die=DIE) as world:
        guard = Guard(world, recorder)
        client = await world.open()
        crowd = [await guard.open() for _ in range(CROWD)]
        for _ in range(3):
            await client.connection.send(client.body())
            await guard.pass_time(mock_clock, WAIT + STEP)
            assert await client.receive(client.connection) == []
        assert len(crowd) == CROWD
        assert (guard.connections, guard.actors) == (1, 1)
