"""The held request: its time runs out, its socket drops, the client goes away."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio.testing

from tests.protocol.client import Comet, Connection, Recorder, World, serving


async def close(connection: Connection) -> None:
    await connection.wire.stream.aclose()


async def reset(connection: Connection) -> None:
    connection.wire.reset()


async def half_close(connection: Connection) -> None:
    connection.wire.half_close()


Leave = Callable[[Connection], Awaitable[None]]
LEAVING = pytest.mark.parametrize("leave", [close, reset, half_close])


async def state(world: World) -> str:
    [session] = await world.sessions()
    return str(session["state"])


@LEAVING
async def test_a_dropped_socket_is_noticed_at_once_and_the_next_packet_waits_for_the_next_request(
    world: World, recorder: Recorder, leave: Leave
) -> None:
    client = await world.open()
    held = await client.hold()
    await leave(held)
    await world.settle()
    assert await state(world) == "waiting"
    recorder.sessions[0].send("a", "kept")
    assert await client.poll() == ["kept"]


@LEAVING
async def test_a_drop_starts_the_die_timer(
    recorder: Recorder, mock_clock: trio.testing.MockClock, leave: Leave
) -> None:
    async with serving(recorder.app) as world:
        client = await world.open()
        held = await client.hold()
        await world.pass_time(mock_clock, 50)
        await leave(held)
        await world.pass_time(mock_clock, 44.9)
        assert recorder.ended == []
        await world.pass_time(mock_clock, 0.2)
        assert recorder.ended == [("timeout", [])]


async def test_the_drop_of_both_pipelined_requests_is_noticed(world: World, recorder: Recorder) -> None:
    client = await world.open()
    connection = await client.hold()
    await connection.send(client.body())
    await world.settle()
    connection.wire.reset()
    await world.settle()
    assert await state(world) == "waiting"
    recorder.sessions[0].send("a", 1)
    assert await client.poll() == [1]


async def test_the_drop_of_an_early_request_forgets_it(world: World, recorder: Recorder) -> None:
    client = await world.open()
    early = await client.hold(("a", "lost"), rid=3)
    early.wire.reset()
    await world.settle()
    client.rid = 1
    await client.hold(("a", 2))
    await client.hold(("a", 3))
    assert recorder.packets == [("a", 2), ("a", 3)]


async def test_packets_of_a_request_whose_socket_dropped_were_handed_over(
    world: World, recorder: Recorder
) -> None:
    client = await world.open()
    held = await client.hold(("a", 1))
    held.wire.reset()
    await client.hold(("a", 2))
    assert recorder.packets == [("a", 1), ("a", 2)]


async def test_a_dropped_older_request_leaves_the_held_one(world: World, recorder: Recorder) -> None:
    client = await world.open()
    older = await client.hold()
    newer = await client.hold()
    older.wire.reset()
    await world.settle()
    assert await state(world) == "have_request"
    recorder.sessions[0].send("a", 1)
    assert await client.receive(newer) == [1]


async def test_a_held_request_is_answered_empty_when_wait_runs_out(
    recorder: Recorder, mock_clock: trio.testing.MockClock
) -> None:
    async with serving(recorder.app) as world:
        client = await world.open()
        held = await client.hold()
        await world.pass_time(mock_clock, 59.9)
        assert await state(world) == "have_request"
        await world.pass_time(mock_clock, 0.1)
        assert await client.receive(held) == []
        assert await state(world) == "waiting"


async def test_a_client_that_wants_less_is_answered_sooner(
    recorder: Recorder, mock_clock: trio.testing.MockClock
) -> None:
    async with serving(recorder.app) as world:
        client = await world.open(wait=5)
        held = await client.hold()
        await world.pass_time(mock_clock, 5)
        assert await client.receive(held) == []


async def test_a_client_that_keeps_asking_lives_for_ever(
    recorder: Recorder, mock_clock: trio.testing.MockClock
) -> None:
    async with serving(recorder.app) as world:
        client = await world.open()
        for _ in range(20):
            held = await client.hold()
            await world.pass_time(mock_clock, 60)
            assert await client.receive(held) == []
            await world.pass_time(mock_clock, 44)
        assert recorder.ended == []


@pytest.mark.parametrize("waiting", [0, 3])
async def test_a_client_that_never_asks_is_gone_after_die(
    recorder: Recorder, mock_clock: trio.testing.MockClock, waiting: int
) -> None:
    async with serving(recorder.app) as world:
        await world.open()
        for number in range(waiting):
            recorder.sessions[0].send("a", number)
        await world.pass_time(mock_clock, 44.9)
        assert recorder.ended == []
        await world.pass_time(mock_clock, 0.1)
        assert recorder.ended == [("timeout", list(range(waiting)))]
        assert await world.sessions() == []


async def test_a_packet_for_the_client_is_no_sign_of_life(
    recorder: Recorder, mock_clock: trio.testing.MockClock
) -> None:
    async with serving(recorder.app) as world:
        await world.open()
        for _ in range(9):
            await world.pass_time(mock_clock, 5)
            if recorder.ended:
                break
            recorder.sessions[0].send("a", 1)
        assert recorder.ended == [("timeout", [1] * 8)]


async def test_an_idle_connection_is_closed_after_its_time_but_a_held_one_is_not(
    recorder: Recorder, mock_clock: trio.testing.MockClock
) -> None:
    async with serving(recorder.app, wait=200, die=90) as world:
        client = await world.open()
        held = await client.hold()
        await world.pass_time(mock_clock, 74)
        assert not client.connection.is_closed()
        await world.pass_time(mock_clock, 2)
        await world.pass_time(mock_clock, 1)
        assert client.connection.is_closed()
        assert not held.is_closed()
        recorder.sessions[0].send("a", 1)
        assert await client.receive(held) == [1]


async def test_many_clients_hold_at_once_and_each_gets_its_own(recorder: Recorder) -> None:
    async with serving(recorder.app) as world:
        clients: list[tuple[Comet, Connection]] = []
        for _ in range(50):
            client = await world.open()
            clients.append((client, await client.hold()))
        for number, session in enumerate(recorder.sessions):
            session.send("a", number)
        for number, (client, held) in enumerate(clients):
            assert await client.receive(held) == [number]
