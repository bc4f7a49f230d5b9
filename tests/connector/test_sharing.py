"""One connector among many threads or tasks, and what becomes of its connections."""

from __future__ import annotations

import inspect
from concurrent.futures import ThreadPoolExecutor

import pytest
import trio

from cometary.connector import AsyncConnector, Connector
from cometary.errors import ConnectorError
from tests.connector.stand_in import StandIn


def test_threads_share_one_connector(stand_in: StandIn) -> None:
    stand_in.answers({"updates": 1})
    with Connector(stand_in.url) as connector, ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(connector.update, ["a"] * 100, range(100)))
    assert taken == [1] * 100
    assert sorted(int(received.body.split(b":")[-1][:-1]) for received in stand_in.received) == list(
        range(100)
    )


async def test_tasks_share_one_connector(stand_in: StandIn) -> None:
    stand_in.answers({"updates": 1})
    async with AsyncConnector(stand_in.url) as connector, trio.open_nursery() as nursery:
        for number in range(100):
            nursery.start_soon(connector.update, "a", number)
    assert len(stand_in.received) == 100


async def test_a_cancelled_call_leaves_the_connector_usable(stand_in: StandIn) -> None:
    async with AsyncConnector(stand_in.url) as connector:
        stand_in.silent = True
        with trio.move_on_after(0.05) as scope:
            await connector.healthz()
        assert scope.cancelled_caught
        stand_in.silent = False
        stand_in.answers({"status": "ok"})
        assert await connector.healthz() == "ok"


def test_connections_are_kept_between_calls(stand_in: StandIn) -> None:
    stand_in.answers({"status": "ok"})
    with Connector(stand_in.url) as connector:
        for _ in range(5):
            connector.healthz()
    assert len({received.peer for received in stand_in.received}) == 1


def test_a_connection_that_the_server_closed_meanwhile_is_replaced(stand_in: StandIn) -> None:
    stand_in.answers({"status": "ok"})
    with Connector(stand_in.url) as connector:
        stand_in.close_after_answer = True
        connector.healthz()
        assert stand_in.has_closed_one.wait(60)
        assert connector.healthz() == "ok"
    assert len({received.peer for received in stand_in.received}) == 2


def test_both_connectors_have_the_same_calls() -> None:
    def signatures(kind: type) -> dict[str, list[str]]:
        functions = inspect.getmembers(kind, inspect.isfunction)
        return {name: list(inspect.signature(each).parameters) for name, each in functions if name[0] != "_"}

    blocking, on_trio = signatures(Connector), signatures(AsyncConnector)
    assert blocking.pop("close") == on_trio.pop("aclose")
    assert blocking == on_trio


async def test_the_timeout_is_for_the_whole_call(stand_in: StandIn) -> None:
    stand_in.drip = True
    async with AsyncConnector(stand_in.url, timeout=0.1) as connector:
        with pytest.raises(ConnectorError):
            await connector.healthz()
