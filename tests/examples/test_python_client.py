"""The Python client of the documentation against the real server, over connections that break."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from examples.python_client import Client, RefusedError
from tests.clients.cutting_proxy import CuttingProxy
from tests.servers import ECHO, running_server

LAST = 40


class Conversation:
    """Sends numbers, each when the one before has come back; keeps all that comes."""

    def __init__(self, url: str) -> None:
        self.seen: list[tuple[str, Any]] = []
        self._client = Client(url, self._hear)
        self._arrived = trio.Event()

    def _hear(self, path: str, message: Any) -> None:
        self.seen.append((path, message))
        self._arrived.set()

    async def hold(self) -> None:
        with trio.fail_after(120):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._client.run)
                await self._client.send("count", LAST)
                for number in range(1, LAST + 1):
                    await self._client.send("echo", number)
                    await self._until(("echo", number))
                await self._until(("counted", LAST))
                nursery.cancel_scope.cancel()

    async def _until(self, packet: tuple[str, Any]) -> None:
        while packet not in self.seen:
            self._arrived = trio.Event()
            await self._arrived.wait()

    def messages(self, path: str) -> list[Any]:
        return [message for where, message in self.seen if where == path]


# httpx leaves its own generator unfinished when a connection breaks while it writes the body.
@pytest.mark.filterwarnings("ignore:Async generator 'httpx:ResourceWarning")
@pytest.mark.parametrize("seed", [1, 2])
async def test_each_packet_arrives_once_and_in_order_whatever_connections_break(seed: int) -> None:
    with running_server(ECHO) as server, CuttingProxy(server.port, seed=seed, cut=0.15) as proxy:
        conversation = Conversation(f"http://127.0.0.1:{proxy.port}/comet")
        await conversation.hold()
        assert proxy.cuts > 5, "the test has tested nothing"
    assert conversation.messages("echo") == list(range(1, LAST + 1))
    assert conversation.messages("counted") == list(range(1, LAST + 1))


@pytest.mark.parametrize("bind", ["off", "token"])
async def test_it_outlives_its_tokens(bind: str) -> None:
    tokens: list[str] = []
    renewed, answered = trio.Event(), trio.Event()
    heard: list[tuple[str, Any]] = []

    def token() -> str:
        tokens.append(f"token {len(tokens)}")
        if len(tokens) > 2:
            renewed.set()
        return tokens[-1]

    def hear(path: str, message: Any) -> None:
        heard.append((path, message))
        answered.set()

    with running_server("tests/clients/renewing_application.py:app", "--bind", bind) as server:
        client = Client(server.comet, hear, token)
        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(client.run)
                await renewed.wait()
                await client.send("who")
                await answered.wait()
                nursery.cancel_scope.cancel()
    assert heard == [("who", "ada")]


async def test_it_says_why_the_server_refuses() -> None:
    with running_server(ECHO) as server:
        client = Client(server.comet, print)
        await client.send("nobody/listens/here")
        refusal = pytest.RaisesExc(RefusedError, check=lambda error: error.args[0] == "forbidden")
        with pytest.RaisesGroup(refusal):
            await client.run()
