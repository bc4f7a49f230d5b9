"""The server as one supervision tree: how it starts, what it survives, how it stops."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio
import trio.testing

from cometary.actors import ActorRef
from cometary.app import App
from cometary.config import Address, Settings
from cometary.dispatch.engine import LocalEngine
from cometary.server import Running, serve
from cometary.sessions import Session
from cometary.sessions.settings import session_settings
from tests.protocol.client import Recorder, World, serving


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
async def world(recorder: Recorder) -> AsyncIterator[World]:
    async with serving(recorder.app) as world:
        yield world


async def children(world: World) -> dict[str, dict[str, object]]:
    """What runs under the root."""
    connection = await world.connect(control=True)
    tree = (await connection.get("/tree")).body
    return {child["id"]: child for child in tree["children"]}


# -- start -----------------------------------------------------------------------------------------


async def test_it_says_where_it_listens() -> None:
    async with serving(comet="/push") as world:
        assert world.running.comet.startswith("http://127.0.0.1:")
        assert world.running.comet.endswith("/push")
        assert world.running.control.startswith("http://127.0.0.1:")
        assert (await world.connect()) is not (await world.connect(control=True))


@pytest.mark.parametrize("listener", ["port", "control"])
async def test_an_address_in_use_is_the_configurations_fault(listener: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = (
            Settings(port=port, control=Address("127.0.0.1", 0))
            if listener == "port"
            else Settings(port=0, control=Address("127.0.0.1", port))
        )
        with pytest.RaisesGroup(OSError, flatten_subgroups=True, allow_unwrapped=True):
            await serve(settings)


async def test_all_its_parts_are_in_the_tree(world: World) -> None:
    tree = await children(world)
    assert {name: child["state"] for name, child in tree.items()} == {
        "dispatcher": "running",
        "control": "running",
        "sessions": "running",
        "front-end": "running",
    }


async def test_two_servers_run_side_by_side() -> None:
    first_app, second_app = Recorder(), Recorder()
    async with serving(first_app.app) as first, serving(second_app.app) as second:
        client = await first.open()
        await second.open()
        for recorder in (first_app, second_app):
            recorder.sessions[0].connect("news")
        second_app.app.update("news", "second")
        first_app.app.update("news", "first")
        assert await client.poll() == ["first"]


def test_every_limit_of_sessions_comes_from_the_settings() -> None:
    settings = Settings(
        wait=1, die=2, requests=3, queue_packets=4, queue_bytes=5000, response_bytes=6000, max_sessions=7
    )
    limits = session_settings(settings)
    assert (limits.wait, limits.die, limits.requests) == (1, 2, 3)
    assert (limits.max_queued_packets, limits.max_queued_bytes) == (4, 5000)
    assert (limits.max_response_bytes, limits.max_sessions) == (6000, 7)
    limits = session_settings(
        Settings(
            request_packets=1,
            packets_per_second=2,
            packet_burst=3,
            address_packets_per_second=4,
            address_packet_burst=5,
        )
    )
    assert (limits.max_request_packets, limits.packets_per_second, limits.packet_burst) == (1, 2, 3)
    assert (limits.address_packets_per_second, limits.address_packet_burst) == (4, 5)


# -- what it survives ------------------------------------------------------------------------------


def dispatcher(app: App) -> ActorRef[Any]:
    """The dispatcher that the application has been given."""
    assert app._hub is not None
    engine = app._hub._engine
    assert isinstance(engine, LocalEngine)
    assert engine._dispatcher is not None
    return engine._dispatcher


async def test_a_dispatcher_that_is_killed_is_there_again_with_all_connections(
    world: World, recorder: Recorder
) -> None:
    client = await world.open()
    recorder.sessions[0].connect("news")
    held = await client.hold()
    dispatcher(recorder.app).kill()
    await world.settle()
    recorder.app.update("news", "goes on")
    assert await client.receive(held) == ["goes on"]
    assert (await children(world))["dispatcher"]["restarts"] == 1


async def test_sessions_whose_supervisor_dies_fail_and_new_ones_open(
    world: World, recorder: Recorder
) -> None:
    """They die with it; their clients and the application are told, none waits for ever."""
    client = await world.open()
    recorder.sessions[0].send("a", "undelivered")
    quiet = await world.open()
    held = await quiet.hold()
    supervisor = world.running._manager._supervisor
    assert supervisor is not None
    supervisor.actor_ref.kill()
    await world.settle()
    assert (await held.answer()).body["reason"] == "failed"
    assert (await client.ask()).body["reason"] == "failed"
    assert sorted(recorder.ended) == [("failed", []), ("failed", ["undelivered"])]
    newer = await world.open()
    recorder.sessions[-1].send("a", 1)
    assert await newer.poll() == [1]


# -- stop ------------------------------------------------------------------------------------------


async def run(settings: Settings, app: App, running: list[Running], ended: trio.Event) -> None:
    """Serve until stopped, and tell."""
    async with trio.open_nursery() as nursery:
        running.append(await nursery.start(serve, settings, app))
    ended.set()


async def test_serve_returns_when_it_is_stopped() -> None:
    recorder = Recorder()
    running: list[Running] = []
    ended = trio.Event()
    settings = Settings(port=0, control=Address("127.0.0.1", 0))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run, settings, recorder.app, running, ended)
        await trio.testing.wait_all_tasks_blocked(0.01)
        world = World(running[0], recorder.app)
        client = await world.open()
        held = await client.hold()
        assert not ended.is_set()
        world.running.stop()
        with trio.fail_after(60):
            assert (await held.answer()).body["reason"] == "shutdown"
            for connection in world.connections:
                connection.wire.stream.socket.close()
            await ended.wait()
    assert recorder.ended == [("shutdown", [])]


async def test_an_async_signoff_may_finish_first() -> None:
    app = App()
    done: list[str] = []
    finished = trio.Event()

    @app.signoff
    async def left(session: Session, reason: str, _undelivered: object) -> None:
        await trio.sleep(0.01)
        done.append(f"{reason}: {session.data['user']}")
        finished.set()

    @app.signon
    def joined(session: Session) -> None:
        session.data["user"] = "ada"

    async with serving(app) as world:
        await world.open()
        world.running.stop()
        with trio.fail_after(60):
            await finished.wait()
    assert done == ["shutdown: ada"]


async def test_a_stop_refuses_new_connections(world: World) -> None:
    await world.open()
    world.running.stop()
    await world.settle()
    with pytest.raises(OSError, match="connect"):
        await world.connect()
