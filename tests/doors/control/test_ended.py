"""What operators are told of sessions that have ended, and what they may do to those that have not."""

from __future__ import annotations

from typing import Any

import pytest

from cometary.actors import ActorRef
from cometary.sessions import recordings
from cometary.sessions.ended import SHOWN
from tests.protocol.client import Comet, Recorder, World, serving


async def ended(world: World, query: str = "") -> list[dict[str, Any]]:
    connection = await world.connect(control=True)
    answer = await connection.get(f"/ended?{query}")
    assert answer.status == 200, answer.body
    sessions: list[dict[str, Any]] = answer.body["ended"]
    return sessions


async def close(client: Comet) -> None:
    await client.ask(close=True)
    await client.world.settle()


class TestEndedSessions:
    async def test_it_is_told_why_each_has_ended_and_what_it_was_like(self) -> None:
        recorder = Recorder()
        async with serving(recorder.app) as world:
            client = await world.open()
            session = recorder.sessions[-1]
            session.data["user"] = "u" * 1000
            session.connect(*[f"jobs/{number}" for number in range(SHOWN + 1)])
            for number in range(SHOWN + 1):
                session.send("jobs/1", f"hidden {number}")
            await client.poll()
            session.kick()
            await world.settle()
            [one] = await ended(world)
            assert one["name"] == session.name
            assert (one["state"], one["reason"], one["last_state"]) == ("ended", "kicked", "waiting")
            assert (one["paths"], one["path_count"]) == ([f"jobs/{n}" for n in range(SHOWN)], SHOWN + 1)
            assert one["undelivered"] == SHOWN + 1
            assert one["undelivered_packets"][0] == {
                "path": "jobs/1",
                "size": len('{"path":"jobs/1","message":"hidden 0"}'),
            }
            assert len(one["undelivered_packets"]) == SHOWN
            assert len(one["user"]) < 200
            assert "hidden" not in str(one)
            assert client.sid not in str(one)
            by_name = await (await world.connect(control=True)).get(f"/session?name={session.name}")
            assert by_name.body == one

    async def test_they_are_found_by_name_user_path_and_reason_the_latest_first(self) -> None:
        recorder = Recorder()
        async with serving(recorder.app) as world:
            for number, (user, path) in enumerate([("Ann", "jobs/1"), ("Bob", "chat/ann"), ("Eve", "news")]):
                client = await world.open()
                recorder.sessions[number].data["user"] = user
                recorder.sessions[number].connect(path)
                await close(client)
            names = [session.name for session in recorder.sessions]
            assert [one["name"] for one in await ended(world)] == names[::-1]
            assert [one["name"] for one in await ended(world, "search=ANN")] == [names[1], names[0]]
            assert [one["name"] for one in await ended(world, f"search={names[2]}")] == [names[2]]
            assert await ended(world, "reason=kicked") == []
            assert len(await ended(world, "reason=closed&most=2")) == 2
            refused = await (await world.connect(control=True)).get("/ended?most=-1")
            assert refused.error == (400, "bad-request")

    async def test_the_oldest_is_forgotten_when_there_are_too_many(self) -> None:
        recorder = Recorder()
        async with serving(recorder.app, ended_sessions=2) as world:
            for _ in range(3):
                await close(await world.open())
            names = [session.name for session in recorder.sessions]
            assert [one["name"] for one in await ended(world)] == [names[2], names[1]]
            gone = await (await world.connect(control=True)).get(f"/session?name={names[0]}")
            assert gone.error == (404, "unknown-session")

    async def test_none_is_kept_where_none_is_to_be(self) -> None:
        async with serving(ended_sessions=0) as world:
            await close(await world.open())
            assert await ended(world) == []


class TestRecordings:
    async def test_a_session_that_was_looked_at_leaves_its_last_steps(self) -> None:
        recorder = Recorder()
        async with serving(recorder.app) as world:
            manager = world.running._manager
            client = await world.open()
            keeper = manager.find(client.sid)
            assert manager.ended_sessions.recordings.look(keeper) == []
            recorder.sessions[0].send("jobs/7", "hidden")
            await world.settle()
            [step] = manager.ended_sessions.recordings.look(keeper)
            assert (step["n"], step["before"], step["after"]) == (1, "waiting", "have_packet")
            await close(client)
            [one] = await ended(world)
            assert one["steps"][0]["n"] == 1
            assert one["steps"][-1]["actions"][-1] == {"kind": "Stopped", "reason": "closed"}
            assert "hidden" not in str(one)

    async def test_only_so_many_are_recorded_and_only_their_last_steps(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(recordings, "MOST", 1)
        recorder = Recorder()
        async with serving(recorder.app) as world:
            manager = world.running._manager
            keepers = [manager.find((await world.open()).sid) for _ in range(2)]
            for keeper in keepers:
                manager.ended_sessions.recordings.look(keeper)
            assert [keeper.machine.observer is None for keeper in keepers] == [True, False]
            for number in range(recordings.MOST_STEPS + 1):
                recorder.sessions[1].send("n", number)
            await world.settle()
            steps = manager.ended_sessions.recordings.look(keepers[1])
            assert [step["n"] for step in steps] == list(range(2, recordings.MOST_STEPS + 2))


class TestActing:
    async def test_a_session_is_kicked_by_its_name(self) -> None:
        recorder = Recorder()
        async with serving(recorder.app) as world:
            await world.open()
            answer = await world.control("/kick", {"name": recorder.sessions[0].name})
            await world.settle()
            assert answer.body == {}
            assert [reason for reason, _ in recorder.ended] == ["kicked"]
            assert (await world.control("/kick", {"name": "nobody"})).error == (404, "unknown-session")
            for body in ({}, {"sid": "1", "name": "1"}):
                assert (await world.control("/kick", body)).error == (400, "bad-request")

    async def test_an_actor_is_suspended_resumed_and_killed_by_its_urn(self) -> None:
        recorder = Recorder()
        async with serving(recorder.app) as world:
            client = await world.open()
            ref: ActorRef[Any] = world.running._manager.find(client.sid).ref

            async def order(what: str, urn: str = ref.actor_urn) -> dict[str, Any]:
                answer = await world.control("/actor", {"urn": urn, "order": what})
                await world.settle()
                body: dict[str, Any] = answer.body
                return body

            assert await order("suspend") == {}
            recorder.sessions[0].send("a", 1)
            await world.settle()
            assert len(ref.actor_inbox) == 1
            assert await order("resume") == {}
            assert len(ref.actor_inbox) == 0
            before = ref.actor_inbox.life
            assert await order("kill") == {}
            assert ref.actor_inbox.life == before + 1
            assert await client.poll() == [1]
            assert (await order("kill", "urn:uuid:0"))["error"] == "not-found"
            assert (await order("explode"))["error"] == "bad-request"

    async def test_who_may_only_read_may_do_neither(self) -> None:
        async with serving(secret="master", secrets=("reader read",)) as world:
            for path, body in (
                ("/kick", {"name": "x"}),
                ("/actor", {"urn": "urn:uuid:0", "order": "kill"}),
            ):
                answer = await world.control(path, body, b"Authorization: Bearer reader")
                assert answer.error == (403, "forbidden")


async def test_the_tree_tells_by_what_urn_an_actor_is_known() -> None:
    async with serving() as world:
        tree = (await (await world.connect(control=True)).get("/tree")).body
        refs = {ref.actor_urn for ref in list(world.running._root.actor_inbox.system.actors)}
        assert {child["urn"] for child in tree["children"]} <= refs
