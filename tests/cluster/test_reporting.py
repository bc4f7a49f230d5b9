"""What a back-end is told of recorded sessions, and which receipts are given, at whatever point their server dies."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
import trio

from cometary.cluster.change import Change
from cometary.cluster.engine import Answered
from cometary.cluster.local import LocalEngine, SharedState
from cometary.cluster.session_fields import REPORTS
from cometary.config.kinds import Address
from cometary.settings import Settings
from tests.cluster.nodes import SETTINGS, AppNode, cluster, start, until
from tests.doors.webhooks.receiver import SECRET, Receiver

pytestmark = pytest.mark.filterwarnings("ignore:Async generator 'httpx:ResourceWarning")

LEASE = 0.3


class Scene:
    """Two servers, of which the first dies; a back-end; and one session.

    Args:
        nursery: runs all.
        receiver: the back-end.
        http: asks them.

    Attributes:
        more: settings of both.
    """

    def __init__(self, nursery: trio.Nursery, receiver: Receiver, http: httpx.AsyncClient) -> None:
        self.nursery = nursery
        self._http = http
        self.receiver = receiver
        self.shared = SharedState()
        self.sid = ""
        self.more: dict[str, Any] = {}
        self.first: AppNode
        self.second: AppNode

    @property
    def settings(self) -> Settings:
        """Those of both."""
        url, patience = self.receiver.url, 60.0
        settings = replace(SETTINGS, stop_grace=600, **self.more)
        return replace(settings, webhook_url=url, webhook_secret=SECRET, webhook_patience=patience)

    async def begin(self, engine: LocalEngine | None = None) -> None:
        """Open a session at the first one."""
        engine = engine or LocalEngine(self.shared, "a", lease=LEASE)
        self.first = await start(self.nursery, engine, self.settings)
        self.sid = (await self.ask(self.first, {"rid": 1, "resume": True, "wait": 0.05}))["sid"]
        await until(lambda: self.first.application.sessions)

    async def ask(self, server: AppNode, body: dict[str, Any]) -> dict[str, Any]:
        """Make a request at one of them."""
        known = {} if not self.sid else {"sid": self.sid}
        answer: dict[str, Any] = (await self._http.post(server.running.comet, json={**known, **body})).json()
        return answer

    async def die(self) -> None:
        """Have the session go on at the second one."""
        await self.first.die()
        self.second = await start(self.nursery, LocalEngine(self.shared, "b", lease=LEASE), self.settings)

    async def end(self, done: int) -> None:
        """Have its client end the session at the second one, of which it hears first."""
        await self.ask(self.second, {"rid": done + 1, "gen": 1, "done": done})
        await self.ask(self.second, {"rid": done + 2, "gen": 2, "done": done + 1, "close": True})

    async def told(self, count: int) -> list[dict[str, Any]]:
        """Wait until the back-end was told so much, and of the whole life of the session; returns it."""
        await until(lambda: len(self.receiver.received) >= count)
        await until(lambda: all(record.gone for record in self.shared.records.values()))
        assert len(self.receiver.received) == count
        return [each.body for each in self.receiver.received]


@asynccontextmanager
async def scene() -> AsyncGenerator[Scene]:
    receiver = Receiver()
    async with cluster() as (nursery, _), httpx.AsyncClient() as http:
        await nursery.start(receiver.serve)
        yield Scene(nursery, receiver, http)


def shown(events: list[dict[str, Any]]) -> list[tuple[str, int]]:
    return [(event["type"], event["sequence"]) for event in events]


def recorded(scene: Scene, what: bytes) -> bool:
    fields = [value for record in scene.shared.records.values() for _, value in record.fields]
    return any(what in value for value in fields)


def waiting(scene: Scene) -> bool:
    """Whether the record has an event that the back-end does not have."""
    fields = [field for record in scene.shared.records.values() for field in record.fields]
    return any(value and name.startswith(f"{REPORTS}.") for name, value in fields)


async def test_what_a_back_end_is_not_known_to_have_is_told_again_under_the_same_id() -> None:
    async with scene() as one:
        one.receiver.script.append("hang")
        await one.begin()
        await until(lambda: one.receiver.received)
        await one.die()
        await until(lambda: len(one.receiver.received) == 2 and not waiting(one))
        await one.end(1)
        first, again, end = await one.told(3)
        assert first == again
        assert shown([again, end]) == [("signon", 1), ("signoff", 2)]
        assert again["id"] != end["id"]
        assert [call[0] for call in one.second.calls] == ["recovered", "off"]


async def test_what_is_told_by_stomp_as_well_comes_once_by_webhooks() -> None:
    async with scene() as one:
        one.more = {"stomp": Address("127.0.0.1", 0)}
        await one.begin()
        await until(lambda: one.receiver.received and not waiting(one))
        await one.ask(one.first, {"rid": 2, "gen": 1, "done": 1, "close": True})
        assert shown(await one.told(2)) == [("signon", 1), ("signoff", 2)]


async def test_an_end_of_which_the_application_was_told_is_told_to_the_back_end_by_the_next_server() -> None:
    async with scene() as one:
        await one.begin()
        await until(lambda: one.receiver.received and not waiting(one))
        one.receiver.script.append("hang")
        await one.ask(one.first, {"rid": 2, "gen": 1, "done": 1, "close": True})
        await until(lambda: len(one.receiver.received) == 2)
        assert one.first.calls[-1] == ("off", "closed", [])
        await until(lambda: recorded(one, b'"told":true'))
        await one.die()
        on, end, again = await one.told(3)
        assert end == again
        assert shown([on, again]) == [("signon", 1), ("signoff", 2)]
        assert one.second.calls == [], "it did not fail, and was told already"


class Deaf(LocalEngine):
    """Makes no change."""

    def commit(self, sid: str, generation: int, version: int, change: Change, answered: Answered) -> None:
        """Let go of a change."""


async def test_a_sign_on_that_was_interrupted_before_it_was_recorded_is_told_with_its_failure() -> None:
    async with scene() as one:
        await one.begin(Deaf(one.shared, "a", lease=LEASE))
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert not one.receiver.received, "it is recorded before it is told"
        await one.die()
        await until(lambda: len(one.receiver.received) == 2 and not waiting(one))
        await one.end(1)
        events = await one.told(3)
        assert shown(events) == [("signon", 1), ("failure", 2), ("signoff", 3)]
        assert events[1]["hook"] == "signon"
        assert one.first.calls == [("on",)]
        assert [call for call in one.second.calls if call[0] == "failed"] == [
            ("failed", "signon", "node-died")
        ]


async def test_a_handler_that_had_begun_is_told_to_have_failed_once_and_numbers_go_on() -> None:
    async with scene() as one:
        await one.begin()
        packets = [{"path": "dawdle", "message": 60}]
        await one.ask(one.first, {"rid": 2, "gen": 1, "done": 1, "packets": packets})
        await until(lambda: ("dawdle",) in one.first.calls and not waiting(one))
        await one.die()
        await until(lambda: len(one.receiver.received) == 2 and not waiting(one))
        await one.end(2)
        events = await one.told(3)
        assert shown(events) == [("signon", 1), ("failure", 2), ("signoff", 3)]
        assert events[1]["packet"] == {"path": "dawdle", "message": 60}


async def test_a_back_end_that_takes_nothing_holds_no_session_and_what_it_is_not_told_is_settled() -> None:
    async with scene() as one:
        one.receiver.script.extend([500] * 50)
        await one.begin()
        said = {"rid": 2, "gen": 1, "done": 1, "packets": [{"path": "say", "message": 1}]}
        answer = await one.ask(one.first, said)
        assert [packet["message"] for packet in answer["packets"]] == [1]
        await one.ask(one.first, {"rid": 3, "ack": 1, "gen": 1, "at": answer["at"], "done": 2, "close": True})
        await until(lambda: ("off", "closed", []) in one.first.calls)
        assert waiting(one)
        one.first.running.stop()


async def test_whoever_asks_a_back_end_is_told_whether_its_message_waits_to_be_sent() -> None:
    async with scene() as one:
        one.receiver.script.extend(["hang"] * 10)
        one.more = {"webhook_queue": 4, "message_paths": ("tell",)}
        await one.begin()
        await until(lambda: one.receiver.received)
        packets = [{"path": "tell", "message": number, "ask": f"q{number}"} for number in range(2)]
        answer = await one.ask(one.first, {"rid": 2, "gen": 1, "done": 1, "packets": packets})
        heard = [packet["message"] for packet in answer["packets"]]
        rid = 2
        with trio.fail_after(60):
            while len(heard) < len(packets):
                rid += 1
                place = {"at": answer["at"]} if "at" in answer else {}
                answer = {
                    **place,
                    **await one.ask(
                        one.first, {"rid": rid, "ack": len(heard), "gen": 1, "done": rid - 1, **place}
                    ),
                }
                heard += [packet["message"] for packet in answer["packets"]]
        assert heard == [{"ask": "q0", "value": True}, {"ask": "q1", "value": False}]
        assert one.first.running.statistics()["webhooks_dropped"] == 1


async def test_the_receipt_of_a_packet_that_a_client_has_is_given_by_whoever_hears_of_it_and_once() -> None:
    async with scene() as one:
        await one.begin()

        async def send(rid: int, receipt: str, ack: int, **place: Any) -> dict[str, Any]:
            one.first.session.send("tick", rid, receipt=receipt)
            await until(lambda: recorded_packets(one, receipt))
            return await one.ask(one.first, {"rid": rid, "ack": ack, "gen": 1, "done": rid - 1, **place})

        answer = await send(2, "r1", 0)
        answer = await send(3, "r2", 1, at=answer["at"])
        await until(lambda: given(one.first))
        assert given(one.first) == ["r1"]
        assert not recorded_packets(one, "r1"), "it is given when that is recorded"
        await one.die()
        await one.ask(one.second, {"rid": 4, "ack": 2, "done": 3, "gen": 1, "at": answer["at"]})
        await one.ask(one.second, {"rid": 5, "ack": 2, "done": 4, "gen": 2, "at": answer["at"]})
        await until(lambda: given(one.second))
        assert given(one.second) == ["r2"]


def recorded_packets(scene: Scene, receipt: str) -> bool:
    out = [item for record in scene.shared.records.values() for item in record.out]
    return any(receipt.encode() in item for item in out)


def given(server: AppNode) -> list[str]:
    return [receipt.id for receipt in server.running.receipts.read().receipts]


class Stopping(LocalEngine):
    """Makes a client's packet known to the record, and answers nothing from then on."""

    stops = False

    def commit(self, sid: str, generation: int, version: int, change: Change, answered: Answered) -> None:
        """Make a change, unless all has stopped."""
        if not self.stops:
            self.stops = bool(change.accepted)
            super().commit(sid, generation, version, change, _tell_nobody if self.stops else answered)


def _tell_nobody(_: object) -> None:
    """Do not answer."""


async def test_a_receipt_is_not_lost_with_a_node_that_dies_when_it_has_recorded_what_acknowledges_it() -> (
    None
):
    async with scene() as one:
        await one.begin(Stopping(one.shared, "a", lease=LEASE))
        one.first.session.send("tick", 1, receipt="r1")
        await until(lambda: recorded_packets(one, "r1"))
        answer = await one.ask(one.first, {"rid": 2, "gen": 1, "done": 1})
        says = {"rid": 3, "ack": 1, "done": 2, "at": answer["at"], "packets": [{"path": "say", "message": 1}]}
        async with trio.open_nursery() as nursery:
            nursery.start_soon(one.ask, one.first, {"gen": 1, **says})
            await until(lambda: any(record.inbox for record in one.shared.records.values()))
            nursery.cancel_scope.cancel()
        await one.die()
        await one.ask(one.second, {"gen": 1, **says})
        await one.ask(one.second, {"gen": 2, "rid": 4, "ack": 1, "done": 3, "at": answer["at"]})
        await until(lambda: given(one.second))
        await until(lambda: "receipt" in [each.body["type"] for each in one.receiver.received])
        assert (given(one.first), given(one.second)) == ([], ["r1"])
        told = {each.body["id"] for each in one.receiver.received if each.body["type"] == "receipt"}
        assert len(told) == 1


async def test_what_a_back_end_has_still_to_be_told_of_an_end_holds_up_no_stop_and_is_told_by_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cometary.sessions.manager.LAST_REPORTS", 0)
    monkeypatch.setattr("cometary.server.stopping.LAST_ANSWERS", 0.1)
    async with scene() as one:
        await one.begin()
        await until(lambda: one.receiver.received and not waiting(one))
        one.receiver.script.extend(["hang"] * 2)
        await one.ask(one.first, {"rid": 2, "gen": 1, "done": 1, "close": True})
        await until(lambda: len(one.receiver.received) == 2 and recorded(one, b'"told":true'))
        await one.die()
        await until(lambda: len(one.receiver.received) == 3)
        assert waiting(one), "the next server keeps it in the record until it is told, too"
        one.second.running.stop()
        with trio.fail_after(60):  # handlers would have ten minutes
            await one.second.stopped()
        third = await start(one.nursery, LocalEngine(one.shared, "c", lease=LEASE), one.settings)
        on, *ends = await one.told(4)
        assert shown([on, ends[-1]]) == [("signon", 1), ("signoff", 2)]
        assert ends == [ends[0]] * 3
        assert (one.second.calls, third.calls) == ([], [])
