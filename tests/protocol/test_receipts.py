"""Every packet that wants a receipt ends once, whatever connections, handlers and sessions do meanwhile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

from cometary.app import App
from cometary.errors import UsageError
from cometary.packets.tracked import TrackedPacket
from cometary.sessions import Packet, Receipt, Session
from cometary.sessions.supervisor import CRASHES
from tests.protocol.client import Comet, Recorder, World, serving


class CrashError(Exception):
    """What the handlers of these tests raise."""


def outcomes(world: World) -> list[tuple[str, str]]:
    """The ids and outcomes of all receipts, in order."""
    return [(receipt.id, receipt.outcome) for receipt in world.running.receipts.read().receipts]


def receipts(world: World) -> list[Receipt]:
    return world.running.receipts.read().receipts


# -- delivered -------------------------------------------------------------------------------------


async def test_a_packet_is_delivered_when_it_is_acknowledged_and_not_before(
    world: World, recorder: Recorder
) -> None:
    client = await world.open()
    recorder.sessions[0].send("a", 1, receipt="one")
    recorder.sessions[0].send("a", 2)
    assert await client.poll() == [1, 2]
    assert outcomes(world) == []
    await client.hold()
    name = recorder.sessions[0].name
    assert receipts(world) == [Receipt("one", "delivered", "a", name)]


async def test_a_packet_that_is_sent_again_is_delivered_once(world: World, recorder: Recorder) -> None:
    client = await world.open()
    recorder.sessions[0].send("a", 1, receipt="one")
    for _ in range(3):
        assert (await client.ask(ack=0)).packets == [1]
    await client.hold(ack=1)
    await client.hold(ack=1)
    assert outcomes(world) == [("one", "delivered")]


async def test_a_held_request_is_answered_with_it_at_once(world: World, recorder: Recorder) -> None:
    client = await world.open()
    held = await client.hold()
    recorder.sessions[0].send("a", 1, receipt="one", ttl=5)
    assert await client.receive(held) == [1]


async def test_an_update_says_to_how_many_it_went_and_has_a_receipt_from_each(
    world: World, recorder: Recorder
) -> None:
    clients = [await world.open() for _ in range(3)]
    for session in recorder.sessions[:2]:
        session.connect("news")
    recorder.app.update("news", 1, receipt="one")
    recorder.app.update("nobody", 2, receipt="two")
    await world.settle()
    for client in clients[:2]:
        assert await client.poll() == [1]
        await client.hold()
    first, second = (session.name for session in recorder.sessions[:2])
    assert receipts(world) == [
        Receipt("one", "routed", "news", sessions=2),
        Receipt("two", "routed", "nobody", sessions=0),
        Receipt("one", "delivered", "news", first),
        Receipt("one", "delivered", "news", second),
    ]


async def test_updates_with_and_without_receipts_keep_their_order(world: World, recorder: Recorder) -> None:
    client = await world.open()
    recorder.sessions[0].connect("news")
    for number in range(10):
        recorder.app.update("news", number, receipt=str(number) if number % 2 else None)
    await world.settle()
    assert await client.poll() == list(range(10))


async def test_a_receipt_names_the_user(world: World, recorder: Recorder) -> None:
    client = await world.open()
    recorder.sessions[0].data["user"] = "ada"
    recorder.sessions[0].send("a", 1, receipt="one")
    await client.poll()
    await client.hold()
    assert [receipt.user for receipt in receipts(world)] == ["ada"]


@pytest.mark.parametrize("user", [None, {"name": "ada"}, ["ada"], object()])
async def test_a_user_that_is_no_word_and_no_number_is_not_told(
    world: World, recorder: Recorder, user: object
) -> None:
    client = await world.open()
    recorder.sessions[0].data["user"] = user
    recorder.sessions[0].send("a", 1, receipt="one")
    await client.poll()
    await client.hold()
    assert [receipt.user for receipt in receipts(world)] == [None]


@pytest.mark.parametrize("wishes", [{"receipt": ""}, {"ttl": -1}, {"ttl": 0}, {"ttl": float("nan")}], ids=str)
async def test_wishes_that_make_no_sense_are_the_callers_and_nothing_is_sent(
    world: World, recorder: Recorder, wishes: dict[str, float]
) -> None:
    await world.open()
    recorder.sessions[0].connect("news")
    with pytest.raises(UsageError):
        recorder.sessions[0].send("a", 1, **wishes)  # type: ignore[arg-type]
    with pytest.raises(UsageError):
        recorder.app.update("news", 1, **wishes)  # type: ignore[arg-type]
    await world.settle()
    assert [session["queued"] for session in await world.sessions()] == [0]
    assert outcomes(world) == []


# -- undelivered -----------------------------------------------------------------------------------

Ending = Callable[[World, Comet, Session], Awaitable[object]]


async def close(_world: World, client: Comet, _session: Session) -> None:
    assert (await client.ask(ack=0, close=True)).status == 200


async def kick(world: World, _client: Comet, session: Session) -> None:
    session.kick()
    await world.settle()


async def overflow(world: World, _client: Comet, session: Session) -> None:
    for number in range(21):  # the client reads, so there is room for as much again
        session.send("a", number)
    await world.settle()


async def fail(_world: World, client: Comet, _session: Session) -> None:
    await client.hold(*[("crash", number) for number in range(CRASHES + 1)], ack=0)


ENDINGS = {"closed": close, "kicked": kick, "overflow": overflow, "failed": fail}


@pytest.mark.parametrize("reason", ENDINGS)
async def test_what_was_not_acknowledged_is_undelivered_sent_or_not(recorder: Recorder, reason: str) -> None:
    @recorder.app.packet("crash")
    def crash(*_: object) -> None:
        raise CrashError

    async with serving(recorder.app, queue_packets=10) as world:
        client = await world.open()
        session = recorder.sessions[0]
        session.send("a", "acknowledged", receipt="one")
        assert await client.poll() == ["acknowledged"]
        session.send("a", "sent", receipt="two")
        held = await client.hold()
        assert await client.receive(held) == ["sent"]
        session.send("a", "waits", receipt="three")
        client.ack = 1
        await ENDINGS[reason](world, client, session)
        await world.settle()
        assert outcomes(world) == [("one", "delivered"), ("two", "undelivered"), ("three", "undelivered")]
        assert receipts(world)[-1].reason == reason
        [(why, undelivered)] = recorder.ended
        assert why == reason
        assert undelivered[:2] == ["sent", "waits"]


async def test_what_was_sent_to_a_held_request_that_never_got_it_is_undelivered(
    recorder: Recorder, mock_clock: trio.testing.MockClock
) -> None:
    async with serving(recorder.app) as world:
        client = await world.open()
        held = await client.hold()
        recorder.sessions[0].send("a", 1, receipt="one")
        held.wire.reset()
        await world.pass_time(mock_clock, 45)
        assert recorder.ended == [("timeout", [1])]
        assert [(one.id, one.outcome, one.reason) for one in receipts(world)] == [
            ("one", "undelivered", "timeout")
        ]


async def test_a_server_that_stops_accounts_for_everything(recorder: Recorder) -> None:
    async with serving(recorder.app) as world:
        await world.open()
        recorder.sessions[0].send("a", 1, receipt="one")
        world.running.stop()
        await world.settle()
        assert outcomes(world) == [("one", "undelivered")]


async def test_packets_on_their_way_when_a_session_ends_are_undelivered(
    world: World, recorder: Recorder
) -> None:
    """They are in the mailbox behind what ends the session, and `/send` has been answered already."""
    client = await world.open()
    session = recorder.sessions[0]
    session.connect("news")
    session.kick()
    keeper = world.running._manager.find(client.sid)
    for number in range(3):
        keeper.ref.tell(Packet("a", number))
    session.send("a", 3, receipt="one")
    recorder.app.update("news", 4, receipt="two")
    await world.settle()
    assert recorder.ended == [("kicked", [0, 1, 2, 3])]
    assert outcomes(world)[-1] == ("one", "undelivered")
    assert Receipt("two", "routed", "news", sessions=0) in receipts(world)


@pytest.mark.parametrize("from_thread", [False, True])
async def test_a_session_that_has_ended_delivers_nothing_and_says_so(
    world: World, recorder: Recorder, from_thread: bool
) -> None:
    client = await world.open()
    await client.ask(close=True)
    await world.settle()
    session = recorder.sessions[0]

    def send() -> None:
        session.send("a", 1, receipt="one")

    if from_thread:
        await trio.to_thread.run_sync(send)
    else:
        send()
    await world.settle()
    assert outcomes(world) == [("one", "undelivered")]
    assert recorder.ended == [("closed", [])]


async def test_what_a_signoff_handler_sends_is_undelivered() -> None:
    app = App()

    @app.signoff
    def left(session: Session, *_: object) -> None:
        session.send("a", "too late", receipt="one")

    async with serving(app) as world:
        client = await world.open()
        await client.ask(close=True)
        await world.settle()
        assert outcomes(world) == [("one", "undelivered")]


async def test_a_session_that_fails_loses_nothing_that_was_in_its_mailbox(
    world: World, recorder: Recorder
) -> None:
    """The actor that is given up has packets in its mailbox, which nobody handles any more."""
    client = await world.open()
    session = recorder.sessions[0]

    @recorder.app.packet("crash")
    def crash(_session: Session, _path: str, message: object) -> None:
        if message == CRASHES:
            ref = session._keeper.ref
            for number in range(3):
                ref.tell(Packet("a", number))
            ref.tell(TrackedPacket("a", 3, receipt="one"))
        raise CrashError

    await client.hold(*[("crash", number) for number in range(CRASHES + 1)])
    await world.settle()
    assert recorder.ended == [("failed", [0, 1, 2, 3])]
    assert outcomes(world) == [("one", "undelivered")]


async def test_a_session_that_fails_while_it_ends_signs_off_all_the_same(recorder: Recorder) -> None:
    """Its last handler crashes once too often, after the end has been queued behind it."""
    gate = trio.Event()

    @recorder.app.packet("crash")
    async def crash(_session: Session, _path: str, message: object) -> None:
        if message == CRASHES:
            await gate.wait()
        raise CrashError

    async with serving(recorder.app) as world:
        client = await world.open()
        await client.hold(*[("crash", number) for number in range(CRASHES + 1)])
        recorder.sessions[0].send("a", 1, receipt="one")
        recorder.sessions[0].kick()
        await world.settle()
        assert recorder.ended == []
        gate.set()
        await world.settle()
        assert recorder.ended == [("kicked", [1])]
        assert outcomes(world) == [("one", "undelivered")]
        assert world.running._manager._leaving == {}


# -- crashes, and trouble on the way -----------------------------------------------------------------


async def test_every_packet_ends_once_while_handlers_crash_and_connections_break(
    recorder: Recorder, mock_clock: trio.testing.MockClock
) -> None:
    @recorder.app.packet("crash")
    def crash(session: Session, path: str, message: object) -> None:
        session.send("a", message, receipt=f"reply {message}")
        raise CrashError(path)

    async with serving(recorder.app) as world:
        client = await world.open()
        session = recorder.sessions[0]
        got: list[object] = []
        for number in range(30):
            session.send("a", number, receipt=str(number))
            sender = await client.hold(("crash", number))
            if number % 3:
                got += await client.receive(sender)
            else:
                sender.wire.reset()
            await world.pass_time(mock_clock, 2)
        while len(got) < 60:
            got += await client.poll()
        await client.hold()
        assert Counter(outcomes(world)) == Counter(
            {(name, "delivered"): 1 for number in range(30) for name in (str(number), f"reply {number}")}
        )
        statistics = world.running.statistics()
        assert statistics == {
            "sessions": 1,
            "delivered": 60,
            "presumed": 0,
            "expired": 0,
            "dropped": 0,
            "undelivered": 0,
            "sent": 60,
            "received": 30,
            "receipts": 60,
        }


async def test_every_packet_ends_once_while_the_actor_is_crashed_between_any_two_messages(
    recorder: Recorder, mock_clock: trio.testing.MockClock
) -> None:
    recorder.app.path("prices", when_full="conflate")
    async with serving(recorder.app, die=1000) as world:
        client = await world.open()
        session = recorder.sessions[0]
        cell = world.running._manager.find(client.sid).ref.actor_inbox
        sent = 0
        for number in range(40):
            for path, ttl in (("a", None), ("prices", 30), ("a", 3)):
                session.send(path, number, receipt=str(sent), ttl=ttl)
                sent += 1
                if number % 3 == sent % 3:
                    cell.fail(CrashError(), None)
            if number % 4 == 0:
                await client.receive(await client.hold())
            await world.pass_time(mock_clock, 2)
        session.kick()
        await world.settle()
        ids = Counter(receipt_id for receipt_id, _ in outcomes(world))
        assert ids == {str(number): 1 for number in range(sent)}
        by_outcome = Counter(outcome for _, outcome in outcomes(world))
        assert set(by_outcome) == {"delivered", "expired", "dropped", "undelivered"}
        statistics = world.running.statistics()
        assert {name: statistics[name] for name in by_outcome} == by_outcome
        assert len(recorder.ended[0][1]) == by_outcome["undelivered"]


# -- the application's handlers ----------------------------------------------------------------------


@pytest.mark.parametrize("is_async", [False, True])
async def test_handlers_get_receipts_in_order_and_one_that_raises_gets_the_next(
    recorder: Recorder, is_async: bool, mock_clock: trio.testing.MockClock
) -> None:
    calls: list[str] = []

    def note(receipt: Receipt) -> None:
        calls.append(receipt.id)
        if receipt.id == "two":
            raise CrashError

    async def note_later(receipt: Receipt) -> None:
        await trio.lowlevel.checkpoint()
        note(receipt)

    recorder.app.receipt(note_later if is_async else note)
    async with serving(recorder.app) as world:
        client = await world.open()
        for name in ("one", "two", "three"):
            recorder.sessions[0].send("a", 1, receipt=name)
        await client.poll()
        await client.hold()
        await world.pass_time(mock_clock, 1)
        assert calls == ["one", "two", "three"]


async def test_a_slow_handler_of_receipts_delays_nobody(recorder: Recorder) -> None:
    gate = trio.Event()

    @recorder.app.receipt
    async def wait(_: Receipt) -> None:
        await gate.wait()

    async with serving(recorder.app) as world:
        client = await world.open()
        for number in range(3):
            recorder.sessions[0].send("a", number, receipt=str(number))
            assert await client.poll() == [number]
        assert len(outcomes(world)) == 2


async def test_handlers_get_the_receipts_of_a_server_that_stops(recorder: Recorder) -> None:
    calls: list[str] = []

    @recorder.app.receipt
    async def note(receipt: Receipt) -> None:
        await trio.lowlevel.checkpoint()
        calls.append(receipt.outcome)

    async with serving(recorder.app) as world:
        await world.open()
        for number in range(100):
            recorder.sessions[0].send("a", number, receipt=str(number))
        world.running.stop()
        await world.settle()
        assert calls == ["undelivered"] * 100
