"""What becomes of an engine on Redis that is killed, lacks something, or is not one; on real servers."""

from __future__ import annotations

import logging
import re
import signal
import socket
from collections.abc import Callable, Generator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import trio
import trio.lowlevel
import trio.testing

from cometary.cluster.change import Change, Verdict
from cometary.cluster.record import Record, opened
from cometary.cluster.redis.admin import Wanted, check
from cometary.cluster.redis.arguments import LIBRARY
from cometary.cluster.redis.engine import RedisEngine
from cometary.cluster.redis.keys import Keys
from cometary.cluster.redis.logs import LOG_LIBRARY
from cometary.cluster.redis.places import Place, read_place
from cometary.cluster.redis.url import EngineURL, read_url
from cometary.errors import EngineError
from tests.certificates import issuer, make_files
from tests.cluster.conformance.engines import commit, restore, running
from tests.cluster.servers import EngineServer

NewServer = Callable[..., EngineServer]

NEW = opened("a", 7, b"signon")
NEWS = Change(out=(b"news",))
SHORT = 0.2
"""Seconds of a lease, and with it of the grace, which is really waited for."""


class Heard(logging.Handler):
    """What the log says, to be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.said = list[str]()
        self._more = trio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())
        self._more.set()

    async def wait_for(self, text: str) -> None:
        while not any(text in said for said in self.said):
            await self._more.wait()
            self._more = trio.Event()


@pytest.fixture
def heard() -> Generator[Heard]:
    logger, handler = logging.getLogger("cometary.cluster"), Heard()
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


async def adopted_by_another(server: EngineServer) -> Record | str | None:
    """Have the session adopted by a node that comes anew, so that it does not wait until all could renew."""
    async with running(RedisEngine(server.url, "b")) as engine:
        return await engine.adopt("s", 1)


async def test_a_killed_engine_has_put_back_what_it_lost_and_gets_what_waited(
    new_server: NewServer, heard: Heard
) -> None:
    server, answers, answered = new_server("valkey"), list[Verdict](), trio.Event()
    async with running(RedisEngine(server.url, "a", lease=SHORT)) as engine:
        await engine.open("s", NEW)
        assert await commit(engine, "s", 1, 0, NEWS) is Verdict.OK
        server.kill()
        await heard.wait_for("the engine at")
        assert engine.state == "down"

        def take(verdict: Verdict) -> None:
            answers.append(verdict)
            answered.set()

        engine.commit("s", 1, 1, NEWS, take)
        server.start()
        await answered.wait()
        assert answers == [Verdict.BEHIND]
        kept = NEW.with_change(NEWS)
        assert await restore(engine, "s", kept) is Verdict.OK
        assert await commit(engine, "s", 1, 1, NEWS) is Verdict.OK
        assert await adopted_by_another(server) == kept.with_change(NEWS)._replace(generation=2, owner="b")


async def test_a_former_owner_is_not_told_that_it_has_recorded_anything_before_the_later_one_is_back(
    new_server: NewServer, heard: Heard
) -> None:
    server, told, done = new_server(), list[Verdict](), trio.Event()

    def take(verdict: Verdict) -> None:
        told.append(verdict)
        done.set()

    former, later = [RedisEngine(server.url, name, lease=SHORT) for name in "ab"]
    async with running(former), running(later):
        await former.open("s", NEW)
        adopted = await later.adopt("s", 1)
        assert isinstance(adopted, Record)
        server.kill()
        await heard.wait_for("the engine at")
        server.start()
        assert await commit(former, "s", 1, 0, NEWS) is Verdict.BEHIND
        former.restore("s", NEW, take)
        former.commit("s", 1, 0, NEWS, lambda _: None)
        while await later.owner("s") is None:
            await trio.lowlevel.checkpoint()
        assert told == []
        assert await restore(later, "s", adopted) is Verdict.OK
        await done.wait()
        assert told == [Verdict.FENCED]
        assert await commit(later, "s", 2, 0, NEWS) is Verdict.OK


async def test_who_joins_hears_of_nodes_whose_leases_are_long_forgotten(
    lasting_servers: Callable[[str], EngineServer],
) -> None:
    server = lasting_servers("redis")
    async with running(RedisEngine(server.url, "a")) as engine:
        await engine.open("s", NEW)
    server.say("DEL", *Keys().members)
    for name, left in ("b", ["a"]), ("c", ["b"]):
        engine, gone = RedisEngine(server.url, name), list[str]()
        engine.watch(gone.append)
        async with running(engine):
            assert gone == left
            assert await engine.sessions_of("a") == (["s"] if name == "b" else [], "")
            await engine.forget_node("a")
            await engine.leave()


async def test_clusters_with_a_prefix_each_share_a_server_and_know_nothing_of_each_other(
    lasting_servers: Callable[[str], EngineServer],
) -> None:
    server = lasting_servers("redis")
    engines = [RedisEngine(server.url, "a", keys=Keys(prefix)) for prefix in ("one", "two.2")]
    async with running(engines[0], "here"), running(engines[1], "there"):
        await engines[0].open("s", NEW)
        assert await engines[0].owner("s") == ("a", 1)
        assert await engines[1].owner("s") is None
        assert await engines[1].sessions_of("a") == ([], "")
        keys = [key.decode() for key in cast("list[bytes]", server.say("KEYS", "*"))]
        assert {key.partition(":")[0] for key in keys} == {"one", "two.2"}
        assert {re.findall(r"\{(.*?)\}", key)[0] for key in Keys("two.2").of_session("s")} == {"s"}, (
            "one slot"
        )


async def test_a_restarted_engine_knows_again_who_has_sessions_and_which(
    new_server: NewServer, heard: Heard
) -> None:
    server = new_server()
    async with running(RedisEngine(server.url, "a", lease=SHORT)) as engine:
        await engine.open("s", NEW)
        server.kill()
        await heard.wait_for("the engine at")
        server.start()
        assert await restore(engine, "s", NEW) is Verdict.OK
        assert await engine.sessions_of("a") == (["s"], "")
        assert server.say("SMEMBERS", Keys().nodes) == [b"a"]


async def test_an_engine_that_keeps_its_data_has_it_after_a_restart(
    new_server: NewServer, heard: Heard
) -> None:
    server = new_server("redis", "--appendonly", "yes", "--appendfsync", "always")
    async with running(RedisEngine(server.url, "a", lease=SHORT)) as engine:
        await engine.open("s", NEW)
        assert await commit(engine, "s", 1, 0, NEWS) is Verdict.OK
        server.kill()
        await heard.wait_for("the engine at")
        server.start()
        assert await commit(engine, "s", 1, 0, NEWS) is Verdict.OK
        kept = NEW.with_change(NEWS)
        assert await adopted_by_another(server) == kept._replace(generation=2, owner="b")


async def test_nobody_is_taken_for_dead_after_the_engine_was_away(
    new_server: NewServer, heard: Heard
) -> None:
    server, gone = new_server(), list[str]()
    other = RedisEngine(server.url, "b", lease=0.3)
    await other.join("there")
    engine = RedisEngine(server.url, "a", lease=60)
    engine.watch(gone.append)
    async with running(engine):
        await engine.owner("s")
        server.kill()
        await heard.wait_for("the engine at")
        server.start()
        await engine.owner("s")
        assert engine.alive("b")
        assert gone == []


@pytest.mark.parametrize(
    ("hindrance", "relief", "told"),
    [
        (
            ("CONFIG", "SET", "maxmemory", "1"),
            ("CONFIG", "SET", "maxmemory", "0"),
            "is out of memory: raise its",
        ),
        (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE"), "is a replica"),
        (("FUNCTION", "FLUSH"), None, "Function not found"),
        (
            ("ACL", "SETUSER", "default", "-fcall"),
            ("ACL", "SETUSER", "default", "+fcall"),
            "does not let this user do what is needed",
        ),
    ],
    ids=["memory", "replica", "functions", "rights"],
)
async def test_what_hinders_the_engine_is_told_and_what_waits_is_done_when_it_is_over(
    new_server: NewServer, heard: Heard, hindrance: tuple[str, ...], relief: tuple[str, ...] | None, told: str
) -> None:
    server = new_server()
    async with running(RedisEngine(server.url, "a")) as engine:
        await engine.open("s", NEW)
        server.say(*hindrance)
        async with trio.open_nursery() as nursery:
            done = list[Verdict]()

            async def change() -> None:
                done.append(await commit(engine, "s", 1, 0, NEWS))

            nursery.start_soon(change)
            await heard.wait_for(told)
            if relief:
                server.say(*relief)
        assert done == [Verdict.OK]
        assert isinstance(await adopted_by_another(server), Record)


async def test_an_engine_that_hangs_is_away_until_it_goes_on(
    new_server: NewServer, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cometary.cluster.redis.engine.PATIENCE", 0.1)
    server = new_server()
    async with running(RedisEngine(server.url, "a", lease=0.1)) as engine:
        await engine.open("s", NEW)
        server.process.send_signal(signal.SIGSTOP)
        try:
            await heard.wait_for("does not answer")
            await trio.testing.wait_all_tasks_blocked()
            assert engine.state == "down"
        finally:
            server.process.send_signal(signal.SIGCONT)
        assert await commit(engine, "s", 1, 0, NEWS) is Verdict.OK


async def test_nodes_of_another_version_keep_the_functions_that_they_know(new_server: NewServer) -> None:
    server = new_server()
    before = "#!lua name=cometary_0\nredis.register_function('cometary_0_commit', function() return 0 end)"
    server.say("FUNCTION", "LOAD", before)
    await RedisEngine(server.url, "a").join("")
    libraries = [cast("list[Any]", each) for each in cast("list[Any]", server.say("FUNCTION", "LIST"))]
    assert {library[1].decode() for library in libraries} == {"cometary_0", LIBRARY, LOG_LIBRARY}
    assert server.say("FCALL", "cometary_0_commit", 0) == 0
    [functions] = [library[5] for library in libraries if library[1] == LIBRARY.encode()]
    assert all(function[1].decode().startswith(f"{LIBRARY}_") for function in functions)


async def test_a_server_without_functions_is_too_old() -> None:
    async def info() -> dict[str, str]:
        await trio.lowlevel.checkpoint()
        return {"redis_version": "6.2.14", "role": "master"}

    with pytest.raises(EngineError, match=r"is Redis 6.2.14; it has to be Redis 7 or later, or Valkey"):
        await check(EngineURL("here"), cast("Any", SimpleNamespace(info=info)), Wanted())


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--requirepass", "secret"], "wants a password"),
        (["--replicaof", "127.0.0.1 1"], "is a replica of 127.0.0.1:1; name the server that accepts writes"),
        (["--maxmemory", "1"], "is out of memory: raise its maxmemory"),
        (["--maxmemory-policy", "allkeys-lru"], "set its maxmemory-policy to noeviction .it is allkeys-lru"),
    ],
    ids=["password", "replica", "memory", "policy"],
)
async def test_what_an_operator_has_wrong_is_one_line(
    new_server: NewServer, options: list[str], told: str
) -> None:
    engine = RedisEngine(new_server("redis", *options).url, "a")
    with pytest.raises(EngineError, match=told) as refused:
        await engine.join("")
    assert "\n" not in str(refused.value)


async def test_an_engine_that_wants_a_password_takes_the_right_one(new_server: NewServer) -> None:
    server = new_server("redis", "--requirepass", "secret")
    wrong, right = [server.url.replace("unix://", f"unix://:{word}@") for word in ("guess", "secret")]
    with pytest.raises(EngineError, match="does not take this user or password") as refused:
        await RedisEngine(wrong, "a").join("")
    assert "guess" not in str(refused.value)
    async with running(RedisEngine(right, "a")) as engine:
        assert await engine.owner("s") is None


@pytest.mark.parametrize("kind", ["redis", "valkey"])
async def test_keys_that_hold_something_else_stop_nobody_but_who_asks_for_them(
    new_server: NewServer, kind: str
) -> None:
    server, keys = new_server(kind), Keys()
    server.say("SET", keys.of_session("s")[0], "something else")
    server.say("RPUSH", keys.of_claim("key"), "something else")
    claims = list[bytes | None]()
    async with running(RedisEngine(server.url, "a")) as engine:
        with trio.fail_after(60):
            with pytest.raises(EngineError, match="WRONGTYPE"):
                await engine.owner("s")
            assert await commit(engine, "s", 1, 0, NEWS) is Verdict.FENCED
            engine.claim("key", b"value", 1, claims.append)
            await engine.open("t", NEW)
        assert (claims, engine.state) == ([None], "up")


async def test_an_engine_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"^the engine at unix:///\S+ cannot be reached: .+$"):
        await RedisEngine(f"unix://{tmp_path}/nothing", "a").join("")


async def test_why_it_cannot_be_reached_is_told_in_the_words_of_the_system() -> None:
    with pytest.raises(EngineError, match=r"redis://127.0.0.1:1 cannot be reached: .*Connection refused$"):
        await RedisEngine("redis://127.0.0.1:1", "a").join("")


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("redis://localhost", EngineURL("localhost")),
        ("redis://:p%40ss@10.0.0.1:7000/3", EngineURL("10.0.0.1", 7000, 3, None, "p@ss")),
        ("rediss://me:pass@[::1]:7000", EngineURL("::1", 7000, 0, "me", "pass", tls=True)),
        ("unix:///run/redis.sock?db=2", EngineURL("/run/redis.sock", None, 2)),
    ],
)
def test_a_url_says_where_the_engine_is(text: str, url: EngineURL) -> None:
    assert read_url(text) == url
    assert "pass" not in str(url)
    assert "p@ss" not in str(url)


@pytest.mark.parametrize(
    ("text", "place", "shown"),
    [
        (
            "redis+sentinel://me:pass@a,[::1]:7000/main/3",
            Place(
                "sentinel",
                (EngineURL("a", 26379, 3, "me", "pass"), EngineURL("::1", 7000, 3, "me", "pass")),
                "main",
            ),
            "redis+sentinel://a:26379,::1:7000/main",
        ),
        (
            "rediss+cluster://:pass@a:7001",
            Place("cluster", (EngineURL("a", 7001, 0, None, "pass", tls=True),)),
            "rediss+cluster://a:7001",
        ),
        ("redis://a", Place("one", (EngineURL("a"),)), "redis://a:6379"),
    ],
)
def test_a_url_says_whether_one_server_sentinels_or_a_cluster_are_meant(
    text: str, place: Place, shown: str
) -> None:
    assert read_place(text) == place
    assert str(place) == shown


@pytest.mark.parametrize(
    "text",
    [
        *("localhost:6379", "http://localhost", "redis://", "redis://localhost:x", "redis://localhost/a"),
        *("redis+sentinel://:secret@a,b", "unix://host/path", "redis://:secret@localhost:70000"),
        *("redis+sentinel://a:x/main", "redis+cluster://a/1", "redis+cluster://:secret@a,/0"),
        *("redis:/:secret@localhost", ":secret@localhost", "redis:secret@localhost", "secret@a://b"),
    ],
)
def test_what_is_no_url_of_an_engine_is_refused_without_its_password(text: str) -> None:
    with pytest.raises(EngineError, match=r"an engine is redis://HOST:PORT/DB, .*, not ") as refused:
        read_place(text)
    assert "secret" not in str(refused.value)


async def test_an_engine_is_spoken_to_by_tls_if_its_certificate_is_trusted(
    new_server: NewServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cert, key = make_files(tmp_path)
    trusted = tmp_path / "trusted.pem"
    issuer().cert_pem.write_to_path(trusted)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    certificate = ["--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", str(trusted)]
    new_server("redis", "--tls-port", str(port), *certificate, "--tls-auth-clients", "no")
    url = f"rediss://127.0.0.1:{port}"
    with pytest.raises(EngineError, match=r"cannot be reached: .*certificate verify failed"):
        await RedisEngine(url, "a").join("")
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    async with running(RedisEngine(url, "a")) as engine:
        await engine.open("s", NEW)
        assert await engine.owner("s") == ("a", 1)
    plain = url.replace("rediss", "redis")
    with pytest.raises(EngineError, match=f"^the engine at {plain} cannot be "):
        await RedisEngine(plain, "a").join("")
