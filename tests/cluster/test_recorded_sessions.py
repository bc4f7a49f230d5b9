"""Recorded sessions, as long as nobody dies, and what their clients say and are told."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import cbor2
import httpx
import pytest
import trio

from cometary import App, Session
from cometary.authentication import Admission
from cometary.cluster.change import Change
from cometary.cluster.client_position import ClientPosition, read_client_position
from cometary.cluster.engine import Answered
from cometary.cluster.items import read_own
from cometary.cluster.local import LocalEngine, SharedState
from cometary.cluster.record import Record
from cometary.server import Running, serve
from tests.cluster.accounts import Account
from tests.cluster.nodes import SETTINGS, cluster, start, until

pytestmark = pytest.mark.filterwarnings("ignore:Async generator 'httpx:ResourceWarning")

LEASE = 0.5


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


class Watched(SharedState):
    """An engine that looks at each record: its data is never ahead of what was sent right behind a change of it."""

    looked = 0

    def put(self, sid: str, record: Record | None) -> None:
        super().put(sid, record)
        if record is not None and not record.gone:
            data = json.loads(dict(record.fields)["data"])["value"]
            packets = [read_own(item) for item in record.out]
            ticks = [packet.message for packet in packets if packet.path == "tick"]
            assert ticks == [*range(1, data.get("ticks", 0) + 1)]
            self.looked += bool(ticks)


async def test_what_is_sent_behind_a_change_of_the_data_is_recorded_with_it_whatever_a_handler_changes() -> (
    None
):
    shared = Watched()
    async with cluster() as (nursery, _), httpx.AsyncClient() as http:
        server = await start(nursery, LocalEngine(shared, "a"))
        opened = (await http.post(server.running.comet, json={"rid": 1, "resume": True})).json()
        session = server.session

        async def tick() -> None:
            while True:
                session.data["ticks"] = session.data.get("ticks", 0) + 1
                session.send("tick", session.data["ticks"])
                await trio.lowlevel.checkpoint()

        async with trio.open_nursery() as ticking:
            ticking.start_soon(tick)
            for rid in range(2, 12):
                body = {"sid": opened["sid"], "rid": rid, "gen": 1, "done": rid - 1}
                await http.post(
                    server.running.comet, json={**body, "packets": [{"path": "say", "message": rid}]}
                )
            ticking.cancel_scope.cancel()
        assert shared.looked > 20


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


async def test_a_client_that_makes_up_a_generation_harms_nothing() -> None:
    async with cluster() as (nursery, _), httpx.AsyncClient() as http:
        server = await start(nursery, LocalEngine(SharedState(), "a"))
        sid = (await http.post(server.running.comet, json={"rid": 1, "resume": True, "wait": 0.05})).json()[
            "sid"
        ]

        async def ask(rid: int, gen: int, *packets: dict[str, object]) -> dict[str, Any]:
            body = {"sid": sid, "rid": rid, "gen": gen, "done": rid - 1, "packets": packets}
            answer: dict[str, Any] = (await http.post(server.running.comet, json=body)).json()
            return answer

        await ask(2, 1, {"path": "dawdle", "message": 0.2})
        assert (await ask(3, 99))["error"] == "bad-request"
        assert (await ask(3, 2**60))["error"] == "bad-request"
        assert (await ask(3, 1))["gen"] == 1
        assert server.calls == [("on",), ("dawdle",)], (
            "neither was the handler cancelled nor a death reported"
        )


class SlowEngine(LocalEngine):
    """Opens records when it is told to."""

    def __init__(self, shared: SharedState) -> None:
        super().__init__(shared, "a")
        self.waiting = 0
        self.may_open = trio.Event()

    async def open(self, sid: str, record: Record) -> None:
        self.waiting += 1
        await self.may_open.wait()
        await super().open(sid, record)


async def test_of_many_that_come_at_once_only_those_are_recorded_that_there_is_room_for() -> None:
    shared, answers = SharedState(), list[dict[str, Any]]()
    async with cluster() as (nursery, _), httpx.AsyncClient() as http:
        engine = SlowEngine(shared)
        server = await start(nursery, engine, replace(SETTINGS, max_sessions=2))

        async def open_one() -> None:
            answers.append((await http.post(server.running.comet, json={"rid": 1, "resume": True})).json())

        for _ in range(5):
            nursery.start_soon(open_one)
        await until(lambda: len(answers) == 3)
        engine.may_open.set()
        await until(lambda: len(answers) == 5)
        assert [answer.get("error") for answer in answers] == 3 * ["too-many-sessions"] + 2 * [None]
        assert engine.waiting == len(shared.records) == 2


async def test_the_record_of_a_session_that_cannot_begin_is_ended_and_nobody_is_told() -> None:
    shared = SharedState()
    async with cluster() as (nursery, _), httpx.AsyncClient() as http:
        engine = SlowEngine(shared)
        server = await start(nursery, engine)

        async def stop_meanwhile() -> None:
            await until(lambda: engine.waiting)
            server.running.stop()
            engine.may_open.set()

        nursery.start_soon(stop_meanwhile)
        answer = (await http.post(server.running.comet, json={"rid": 1, "resume": True})).json()
        assert answer["error"] == "shutting-down"
        await until(lambda: [record.gone for record in shared.records.values()] == [True])
        assert server.calls == []


async def test_a_queue_that_is_full_ends_the_session() -> None:
    async with cluster() as (nursery, _), httpx.AsyncClient() as http:
        settings = replace(SETTINGS, queue_packets=10)
        server = await start(nursery, LocalEngine(SharedState(), "a"), settings)
        await http.post(server.running.comet, json={"rid": 1, "resume": True})
        for number in range(20):
            server.session.send("tick", number)
        await until(lambda: [call[:2] for call in server.calls][-1] == ("off", "overflow"))
        assert server.calls[-1][2] == [*range(20)]


class EngineThatWaits(LocalEngine):
    """It makes no change until it is told to go on."""

    def __init__(self, shared: SharedState) -> None:
        super().__init__(shared, "a")
        self.kept: list[Callable[[], None]] | None = None

    def commit(self, sid: str, generation: int, version: int, change: Change, answered: Answered) -> None:
        commit = partial(super().commit, sid, generation, version, change, answered)
        if self.kept is None:
            commit()
        else:
            self.kept.append(commit)

    def go_on(self) -> None:
        kept, self.kept = self.kept or [], None
        for commit in kept:
            commit()


async def test_a_session_whose_client_waits_for_the_engine_does_not_time_out() -> None:
    engine = EngineThatWaits(SharedState())
    async with cluster() as (nursery, _), httpx.AsyncClient() as http:
        server = await start(nursery, engine, replace(SETTINGS, die=0.2))
        opened = (await http.post(server.running.comet, json={"rid": 1, "resume": True})).json()
        await until(lambda: server.application.sessions)
        engine.kept = []
        packets = [{"path": "say", "message": 1}]
        asked = {"sid": opened["sid"], "rid": 2, "gen": 1, "done": 1, "packets": packets}
        async with trio.open_nursery() as waiting:
            answers = list[httpx.Response]()

            async def ask() -> None:
                answers.append(await http.post(server.running.comet, json=asked))

            waiting.start_soon(ask)
            await until(lambda: engine.kept)
            await trio.sleep(0.5)
            assert not answers
            engine.go_on()
        assert [packet["message"] for packet in answers[0].json()["packets"]] == [1]
        await until(lambda: ("off", "timeout", [1]) in server.calls)  # when nobody asks any more


async def test_on_what_a_client_was_let_in_holds_at_the_next_server() -> None:
    shared = SharedState()
    async with cluster() as (nursery, _), httpx.AsyncClient() as http:

        def judge(token: object) -> Admission:
            return Admission({"user": token}, expires=1.5, paths=["news"])

        first = await start(nursery, LocalEngine(shared, "a", lease=LEASE), judge=judge)
        body = {"rid": 1, "resume": True, "token": "kim"}
        opened = (await http.post(first.running.comet, json=body)).json()
        await until(lambda: first.application.sessions)
        await first.die()
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
        await until(lambda: server.running.receipts.last)
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
