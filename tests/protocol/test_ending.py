"""protocol.md, "How a session ends": every reason, who is told, and what is remembered."""

from __future__ import annotations

import trio
import trio.testing

from cometary.app import App
from cometary.sessions import Session
from tests.protocol.client import Answer, Recorder, World, serving


def ended(answer: Answer) -> object:
    """The reason that a `session-ended` gives."""
    assert answer.error == (410, "session-ended")
    return answer.body["reason"]


# -- closed ----------------------------------------------------------------------------------------


async def test_the_client_closes_after_its_packets_and_gets_what_is_left(
    world: World, recorder: Recorder
) -> None:
    client = await world.open()
    recorder.sessions[0].send("a", 1)
    assert (await client.ask(("a", "bye"), close=True)).packets == [1]
    await world.settle()
    assert recorder.packets == [("a", "bye")]
    assert recorder.ended == [("closed", [1])]  # it was never acknowledged
    assert await world.sessions() == []
    assert ended(await client.ask()) == "closed"


async def test_a_close_acknowledges_what_came_before(world: World, recorder: Recorder) -> None:
    client = await world.open()
    recorder.sessions[0].send("a", 1)
    await client.poll()
    await client.ask(close=True)
    await world.settle()
    assert recorder.ended == [("closed", [])]


async def test_a_close_ends_the_held_request(world: World) -> None:
    client = await world.open()
    held = await client.hold()
    assert (await client.ask(close=True)).packets == []
    assert ended(await held.answer()) == "closed"


async def test_a_close_that_is_false_closes_nothing(world: World, recorder: Recorder) -> None:
    client = await world.open()
    recorder.sessions[0].send("a", 1)
    assert (await client.ask(close=False)).packets == [1]
    assert recorder.ended == []


async def test_what_the_last_packet_is_answered_with_goes_with_the_closing_answer(
    world: World, recorder: Recorder
) -> None:
    @recorder.app.packet("echo")
    def echo(session: Session, path: str, message: object) -> None:
        session.send(path, message)

    client = await world.open()
    assert (await client.ask(("echo", "last words"), close=True)).packets == ["last words"]


# -- timeout ---------------------------------------------------------------------------------------


async def test_an_end_is_remembered_for_die_and_then_the_session_is_unknown(
    recorder: Recorder, mock_clock: trio.testing.MockClock
) -> None:
    async with serving(recorder.app) as world:
        client = await world.open()
        await world.pass_time(mock_clock, 45)
        assert recorder.ended == [("timeout", [])]
        await world.pass_time(mock_clock, 44)
        connection = await world.connect()
        assert ended(await connection.ask(client.body())) == "timeout"
        await world.pass_time(mock_clock, 2)
        other = await world.open()
        await other.ask(close=True)  # whenever a session ends, those that ended long ago are forgotten
        assert (await connection.ask(client.body())).error == (404, "unknown-session")
        assert ended(await connection.ask(other.body())) == "closed"


# -- overflow --------------------------------------------------------------------------------------


async def test_a_queue_of_too_many_packets_ends_the_session_of_a_client_that_is_away(
    recorder: Recorder, mock_clock: trio.testing.MockClock
) -> None:
    async with serving(recorder.app, queue_packets=10) as world:
        client = await world.open()
        await world.pass_time(mock_clock, 11)
        for number in range(11):
            recorder.sessions[0].send("a", number)
        await world.settle()
        assert recorder.ended == [("overflow", list(range(11)))]  # with the one that was too much
        assert ended(await client.ask()) == "overflow"


async def test_updates_that_nobody_fetches_end_the_session_too(
    recorder: Recorder, mock_clock: trio.testing.MockClock
) -> None:
    async with serving(recorder.app, queue_bytes=1024) as world:
        client = await world.open()
        await world.pass_time(mock_clock, 11)
        recorder.sessions[0].connect("news")
        for _ in range(20):
            recorder.app.update("news", "x" * 100)
        await world.settle()
        assert [reason for reason, _ in recorder.ended] == ["overflow"]
        assert ended(await client.ask()) == "overflow"
        assert await world.sessions() == []
        recorder.app.update("news", 1)
        assert await actors(world) == 0


async def test_an_overflow_by_a_handler_refuses_the_very_request(recorder: Recorder) -> None:
    @recorder.app.packet("flood")
    def flood(session: Session, path: str, _: object) -> None:
        for number in range(30):
            session.send(path, number)

    async with serving(recorder.app, queue_packets=10) as world:
        client = await world.open()
        held = await client.hold()
        assert ended(await client.ask(("flood", 1), ("a", 2))) == "overflow"
        assert await client.receive(held) == [0]
        await world.settle()
        assert recorder.ended == [("overflow", list(range(30)))]  # all that it sent before it was told


async def test_a_client_that_acknowledges_never_overflows(recorder: Recorder) -> None:
    async with serving(recorder.app, queue_packets=10) as world:
        client = await world.open()
        for _ in range(10):
            for number in range(5):
                recorder.sessions[0].send("a", number)
            assert await client.poll() == list(range(5))
        assert recorder.ended == []


async def actors(world: World) -> int:
    """How many session actors there are."""
    connection = await world.connect(control=True)
    tree = (await connection.get("/tree")).body
    [sessions] = [child for child in tree["children"] if child["id"] == "sessions"]
    return int(sessions["count"])


# -- kicked ----------------------------------------------------------------------------------------


async def test_the_application_kicks(world: World, recorder: Recorder) -> None:
    client = await world.open()
    recorder.sessions[0].send("a", 1)
    assert await client.poll() == [1]
    recorder.sessions[0].send("a", 2)
    recorder.sessions[0].kick()
    await world.settle()
    assert recorder.ended == [("kicked", [1, 2])]
    assert ended(await client.ask()) == "kicked"


async def test_a_kick_ends_the_held_request_at_once(world: World, recorder: Recorder) -> None:
    client = await world.open()
    held = await client.hold()
    recorder.sessions[0].kick()
    assert ended(await held.answer()) == "kicked"


async def test_a_kick_ends_early_requests_too(world: World, recorder: Recorder) -> None:
    client = await world.open()
    early = await client.hold(rid=3)
    recorder.sessions[0].kick()
    assert ended(await early.answer()) == "kicked"


async def test_whoever_finds_a_session_ended_is_told_which_requests_were_processed(
    world: World, recorder: Recorder
) -> None:
    client = await world.open()
    held, early = await client.hold(), await client.hold(rid=4)
    recorder.sessions[0].kick()
    answers = [await held.answer(), await early.answer(), await client.ask(rid=3), await client.ask(rid=4)]
    assert [answer.body["processed"] for answer in answers] == [2, 2, 2, 2]


async def test_a_session_ends_once(world: World, recorder: Recorder) -> None:
    client = await world.open()
    session = recorder.sessions[0]
    session.kick()
    session.kick()
    await client.ask(close=True)
    await world.settle()
    session.kick()
    session.send("a", 1)
    session.connect("news")
    await world.settle()
    assert recorder.ended == [("kicked", [])]
    assert session.paths == []


# -- shutdown --------------------------------------------------------------------------------------


async def test_a_server_that_stops_tells_every_session(recorder: Recorder) -> None:
    async with serving(recorder.app) as world:
        holding, queueing = await world.open(), await world.open()
        held = await holding.hold()
        recorder.sessions[1].send("a", 1)
        await world.settle()
        world.running.stop()
        assert ended(await held.answer()) == "shutdown"
        assert await held.wire.closed()
        assert await queueing.connection.wire.closed()
        assert sorted(recorder.ended) == [("shutdown", []), ("shutdown", [1])]


async def test_a_server_that_is_stopping_opens_no_session() -> None:
    app = App()
    go_on = trio.Event()

    @app.signoff
    async def slow(*_: object) -> None:
        await go_on.wait()

    async with serving(app) as world:
        client = await world.open()
        world.running.stop()
        await world.settle()
        answer = await client.connection.ask({"rid": 1})
        assert answer.error == (503, "shutting-down")
        assert int(answer.headers["retry-after"]) > 0
        assert ended(await client.ask()) == "shutdown"
        go_on.set()


async def test_a_handler_that_never_ends_does_not_keep_the_server_from_stopping(
    mock_clock: trio.testing.MockClock,
) -> None:
    app = App()
    app.packet("forever")(sleep_forever)
    async with serving(app) as world:
        client = await world.open()
        held = await client.hold(("forever", 1))
        world.running.stop()
        await world.settle()
        assert ended(await held.answer()) == "shutdown"
        await world.pass_time(mock_clock, 5)
        assert await held.wire.closed()


async def sleep_forever(*_: object) -> None:
    await trio.sleep_forever()


async def test_the_memory_of_ended_sessions_is_not_for_sale(world: World) -> None:
    """A guess at a session id learns nothing but that it is unknown."""
    client = await world.open()
    for sid in ("", "x", client.sid[:-1], client.sid + "A", client.sid.swapcase()):
        assert (await client.ask(sid=sid)).error == (404, "unknown-session")
