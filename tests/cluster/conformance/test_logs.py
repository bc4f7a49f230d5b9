"""What every engine does with the logs of paths: the same as `SharedLogs`, for all nodes, whatever breaks."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
import trio
import trio.testing

from cometary.cluster.engine import Engine
from cometary.cluster.path_logs import Addition, Appended, LogShelf, Once, PathLog, SharedLogs, base_of
from cometary.cluster.redis.engine import RedisEngine
from cometary.cluster.redis.keys import Keys
from cometary.cluster.redis.logs import RedisLogs
from cometary.errors import EngineError
from cometary.packets.keeping import Keeping
from tests.cluster.conformance.engines import NewEngine, local_engines, redis_engines, running
from tests.cluster.servers import EngineServer

LEASE = 5.0
SHELF = LogShelf("news/*", Keeping(4, 60.0, 40))
PATHS = ("news/a", "news/b", "news/a}b")


@pytest.fixture(params=["local", "redis", "valkey"])
def new_engine(request: pytest.FixtureRequest, lasting_servers: Callable[[str], EngineServer]) -> NewEngine:
    return local_engines() if request.param == "local" else redis_engines(lasting_servers(request.param).url)


async def test_an_update_that_the_engine_will_never_take_is_refused_and_the_next_one_is_not(
    lasting_servers: Callable[[str], EngineServer],
) -> None:
    server = lasting_servers("redis")
    engine = redis_engines(server.url)("a", LEASE)
    server.say("SET", Keys().of_shelf(SHELF.name)[0], "no hash")
    async with running(engine):
        assert (await append(engine, Addition("news/a", b"1", 1))).outcome == "refused"
        server.say("FLUSHALL")
        assert (await append(engine, Addition("news/a", b"1", 1))).outcome == "new"


async def append(engine: Engine, new: Addition, shelf: LogShelf = SHELF) -> Appended:
    """Append and wait for what comes of it."""
    answer, answered = list[Appended](), trio.Event()

    def take(appended: Appended) -> None:
        answer.append(appended)
        answered.set()

    engine.append(shelf, new, take)
    assert not answer, "the callback is called within the call"
    await answered.wait()
    return answer[0]


def numbered(log: PathLog) -> tuple[int, int, list[tuple[int, bytes]]]:
    """Return what does not depend on the time."""
    return log.number, log.lost, [(entry.number, entry.payload) for entry in log.entries]


async def test_whatever_is_appended_is_kept_as_on_a_server_by_itself(new_engine: NewEngine) -> None:
    chosen, measure = random.Random(1), SharedLogs()  # noqa: S311 - no secret
    async with running(new_engine("a", LEASE)) as engine, running(new_engine("b", LEASE)) as other:
        for turn in range(120):
            size = chosen.choice((1, 15, 41))
            new = Addition(chosen.choice(PATHS), b"%d \r\n\xff" % turn, size)
            appended = await append(chosen.choice((engine, other)), new)
            expected = measure.append(SHELF, new, 0.0)
            assert appended._replace(epoch="") == expected._replace(epoch="")
            path, behind = chosen.choice(PATHS), chosen.choice((-1, 0, turn - 3, turn))
            log = await chosen.choice((engine, other)).read_log(SHELF, path, behind)
            assert numbered(log) == numbered(measure.read(SHELF, path, behind, 0.0))
            assert log.epoch == appended.epoch
            assert all(0 <= entry.age < 10 for entry in log.entries)
        changed = await other.changed_logs(SHELF, 100)
        assert changed[1:] == measure.changed(SHELF, 100, 1000)[1:]


async def test_an_update_with_a_key_is_there_once_whoever_appends_it(new_engine: NewEngine) -> None:
    new = Addition("k/p", b"x", 1, Once("key", b"\x00digest", 60.0))
    shelf = LogShelf("k/*", Keeping(10))
    async with running(new_engine("a", LEASE)) as engine, running(new_engine("b", LEASE)) as other:
        assert (await append(engine, new, shelf)).outcome == "new"
        assert (await append(other, new, shelf)).outcome == "repeat"
        another = new._replace(once=Once("key", b"other", 60.0))
        assert (await append(other, another, shelf)).outcome == "reused"
        assert len((await engine.read_log(shelf, "k/p", -1)).entries) == 1


async def test_a_key_stands_for_what_claimed_it_first(new_engine: NewEngine) -> None:
    async with running(new_engine("a", LEASE)) as engine, running(new_engine("b", LEASE)) as other:
        told, all_told = list[bytes | None](), trio.Event()

        def take(had: bytes | None) -> None:
            told.append(had)
            if len(told) == 2:
                all_told.set()

        for each, value in ((engine, b"\x00one"), (other, b"two")):
            before = len(told)
            each.claim("key", value, 60.0, take)
            assert len(told) == before, "the callback is called within the call"
            await all_told.wait() if each is other else await trio.testing.wait_all_tasks_blocked(0.05)
    assert told == [None, b"\x00one"]


async def test_what_is_too_old_is_lost_and_it_is_told_since_when(new_engine: NewEngine) -> None:
    shelf = LogShelf("old/*", Keeping(10, 0.05))
    async with running(new_engine("a", LEASE)) as engine:
        first = await append(engine, Addition("old/p", b"x", 1), shelf)
        await trio.sleep(0.1)
        log = await engine.read_log(shelf, "old/p", -1)
        assert numbered(log)[1:] == (first.number, [])
        assert 0.05 < log.lost_age < 5
        second = await append(engine, Addition("old/q", b"x", 1), shelf)
        assert second.before == 0
        assert numbered(await engine.read_log(shelf, "old/p", -1)) == (first.number, first.number, [])


async def test_a_path_of_which_nothing_is_known_has_nothing(new_engine: NewEngine) -> None:
    async with running(new_engine("a", LEASE)) as engine:
        assert numbered(await engine.read_log(LogShelf("never", Keeping(1)), "never", -1)) == (0, 0, [])


async def test_what_is_sent_again_is_there_once(lasting_servers: Callable[[str], EngineServer]) -> None:
    engine = RedisEngine(lasting_servers("redis").url, "a", lease=LEASE)
    shelf, calls = LogShelf("twice", Keeping(10)), list[bytes]()

    def call(command: bytes, _answered: object, _refused: object) -> None:
        calls.append(command)

    logs = RedisLogs(engine._keys, "a", call, engine._lane.ask)
    async with running(engine):
        for number in range(3):
            logs.append(shelf, Addition("twice", b"%d" % number, 1), lambda _: None)
        replies = [await engine._lane.ask(call) for call in (*calls, *calls)]
        assert replies[:3] == replies[3:]
        assert len((await engine.read_log(shelf, "twice", -1)).entries) == 3


async def test_what_is_answered_out_of_turn_is_not_forgotten_before_what_was_sent_before_it() -> None:
    told, refusals = list[Callable[[Any], object]](), list[Callable[[Any], object]]()
    commands = list[list[bytes]]()

    def call(command: bytes, answered: Callable[[Any], object], refused: Callable[[Any], object]) -> None:
        commands.append(command.split(b"\r\n")[2::2])
        told.append(answered)
        refusals.append(refused)

    async def ask(_: bytes) -> None:
        await trio.lowlevel.checkpoint()

    logs = RedisLogs(Keys(), "a", call, ask)

    def answered_before(token: int) -> int:
        """Append one more, and return up to which the engine is told that all were answered."""
        logs.append(LogShelf("turns", Keeping(10)), Addition("turns", b"", 1), lambda _: None)
        sender = len(commands[-1]) - 1 - commands[-1][::-1].index(b"a")
        assert commands[-1][sender + 1] == b"%d" % token
        return int(commands[-1][sender + 2])

    assert [answered_before(token) for token in (1, 2, 3)] == [0, 0, 0]
    told[1]([0, b"e", 2, 1])
    assert answered_before(4) == 0
    told[0]([0, b"e", 1, 0])
    assert answered_before(5) == 2
    refusals[2](EngineError("never"))
    assert answered_before(6) == 3


async def test_a_shelf_that_is_full_forgets_the_path_that_was_appended_to_least_recently(
    lasting_servers: Callable[[str], EngineServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cometary.cluster.redis.logs.MOST_PATHS", 2)
    monkeypatch.setattr("cometary.cluster.redis.logs.MOST_BYTES", 10)
    shelf = LogShelf("full/*", Keeping(10))
    async with running(RedisEngine(lasting_servers("redis").url, "a", lease=LEASE)) as engine:
        for path, size in (("a", 6), ("b", 6), ("c", 1)):
            await append(engine, Addition(path, b"x", size), shelf)
        logs = [numbered(await engine.read_log(shelf, path, -1)) for path in "abcd"]
    assert logs == [(1, 1, []), (2, 0, [(2, b"x")]), (3, 0, [(3, b"x")]), (1, 1, [])]


@pytest.mark.parametrize("kept", [False, True])
async def test_another_process_of_the_engine_gives_no_number_twice(
    new_server: Callable[..., EngineServer], *, kept: bool
) -> None:
    server = new_server()
    async with running(RedisEngine(server.url, "a", lease=LEASE)) as engine:
        first = await append(engine, Addition("news/a", b"x", 1))
        if kept:
            server.say("SAVE")
        server.kill()
        server.start()
        second = await append(engine, Addition("news/a", b"y", 1))
    assert second.epoch != first.epoch
    assert (base_of(second.epoch) == base_of(first.epoch)) is kept
    assert (second.before, second.number > 1_000_000) == ((1, True) if kept else (0, False))
