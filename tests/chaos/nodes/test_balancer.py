"""What stands before nodes: each request goes to the next one, and to another one if that does not answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import pytest
import trio

from cometary.chaos.nodes import balancer as module
from cometary.chaos.nodes.balancer import FALLS, Balancer, Behind
from cometary.chaos.shared import find
from tests.servers import free_port

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Node:
    """In the place of a node.

    Args:
        name: what it is called.
        said: where it is noted who was asked.
    """

    def __init__(self, name: str, said: Counter[str]) -> None:
        self.name = name
        self.said = said
        self.answers = True
        self.holds = trio.Event()
        self.holds.set()
        self.connections = 0
        self.scope = trio.CancelScope()
        self.listener: trio.SocketListener

    async def listen(self) -> Behind:
        [self.listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port = self.listener.socket.getsockname()[1]
        return Behind(self.name, await find(f"http://127.0.0.1:{port}/comet", anywhere=False))

    async def run(self) -> None:
        with self.scope:
            await trio.serve_listeners(self.serve, [self.listener])

    async def serve(self, stream: trio.SocketStream) -> None:
        self.connections += 1
        async with stream:
            async for _ in stream:
                if not self.answers:
                    await trio.sleep_forever()
                await self.holds.wait()
                self.said[self.name] += 1
                await stream.send_all(ANSWER)

    def die(self) -> None:
        self.scope.cancel()


@asynccontextmanager
async def balanced(said: Counter[str]) -> AsyncGenerator[tuple[Balancer, list[Node]]]:
    """Have three nodes behind one."""
    nodes = [Node(name, said) for name in "abc"]
    async with trio.open_nursery() as nursery:
        balancer = Balancer([await node.listen() for node in nodes])
        for node in nodes:
            nursery.start_soon(node.run)
        yield balancer, nodes
        balancer.close()
        nursery.cancel_scope.cancel()


async def ask(balancer: Balancer, times: int = 1) -> list[bool]:
    """Ask so many times; returns whether there were answers."""
    request = balancer.behind[0].target.request(b"{}")
    return [await balancer.exchange(request, lambda: None) is not None for _ in range(times)]


async def test_each_request_goes_to_the_next_node_and_connections_are_kept() -> None:
    said = Counter[str]()
    async with balanced(said) as (balancer, nodes):
        assert await ask(balancer, 9) == [True] * 9
        assert said == {"a": 3, "b": 3, "c": 3}
        assert [node.connections for node in nodes] == [
            2,
            2,
            2,
        ]  # one of them only looked whether it is there
        assert {node.name: node.answered for node in balancer.behind} == said
        assert await balancer.answers() is not None


async def test_what_a_dead_node_does_not_answer_another_one_does() -> None:
    said = Counter[str]()
    async with balanced(said) as (balancer, nodes):
        await ask(balancer, 3)
        nodes[1].die()
        await trio.testing.wait_all_tasks_blocked()
        assert await ask(balancer, 6) == [True] * 6
        assert said["b"] == 1
        assert said["a"] + said["c"] == 8
        assert balancer.again == 1, "it is asked no more once it has refused"
        for node in nodes:
            node.die()
        await trio.testing.wait_all_tasks_blocked()
        assert await ask(balancer) == [False]
        assert await balancer.answers() is None


async def test_what_hangs_at_a_node_that_is_down_goes_to_another_one_until_it_is_back() -> None:
    said = Counter[str]()
    async with balanced(said) as (balancer, nodes):
        nodes[0].answers = False
        first = balancer.behind[0]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(ask, balancer))
            await trio.testing.wait_all_tasks_blocked(0.01)
            assert not said
            first.falls()
        assert said == {"b": 1}
        nodes[0].answers = True
        await ask(balancer, 4)
        assert "a" not in said
        await first.look()
        await ask(balancer, 3)
        assert said["a"] == 2  # one of which was the look


async def test_a_node_that_does_not_answer_in_time_twice_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IN_TIME", 0.01)
    async with balanced(Counter()) as (balancer, nodes):
        nodes[2].answers = False
        for missed in range(FALLS):
            assert balancer.behind[2].up is (missed < FALLS)
            await balancer.behind[2].look()
        assert not balancer.behind[2].up


async def test_a_node_that_takes_no_more_connections_may_still_answer_what_it_has() -> None:
    said = Counter[str]()
    async with balanced(said) as (balancer, nodes):
        nodes[0].holds = trio.Event()
        first, answered = balancer.behind[0], list[bool]()

        async def hold() -> None:
            answered.extend(await ask(balancer))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(hold)
            await trio.testing.wait_all_tasks_blocked(0.01)
            first.target = replace(there := first.target, address=("127.0.0.1", free_port()))
            await first.look()
            first.target = there
            assert not first.up
            nodes[0].holds.set()
        assert (answered, said) == ([True], {"a": 1})
        await ask(balancer, 2)
        assert said == {"a": 1, "b": 1, "c": 1}
