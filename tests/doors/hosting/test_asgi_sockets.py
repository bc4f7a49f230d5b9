"""WebSockets of ASGI applications beside the sessions, on either loop, with the client of another implementation."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest
import trio
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from cometary.doors.hosting.asgi_socket import AsgiSocketCall
from tests.doors.hosting import asgi_sites as sites
from tests.doors.hosting.test_asgi import hosting, until
from tests.protocol.client import World


@pytest.fixture(autouse=True)
def afresh() -> None:
    for noted in (sites.stages, sites.pulled, sites.left):
        noted.clear()


@pytest.fixture(params=["asyncio", "trio"])
def loop(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@contextmanager
def chatting(world: World, path: str) -> Generator[ClientConnection]:
    url = world.running.urls["clients"].replace("http", "ws") + path
    with connect(url, subprotocols=[Subprotocol("chat")], open_timeout=20, compression=None) as socket:
        yield socket


def closed_with(socket: ClientConnection) -> tuple[int, str]:
    with pytest.raises(ConnectionClosed):
        socket.recv(timeout=20)
    return socket.protocol.close_code or 0, socket.protocol.close_reason or ""


async def test_messages_go_both_ways_and_the_application_says_how_it_ends(loop: str) -> None:
    def chat() -> list[object]:
        with chatting(world, "/chat") as socket:
            assert socket.response
            seen: list[object] = [socket.subprotocol, socket.response.headers["X-Room"]]
            for text in ("a", "b" * 100_000, "bye"):
                socket.send(text)
                seen.append(socket.recv(timeout=20) if text != "bye" else closed_with(socket))
            return seen

    async with hosting(loop) as world:
        seen = await trio.to_thread.run_sync(chat)
        assert seen == ["chat", "1", b"a", b"b" * 100_000, (4000, "so long")]


async def test_the_application_is_told_how_its_client_leaves(loop: str) -> None:
    def leave(code: int | None) -> None:
        with chatting(world, "/chat") as socket:
            socket.send("a")
            socket.recv(timeout=20)
            if code is None:
                socket.socket.close()
            else:
                socket.close(code)

    async with hosting(loop) as world:
        await trio.to_thread.run_sync(leave, 4321)
        await until(world, sites.left)
        await trio.to_thread.run_sync(leave, None)
        with trio.fail_after(20):
            while len(sites.left) < 2:
                await world.settle()
        assert sites.left == ["4321", "1006"]


@pytest.mark.parametrize(("path", "status"), [("/refuse", 403), ("/nowhere", 403)])
async def test_the_application_may_refuse_one(loop: str, path: str, status: int) -> None:
    def ask() -> int:
        with pytest.raises(InvalidStatus) as caught, chatting(world, path):
            pass
        return caught.value.response.status_code

    async with hosting(loop) as world:
        assert await trio.to_thread.run_sync(ask) == status


async def test_one_that_fails_is_closed_as_failed(loop: str, caplog: pytest.LogCaptureFixture) -> None:
    def ask() -> int:
        with chatting(world, "/break-off") as socket:
            return closed_with(socket)[0]

    async with hosting(loop) as world:
        assert await trio.to_thread.run_sync(ask) == 1011
    assert "a chat that fails" in caplog.text


async def test_an_application_that_does_not_read_as_fast_is_waited_for(
    loop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting: list[bool] = []
    came = AsgiSocketCall.came

    def noted(call: AsgiSocketCall, message: Any) -> None:
        waiting.append(call.has_room)
        came(call, message)

    def send() -> str:
        with chatting(world, "/count") as socket:
            for _ in range(sites.MANY):
                socket.send(b"x" * sites.CHUNK)
            return str(socket.recv(timeout=20))

    monkeypatch.setattr(AsgiSocketCall, "came", noted)
    async with hosting(loop) as world:
        assert await trio.to_thread.run_sync(send) == "all"
    assert len(sites.pulled) == sites.MANY
    assert all(waiting), "a message came although there was no room"


async def test_they_do_not_take_the_place_of_requests_and_are_told_when_the_server_stops(loop: str) -> None:
    stopped = trio.Event()

    def wait(token: trio.lowlevel.TrioToken) -> int:
        with chatting(world, "/chat") as first, chatting(world, "/chat") as second:
            for socket in (first, second):
                socket.send("a")
                socket.recv(timeout=20)
            token.run_sync_soon(stopped.set)
            return closed_with(first)[0]

    async def stop() -> None:
        await stopped.wait()
        world.running.stop()

    async with hosting(loop, asgi_requests=1) as world, trio.open_nursery() as nursery:
        nursery.start_soon(stop)
        assert await trio.to_thread.run_sync(wait, trio.lowlevel.current_trio_token()) == 1001
        await until(world, sites.left)
