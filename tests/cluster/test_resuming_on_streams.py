"""Sessions that outlive their process, of clients that hold a stream or a WebSocket."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from cometary.cluster.client_position import ClientPosition
from cometary.cluster.local import LocalEngine, SharedState
from cometary.config.kinds import Address
from cometary.server import serve
from cometary.settings import Settings
from tests.cluster.accounts import Account
from tests.cluster.nodes import Application, AppNode, cluster, start, until
from tests.cluster.sockets import Socket, connected, lines

pytestmark = [
    pytest.mark.filterwarnings(f"ignore:Async generator '{name}:ResourceWarning")
    for name in ("httpx", "httpcore", "tests.cluster.sockets")
]

LEASE = 0.5
NOTHING_RECORDED = Settings(port=0, control=Address("127.0.0.1", 0))
NODE = ("node", "--experimental-websocket", "--no-warnings")
CLIENT = Path(__file__).parents[1] / "clients/resuming_client.mjs"


def at(own: int) -> str:
    return ClientPosition(own).text()


async def opened(url: str) -> str:
    async with httpx.AsyncClient() as http:
        sid: str = (await http.post(url, json={"rid": 1, "resume": True})).json()["sid"]
        return sid


async def tick(server: AppNode, first: int, last: int) -> None:
    """Send the session numbers, now and then."""
    for number in range(first, last + 1):
        server.session.send("tick", number)
        await trio.sleep(0.01)


@pytest.mark.parametrize("wires", ["websocket", "stream"])
async def test_the_javascript_client_goes_on_at_another_server(wires: str) -> None:
    shared, said = SharedState(), 100
    async with cluster() as (nursery, way):
        first = await start(nursery, LocalEngine(shared, "a", lease=LEASE))
        way.lead_to(first.running.comet)
        command = [*NODE, str(CLIENT), way.url, str(said), wires, "20"]
        node = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE)
        await until(lambda: first.application.sessions, 30)
        await tick(first, 1, 10)
        await until(lambda: [each for each in shared.records.values() if each.rid > 20], 30)
        await first.die()
        # Not before: on a busy machine the first one's lease may run out, and nothing leads to this one by then.
        second = await start(nursery, LocalEngine(shared, "b", lease=LEASE))
        way.lead_to(second.running.comet)
        await until(lambda: second.application.sessions)
        await tick(second, 11, 20)
        assert node.stdout is not None
        with trio.fail_after(30):
            told = json.loads(b"".join([data async for data in node.stdout]))
            await node.wait()
        assert sorted([*told["answers"], *failures(second, told)]) == [*range(1, said + 1)]
        assert told["ticks"] == [*range(1, 21)]
        assert not told["reopened"]
        assert wires in told["used"]
        await until(lambda: ("off", "closed") in [call[:2] for call in second.calls])


def failures(server: AppNode, told: dict[str, Any]) -> list[int]:
    """Return the numbers of which the application was told that it had failed on them: no more than one."""
    missing = {*range(1, 101)} - {*told["answers"]}
    assert len(missing) <= 1
    assert len(missing) == len(told["failed"]) == len([call for call in server.calls if call[0] == "failed"])
    return [*missing]


async def test_a_stream_of_the_python_client_goes_on_at_another_server() -> None:
    shared = SharedState()
    async with cluster() as (nursery, way):
        first = await start(nursery, LocalEngine(shared, "a", lease=LEASE))
        second = await start(nursery, LocalEngine(shared, "b", lease=LEASE))
        way.lead_to(first.running.comet)
        account = Account(way.url, stream=True)
        async with account.comet:
            account.comet.send("hear", "news/*")
            account.say(20)
            await account.answered()
            machine = first.running.machine(first.session)
            assert machine is not None
            assert machine.stream is not None
            first.session.send("tick", 1)
            first.application.app.update("news/world", 1)
            first.session.send("tick", 2)
            await account.until(lambda: len(account.ticks) == 2)
            account.say(20)
            await first.die()
            way.lead_to(second.running.comet)
            await account.answered()
            second.session.send("tick", 3)
            await account.until(lambda: len(account.ticks) == 3)
            account.adds_up()
            assert account.gaps == ["news/*"]
        await until(lambda: ("off", "closed", []) in second.calls)


async def test_a_socket_says_where_its_client_is_if_that_has_changed() -> None:
    async with cluster() as (nursery, _):
        server = await start(nursery, LocalEngine(SharedState(), "a"))
        async with connected(server.running.comet) as socket:
            await socket.say(rid=1, resume=True)
            assert (await socket.hear())["gen"] == 1
            assert await socket.hear() == {"seq": 1, "packets": [], "gen": 1}
            await socket.say(rid=2, packets=[{"path": "hear", "message": "news"}], gen=1, done=1)
            await until(lambda: server.session.paths)
            server.session.send("tick", 1)
            assert await socket.hear() == {"rid": 2}
            assert await socket.hear() == {"at": at(1), "packets": [{"path": "tick", "message": 1}]}
            server.application.app.update("news", 1)
            assert await socket.hear() == {"packets": [{"path": "news", "message": 1}]}
            await socket.say(ack=2, gen=1, at=at(1))
            server.session.send("tick", 2)
            assert await socket.hear() == {"at": at(2), "packets": [{"path": "tick", "message": 2}]}


async def adopted(nursery: trio.Nursery, shared: SharedState) -> tuple[str, AppNode]:
    """Have a session adopted that was sent two packets; nobody has told yet where its client is."""
    first = await start(nursery, LocalEngine(shared, "a", lease=LEASE))
    sid = await opened(first.running.comet)
    await tick(first, 1, 2)
    await until(lambda: [len(record.out) for record in shared.records.values()] == [2])
    await first.die()
    second = await start(nursery, LocalEngine(shared, "b", lease=LEASE))
    await until(lambda: second.application.sessions)
    return sid, second


TICK_1, TICK_2 = [{"path": "tick", "message": number} for number in (1, 2)]


async def test_a_socket_of_an_older_generation_carries_nothing_before_its_client_has_told_where_it_is() -> (
    None
):
    async with cluster() as (nursery, _):
        sid, second = await adopted(nursery, SharedState())
        async with connected(second.running.comet) as socket:
            await socket.say(sid=sid, ack=1, gen=1, at=at(1))
            assert await socket.hear() == {"seq": 2, "packets": [], "gen": 2}
            await socket.say(rid=2, packets=[{"path": "say", "message": 5}], ack=1, gen=1, at=at(1), done=1)
            assert await socket.hear() == {"rid": 2}, "it is processed, and answered with nothing"
            await socket.say(ack=1, gen=2, at=at(1))
            said = {"path": "said", "message": 5}
            assert await socket.hear() == {"at": at(3), "packets": [TICK_2, said]}


async def test_a_request_that_counts_has_a_stream_carry_that_was_attached_before() -> None:
    async with cluster() as (nursery, _), httpx.AsyncClient() as http:
        sid, second = await adopted(nursery, SharedState())
        url = second.running.comet
        async with lines(http, url, sid=sid, ack=1, gen=1, at=at(1)) as bodies:
            assert await anext(bodies) == {"seq": 2, "packets": [], "gen": 2}
            send = {"sid": sid, "rid": 2, "ack": 1, "gen": 2, "at": at(1), "done": 1, "hold": False}
            assert (await http.post(url, json=send)).json() == {"gen": 2, "packets": []}
            assert await anext(bodies) == {"at": at(2), "packets": [TICK_2]}


async def test_server_sent_events_say_in_their_ids_where_their_client_is() -> None:
    async with cluster() as (nursery, _), httpx.AsyncClient() as http:
        sid, second = await adopted(nursery, SharedState())
        for last, events in (("1.1.", ["retry:1000"]), (f"1.2.{at(1)}", ["retry:1000", f"id:2.2.{at(2)}"])):
            headers = {"accept": "text/event-stream", "x-comet-session": sid, "last-event-id": last}
            async with http.stream("GET", second.running.comet, headers=headers) as response:
                heard = list[str]()
                async for line in response.aiter_lines():
                    heard += [line] if line.startswith(("id", "retry")) else []
                    if len(heard) == len(events):
                        break
            assert heard == events


async def test_the_socket_of_a_server_that_was_taken_for_dead_ends() -> None:
    shared = SharedState()
    async with cluster() as (nursery, _):
        engine = LocalEngine(shared, "a", lease=LEASE)
        first = await start(nursery, engine)
        sid = await opened(first.running.comet)
        async with connected(first.running.comet) as socket:
            await socket.say(sid=sid, ack=0, gen=1)
            assert await socket.hear() == {"seq": 1, "packets": [], "gen": 1}
            await start(nursery, LocalEngine(shared, "b", lease=LEASE))
            await engine.leave()  # so it renews its lease no more, and goes on all the same
            await until(lambda: [record.generation for record in shared.records.values()] == [2])
            first.session.send("tick", "of a zombie")
            assert (await socket.hear())["closed"] == 4001


async def refusals(socket: Socket) -> list[Any]:
    return [(await socket.hear())["error"], (await socket.hear())["closed"]]


async def test_what_does_not_say_where_its_client_is_attaches_nothing() -> None:
    async with cluster() as (nursery, _), httpx.AsyncClient() as http:
        server = await start(nursery, LocalEngine(SharedState(), "a"))
        sid = await opened(server.running.comet)
        async with connected(server.running.comet) as socket:
            await socket.say(sid=sid, ack=0)
            assert await refusals(socket) == ["bad-request", 4400]
        for wrong, condition in (
            ({"at": "x"}, "bad-request"),
            ({"gen": 9}, "bad-request"),
            ({"ack": 7}, "bad-ack"),
        ):
            async with connected(server.running.comet) as socket:
                await socket.say(**{"sid": sid, "ack": 0, "gen": 1, **wrong})
                assert (await refusals(socket))[0] == condition
        headers = {"accept": "application/x-ndjson"}
        answer = await http.post(server.running.comet, json={"sid": sid, "ack": 0}, headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (400, "bad-request")


async def test_a_session_that_ends_tells_its_socket() -> None:
    async with cluster() as (nursery, _):
        sid, second = await adopted(nursery, SharedState())
        async with connected(second.running.comet) as greeted, connected(second.running.comet) as socket:
            await greeted.say(sid=sid, ack=0, gen=1)
            assert (await greeted.hear())["gen"] == 2
            await socket.say(sid=sid, ack=0, gen=2)
            assert (await greeted.hear())["closed"] == 4001
            assert await socket.hear() == {"seq": 1, "packets": [], "gen": 2}
            assert await socket.hear() == {"at": at(2), "packets": [TICK_1, TICK_2]}
            second.session.kick()
            assert await refusals(socket) == ["session-ended", 4014]


async def test_an_id_that_no_session_has_attaches_nothing() -> None:
    async with cluster() as (nursery, _):
        server = await start(nursery, LocalEngine(SharedState(), "a"))
        async with connected(server.running.comet) as socket:
            await socket.say(sid=24 * "x", ack=0, gen=1)
            assert await refusals(socket) == ["unknown-session", 4404]


@pytest.mark.parametrize("attached", [False, True])
async def test_a_session_that_is_not_recorded_hears_a_client_all_the_same_that_says_where_it_is(
    attached: bool,
) -> None:
    application = Application()
    async with trio.open_nursery() as nursery:
        running = await nursery.start(serve, NOTHING_RECORDED, application.app)
        async with connected(running.comet) as socket:
            if attached:
                await socket.say(sid=await opened(running.comet), ack=0, gen=1)
            else:
                await socket.say(rid=1, resume=True)
                assert "gen" not in await socket.hear()
            assert await socket.hear() == {"seq": 1, "packets": []}
            [session] = application.sessions.values()
            for _ in range(4):  # as often as a session may crash, and once more
                await socket.say(ack=0, gen=1)
            session.send("tick", 1)
            assert await socket.hear() == {"packets": [TICK_1]}
            await socket.say(ack=1, gen=1, at=at(1))
            await until(lambda: running.machine(session).outbox.acknowledged == 1)
        nursery.cancel_scope.cancel()
