"""Calls of a Redis Cluster whose slots move, without servers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from cometary.cluster.redis import cluster_lanes
from cometary.cluster.redis.cluster_lanes import ASKING, ClusterLanes
from cometary.cluster.redis.one_server import Watcher
from cometary.cluster.redis.places import read_place
from cometary.cluster.redis.slots import SLOTS
from cometary.cluster.redis.wire import Reply, command

if TYPE_CHECKING:
    from cometary.cluster.redis.url import EngineURL

GET = command("GET", "key")


class Servers:
    """Two servers, of which `one` has all slots but the last.

    Attributes:
        ends: the servers' ends of the connections to each, as they were made.
        ranges: which slots each has.
    """

    def __init__(self) -> None:
        self.ends: dict[str, list[Any]] = {"one": [], "two": []}
        self.ranges: list[Any] = [[0, SLOTS - 2, [b"one", 1]], [SLOTS - 1, SLOTS - 1, [b"two", 2]]]

    async def ask_once(self, _url: EngineURL, _command: bytes) -> Reply:
        await trio.lowlevel.checkpoint()
        return self.ranges

    async def connect(self, url: EngineURL, _wanted: object) -> tuple[trio.abc.Stream, str]:
        await trio.lowlevel.checkpoint()
        mine, other = trio.testing.memory_stream_pair()
        self.ends[url.host].append(other)
        return mine, url.host


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Servers:
    made = Servers()
    monkeypatch.setattr(cluster_lanes, "ask_once", made.ask_once)
    monkeypatch.setattr(cluster_lanes, "connect", made.connect)
    return made


async def test_a_call_that_waits_at_a_server_that_takes_its_slot_outlives_that_server(
    servers: Servers, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    lanes = ClusterLanes(read_place("redis+cluster://one:1"), Watcher(lambda: None, lambda: None, 1))
    answers = list[Reply]()
    nursery.start_soon(lanes.run)
    await trio.sleep(1)
    lanes.call(GET, answers.append)
    await trio.testing.wait_all_tasks_blocked()
    assert await servers.ends["one"][0].receive_some() == GET
    await servers.ends["one"][0].send_all(b"-ASK 12539 two:2\r\n")
    await trio.testing.wait_all_tasks_blocked()
    assert await servers.ends["two"][0].receive_some() == ASKING + GET
    servers.ranges = [[0, SLOTS - 1, [b"one", 1]]]
    await servers.ends["two"][0].aclose()
    await trio.sleep(1)
    assert await servers.ends["one"][0].receive_some() == GET
    await servers.ends["one"][0].send_all(b":1\r\n")
    await trio.testing.wait_all_tasks_blocked()
    assert answers == [1]
