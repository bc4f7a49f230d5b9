"""Sockets: a coroutine for each client, on every wire, and no one's crash is another's."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import pytest
import trio
from trio.testing import MockClock

from cometary import App, Session, Socket
from cometary.errors import UsageError
from tests.protocol.client import World, serving
from tests.transport.wires.socketio.talking import Frames, begun, framed, query


class Chat:
    """An application with sockets that note what happens to them."""

    def __init__(self, restart: Any = "temporary") -> None:
        self.app = App()
        self.sockets: list[Socket] = []
        self.heard: list[tuple[str, object]] = []
        self.ended: list[str] = []
        self.slow: trio.Event | None = None
        self.app.socket("/chat", restart=restart)(self.talk)
        self.app.signoff(self._note)

    def _note(self, _session: Session, reason: str, _undelivered: object) -> None:
        self.ended.append(reason)

    async def talk(self, socket: Socket) -> None:
        self.sockets.append(socket)
        await socket.send("welcome")
        async for message in socket:
            if self.slow is not None:
                await self.slow.wait()
            if message == "crash":
                raise ZeroDivisionError
            if message == "leave":
                return
            self.heard.append((socket.name, message))
            socket.broadcast(message)
        self.heard.append((socket.name, "gone"))


@pytest.fixture
def chat() -> Chat:
    return Chat()


@pytest.fixture
async def world(chat: Chat, mock_clock: MockClock) -> AsyncIterator[World]:
    async with serving(chat.app) as world:
        yield world


async def entered(world: World) -> Frames:
    """Open a connection by Socket.IO, and be in the chat."""
    socket = await begun(world)
    await socket.connect("/chat")
    assert await socket.hear() == ['42/chat,["message","welcome"]']
    return socket


async def test_each_client_of_a_namespace_is_a_coroutine(world: World, chat: Chat) -> None:
    first, second = await entered(world), await entered(world)
    one, other = chat.sockets
    assert one.connected
    await first.say('42/chat,["message","hello"]')
    assert await second.hear() == ['42/chat,["message","hello"]']
    await second.say('42/chat,["message",{"n":1}]')
    assert await first.hear() == ['42/chat,["message",{"n":1}]']
    await first.say("41/chat,")
    assert not one.connected
    assert other.connected
    assert chat.heard == [(one.name, "hello"), (other.name, {"n": 1}), (one.name, "gone")]


async def test_g1_a_broadcast_is_for_all_but_its_sender_and_whom_it_leaves_out(
    world: World, chat: Chat
) -> None:
    clients = [await entered(world) for _ in range(3)]
    first, second, _ = chat.sockets
    first.broadcast("not the second", exclude=[second])
    first.broadcast("all")
    assert await clients[1].hear() == ['42/chat,["message","all"]']
    assert await clients[2].hear(2) == ['42/chat,["message","not the second"]', '42/chat,["message","all"]']
    await first.send("only you", volatile=True)
    assert await clients[0].hear() == ['42/chat,["message","only you"]']


async def test_clients_on_other_wires_are_there_by_the_path(world: World, chat: Chat) -> None:
    socket = await entered(world)
    client = await world.open()
    held = await client.hold(("chat", "from a page"))
    assert await socket.hear() == ['42/chat,["message","from a page"]']
    assert await client.receive(held) == ["welcome"]
    await socket.say('42/chat,["message","from a socket"]')
    assert await client.poll() == ["from a socket"]
    listener = await world.open()
    await listener.hold(("::connect", {"paths": ["chat"]}))
    assert len(chat.sockets) == 3
    chat.sockets[2].session.kick()
    await world.settle()
    assert chat.heard[-1] == (chat.sockets[2].name, "gone")


async def test_g4_what_had_come_before_the_end_is_read_and_the_loop_ends_once(
    world: World, chat: Chat
) -> None:
    chat.slow = trio.Event()
    socket = await entered(world)
    for number in range(5):
        await socket.say(f'42/chat,["message",{number}]')
    await socket.say("1")
    assert chat.ended == ["closed"]
    chat.slow.set()
    await world.settle()
    name = chat.sockets[0].name
    assert chat.heard == [*[(name, number) for number in range(5)], (name, "gone")]


async def test_g9_who_talks_faster_than_it_is_heard_is_held_back(world: World, chat: Chat) -> None:
    chat.slow = trio.Event()
    socket = await entered(world)
    for number in range(150):
        await socket.say(f'42/chat,["message",{number}]')
    [session] = await world.sessions()
    assert 0 < session["unhandled"] < 150 - 100
    chat.slow.set()
    await world.settle()
    assert [message for _, message in chat.heard] == list(range(150))


async def test_a_socket_knows_what_its_client_has_shown_where_it_came_by_socketio(
    world: World, chat: Chat
) -> None:
    socket = await framed(world, query("websocket", more="&room=7"), {"X-Mine": "b"})
    await socket.hear()
    await socket.connect("/chat", {"name": "ada"})
    await (await world.open()).hold(("chat", "from a page"))
    shown, nothing = [socket.handshake for socket in chat.sockets]
    assert shown is not None
    assert (shown.auth, shown.query["room"], shown.headers["x-mine"]) == ({"name": "ada"}, "7", "b")
    assert nothing is None


async def test_a_crash_ends_its_own_socket_and_no_other(
    world: World, chat: Chat, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = await entered(world), await entered(world)
    await first.say('42/chat,["message","crash"]')
    assert await first.hear() == ["41/chat,"]
    assert chat.ended == ["kicked"]
    await first.connect("/chat")
    assert await first.hear() == ['42/chat,["message","welcome"]']
    await second.say('42/chat,["message","still here"]')
    assert await first.hear() == ['42/chat,["message","still here"]']
    assert "ZeroDivisionError" in caplog.text
    assert [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_a_function_that_returns_ends_its_socket(world: World, chat: Chat) -> None:
    socket = await entered(world)
    await socket.say('42/chat,["message","leave"]')
    assert await socket.hear() == ["41/chat,"]
    assert not chat.sockets[0].connected


async def test_by_another_policy_it_is_called_again_until_it_crashes_too_often(mock_clock: MockClock) -> None:
    chat = Chat(restart="transient")
    async with serving(chat.app) as world:
        socket = await entered(world)
        for _ in range(3):
            await socket.say('42/chat,["message","crash"]')
            assert await socket.hear() == ['42/chat,["message","welcome"]']
        assert len(set(chat.sockets)) == 1
        await socket.say('42/chat,["message","crash"]')
        assert await socket.hear() == ["41/chat,"]
    assert chat.ended == ["kicked"]


async def test_the_tree_shows_them(world: World) -> None:
    await entered(world)
    connection = await world.connect(control=True)
    tree = (await connection.get("/tree")).body
    [sockets] = [child for child in tree["children"] if child["id"] == "sockets"]
    [chat] = sockets["children"]
    assert (chat["id"], len(chat["children"])) == ("chat", 1)


async def test_the_main_namespace_has_them_too(mock_clock: MockClock) -> None:
    app = App()

    @app.socket("/")
    async def echo(socket: Socket) -> None:
        async for message in socket:
            await socket.send(message)

    async with serving(app) as world:
        socket = await begun(world)
        await socket.connect()
        await socket.say('42["message",1,2]')
        assert await socket.hear() == ['42["message",1,2]']


def test_what_cannot_be_is_refused_where_it_is_declared() -> None:
    app = App()

    async def talk(socket: Socket) -> None: ...

    app.socket("/chat")(talk)
    wrong: list[Any] = ["permanent", None]
    declarations: list[Callable[[], object]] = [
        lambda: app.socket("/chat"),
        lambda: app.socket("chat"),
        *[lambda restart=restart: app.socket("/a", restart=restart) for restart in wrong],
        lambda: app.socket("/b")(cast("Any", print)),
    ]
    for declare in declarations:
        with pytest.raises(UsageError):
            declare()
