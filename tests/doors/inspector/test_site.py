"""What the inspector tells its pages, whom it lets in, and that it costs nothing while nobody looks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from cometary.doors.inspector import looks
from cometary.doors.inspector.readings import rates
from cometary.errors import ProtocolError
from tests.protocol.client import Connection, Recorder, World, serving

EVERY = 1.1
"""Seconds, within which a page is told what is new."""


class Page:
    """A page of the inspector, without a browser."""

    def __init__(self, world: World, clock: MockClock) -> None:
        self.world = world
        self.clock = clock
        self.seen: dict[str, Any] = {}
        self.meanwhile: Callable[[], object] = int
        self._connection: Connection
        self._sid = ""
        self._rid = 1
        self._ack = 0

    async def open(self, token: str | None = None) -> Any:
        self._connection = await self.world.connect(control=True)
        given = {} if token is None else {"token": token}
        answer = await self._connection.ask({"rid": 1, **given}, path="/inspector/comet")
        self._sid = answer.body.get("sid", "")
        return answer

    async def look(self, where: str, what: object) -> Any:
        """Look at something; returns what is seen of it a moment later."""
        self.seen.pop(where, None)
        await self.turn(where, what)
        return await self.wait(where)

    async def turn(self, where: str, what: object) -> None:
        """Say what is looked at, and do not wait for it."""
        await self._exchange([{"path": f"look/{where}", "message": what}], hold=False)

    async def close(self) -> None:
        """Leave."""
        body = {"sid": self._sid, "rid": self._rid + 1, "ack": self._ack, "close": True}
        assert (await self._connection.ask(body, path="/inspector/comet")).status == 200

    async def wait(self, where: str) -> Any:
        """Wait for what is seen next."""
        for _ in range(5):
            await self._pass_time()
            await self._exchange([], hold=True)
            if where in self.seen:
                return self.seen[where]
        raise AssertionError("nothing is seen")

    async def _pass_time(self) -> None:
        self.meanwhile()
        await self.world.pass_time(self.clock, EVERY)

    async def _exchange(self, packets: list[Any], *, hold: bool) -> None:
        self._rid += 1
        body = {"sid": self._sid, "rid": self._rid, "ack": self._ack, "packets": packets, "hold": hold}
        await self._connection.send(body, path="/inspector/comet")
        if hold:
            await self._pass_time()
        answer = await self._connection.answer()
        assert answer.status == 200, answer.body
        for packet in answer.body["packets"]:
            self.seen[packet["path"].removeprefix("seen/")] = packet["message"]
        if answer.body["packets"]:
            self._ack = answer.body["seq"] + len(answer.body["packets"]) - 1


async def opened(world: World, clock: MockClock) -> Page:
    page = Page(world, clock)
    assert (await page.open()).status == 200
    return page


async def page_file(world: World) -> tuple[int, dict[str, str]]:
    """The status and the headers of the page itself."""
    connection = await world.connect(control=True)
    await connection.request("GET", "/inspector/")
    response = await connection.wire.response()
    return response.status, dict(response.headers)


def counted(world: World) -> list[object]:
    """The actors of which messages are counted."""
    system = world.running._root.actor_inbox.system
    return [ref for ref in system.actors if "on_receive" in vars(ref.actor_inbox.actor)]


def watchers() -> list[threading.Thread]:
    """The threads that look at what a loop is busy with."""
    return [thread for thread in threading.enumerate() if thread.name == "cometary-inspector"]


class TestWhatIsSeen:
    async def test_the_tree_is_seen_as_far_as_it_is_in_view(self, mock_clock: MockClock) -> None:
        async with serving() as world:
            for _ in range(3):
                await world.open()
            page = await opened(world, mock_clock)
            tree = await page.look("list", {"at": "tree"})
            names = [line["id"] for line in tree["lines"]]
            assert names[:2] == ["cometary", "dispatcher"]
            sessions = next(line for line in tree["lines"] if line["id"] == "sessions")
            assert (sessions["open"], sessions["count"]) == (False, 3)
            opens = {"at": "tree", "opened": [sessions["urn"]]}
            whole = await page.look("list", opens)
            assert whole["total"] == tree["total"] + 3
            place = names.index("sessions")
            part = await page.look("list", {**opens, "first": place, "most": 2})
            assert [line["depth"] for line in part["lines"]] == [1, 2]
            found = await page.look("list", {"at": "tree", "search": "FRONT"})
            assert [line["id"] for line in found["lines"]] == ["front-end"]

    async def test_sessions_are_found_and_sorted(self, mock_clock: MockClock) -> None:
        recorder = Recorder()
        async with serving(recorder.app) as world:
            for number in range(3):
                await world.open()
                recorder.sessions[number].data["user"] = f"User {number}"
                recorder.sessions[number].connect(f"jobs/{number}")
                for _ in range(number):
                    recorder.sessions[number].send("a", "hidden")
            page = await opened(world, mock_clock)
            seen = await page.look("list", {"at": "sessions", "sort": "queued"})
            assert [line["queued"] for line in seen["lines"]] == [2, 1, 0]
            assert "hidden" not in str(seen)
            for text, number in (("user 1", 1), ("JOBS/2", 2), (recorder.sessions[0].name, 0)):
                seen = await page.look("list", {"at": "sessions", "search": text})
                assert [line["name"] for line in seen["lines"]] == [recorder.sessions[number].name]

    async def test_one_session_is_seen_with_its_machine_and_what_happens_to_it(
        self, mock_clock: MockClock
    ) -> None:
        recorder = Recorder()
        async with serving(recorder.app, die=500) as world:
            client = await world.open()
            session = recorder.sessions[0]
            page = await opened(world, mock_clock)
            seen = await page.look("detail", {"at": "session", "name": session.name})
            assert (seen["machine"]["state"], seen["steps"], seen["queue"]) == ("waiting", [], [])
            assert {state["name"] for state in seen["machine"]["states"]} >= {"waiting", "have_request"}
            page.seen.clear()
            session.send("jobs/7", "hidden")
            seen = await page.wait("detail")
            assert [packet["path"] for packet in seen["queue"]] == ["jobs/7"]
            assert seen["steps"][0]["event"]["path"] == "jobs/7"
            assert "hidden" not in str(seen)
            assert client.sid not in str(seen)
            page.seen.clear()
            session.kick()
            seen = await page.wait("detail")
            assert (seen["state"], seen["reason"], len(seen["steps"])) == ("ended", "kicked", 2)
            ended = await page.look("list", {"at": "ended", "search": session.name})
            assert [line["reason"] for line in ended["lines"]] == ["kicked"]

    async def test_an_actor_and_a_crash_are_seen(self, mock_clock: MockClock) -> None:
        recorder = Recorder()

        @recorder.app.packet("crash")
        def crash(*_: object) -> None:
            raise ValueError("<b>")

        async with serving(recorder.app) as world:
            client = await world.open()
            page = await opened(world, mock_clock)
            urn = world.running._manager.find(client.sid).ref.actor_urn
            actor = await page.look("detail", {"at": "actor", "urn": urn})
            assert (actor["actor"], actor["status"], actor["machine"]["state"]) == (
                "SessionActor",
                "waiting",
                "waiting",
            )
            await client.hold(("crash", 1))
            crashes = await page.look("list", {"at": "crashes", "search": "valueerror"})
            [line] = crashes["lines"]
            assert "traceback" not in line
            whole = await page.look("detail", {"at": "crash", "time": line["time"], "urn": line["urn"]})
            assert "ValueError" in whole["traceback"]
            gone = await page.look("detail", {"at": "actor", "urn": "urn:uuid:0"})
            assert gone["at"] == "gone"

    async def test_messages_are_counted_of_actors_in_view_alone(self, mock_clock: MockClock) -> None:
        recorder = Recorder()
        async with serving(recorder.app) as world:
            await world.open()
            page = await opened(world, mock_clock)
            await page.look("list", {"at": "tree"})
            page.meanwhile = lambda: world.app.update("news", 1)
            tree: dict[str, Any] = {}
            for _ in range(3):  # the first looks begin to count
                page.seen.clear()
                tree = await page.wait("list")
            dispatcher = next(line for line in tree["lines"] if line["id"] == "dispatcher")
            assert dispatcher["rate"] > 0
            assert counted(world)
            await page.look("list", {"at": "ended"})
            await world.pass_time(mock_clock, EVERY)
            assert not counted(world)

    @pytest.mark.parametrize("what", ["tree", "busiest"])
    async def test_when_the_last_page_has_gone_nothing_is_counted_or_watched(
        self, what: str, mock_clock: MockClock
    ) -> None:
        async with serving() as world:
            page = await opened(world, mock_clock)
            await page.look("list", {"at": what})
            assert counted(world) or watchers()
            await page.close()
            await world.settle()
            assert not counted(world)
            for watcher in watchers():
                watcher.join(5)
                assert not watcher.is_alive()

    async def test_an_error_of_what_is_looked_at_is_told_and_logged_once(
        self, mock_clock: MockClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fail(*_: object) -> None:
            raise ValueError

        monkeypatch.setattr("cometary.doors.inspector.sessions.one", fail)
        async with serving() as world:
            page = await opened(world, mock_clock)
            seen = await page.look("detail", {"at": "session", "name": "x"})
            await world.pass_time(mock_clock, 3 * EVERY)
            assert "the server's log says why" in seen["detail"]
            assert len([record for record in caplog.records if "cannot show" in record.message]) == 1
            assert (await page.look("list", {"at": "tree"}))["at"] == "tree"

    async def test_an_error_of_what_a_page_has_turned_away_from_does_not_reach_it(
        self, mock_clock: MockClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def fail_later(*_: object) -> None:
            await trio.sleep(2 * EVERY)
            raise ValueError

        monkeypatch.setattr("cometary.doors.inspector.tree.one", fail_later)
        recorder = Recorder()
        async with serving(recorder.app, die=500) as world:
            await world.open()
            page = await opened(world, mock_clock)
            await page.turn("detail", {"at": "actor", "urn": "x"})
            await world.settle()
            seen = await page.look("detail", {"at": "session", "name": recorder.sessions[0].name})
            assert seen["at"] == "session"

    async def test_a_users_name_is_shown_in_a_line_however_long_it_is(self, mock_clock: MockClock) -> None:
        recorder = Recorder()
        async with serving(recorder.app) as world:
            for _ in range(3):
                await world.open()
                recorder.sessions[-1].data["user"] = "u" * 2_000_000
            page = await opened(world, mock_clock)
            seen = await page.look("list", {"at": "sessions"})
            assert [len(line["user"]) < 200 for line in seen["lines"]] == [True] * 3

    async def test_what_cannot_be_looked_at_is_said_and_harms_nothing(self, mock_clock: MockClock) -> None:
        async with serving() as world:
            page = await opened(world, mock_clock)
            seen = await page.look("list", {"at": "tree", "most": 10**9})
            assert seen["at"] == "gone"
            assert (await page.look("list", {"at": "tree"}))["at"] == "tree"
            crashes = (await (await world.connect(control=True)).get("/crashes")).body["crashes"]
            assert crashes == []


class TestWhoIsLetIn:
    @pytest.mark.parametrize("token", [None, "wrong", "sender", 7])
    async def test_with_secrets_only_who_shows_one_that_is_good_for_reading(
        self, token: Any, mock_clock: MockClock
    ) -> None:
        async with serving(secret="master", secrets=("reader read", "sender send")) as world:
            page = Page(world, mock_clock)
            assert (await page.open(token)).error == (401, "unauthorized")
            assert (await page.open("reader")).status == 200
            status, _ = await page_file(world)
            assert status == 200
            assert (await (await world.connect(control=True)).get("/tree")).error == (401, "unauthorized")

    async def test_no_page_of_another_site_may_show_it_or_ask_it(self) -> None:
        async with serving() as world:
            _, headers = await page_file(world)
            assert headers["x-frame-options"] == "deny"
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            for header in (b"Origin: http://evil.example", b"Host: evil.example"):
                connection = await world.connect(control=True)
                answer = await connection.ask({"rid": 1}, header, path="/inspector/comet")
                assert answer.status in {400, 403}

    async def test_there_is_none_where_it_is_off(self) -> None:
        async with serving(inspector="off") as world:
            assert (await (await world.connect(control=True)).get("/inspector/")).error == (404, "not-found")
            tree = (await (await world.connect(control=True)).get("/tree")).body
            assert "control" not in [child["id"] for child in tree["children"]]


async def test_its_sessions_are_not_those_of_clients_and_end_with_the_server(mock_clock: MockClock) -> None:
    recorder = Recorder()
    async with serving(recorder.app) as world:
        page = await opened(world, mock_clock)
        assert recorder.sessions == []
        assert await world.sessions() == []
        await page.look("list", {"at": "tree"})
        world.running.stop()
        await world.settle()


def test_rates_are_of_what_has_grown() -> None:
    assert rates({"a": 1, "b": 5, "gone": 9}, {"a": 3, "b": 5, "new": 7}, 2.0) == {"a": 1.0}
    assert rates({"a": 1}, {"a": 3}, 0.0) == {}


def test_what_a_page_may_say_is_bounded() -> None:
    assert looks.read_look(looks.LIST, None) is None
    messages: list[object] = [
        {"at": "tree", "opened": ["x"] * (looks.MOST_NAMED + 1)},
        {"at": "tree", "search": "x" * 201},
        {"at": "sessions", "first": looks.FURTHEST + 1},
        {"at": "session"},
        {"at": "elsewhere"},
        [],
    ]
    for message in messages:
        with pytest.raises(ProtocolError, match="cannot be looked at"):
            looks.read_look(looks.LIST, message)
