"""Sessions of clients of version 1 that outlive their process: mirrored, with servers that die in this process.

That one goes on as any other that is recorded, `test_resuming` tests.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import pytest

from cometary.cluster.local import LocalEngine, SharedState
from cometary.cluster.session_fields import SessionFields
from tests.cluster.accounts import Account
from tests.cluster.nodes import SETTINGS, AppNode, cluster, start, until

pytestmark = pytest.mark.filterwarnings("ignore:Async generator 'httpx:ResourceWarning")

LEASE = 0.5
MIRROR = replace(SETTINGS, sessions="mirror")


class Page:
    """A client of version 1, which says each thing by hand."""

    def __init__(self, http: httpx.AsyncClient, server: AppNode) -> None:
        self._http = http
        self.server = server
        self.sid = ""

    async def open(self, **more: object) -> dict[str, Any]:
        body = {"rid": 1, "wait": 0.05, **more}
        opened: dict[str, Any] = (await self._http.post(self.server.running.comet, json=body)).json()
        self.sid = opened["sid"]
        return opened

    async def ask(self, rid: int, ack: int = 0, *said: int, **more: object) -> dict[str, Any]:
        packets = [{"path": "say", "message": number} for number in said]
        body = {"sid": self.sid, "rid": rid, "ack": ack, "packets": packets, **more}
        answer: dict[str, Any] = (await self._http.post(self.server.running.comet, json=body)).json()
        return answer


def said(first: int, *numbers: int) -> dict[str, Any]:
    packets = [{"path": "said", "message": number} for number in numbers]
    return {"seq": first, "packets": packets}


async def test_a_request_that_is_repeated_at_another_server_has_the_same_answer() -> None:
    shared = SharedState()
    async with cluster() as (nursery, _), httpx.AsyncClient() as http:
        page = Page(http, await start(nursery, LocalEngine(shared, "a", lease=LEASE), MIRROR))
        opened = await page.open()
        assert "gen" not in opened
        assert await page.ask(2, 0, 1, 2) == said(1, 1, 2)
        for rid in (3, 4):
            assert await page.ask(rid) == said(1, 1, 2)
        first, page.server = page.server, await start(nursery, LocalEngine(shared, "b", lease=LEASE), MIRROR)
        await first.die()
        assert await page.ask(2, 0, 1, 2) == said(1, 1, 2), "and neither packet is handled again"
        assert await page.ask(5, 1) == said(2, 2), "those without packets were counted as well"
        assert await page.ask(6, 2) == {"packets": []}
        assert await page.ask(7, 2, 3) == said(3, 3)
        assert (await page.ask(7, 9))["error"] == "bad-ack"
        assert (await page.ask(10, 3))["error"] == "rid-out-of-window"


async def test_updates_that_had_come_and_nobody_had_fetched_come_from_the_next_server_in_one_order() -> None:
    shared = SharedState()
    async with cluster() as (nursery, way):
        first = await start(nursery, LocalEngine(shared, "a", lease=LEASE), MIRROR)
        way.lead_to(first.running.comet)
        account = Account(way.url, resume=False)
        got = list[tuple[str, int]]()

        @account.comet.on("*/*")
        def note(message: int, path: str) -> None:
            got.append((path, message))

        async with account.comet:
            account.comet.send("hear", "*/*")
            await until(lambda: first.application.sessions and first.session.paths)
            way.lead_to(None)
            for number in range(1, 4):
                first.application.app.update("prices/tin", number)
                first.session.send("own/packet", number)
            await until(lambda: [each.base + len(each.out) for each in shared.records.values()] == [6])
            await first.die()
            second = await start(nursery, LocalEngine(shared, "b", lease=LEASE), MIRROR)
            way.lead_to(second.running.comet)
            await until(lambda: len(got) == 6)
            for path in ("prices/tin", "own/packet"):
                assert [number for where, number in got if where == path] == [1, 2, 3]
            assert not account.reopened


async def test_a_client_that_can_say_where_it_is_does_so_and_is_not_mirrored() -> None:
    shared = SharedState()
    async with cluster() as (nursery, _), httpx.AsyncClient() as http:
        page = Page(http, await start(nursery, LocalEngine(shared, "a"), MIRROR))
        assert (await page.open(resume=True))["gen"] == 1
        await page.open()
        fields = [SessionFields(record.fields) for record in shared.records.values()]
        assert [each.lasting.mirrored for each in fields] == [False, True]


async def test_a_session_is_ended_and_its_end_told_wherever_it_is() -> None:
    shared = SharedState()
    async with cluster() as (nursery, _), httpx.AsyncClient() as http:
        page = Page(http, await start(nursery, LocalEngine(shared, "a", lease=LEASE), MIRROR))
        await page.open()
        await until(lambda: page.server.application.sessions)
        page.server.session.send("tick", 1)
        await until(lambda: [len(record.out) for record in shared.records.values()] == [1])
        first, page.server = page.server, await start(nursery, LocalEngine(shared, "b", lease=LEASE), MIRROR)
        await first.die()
        await page.ask(2, close=True)
        await until(lambda: ("off", "closed", [1]) in page.server.calls)
        assert (await page.ask(3))["error"] == "session-ended"


async def test_a_stream_of_a_client_of_version_1_goes_on_at_another_server() -> None:
    shared = SharedState()
    async with cluster() as (nursery, way):
        first = await start(nursery, LocalEngine(shared, "a", lease=LEASE), MIRROR)
        second = await start(nursery, LocalEngine(shared, "b", lease=LEASE), MIRROR)
        way.lead_to(first.running.comet)
        account = Account(way.url, resume=False, stream=True)
        async with account.comet:
            account.say(5)
            await account.until(lambda: len(account.answers) == 5)
            first.session.send("tick", 1)
            await account.until(lambda: account.ticks)
            await first.die()
            way.lead_to(second.running.comet)
            account.say(5)
            await account.answered()
            second.session.send("tick", 2)
            await account.until(lambda: len(account.ticks) == 2)
            account.adds_up()


async def test_a_queue_that_is_full_ends_the_session_and_what_is_in_it_is_told() -> None:
    async with cluster() as (nursery, _), httpx.AsyncClient() as http:
        settings = replace(MIRROR, queue_packets=10)
        page = Page(http, await start(nursery, LocalEngine(SharedState(), "a"), settings))
        await page.open()
        await until(lambda: page.server.application.sessions)
        page.server.session.connect("news")
        for number in range(30):
            page.server.application.app.update("news", number)
        await until(lambda: ("off", "overflow") in [call[:2] for call in page.server.calls])
        [undelivered] = [call[2] for call in page.server.calls if call[0] == "off"]
        assert undelivered == [*range(len(undelivered))]
        assert len(undelivered) > 10


async def test_a_client_that_was_behind_gets_it_all_from_the_next_server() -> None:
    shared, settings = SharedState(), replace(MIRROR, queue_packets=10)
    async with cluster() as (nursery, _), httpx.AsyncClient() as http:
        page = Page(http, await start(nursery, LocalEngine(shared, "a", lease=LEASE), settings))
        await page.open()
        await until(lambda: page.server.application.sessions)
        for number in range(10):
            page.server.session.send("tick", number)
        await until(lambda: [len(record.out) for record in shared.records.values()] == [10])
        first, page.server = (
            page.server,
            await start(nursery, LocalEngine(shared, "b", lease=LEASE), settings),
        )
        await first.die()
        answer = await page.ask(2)
        assert [packet["message"] for packet in answer["packets"]] == [*range(10)]
        assert await page.ask(3, 10, 1) == said(11, 1)
