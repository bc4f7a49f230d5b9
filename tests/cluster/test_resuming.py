"""Sessions that outlive their process: real servers, real clients, a real engine, real deaths."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import cbor2
import httpx
import pytest
import trio

from cometary import App, Failure, Packet, Session
from cometary.authentication import Admission
from cometary.cluster.client_position import ClientPosition, read_client_position
from cometary.cluster.engine import Engine
from cometary.cluster.local import LocalEngine, SharedState
from cometary.cluster.redis.engine import RedisEngine
from cometary.config.kinds import Address
from cometary.server import Running, serve
from cometary.settings import Settings
from tests.cluster.accounts import Account
from tests.cluster.servers import EngineServer
from tests.cluster.switch import Switch, switch
from tests.servers import free_port

pytestmark = pytest.mark.filterwarnings("ignore:Async generator 'httpx:ResourceWarning")

LEASE = 0.5
SETTINGS = Settings(
    port=0, control=Address("127.0.0.1", 0), engine="redis://not-asked", sessions="resume", drain=0
)


class Application:
    """An application and its account."""

    def __init__(self, judge: Any = None) -> None:
        self.app = App(authenticate=judge)
        self.calls: list[tuple[Any, ...]] = []
        self.sessions: dict[str, Session] = {}
        self.app.signon(self._signed_on)
        self.app.recovered(self._recovered)
        self.app.signoff(self._signed_off)
        self.app.failure(self._failed)
        self.app.packet("say")(self._say)
        self.app.packet("hear")(self._hear)
        self.app.packet("dawdle")(self._dawdle)

    def _signed_on(self, session: Session) -> None:
        self.calls.append(("on",))
        self.sessions[session.name] = session
        session.data["user"] = "kim"

    def _recovered(self, session: Session) -> None:
        self.calls.append(("recovered", session.data.get("said"), session.user, session.paths))
        self.sessions[session.name] = session

    def _signed_off(self, session: Session, reason: str, undelivered: Sequence[Packet]) -> None:
        self.calls.append(("off", reason, [packet.message for packet in undelivered]))

    def _failed(self, failure: Failure) -> None:
        assert failure.session is not None
        reason = getattr(failure.error, "reason", None)
        self.calls.append(("failed", failure.hook, reason))
        failure.session.send("failed", reason)

    def _say(self, session: Session, path: str, message: int) -> None:
        session.data["said"] = message
        session.send("said", message)

    def _hear(self, session: Session, path: str, message: str) -> None:
        session.connect(message)

    async def _dawdle(self, session: Session, path: str, message: float) -> None:
        self.calls.append(("dawdle",))
        await trio.sleep(message)


class Node:
    """A server.

    Attributes:
        application: its application, with an account of its own.
        running: the server.
    """

    def __init__(self, application: Application, scope: trio.CancelScope, running: Running) -> None:
        self.application = application
        self.running = running
        self._scope = scope

    @property
    def calls(self) -> list[tuple[Any, ...]]:
        return self.application.calls

    @property
    def session(self) -> Session:
        """The one session that was opened here, or went on here."""
        [session] = self.application.sessions.values()
        return session

    def die(self) -> None:
        """From now on nothing is said or recorded any more."""
        self._scope.cancel()


async def start(
    nursery: trio.Nursery, engine: Engine, settings: Settings = SETTINGS, *, judge: Any = None
) -> Node:
    """Start a server."""
    application = Application(judge)

    async def run(*, task_status: trio.TaskStatus[Node] = trio.TASK_STATUS_IGNORED) -> None:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as inner:

                async def serving(*, task_status: trio.TaskStatus[Running]) -> None:
                    await serve(settings, application.app, cluster=engine, task_status=task_status)

                running = await inner.start(serving)
                task_status.started(Node(application, scope, running))

    node: Node = await nursery.start(run)
    return node


async def until(condition: Callable[[], object]) -> None:
    """Wait until something is so at a server, which tells nobody."""
    with trio.fail_after(10):
        while not condition():  # noqa: ASYNC110 - see above
            await trio.sleep(0.01)


@asynccontextmanager
async def cluster() -> AsyncGenerator[tuple[trio.Nursery, Switch]]:
    """Have servers, and what stands before them, until the end of the block."""
    async with switch() as way, trio.open_nursery() as nursery:
        yield nursery, way
        nursery.cancel_scope.cancel()


async def test_another_server_goes_on_with_the_sessions_of_one_that_has_died() -> None:
    shared = SharedState()
    async with cluster() as (nursery, way):
        first = await start(nursery, LocalEngine(shared, "a", lease=LEASE))
        second = await start(nursery, LocalEngine(shared, "b", lease=LEASE))
        way.lead_to(first.running.comet)
        account = Account(way.url)
        async with account.comet:
            await until(lambda: first.application.sessions)
            account.comet.send("hear", "news/*")
            account.say(20)
            first.session.send("tick", 1)
            await account.until(lambda: len(account.answers) >= 5)
            account.comet.send("dawdle", 60)
            await until(lambda: ("dawdle",) in first.calls)
            account.say(10)
            first.die()
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
        first.die()
        way.lead_to(second.running.comet)
        assert node.stdout is not None
        with trio.fail_after(30):
            told = json.loads(b"".join([data async for data in node.stdout]))
            await node.wait()
        assert told == {"answers": [*range(1, said + 1)], "reopened": [], "wire": "requests"}
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
            first.die()
            second = await start(nursery, LocalEngine(shared, "b", lease=LEASE))
            way.lead_to(second.running.comet)
            await account.until(lambda: len(account.ticks) == 5)
            account.adds_up()


async def test_a_session_whose_client_never_comes_back_ends_at_the_next_server() -> None:
    shared, settings = SharedState(), replace(SETTINGS, die=0.3)
    async with cluster() as (nursery, _):
        first = await start(nursery, LocalEngine(shared, "a", lease=LEASE))
        async with httpx.AsyncClient() as http:
            opened = (await http.post(first.running.comet, json={"rid": 1, "resume": True})).json()
            first.session.send("tick", 1)
            await until(lambda: [len(record.out) for record in shared.records.values()] == [1])
            first.die()
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
            first.die()
            second = await start(nursery, RedisEngine(server.url, "b", lease=LEASE))
            way.lead_to(second.running.comet)
            account.say(10)
            await account.answered()
            second.session.send("tick", 2)
            await account.until(lambda: len(account.ticks) == 2)
            account.adds_up()


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


async def test_a_handler_that_crashes_or_takes_its_time_is_told_of_as_ever_and_what_it_has_sent_comes() -> (
    None
):
    shared = SharedState()
    async with cluster() as (nursery, way):
        server = await start(nursery, LocalEngine(shared, "a"))
        way.lead_to(server.running.comet)
        account = Account(way.url)

        @server.application.app.packet("crash")
        def crash(session: Session, path: str, message: int) -> None:
            session.send("said", message)
            raise RuntimeError

        @server.application.app.packet("wait")
        async def wait(session: Session, path: str, message: int) -> None:
            session.send("said", message)
            await trio.sleep(0.05)
            session.send("said", message + 1)

        async with account.comet:
            account.comet.send("crash", 1)
            account.comet.send("wait", 2)
            account.comet.send("crash", 4)
            account.comet.send("say", 5)
            account.said = 5
            await account.answered()
            account.adds_up()
            await account.until(lambda: len(account.failed) == 2)
            assert [call for call in server.calls if call[0] == "failed"] == 2 * [("failed", "packet", None)]
        await until(lambda: [record for record in shared.records.values() if record.gone])


async def test_an_application_ends_a_session_and_is_told_what_did_not_arrive() -> None:
    shared = SharedState()
    async with cluster() as (nursery, _), httpx.AsyncClient() as http:
        server = await start(nursery, LocalEngine(shared, "a"))
        opened = (await http.post(server.running.comet, json={"rid": 1, "resume": True})).json()
        session = server.session
        session.send("tick", 1)
        session.kick()
        session.send("tick", 2)
        await until(lambda: ("off", "kicked", [1, 2]) in server.calls)
        await until(lambda: [record for record in shared.records.values() if record.gone])
        late = {"sid": opened["sid"], "rid": 2, "gen": 1, "done": 1}
        answer = (await http.post(server.running.comet, json=late)).json()
        assert (answer["error"], answer["reason"]) == ("session-ended", "kicked")


async def test_a_queue_that_is_full_ends_the_session() -> None:
    async with cluster() as (nursery, _), httpx.AsyncClient() as http:
        settings = replace(SETTINGS, queue_packets=10)
        server = await start(nursery, LocalEngine(SharedState(), "a"), settings)
        await http.post(server.running.comet, json={"rid": 1, "resume": True})
        for number in range(20):
            server.session.send("tick", number)
        await until(lambda: [call[:2] for call in server.calls][-1] == ("off", "overflow"))
        assert server.calls[-1][2] == [*range(20)]


async def test_on_what_a_client_was_let_in_holds_at_the_next_server() -> None:
    shared = SharedState()
    async with cluster() as (nursery, _), httpx.AsyncClient() as http:

        def judge(token: object) -> Admission:
            return Admission({"user": token}, expires=1.5, paths=["news"])

        first = await start(nursery, LocalEngine(shared, "a", lease=LEASE), judge=judge)
        body = {"rid": 1, "resume": True, "token": "kim"}
        opened = (await http.post(first.running.comet, json=body)).json()
        await until(lambda: first.application.sessions)
        first.die()
        second = await start(nursery, LocalEngine(shared, "b", lease=LEASE), judge=judge)
        asked = {"sid": opened["sid"], "rid": 2, "gen": 1, "done": 1}
        assert (await http.post(second.running.comet, json=asked)).json() == {"gen": 2, "packets": []}
        assert list(second.session.granted.texts) == ["news"]
        other = {**asked, "rid": 3, "gen": 2, "token": "lee"}
        answer = await http.post(second.running.comet, json=other)
        assert (answer.status_code, answer.json()["error"]) == (401, "unauthorized")
        await until(lambda: ("off", "kicked", []) in second.calls)


async def test_a_receipt_is_given_and_a_packet_that_was_dropped_has_no_number() -> None:
    async with cluster() as (nursery, _), httpx.AsyncClient() as http:
        settings = replace(SETTINGS, paths=("price conflate",))
        server = await start(nursery, LocalEngine(SharedState(), "a"), settings)
        opened = (await http.post(server.running.comet, json={"rid": 1, "resume": True})).json()
        server.session.connect("price")
        server.session.send("tick", 1, receipt="first")
        for price in range(3):
            server.application.app.update("price", price)
        server.session.send("tick", 2)
        await until(lambda: server.running.statistics()["dropped"] == 2)
        asked = {"sid": opened["sid"], "rid": 2, "gen": 1, "done": 1}
        answer = (await http.post(server.running.comet, json=asked)).json()
        assert [packet["message"] for packet in answer["packets"]] == [2, 1, 2], (
            "what is recorded comes later"
        )
        assert read_client_position(answer["at"]) == ClientPosition(2)
        body = {
            **asked,
            "rid": 3,
            "ack": 3,
            "at": answer["at"],
            "done": 2,
            "packets": [{"path": "say", "message": 9}],
        }
        answer = (await http.post(server.running.comet, json=body)).json()
        assert (answer["seq"], read_client_position(answer["at"])) == (4, ClientPosition(3))
        assert [receipt.outcome for receipt in server.running.receipts.read().receipts] == ["delivered"]


# -- what the wire says


async def test_a_client_that_does_not_resume_has_a_session_like_any_other() -> None:
    shared = SharedState()
    async with cluster() as (nursery, _), httpx.AsyncClient() as http:
        server = await start(nursery, LocalEngine(shared, "a"))
        opened = (await http.post(server.running.comet, json={"rid": 1})).json()
        assert "gen" not in opened
        assert not shared.records
        asked = {"sid": opened["sid"], "rid": 2, "packets": [{"path": "say", "message": 1}]}
        assert (await http.post(server.running.comet, json=asked)).json() == {
            "seq": 1,
            "packets": [{"path": "said", "message": 1}],
        }


async def test_each_answer_says_where_its_client_is_and_each_request_has_to() -> None:
    async with cluster() as (nursery, _), httpx.AsyncClient() as http:
        server = await start(nursery, LocalEngine(SharedState(), "a"))
        opened = (await http.post(server.running.comet, json={"rid": 1, "resume": True})).json()
        assert opened["gen"] == 1
        asked = {"sid": opened["sid"], "rid": 2, "packets": [{"path": "say", "message": 1}]}
        refused = await http.post(server.running.comet, json=asked)
        assert (refused.status_code, refused.json()["error"]) == (400, "bad-request")
        answer = (await http.post(server.running.comet, json={**asked, "gen": 1, "done": 1})).json()
        assert (answer["gen"], answer["seq"]) == (1, 1)
        assert read_client_position(answer["at"]) == ClientPosition(1)
        wrong = await http.post(
            server.running.comet,
            json={"sid": opened["sid"], "rid": 3, "gen": 1, "done": 2, "ack": 1, "at": "x"},
        )
        assert (wrong.status_code, wrong.json()["error"]) == (400, "bad-request")
        ahead = await http.post(
            server.running.comet, json={"sid": opened["sid"], "rid": 3, "gen": 1, "ack": 7}
        )
        assert (ahead.status_code, ahead.json()["error"]) == (400, "bad-ack")


async def test_a_session_that_resumes_is_carried_by_no_stream() -> None:
    async with cluster() as (nursery, _), httpx.AsyncClient() as http:
        server = await start(nursery, LocalEngine(SharedState(), "a"))
        opened = (await http.post(server.running.comet, json={"rid": 1, "resume": True})).json()
        headers = {"accept": "application/x-ndjson"}
        answer = await http.post(server.running.comet, json={"sid": opened["sid"], "ack": 0}, headers=headers)
        assert answer.json()["detail"] == "A session that resumes is carried by polls."


async def test_cbor_says_the_same() -> None:
    async with cluster() as (nursery, _), httpx.AsyncClient() as http:
        server = await start(nursery, LocalEngine(SharedState(), "a"))

        async def post(body: dict[str, Any]) -> Any:
            headers = {"content-type": "application/cbor"}
            return cbor2.loads(
                (await http.post(server.running.comet, content=cbor2.dumps(body), headers=headers)).content
            )

        opened = await post({"rid": 1, "resume": True})
        asked = {
            "sid": opened["sid"],
            "rid": 2,
            "packets": [{"path": "say", "message": 1}],
            "gen": 1,
            "done": 1,
        }
        answer = await post(asked)
        assert answer == {
            "gen": 1,
            "at": ClientPosition(1).text(),
            "seq": 1,
            "packets": [{"path": "said", "message": 1}],
        }


async def test_a_server_without_an_engine_takes_no_note_of_the_wish() -> None:
    async with trio.open_nursery() as nursery, httpx.AsyncClient() as http:

        async def serving(*, task_status: trio.TaskStatus[Running]) -> None:
            await serve(replace(SETTINGS, engine="local", sessions="none"), App(), task_status=task_status)

        running = await nursery.start(serving)
        opened = (await http.post(running.comet, json={"rid": 1, "resume": True})).json()
        assert "gen" not in opened
        nursery.cancel_scope.cancel()


async def test_an_id_that_no_session_has_is_unknown() -> None:
    async with cluster() as (nursery, _), httpx.AsyncClient() as http:
        server = await start(nursery, LocalEngine(SharedState(), "a"))
        for sid in ("x", 24 * "x"):
            answer = await http.post(server.running.comet, json={"sid": sid, "rid": 2, "gen": 1})
            assert (answer.status_code, answer.json()["error"]) == (404, "unknown-session")


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


async def test_a_server_is_killed_in_the_middle_of_traffic_both_ways_and_started_again(
    process: Process,
) -> None:
    account = Account(f"http://127.0.0.1:{process.port}/comet")
    async with account.comet:
        account.say(50)
        await account.until(lambda: len(account.answers) > 10)
        process.end()
        process.start()
        account.say(50)
        await account.answered()
        ticks = len(account.ticks)
        await account.until(lambda: len(account.ticks) > ticks)
        account.adds_up()
    said = [int(number) for number in process.account("said")]
    failed = process.account("failed")
    assert len(said) == len(set(said))
    assert said == sorted(said)
    assert sorted([*said, *[int(line.split()[-1]) for line in failed]]) == [*range(1, 101)]
