"""Sessions that go on at another node than theirs, whichever their clients ask; real processes, and real deaths."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import AsyncGenerator, Generator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from subprocess import PIPE

import pytest
import trio

from cometary.sessions.ids import tag_of, tag_of_node
from tests.cluster.accounts import Account
from tests.nodes.house import House, Node, running_house, wait_until
from tests.nodes.round_robin import RoundRobin, connections, round_robin

pytestmark = pytest.mark.filterwarnings("ignore:Async generator 'httpx:ResourceWarning")

JAVASCRIPT = Path(__file__).parents[1] / "clients/resuming_client.mjs"
APP = "tests/cluster/resuming_application.py:app"
FORWARDED = {200, 503}
"""What answers may say: that the client is to come again is for its library alone."""


class Books:
    """Three nodes, and what their applications have written down.

    Args:
        house: the nodes.
        file: what was written down.
    """

    def __init__(self, house: House, file: Path) -> None:
        self.house = house
        self._file = file

    def add_up(self, accounts: Iterable[Account]) -> None:
        """See that nothing was lost, doubled or reordered, and that no client was told of anything.

        A packet whose handler had begun when its node died is reported, and not handled again.
        """
        for each in accounts:
            died = [number for _, number in each.failed]
            assert each.ticks == [*range(1, len(each.ticks) + 1)]
            assert sorted([*each.answers, *died]) == [*range(1, each.said + 1)]
            assert each.answers == sorted(each.answers)
            assert not each.reopened
        lines = [line.split() for line in self._file.read_text().splitlines()]
        assert not [line for line in lines if line[0] == "off" and line[2] != "closed"]


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Generator[Books]:
    """Three nodes, the same for all tests: each takes what the one before has left, as nodes do."""
    file = tmp_path_factory.mktemp("books") / "account"
    with running_house("a", "b", "c", app=APP, options=("--sessions", "resume"), ACCOUNT=str(file)) as house:
        yield Books(house, file)


@asynccontextmanager
async def clients(house: House, count: int) -> AsyncGenerator[tuple[RoundRobin, list[Account]]]:
    """Have clients, each of whose requests goes to the next node."""
    async with AsyncExitStack() as until:
        ports = sorted({node.server.port for node in house.nodes})
        proxy = await until.enter_async_context(round_robin(ports))
        accounts = [Account(proxy.url) for _ in range(count)]
        for each in accounts:
            await until.enter_async_context(each.comet)
        yield proxy, accounts
        assert proxy.statuses.keys() <= FORWARDED


async def talk(accounts: Iterable[Account], count: int) -> None:
    """Say something now and then, and wait until it is known what has become of all, and more has come."""
    accounts = [*accounts]
    for _ in range(count):
        for each in accounts:
            each.say(2)
        await trio.sleep(0.02)
    for each in accounts:
        await each.until(partial(all_known, each))
        await each.until(partial(has_more, each, len(each.ticks)))


def all_known(account: Account) -> bool:
    return len(account.answers) + len(account.failed) >= account.said


def has_more(account: Account, ticks: int) -> bool:
    return len(account.ticks) > ticks


def node_of(house: House, account: Account) -> Node:
    """Return the node at which a session was opened."""
    return [each for each in house.nodes if tag_of(account.comet.sid) == tag_of_node(each.name)][-1]


@asynccontextmanager
async def page(url: str) -> AsyncGenerator[trio.Process]:
    """Have a client in Node that begins to say 200 numbers on a WebSocket; it ends with the block at the latest."""
    options = ("--experimental-websocket", "--no-warnings")
    command = ["node", *options, str(JAVASCRIPT), url, "200", "websocket"]
    process = await trio.lowlevel.open_process(command, stdout=PIPE, stderr=PIPE)
    try:
        assert process.stderr is not None
        with trio.fail_after(30):
            assert await process.stderr.receive_some() == b"websocket\n"
        yield process
    finally:
        process.kill()


async def restart(house: House, node: Node) -> None:
    """Stop a node, and start it again."""
    await trio.to_thread.run_sync(node.server.stop)
    again = await trio.to_thread.run_sync(partial(house.start, node.name, port=node.server.port))
    await trio.to_thread.run_sync(wait_until, lambda: {*again.others().values()} == {"there"})


async def test_clients_of_a_node_that_was_taken_for_dead_find_who_has_adopted_their_sessions(
    books: Books,
) -> None:
    async with clients(books.house, 3) as (_, accounts):
        await talk(accounts, 3)
        zombie = node_of(books.house, accounts[0]).server.process.pid
        os.kill(zombie, signal.SIGSTOP)
        try:
            await trio.sleep(1.3)  # its lease is a second
        finally:
            os.kill(zombie, signal.SIGCONT)
        await talk(accounts, 10)
        books.add_up(accounts)


async def test_all_nodes_are_restarted_one_after_the_other_and_no_client_notices(books: Books) -> None:
    async with clients(books.house, 6) as (_, accounts):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(talk, accounts, 60)
            for node in [*books.house.nodes]:
                await restart(books.house, node)
        await talk(accounts, 3)
        assert not [each.failed for each in accounts if each.failed]
        books.add_up(accounts)


async def test_streams_and_sockets_of_a_node_that_is_killed_go_on_wherever_their_clients_connect(
    books: Books,
) -> None:
    ports = sorted({node.server.port for node in books.house.nodes})
    async with connections(ports) as proxy, AsyncExitStack() as until:
        accounts = [Account(proxy.url, stream=True) for _ in range(3)]
        for each in accounts:
            await until.enter_async_context(each.comet)
        await talk(accounts, 20)
        pages = [await until.enter_async_context(page(proxy.url)) for _ in range(2)]
        victim = node_of(books.house, accounts[0])
        victim.server.process.kill()
        await talk(accounts, 20)
        books.add_up(accounts)
        for process in pages:
            assert process.stdout is not None
            with trio.fail_after(30):
                told = json.loads(b"".join([data async for data in process.stdout]))
                await process.wait()
            failed = [number for _, number in told["failed"]]
            assert sorted([*told["answers"], *failed]) == [*range(1, 201)]
            assert told["ticks"] == [*range(1, len(told["ticks"]) + 1)]
            # By which wire it goes on, is left open: one that the dead node refused tries a WebSocket half a minute
            # later.
            assert told["reopened"] == []
    again = partial(books.house.start, victim.name, port=victim.server.port)
    await trio.to_thread.run_sync(again)


async def test_sessions_of_a_node_that_is_killed_go_on_wherever_their_clients_ask(books: Books) -> None:
    async with clients(books.house, 6) as (_, accounts):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(talk, accounts, 30)
            victim = node_of(books.house, accounts[0])
            page = await trio.to_thread.run_sync(victim.open)
            await trio.sleep(0.2)
            victim.server.process.kill()
        await talk(accounts, 3)
        books.add_up(accounts)
        latest = {node.name: node for node in books.house.nodes}
        other = next(node for name, node in latest.items() if name != victim.name)
        answer = await trio.to_thread.run_sync(other.ask, page.request())
        assert answer["error"] == "unknown-session", "it was opened without `resume`"
