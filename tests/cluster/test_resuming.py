"""Sessions that outlive their process: real servers, real clients, a real engine, real deaths."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import trio

from cometary.cluster.local import LocalEngine, SharedState
from cometary.cluster.redis.engine import RedisEngine
from tests.cluster.accounts import Account
from tests.cluster.nodes import SETTINGS, cluster, start, until
from tests.cluster.servers import EngineServer
from tests.servers import free_port

pytestmark = pytest.mark.filterwarnings("ignore:Async generator 'httpx:ResourceWarning")

LEASE = 0.5


@pytest.mark.parametrize("sessions", ["resume", "mirror"])
async def test_another_server_goes_on_with_the_sessions_of_one_that_has_died(sessions: str) -> None:
    shared, settings = SharedState(), replace(SETTINGS, sessions=sessions)
    async with cluster() as (nursery, way):
        first = await start(nursery, LocalEngine(shared, "a", lease=LEASE), settings)
        second = await start(nursery, LocalEngine(shared, "b", lease=LEASE), settings)
        way.lead_to(first.running.comet)
        account = Account(way.url, resume=sessions == "resume")
        async with account.comet:
            await until(lambda: first.application.sessions)
            account.comet.send("hear", "news/*")
            account.say(20)
            first.session.send("tick", 1)
            await account.until(lambda: len(account.answers) >= 5)
            account.comet.send("dawdle", 60)
            await until(lambda: ("dawdle",) in first.calls)
            account.say(10)
            await first.die()
            way.lead_to(second.running.comet)
            await account.answered()
            second.session.send("tick", 2)
            await account.until(lambda: len(account.ticks) == 2)
            account.adds_up()
            assert second.calls == [("recovered", 20, "kim", ["news/*"]), ("failed", "packet", "node-died")]
            assert account.failed == ["node-died"]
            assert account.gaps == ["news/*"]
        await until(lambda: ("off", "closed", []) in second.calls)
        assert not [call for call in first.calls if call[0] == "off"]


async def test_the_javascript_client_goes_on_at_another_server() -> None:
    shared, said = SharedState(), 100
    async with cluster() as (nursery, way):
        first = await start(nursery, LocalEngine(shared, "a", lease=LEASE))
        second = await start(nursery, LocalEngine(shared, "b", lease=LEASE))
        way.lead_to(first.running.comet)
        client = Path(__file__).parents[1] / "clients/resuming_client.mjs"
        command = ["node", str(client), way.url, str(said)]
        node = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE)
        await until(lambda: [each for each in shared.records.values() if each.rid > 5])
        await first.die()
        way.lead_to(second.running.comet)
        assert node.stdout is not None
        with trio.fail_after(30):
            told = json.loads(b"".join([data async for data in node.stdout]))
            await node.wait()
        assert (told["answers"], told["reopened"], told["wire"]) == ([*range(1, said + 1)], [], "requests")
        await until(lambda: ("off", "closed", []) in second.calls)
        assert second.calls[0][0] == "recovered"


async def test_a_server_that_is_stopped_leaves_its_sessions_to_the_next_and_tells_nobody_of_an_end() -> None:
    shared = SharedState()
    async with cluster() as (nursery, way):
        first = await start(nursery, LocalEngine(shared, "a", lease=30))
        way.lead_to(first.running.comet)
        account = Account(way.url)
        async with account.comet:
            account.say(3)
            await account.answered()
            first.running.stop()
            account.say(3)
            await until(lambda: "a" not in [lessee.node for lessee in shared.lessees() if lessee.left > 0])
            second = await start(nursery, LocalEngine(shared, "b", lease=30))
            way.lead_to(second.running.comet)
            await account.answered()
            account.adds_up()
        assert first.calls == [("on",)]
        await until(lambda: second.calls[1:] == [("off", "closed", [])])


async def test_what_an_application_sends_while_nobody_listens_comes_from_the_next_server() -> None:
    shared = SharedState()
    async with cluster() as (nursery, way):
        first = await start(nursery, LocalEngine(shared, "a", lease=LEASE))
        way.lead_to(first.running.comet)
        account = Account(way.url)
        async with account.comet:
            account.say(1)
            await account.answered()
            way.lead_to(None)
            for number in range(1, 6):
                first.session.send("tick", number)
            await until(lambda: [len(record.out) for record in shared.records.values()] == [6])
            await first.die()
            second = await start(nursery, LocalEngine(shared, "b", lease=LEASE))
            way.lead_to(second.running.comet)
            await account.until(lambda: len(account.ticks) == 5)
            account.adds_up()


async def test_an_update_to_a_durable_path_is_recorded_before_its_client_gets_it() -> None:
    shared = SharedState()
    settings = replace(SETTINGS, paths=("orders/* keep durable=on",))
    async with cluster() as (nursery, way):
        first = await start(nursery, LocalEngine(shared, "a", lease=LEASE), settings)
        way.lead_to(first.running.comet)
        account = Account(way.url)
        got = list[tuple[str, int]]()

        @account.comet.on("*/*")
        def note(message: int, path: str) -> None:
            got.append((path, message))

        async with account.comet:
            account.comet.send("hear", "*/*")
            await until(lambda: first.application.sessions and first.session.paths)
            way.lead_to(None)
            for number in range(1, 4):
                first.application.app.update("orders/new", number)
                first.application.app.update("prices/tin", number)
                first.session.send("own/packet", number)
            await until(lambda: [len(record.out) for record in shared.records.values()] == [6])
            await first.die()
            second = await start(nursery, LocalEngine(shared, "b", lease=LEASE), settings)
            way.lead_to(second.running.comet)
            await until(
                lambda: got.count(("own/packet", 3)) and got.count(("orders/new", 3)) and account.gaps
            )
        for recorded in ("orders/new", "own/packet"):
            assert [number for path, number in got if path == recorded] == [1, 2, 3]
        assert account.gaps == ["*/*"], "of what no session heard nobody knows"


async def test_a_session_whose_client_never_comes_back_ends_at_the_next_server() -> None:
    shared, settings = SharedState(), replace(SETTINGS, die=0.3)
    async with cluster() as (nursery, _):
        first = await start(nursery, LocalEngine(shared, "a", lease=LEASE))
        async with httpx.AsyncClient() as http:
            opened = (await http.post(first.running.comet, json={"rid": 1, "resume": True})).json()
            first.session.send("tick", 1)
            await until(lambda: [len(record.out) for record in shared.records.values()] == [1])
            await first.die()
            second = await start(nursery, LocalEngine(shared, "b", lease=LEASE), settings)
            await until(lambda: ("off", "timeout", [1]) in second.calls)
            late = {"sid": opened["sid"], "rid": 2, "ack": 0, "gen": 1, "done": 1}
            answer = await http.post(second.running.comet, json=late)
        assert (answer.status_code, answer.json()["reason"]) == (410, "timeout")


async def test_an_engine_that_is_killed_and_comes_back_empty_is_told_again(
    new_server: Callable[..., EngineServer],
) -> None:
    server = new_server()
    async with cluster() as (nursery, way):
        first = await start(nursery, RedisEngine(server.url, "a", lease=LEASE))
        way.lead_to(first.running.comet)
        account = Account(way.url)
        async with account.comet:
            account.say(10)
            await account.answered()
            server.kill()
            account.say(10)
            first.session.send("tick", 1)
            server.start()
            await account.answered()
            await account.until(lambda: account.ticks)
            await first.die()
            second = await start(nursery, RedisEngine(server.url, "b", lease=LEASE))
            way.lead_to(second.running.comet)
            account.say(10)
            await account.answered()
            second.session.send("tick", 2)
            await account.until(lambda: len(account.ticks) == 2)
            account.adds_up()


async def test_what_a_server_leaves_behind_in_redis_is_taken_away_with_its_sessions(
    new_server: Callable[..., EngineServer],
) -> None:
    server = new_server()
    async with cluster() as (nursery, _), httpx.AsyncClient() as http:
        first = await start(nursery, RedisEngine(server.url, "a", lease=LEASE))
        await http.post(first.running.comet, json={"rid": 1, "resume": True})
        assert server.say("SCARD", "cometary:of:a") == 1
        await first.die()
        second = await start(nursery, RedisEngine(server.url, "b", lease=LEASE))
        await until(lambda: second.application.sessions)
        await until(lambda: not server.say("EXISTS", "cometary:of:a"))
        assert server.say("SCARD", "cometary:of:b") == 1


async def test_a_server_that_was_taken_for_dead_lets_go_of_the_session() -> None:
    shared = SharedState()
    async with cluster() as (nursery, way):
        engine = LocalEngine(shared, "a", lease=LEASE)
        first = await start(nursery, engine)
        second = await start(nursery, LocalEngine(shared, "b", lease=LEASE))
        way.lead_to(first.running.comet)
        account = Account(way.url)
        async with account.comet:
            account.say(5)
            await account.answered()
            await engine.leave()  # so it renews its lease no more, and goes on all the same
            way.lead_to(second.running.comet)
            account.say(5)
            await account.answered()
            zombie = first.session
            zombie.send("tick", "of a zombie")
            await until(lambda: not first.running.statistics()["sessions"])
            second.session.send("tick", 1)
            await account.until(lambda: account.ticks)
            account.adds_up()


# -- processes


class Process:
    """A server as a process of its own.

    Args:
        folder: where its account is written.
        engine: where its engine is.
    """

    def __init__(self, folder: Path, engine: str) -> None:
        self.port = free_port()
        self._account = folder / "account"
        here = Path(__file__).parent
        self._command = [sys.executable, "-m", "cometary", "serve", f"{here}/resuming_application.py:app"]
        self._command += ["--port", str(self.port), "--control", "127.0.0.1:0", "--engine", engine]
        self._command += ["--sessions", "resume", "--lease", str(LEASE)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        environment = {**os.environ, "ACCOUNT": str(self._account)}
        self._process = subprocess.Popen(
            self._command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )

    def wait_for_start(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        assert b"comet http" in self._process.stdout.readline()

    def end(self, signum: int = signal.SIGKILL) -> int:
        assert self._process is not None
        self._process.send_signal(signum)
        self._process.communicate()
        return self._process.returncode

    def account(self, word: str) -> list[str]:
        lines = self._account.read_text().splitlines()
        return [line.removeprefix(f"{word} ") for line in lines if line.startswith(f"{word} ")]


@pytest.fixture
def process(tmp_path: Path, new_server: Callable[..., EngineServer]) -> Generator[Process]:
    one = Process(tmp_path, new_server().url)
    one.start()
    one.wait_for_start()
    yield one
    one.end()


@pytest.mark.parametrize("stream", [False, True])
async def test_a_server_is_killed_in_the_middle_of_traffic_both_ways_and_started_again(
    process: Process,
    stream: bool,
) -> None:
    account = Account(f"http://127.0.0.1:{process.port}/comet", stream=stream)
    async with account.comet:
        account.say(50)
        await account.until(lambda: len(account.answers) > 10)
        process.end()
        process.start()
        account.say(50)
        await account.until(lambda: len(account.answers) + len(account.failed) >= account.said)
        ticks = len(account.ticks)
        await account.until(lambda: len(account.ticks) > ticks)
        died = [number for _, number in account.failed]  # its handler had begun when the process was killed
        assert sorted([*account.answers, *died]) == [*range(1, account.said + 1)]
        assert account.answers == sorted(account.answers)
        assert account.ticks == [*range(1, len(account.ticks) + 1)]
        assert not account.reopened
    said = [int(number) for number in process.account("said")]
    failed = process.account("failed")
    assert len(said) == len(set(said))
    assert said == sorted(said)
    # Of a handler that was killed after it had said so and before that was recorded, both are told.
    assert {*said, *[int(line.split()[-1]) for line in failed]} == {*range(1, 101)}
