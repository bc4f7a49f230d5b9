"""What every engine does: the same as the functions of the record, in order, for all nodes."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
import trio

from cometary.cluster.change import NOTHING, Change, Verdict, updated
from cometary.cluster.engine import PIECE
from cometary.cluster.record import Record, adopted, committed, opened, restored
from cometary.errors import EngineError
from tests.cluster.conformance.engines import (
    NewEngine,
    commit,
    local_engines,
    redis_engines,
    restore,
    running,
)
from tests.cluster.servers import EngineServer
from tests.cluster.topologies import Cluster, Watched

LEASE = 5.0
SHORT = 0.15
"""A lease that a test waits for to run out, in real seconds."""

NEW = opened("a", 7, b"signon", updated((), {"data": b"{}"}.items()))


@pytest.fixture(params=["local", "redis", "valkey", "watched", "cluster"])
def new_engine(
    request: pytest.FixtureRequest,
    lasting_servers: Callable[[str], EngineServer],
    lasting_places: Callable[[str], Cluster | Watched],
) -> NewEngine:
    match request.param:
        case "local":
            return local_engines()
        case "watched":
            return redis_engines(lasting_places("watched").url, replicas=1)
        case "cluster":
            return redis_engines(lasting_places("cluster").url)
        case kind:
            return redis_engines(lasting_servers(kind).url)


async def test_a_session_that_was_opened_has_an_owner(new_engine: NewEngine) -> None:
    async with running(new_engine("a", LEASE)) as engine:
        assert await engine.owner("s") is None
        await engine.open("s", NEW)
        await engine.open("s", NEW)
        assert await engine.owner("s") == ("a", 1)
        assert await engine.sessions_of("a") == (["s"], "")


async def test_who_adopts_a_session_gets_all_that_was_recorded(new_engine: NewEngine) -> None:
    async with running(new_engine("a", LEASE)) as engine, running(new_engine("b", LEASE)) as other:
        await engine.open("s", NEW)
        changes = [
            Change(8, (b"", b"two\r\n"), 1, begun=True, out=(b"x", b"\x00\xff", b"z")),
            Change(acknowledged=1, fields=updated((), {"data": b"[1]", "paths": b"news"}.items())),
            Change(accepted=(b"bye",), end="kicked"),
        ]
        expected = NEW
        for version, change in enumerate(changes):
            assert await commit(engine, "s", 1, version, change) is Verdict.OK
            expected = expected.with_change(change)
        assert await other.adopt("s", 1) == adopted(expected, "b", 1)
        assert await other.owner("s") == ("b", 2)
        assert await engine.adopt("s", 1) == "b"
        assert await commit(engine, "s", 1, 3, NOTHING) is Verdict.FENCED


async def test_nobody_adopts_what_is_not_there(new_engine: NewEngine) -> None:
    async with running(new_engine("a", LEASE)) as engine:
        assert await engine.adopt("s", 1) is None
        assert await commit(engine, "s", 1, 0, NOTHING) is Verdict.BEHIND


async def test_calls_are_answered_in_their_order(new_engine: NewEngine) -> None:
    async with running(new_engine("a", LEASE)) as engine:
        answers, all_answered = list[tuple[int, Verdict]](), trio.Event()
        await engine.open("s", NEW)

        def take(number: int, verdict: Verdict) -> None:
            answers.append((number, verdict))
            if number == 99:
                all_answered.set()

        for number in range(100):
            change = Change(out=(b"%d" % number,))
            engine.commit("s", 1, number, change, lambda verdict, number=number: take(number, verdict))  # type: ignore[misc]
        await all_answered.wait()
        assert answers == [(number, Verdict.OK) for number in range(100)]
        record = await engine.adopt("s", 1)
        assert isinstance(record, Record)
        assert record.out == tuple([b"%d" % number for number in range(100)])


async def test_an_ended_session_is_nobodys(new_engine: NewEngine) -> None:
    async with running(new_engine("a", LEASE)) as engine:
        await engine.open("s", NEW)
        settle = Change(settled=1)
        for version, change in enumerate([settle, Change(accepted=(b"bye",), end="timeout"), settle]):
            assert await commit(engine, "s", 1, version, change) is Verdict.OK
        assert await engine.owner("s") is None
        assert await engine.adopt("s", 1) is None
        assert await commit(engine, "s", 1, 2, settle) is Verdict.OK
        assert await commit(engine, "s", 1, 3, NOTHING) is Verdict.ENDED


async def test_whatever_comes_is_done_as_the_functions_of_the_record_do_it(new_engine: NewEngine) -> None:
    chance = random.Random(7)  # noqa: S311 - a sequence that is the same each time
    async with running(new_engine("a", LEASE)) as engine:
        for number in range(30):
            sid, model = f"s{number}", opened("a", 7, b"signon")
            await engine.open(sid, model)
            kept = model
            for _ in range(12):
                match chance.choice(["commit", "commit", "commit", "stray", "adopt", "restore", "keep"]):
                    case "commit":
                        change = any_change(chance, model)
                        verdict, after = committed(model, model.generation, model.version, change)
                        key = model.generation, model.version
                    case "stray":
                        key = chance.randint(0, 3), chance.randint(0, 9)
                        verdict, after = committed(model, *key, NOTHING)
                        change = NOTHING
                    case "adopt":
                        seen = chance.choice([model.generation, 1])
                        found, expected = await engine.adopt(sid, seen), adopted(model, "a", seen)
                        assert found == (None if model.gone else expected or model.owner)
                        model = expected or model
                        continue
                    case "restore":
                        later = kept._replace(version=kept.version + chance.randint(0, 2))
                        verdict, model = restored(model, later)
                        assert await restore(engine, sid, later) is verdict
                        continue
                    case _:
                        kept = model
                        continue
                assert await commit(engine, sid, *key, change) is verdict
                assert after is not None
                model = after


def any_change(chance: random.Random, record: Record) -> Change:
    """Return a change that an owner may make."""
    accepted = tuple([b"%d" % chance.randint(0, 9) for _ in range(chance.randint(0, 2))])
    out = tuple([b"%d" % chance.randint(0, 9) for _ in range(chance.randint(0, 2))])
    return Change(
        rid=chance.choice([None, record.rid + 1]),
        accepted=accepted,
        settled=chance.randint(0, len(record.inbox) + len(accepted)),
        begun=chance.choice([True, False]),
        out=out,
        acknowledged=chance.randint(0, len(record.out) + len(out)),
        fields=updated((), {chance.choice("xyz"): b"%d" % chance.randint(0, 9)}.items()),
        end=chance.choice([None, None, None, None, "timeout"]),
    )


async def test_nodes_know_of_each_other_and_where_they_are(new_engine: NewEngine) -> None:
    async with running(new_engine("a", LEASE), "here:1") as engine:
        assert engine.lease_until > trio.current_time()
        async with running(new_engine("b", LEASE), "there:2") as other:
            assert other.alive("a")
            assert other.address("a") == "here:1"
            assert not other.alive("c")
            assert other.address("c") is None


async def test_a_node_that_renews_its_lease_no_more_is_gone(new_engine: NewEngine) -> None:
    engine, gone, learned = new_engine("a", SHORT), list[str](), trio.Event()

    def learn(node: str) -> None:
        gone.append(node)
        learned.set()

    engine.watch(learn)
    await new_engine("b", SHORT).join("")
    async with running(engine):
        await learned.wait()
        assert gone == ["b"]
        assert not engine.alive("b")


async def test_two_nodes_have_two_names(new_engine: NewEngine) -> None:
    async with running(new_engine("a", LEASE)):
        with pytest.raises(EngineError, match="there is another node 'a'"):
            await new_engine("a", LEASE).join("")


async def test_a_node_that_leaves_is_gone_for_whoever_looks(new_engine: NewEngine) -> None:
    async with running(new_engine("a", LEASE), "here") as engine, running(new_engine("b", LEASE)) as other:
        gone = list[str]()
        other.watch(gone.append)
        assert await other.owner("s") is None, "the connection is there"
        await other.look()
        assert other.alive("a")
        await engine.leave()
        await other.look()
        assert not other.alive("a")
        assert gone == ["a"]
        assert (engine.node, other.node) == ("a", "b")


async def test_which_sessions_a_node_had_is_forgotten_when_they_are_somebody_elses(
    new_engine: NewEngine,
) -> None:
    async with running(new_engine("a", LEASE)) as engine, running(new_engine("b", LEASE)) as other:
        await engine.open("s", NEW)
        await other.adopt("s", 1)
        await other.forget_sessions("a", ["s"])
        assert await other.sessions_of("a") == ([], "")
        await other.forget_node("a")
        assert await other.sessions_of("b") == (["s"], "")


async def test_sessions_are_named_in_pieces_of_which_all_are_all_of_them(new_engine: NewEngine) -> None:
    async with running(new_engine("a", LEASE)) as engine:
        sids = {f"s{number}" for number in range(2 * PIECE + 1)}
        async with trio.open_nursery() as nursery:
            for sid in sids:
                nursery.start_soon(engine.open, sid, NEW)
        piece, after = await engine.sessions_of("a")
        found, pieces = {*piece}, 1
        while after:
            piece, after = await engine.sessions_of("a", after)
            assert len(piece) < 2 * PIECE
            found |= {*piece}
            pieces += 1
        assert found == sids
        assert pieces >= 2


async def test_what_a_node_has_the_engine_do_is_counted(new_engine: NewEngine) -> None:
    async with running(new_engine("a", LEASE)) as engine:
        await engine.open("s", NEW)
        await commit(engine, "s", 1, 0, NOTHING)
        await engine.adopt("s", 1)
        await engine.adopt("nobody", 1)
        assert (engine.counts.commits, engine.counts.adoptions) == (1, 1)
