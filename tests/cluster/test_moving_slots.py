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
from cometary.cluster.redis.slots import SLOTS, slot_of
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


SLOT = slot_of(b"key")


@pytest.mark.parametrize("how", ["moved", "mapped"])
async def test_calls_of_a_slot_stay_in_their_order_when_it_has_moved(
    servers: Servers, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock, how: str
) -> None:
    lanes = ClusterLanes(read_place("redis+cluster://one:1"), Watcher(lambda: None, lambda: None, 1))
    nursery.start_soon(lanes.run)
    await trio.sleep(1)
    one, two = servers.ends["one"][0], servers.ends["two"][0]
    answers = list[Reply]()
    for letter in "AB":
        lanes.call(command("SET", "key", letter), answers.append)
    await trio.testing.wait_all_tasks_blocked()
    servers.ranges = [[0, 99, [b"one", 1]], [100, SLOTS - 1, [b"two", 2]]]
    if how == "moved":
        await one.send_all(b"-MOVED %d two:2\r\n" % SLOT)
    else:
        lanes._ask_map.set()
    await trio.sleep(1)
    lanes.call(command("SET", "key", "C"), answers.append)
    await trio.sleep(1)
    await one.send_all(b"-MOVED %d two:2\r\n" % SLOT * (1 if how == "moved" else 2))
    await trio.testing.wait_all_tasks_blocked()
    assert await two.receive_some() == b"".join([command("SET", "key", letter) for letter in "ABC"])
    await two.send_all(b":1\r\n:2\r\n:3\r\n")
    await trio.testing.wait_all_tasks_blocked()
    assert answers == [1, 2, 3]
    lanes.call(command("SET", "key", "D"), answers.append)
    await trio.testing.wait_all_tasks_blocked()
    assert await two.receive_some() == command("SET", "key", "D")


async def test_what_is_tried_again_goes_before_what_is_new(
    servers: Servers, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    lanes = ClusterLanes(read_place("redis+cluster://one:1"), Watcher(lambda: None, lambda: None, 1))
    nursery.start_soon(lanes.run)
    await trio.sleep(1)
    one, answers = servers.ends["one"][0], list[Reply]()
    lanes.call(command("SET", "key", "A"), answers.append)
    await trio.testing.wait_all_tasks_blocked()
    for _ in range(2):  # it is tried again at once, and then after a pause
        assert await one.receive_some() == command("SET", "key", "A")
        await one.send_all(b"-TRYAGAIN\r\n")
        await trio.testing.wait_all_tasks_blocked()
    lanes.call(command("SET", "key", "B"), answers.append)
    await trio.sleep(1)
    assert await one.receive_some() == command("SET", "key", "A") + command("SET", "key", "B")


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
