"""The engine on a Redis Cluster: what moves, what dies, and what is wrong; on real servers."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest
import trio

from cometary.cluster.change import Change, Verdict
from cometary.cluster.record import Record, opened
from cometary.cluster.redis.engine import RedisEngine
from cometary.cluster.redis.slots import slot_of
from cometary.errors import EngineError
from tests.cluster.conformance.engines import commit, restore, running
from tests.cluster.nodes import until
from tests.cluster.servers import EngineServer
from tests.cluster.topologies import LOOPBACK, Cluster, Watched, cut_off_replicas

LEASE = 0.5
NEW = opened("a", 7, b"signon")
NEWS = Change(out=(b"news",))


@pytest.fixture
def servers(lasting_places: Callable[[str], Cluster | Watched]) -> Cluster:
    return cast("Cluster", lasting_places("cluster"))


def move(servers: Cluster, sid: str, source: int, target: int) -> Callable[[], None]:
    """Begin to move the slot of a session; returns what ends it."""
    slot = slot_of(sid.encode())
    servers.servers[target].say("CLUSTER", "SETSLOT", slot, "IMPORTING", servers.ids[source])
    servers.servers[source].say("CLUSTER", "SETSLOT", slot, "MIGRATING", servers.ids[target])

    def end() -> None:
        keys = cast("list[bytes]", servers.servers[source].say("CLUSTER", "GETKEYSINSLOT", slot, 100))
        where = LOOPBACK, servers.ports[target], "", 0, 5000
        if keys:
            assert servers.servers[source].say("MIGRATE", *where, "KEYS", *keys) == "OK"
        for place in (target, source):
            servers.servers[place].say("CLUSTER", "SETSLOT", slot, "NODE", servers.ids[target])

    return end


async def test_a_session_goes_on_while_and_after_its_slot_moves(servers: Cluster) -> None:
    sid, other = servers.sid_at(1), servers.sid_at(2)
    async with running(RedisEngine(servers.url, "a", lease=LEASE)) as engine:
        await engine.open(sid, NEW)
        await engine.open(other, NEW)
        end = move(servers, sid, 1, 2)
        done = list[Verdict]()
        async with trio.open_nursery() as nursery:

            async def change() -> None:
                done.append(await commit(engine, sid, 1, 0, NEWS))

            nursery.start_soon(change)
            assert await commit(engine, other, 1, 0, NEWS) is Verdict.OK
            end()
        assert done == [Verdict.OK]
        assert engine.state == "up", "nothing can be lost by that"
        assert await commit(engine, sid, 1, 1, NEWS) is Verdict.OK
        assert isinstance(await engine.adopt(sid, 1), Record)
        move(servers, sid, 2, 1)()


async def test_a_session_that_is_opened_while_its_slot_moves_waits_until_that_has_arrived(
    servers: Cluster,
) -> None:
    sid = servers.sid_at(1)
    async with running(RedisEngine(servers.url, "a", lease=LEASE)) as engine, trio.open_nursery() as nursery:
        end = move(servers, sid, 1, 2)
        nursery.start_soon(engine.open, sid, NEW)
        await trio.sleep(0.2)
        assert not servers.servers[2].say("CLUSTER", "COUNTKEYSINSLOT", slot_of(sid.encode()))
        end()
        while await engine.owner(sid) is None:
            await trio.lowlevel.checkpoint()
        move(servers, sid, 2, 1)()


async def test_what_has_one_key_is_done_where_its_slot_is_about_to_be(servers: Cluster) -> None:
    node = next(f"n{number}" for number in range(100) if servers.place_of(f"cometary:of:n{number}") == 1)
    async with running(RedisEngine(servers.url, node, lease=LEASE)) as engine:
        end = move(servers, f"cometary:of:{node}", 1, 2)
        assert await engine.sessions_of(node) == ([], "")
        await engine.open(servers.sid_at(2), NEW._replace(owner=node))
        assert await engine.sessions_of(node) == ([servers.sid_at(2)], "")
        end()
        assert await engine.sessions_of(node) == ([servers.sid_at(2)], "")
        move(servers, f"cometary:of:{node}", 2, 1)()


async def test_what_is_lost_with_a_master_is_put_back_at_the_replica_that_takes_its_place(
    servers: Cluster,
) -> None:
    sid, elsewhere = servers.sid_at(0), servers.sid_at(1)
    async with running(RedisEngine(servers.url, "a", lease=LEASE)) as engine:
        await engine.open(sid, NEW)
        await engine.open(elsewhere, NEW)
        await until(lambda: servers.servers[3].say("CLUSTER", "COUNTKEYSINSLOT", slot_of(sid.encode())))
        cut_off_replicas(servers.servers[0])
        assert await commit(engine, sid, 1, 0, NEWS) is Verdict.OK
        servers.servers[0].kill()
        assert await commit(engine, elsewhere, 1, 0, NEWS) is Verdict.OK, "of others nobody notices"
        assert servers.servers[3].say("CLUSTER", "FAILOVER", "TAKEOVER") == "OK"
        assert await commit(engine, sid, 1, 1, NEWS) is Verdict.BEHIND
        kept = NEW.with_change(NEWS)
        assert await restore(engine, sid, kept) is Verdict.OK
        assert await commit(engine, sid, 1, 1, NEWS) is Verdict.OK
        found = await engine.adopt(sid, 1)
        assert isinstance(found, Record)
        assert found.out == (b"news", b"news")
    servers.have_the_first_back()


async def test_what_is_wrong_with_a_cluster_is_one_line(
    lasting_places: Callable[[str], Cluster | Watched], new_server: Callable[..., EngineServer]
) -> None:
    place = lasting_places("cluster")
    port = lasting_places("watched").ports[0]
    wrong = {
        f"redis://{LOOPBACK}:{place.ports[1]}": "is one of a Redis Cluster: name it redis.cluster://",
        f"redis+cluster://{LOOPBACK}:{port}": "is not a Redis Cluster: name it redis://",
        f"redis+cluster://{LOOPBACK}:1": "cannot be reached",
    }
    for url, told in wrong.items():
        with pytest.raises(EngineError, match=told) as refused:
            await RedisEngine(url, "a").join("")
        assert "\n" not in str(refused.value)
