"""What every engine has to do: each test here is run with each of them, on a node that publishes and one that hears.

An engine of one node only is both. A new engine is put into `ENGINES`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from cometary import App
from cometary.actors import Actor, Future, current_system, system
from cometary.config import Address, Settings
from cometary.dispatch.dispatcher import Dispatcher, Table
from cometary.dispatch.engine import Engine, LocalEngine
from cometary.dispatch.history import Histories
from cometary.dispatch.hub import Hub
from cometary.errors import MailboxFullError, UsageError
from cometary.packets.contract import make_contract
from cometary.packets.contract_table import Contracts
from cometary.packets.patterns import Pattern
from cometary.server.tree import Server
from cometary.sessions import Packet, Session, SessionManager, SessionSettings
from tests.dispatch.broker import Broker, BrokerEngine
from tests.protocol.client import World

Make = Callable[[], Sequence[Engine]]


def local() -> Sequence[Engine]:
    return [LocalEngine()]


def local_that_keeps() -> Sequence[Engine]:
    contracts = Contracts([(Pattern.compile("**"), make_contract(history=9))])
    return [LocalEngine(Histories(contracts, "epoch", trio.current_time))]


def with_a_broker() -> Sequence[Engine]:
    broker = Broker.start()
    return [BrokerEngine(broker), BrokerEngine(broker)]


ENGINES = [local, local_that_keeps, with_a_broker]


class Listener(Actor):
    """Keeps what it gets."""

    def __init__(self, got: list[Packet]) -> None:
        super().__init__()
        self._got = got

    def on_receive(self, message: Any) -> None:
        self._got.append(message)


class Node:
    """What there is of a server around its engine."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.table: Table = Table()
        self._manager = SessionManager(SessionSettings(), App())
        self.hub = Hub(self._manager, self.table, engine=engine, start_soon=current_system().start_soon)

    def start_dispatcher(self) -> None:
        Dispatcher.start(self.table, self.engine.attach, flow=self._manager.flow)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Let the engine run."""
        async with trio.open_nursery() as nursery:
            if self.engine.run is not None:
                nursery.start_soon(self.engine.run)
            yield
            nursery.cancel_scope.cancel()

    def publish(self, path: str, *messages: object) -> list[Future[None] | None]:
        return [self.hub.publish(Packet(path, message)) for message in messages]


class Ear:
    """Somebody who hears on a node."""

    def __init__(self, node: Node) -> None:
        self._got: list[Packet] = []
        self._table = node.table
        self._ref = Listener.start(self._got)

    def subscribe(self, *patterns: str) -> None:
        for pattern in patterns:
            self._table.subscribe(pattern, self._ref)

    def leave(self) -> None:
        self._table.drop(self._ref)

    def heard(self, path: str) -> list[object]:
        return [packet.message for packet in self._got if packet.path == path]


@pytest.fixture(params=ENGINES)
async def nodes(request: pytest.FixtureRequest) -> AsyncIterator[list[Node]]:
    """Of one node or several, none of which has begun."""
    async with system():
        yield [Node(engine) for engine in request.param()]


@pytest.fixture
async def running(nodes: list[Node]) -> AsyncIterator[list[Node]]:
    async with AsyncExitStack() as stack:
        for node in nodes:
            node.start_dispatcher()
            await stack.enter_async_context(node.running())
        await wait_all_tasks_blocked()
        yield nodes


async def test_v6_what_one_publishes_to_one_path_is_heard_everywhere_once_and_in_order(
    running: list[Node],
) -> None:
    ears = [Ear(node) for node in running for _ in range(2)]
    for ear in ears:
        ear.subscribe("path/*", "path/1", "**")
    for number in range(300):
        running[0].publish(f"path/{number % 3}", number)
    await wait_all_tasks_blocked()
    for ear in ears:
        for path in range(3):
            assert ear.heard(f"path/{path}") == list(range(path, 300, 3))


async def test_v11_what_was_passed_on_is_not_published_again(running: list[Node]) -> None:
    ears = [Ear(node) for node in running]
    for ear in ears:
        ear.subscribe("**")
    for number, node in enumerate(running):
        node.publish("path", number)
    await wait_all_tasks_blocked()
    for ear in ears:
        assert sorted(map(str, ear.heard("path"))) == [str(number) for number in range(len(running))]


async def test_from_another_thread_as_well(running: list[Node]) -> None:
    ear = Ear(running[-1])
    ear.subscribe("a")
    await trio.to_thread.run_sync(running[0].publish, "a", *range(100))
    await wait_all_tasks_blocked()
    assert ear.heard("a") == list(range(100))


async def test_an_update_is_taken_at_once_or_later_and_whether_anybody_hears_it_or_not(
    running: list[Node],
) -> None:
    taken = running[0].publish("nobody/hears/it", 1, 2, 3)
    await wait_all_tasks_blocked()
    assert all(each is None or each.done() for each in taken)
    for each in taken:
        assert each is None or each.get() is None


async def test_whoever_subscribes_hears_all_that_is_published_on_the_same_node_behind_that(
    running: list[Node],
) -> None:
    """What was published before, it hears in front of that, or never."""
    for node in running:
        ear = Ear(node)
        node.publish("a", "before")
        ear.subscribe("a")
        node.publish("a", 1, 2)
        await wait_all_tasks_blocked()
        assert ear.heard("a") in ([1, 2], ["before", 1, 2])


async def test_what_nobody_subscribes_to_any_more_is_heard_by_nobody_and_may_be_wanted_again(
    running: list[Node],
) -> None:
    first, second = Ear(running[-1]), Ear(running[-1])
    first.subscribe("a", "b/*")
    second.subscribe("a")
    first.leave()
    await wait_all_tasks_blocked()
    running[0].publish("a", 1)
    running[0].publish("b/c", 2)
    await wait_all_tasks_blocked()
    assert (second.heard("a"), first.heard("a"), first.heard("b/c")) == ([1], [], [])
    second.leave()
    await wait_all_tasks_blocked()
    running[0].publish("a", 3)
    await wait_all_tasks_blocked()
    second.subscribe("a")
    await wait_all_tasks_blocked()
    running[0].publish("a", 4)
    await wait_all_tasks_blocked()
    assert second.heard("a")[-1] == 4


async def test_before_anybody_routes_on_a_node_nothing_is_published_there(nodes: list[Node]) -> None:
    async with nodes[0].running():
        await wait_all_tasks_blocked()
        with pytest.raises(UsageError, match="no server runs"):
            nodes[0].publish("a", 1)
        nodes[0].start_dispatcher()
        await wait_all_tasks_blocked()
        nodes[0].publish("a", 1)


async def test_what_is_published_while_run_does_not_waits_for_it(nodes: list[Node]) -> None:
    """It has not begun, or has crashed and is called again: neither loses anything, nor makes disorder."""
    ear = Ear(nodes[0])
    ear.subscribe("a")
    nodes[0].start_dispatcher()
    await wait_all_tasks_blocked()
    nodes[0].publish("a", 1, 2)
    for life in range(2):
        async with nodes[0].running():
            await wait_all_tasks_blocked()
            nodes[0].publish("a", f"in {life}")
            await wait_all_tasks_blocked()
        nodes[0].publish("a", f"behind {life}")
    async with nodes[0].running():
        await wait_all_tasks_blocked()
    assert ear.heard("a") == [1, 2, "in 0", "behind 0", "in 1", "behind 1"]


async def test_a_dispatcher_that_starts_again_goes_on(running: list[Node]) -> None:
    ear = Ear(running[-1])
    ear.subscribe("a")
    running[-1].start_dispatcher()
    await wait_all_tasks_blocked()
    running[0].publish("a", 1)
    await wait_all_tasks_blocked()
    assert ear.heard("a") == [1]


def publish_all_that_is_taken(node: Node) -> int:
    """Publish, without a turn for anybody, till that is refused; returns how many were taken."""
    for number in range(100_001):
        try:
            node.publish("a", number)
        except MailboxFullError:
            return number
    raise AssertionError("nothing was refused")


async def test_far_too_much_is_refused_where_it_is_published_and_the_rest_arrives(
    running: list[Node],
) -> None:
    ear = Ear(running[0])
    ear.subscribe("a")
    published = publish_all_that_is_taken(running[0])
    await wait_all_tasks_blocked()
    assert ear.heard("a") == list(range(published))
    running[0].publish("a", "again")
    await wait_all_tasks_blocked()
    assert ear.heard("a")[-1] == "again"


async def test_a_history_has_no_more_than_is_asked_for_and_does_not_claim_what_it_has_not(
    running: list[Node],
) -> None:
    running[0].publish("a", *range(5))
    await wait_all_tasks_blocked()
    for limit in (0, 2, 10):
        history = await running[-1].engine.history("a", None, limit)
        messages = [packet.message for packet in history.packets]
        assert len(messages) <= limit
        assert messages == list(range(5))[5 - len(messages) :]
        assert history.at is not None or not messages
        assert not history.complete or messages == list(range(5))[-limit or 5 :]


# -- a server with another engine ------------------------------------------------------------------


async def test_servers_that_are_joined_by_another_engine_are_one_to_whoever_publishes() -> None:
    """Nothing but the engine is another one."""
    apps = [App(), App()]
    for app in apps:

        @app.signon
        def connect(session: Session) -> None:
            session.connect("news")

    settings = Settings(port=0, control=Address("127.0.0.1", 0))
    async with system() as actors, AsyncExitStack() as stack:
        worlds: list[World] = []
        for app, engine in zip(apps, with_a_broker(), strict=True):
            server = Server(settings, app, None, actors, engine=engine)
            running = await stack.enter_async_context(server.running(trio.Event()))
            worlds.append(World(running, app))
        clients = [await world.open() for world in worlds]
        held = [await client.hold() for client in clients]
        answer = await worlds[0].control("/update", {"path": "news", "message": "from a back-end"})
        assert answer.status == 200
        for client, request in zip(clients, held, strict=True):
            assert await client.receive(request) == ["from a back-end"]
        held = [await client.hold() for client in clients]
        apps[1].update("news", "from the other one")
        for client, request in zip(clients, held, strict=True):
            assert await client.receive(request) == ["from the other one"]
        children = [child.id for child in worlds[0].running.tree().children]
        assert children[:2] == ["engine", "dispatcher"]
        for world in worlds:
            for connection in world.connections:
                connection.wire.stream.socket.close()
