"""A master that sentinels watch is killed, and its replica takes its place, which may lack the end; on real servers."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import trio

from cometary.cluster.change import Change, Verdict
from cometary.cluster.record import opened
from cometary.cluster.redis.engine import RedisEngine
from cometary.cluster.redis.places import read_place
from cometary.cluster.redis.sentinels import Sentinels
from cometary.errors import EngineError
from tests.cluster.accounts import Account
from tests.cluster.conformance.engines import commit, running
from tests.cluster.nodes import cluster, start, until
from tests.cluster.servers import EngineServer
from tests.cluster.test_redis import Heard, heard  # noqa: F401  # pyright: ignore[reportUnusedImport] - a fixture
from tests.cluster.topologies import LOOPBACK, Cluster, Watched, say_to, supply_replicas

pytestmark = pytest.mark.filterwarnings("ignore:Async generator 'httpx:ResourceWarning")

LEASE = 0.5
NEW = opened("a", 7, b"signon")
NEWS = Change(out=(b"news",))


@pytest.fixture
def watched(tmp_path: Path) -> Generator[Watched]:
    servers = Watched("redis", tmp_path)
    yield servers
    servers.kill()


async def failover(watched: Watched) -> None:
    """Kill the master, and wait until the sentinels have another one."""
    await trio.to_thread.run_sync(watched.servers[0].kill)
    await until(lambda: watched.master() == watched.ports[1])


class Client:
    """One that says itself where it is.

    Args:
        http: makes its requests.
        url: where.
    """

    def __init__(self, http: httpx.AsyncClient, url: str) -> None:
        self._http = http
        self.url = url
        self._place: dict[str, Any] = {"rid": 1, "resume": True}

    async def open(self) -> None:
        """Open a session."""
        answer = (await self._http.post(self.url, json=self._place)).json()
        self._place = {"sid": answer["sid"], "rid": 1, "ack": 0, "gen": answer["gen"]}

    async def ask(self) -> tuple[int, dict[str, Any]]:
        """Ask for what there is; returns the status and the answer."""
        self._place |= {"rid": self._place["rid"] + 1, "done": self._place["rid"]}
        response = await self._http.post(self.url, json=self._place, timeout=10)
        answer: dict[str, Any] = response.json()
        self._place |= {name: answer[name] for name in ("gen", "at") if name in answer}
        if answer.get("packets"):
            self._place["ack"] = answer["seq"] + len(answer["packets"]) - 1
        return response.status_code, answer


def sessions_at(port: int) -> int:
    """Return how many sessions an engine has."""
    keys = say_to(port, "KEYS", "cometary:*:s")
    return len(keys) if isinstance(keys, list) else 0


async def test_of_what_a_new_master_lacks_nothing_is_lost_but_with_its_owner_and_then_it_is_told(
    watched: Watched,
) -> None:
    async with cluster() as (nursery, way), httpx.AsyncClient() as http:
        first = await start(nursery, RedisEngine(watched.url, "a", lease=LEASE))
        other = await start(nursery, RedisEngine(watched.url, "b", lease=LEASE))
        way.lead_to(first.running.comet)
        account, client = Account(way.url), Client(http, other.running.comet)
        async with account.comet:
            await client.open()
            account.say(3)
            await account.answered()
            await until(lambda: sessions_at(watched.ports[1]) == 2)  # the replica has both
            watched.cut_off_the_replica()
            account.say(3)
            for node in (first, other):
                node.session.send("tick", 1)
            await account.answered()
            await account.until(lambda: account.ticks)
            _, answer = await client.ask()
            assert [packet["message"] for packet in answer["packets"]] == [1]
            await other.die()
            await failover(watched)
            account.say(3)
            first.session.send("tick", 2)
            await account.answered()
            await account.until(lambda: len(account.ticks) == 2)
            account.adds_up()
            assert not [call for call in first.calls if call[0] == "failed"]
            await until(lambda: len(first.application.sessions) == 2)
            client.url = first.running.comet
            status, answer = await client.ask()
            assert (status, answer["gen"], answer["packets"]) == (200, 2, []), "first it learns who is asked"
            status, answer = await client.ask()
            assert (status, answer["error"]) == (404, "unknown-session")


async def test_a_master_without_its_replica_confirms_nothing_if_one_has_to_have_it(
    watched: Watched,
    heard: Heard,  # noqa: F811 - the fixture
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cometary.cluster.redis.replicas.WAITED", 100)
    async with running(RedisEngine(watched.url, "a", lease=LEASE, replicas=1)) as engine:
        await engine.open("s", NEW)
        watched.cut_off_the_replica()
        async with trio.open_nursery() as nursery:
            done = list[Verdict]()

            async def change() -> None:
                done.append(await commit(engine, "s", 1, 0, NEWS))

            nursery.start_soon(change)
            await heard.wait_for("has too few replicas that keep up")
            assert done == []
            supply_replicas(watched.servers[0])
        assert done == [Verdict.OK]
        found = await engine.owner("s")
        assert found == ("a", 1)
        assert say_to(watched.ports[1], "LRANGE", "cometary:{s}:o", 0, -1) == [b"news"]


async def test_a_master_that_is_one_no_more_is_let_go_of_though_it_goes_on(
    watched: Watched,
    heard: Heard,  # noqa: F811 - the fixture
) -> None:
    async with running(RedisEngine(watched.url, "a", lease=LEASE)) as engine:
        await engine.open("s", NEW)
        sentinel = int(watched.url.split(",")[2].partition("/")[0].rpartition(":")[2])
        assert say_to(sentinel, "SENTINEL", "FAILOVER", "main") == "OK"
        await heard.wait_for("the engine at redis+sentinel://")
        await until(lambda: engine.state != "down")
        assert await commit(engine, "s", 1, 0, NEWS) in {Verdict.OK, Verdict.BEHIND}
        assert watched.master() == watched.ports[1]


async def test_what_is_wrong_with_sentinels_is_one_line(
    lasting_places: Callable[[str], Cluster | Watched], lasting_servers: Callable[[str], EngineServer]
) -> None:
    url = lasting_places("watched").url
    hosts = url.partition("://")[2].partition("/")[0]
    port = lasting_places("watched").ports[1]
    wrong = {
        f"redis+sentinel://{hosts}/other": "watches no master 'other'",
        f"redis+sentinel://{LOOPBACK}:{port}/main": "is not a sentinel",
        f"redis+sentinel://{LOOPBACK}:1,{LOOPBACK}:2/main": "cannot be reached",
        f"redis://{hosts.partition(',')[0]}": "is a sentinel: name it redis",
        f"redis://{LOOPBACK}:{port}": "is a replica of",
    }
    for each, told in wrong.items():
        with pytest.raises(EngineError, match=told) as refused:
            await RedisEngine(each, "a").join("")
        assert "\n" not in str(refused.value)


async def test_more_replicas_than_there_are_is_refused(
    lasting_places: Callable[[str], Cluster | Watched],
) -> None:
    engine = RedisEngine(lasting_places("watched").url, "a", replicas=2)
    with pytest.raises(EngineError, match="has 1 replicas, and engine-replicas asks for 2"):
        await engine.join("")


async def test_the_sentinel_that_answers_is_asked_first_from_then_on(
    lasting_places: Callable[[str], Cluster | Watched],
) -> None:
    watched = cast("Any", lasting_places("watched"))
    hosts = watched.url.partition("://")[2]
    sentinels = Sentinels(read_place(f"redis+sentinel://{LOOPBACK}:1,{hosts}"))
    assert [(await sentinels.find()).port for _ in range(2)] == 2 * [watched.ports[0]]
    assert [sentinel.port for sentinel in sentinels._sentinels][1] == 1
