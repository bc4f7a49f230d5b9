"""How a server stops while handlers take their time: every session is told, and nothing vanishes in silence."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import trio
from trio.testing import MockClock

from cometary.app import App
from cometary.config import Address, Settings
from cometary.errors import UsageError
from cometary.server import serve
from cometary.sessions import Packet, Receipt, Session
from tests.doors.webhooks.receiver import SECRET, Receiver
from tests.protocol.client import Recorder, World, serving


class Slow(Recorder):
    """A recorder with handlers that take long.

    Args:
        seconds: how long the handler of `slow` takes.
        sign_off: how long the handler of the sign-off takes.
    """

    def __init__(self, seconds: float = 0.0, sign_off: float = 0.0) -> None:
        super().__init__()
        self.ended_well = 0
        self.receipts: list[tuple[str, str | None]] = []

        @self.app.packet("slow")
        async def slow(*_: object) -> None:
            await trio.sleep(seconds)

        @self.app.signoff
        async def leave(_session: Session, _reason: str, _undelivered: Sequence[Packet]) -> None:
            await trio.sleep(sign_off)
            self.ended_well += 1

        @self.app.receipt
        def note(receipt: Receipt) -> None:
            self.receipts.append((receipt.outcome, receipt.reason))


def abandoned(caplog: pytest.LogCaptureFixture) -> list[dict[str, object]]:
    events = [getattr(record, "structured", {}) for record in caplog.records]
    return [event for event in events if event.get("event") == "sessions abandoned"]


async def stop(world: World) -> None:
    world.running.stop()
    await trio.sleep(60)


async def test_sessions_that_cannot_sign_off_in_time_are_named_and_their_packets_accounted_for(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    slow = Slow(seconds=100.0)
    async with serving(slow.app) as world:
        clients = [await world.open() for _ in range(2)]
        held = await clients[0].hold(("slow", 1))
        for session in slow.sessions:
            session.send("a", "a secret", receipt="one")
            session.send("a", 2)
        await clients[0].receive(held)
        await stop(world)
        assert slow.ended == [("shutdown", ["a secret", 2])], "the other one"
        assert ("undelivered", "shutdown") in slow.receipts
        assert len(slow.receipts) == 2
        [event] = abandoned(caplog)
        assert (event["sessions"], event["untold"], event["undelivered"]) == (1, 1, 2)
        assert event["named"] == [slow.sessions[0].name]
        assert "secret" not in caplog.text


async def test_a_sign_off_that_takes_too_long_is_named_too(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    slow = Slow(sign_off=7.0)
    async with serving(slow.app) as world:
        await world.open()
        slow.sessions[0].send("a", 1, receipt="one")
        await stop(world)
        assert slow.ended == [("shutdown", [1])]
        assert slow.ended_well == 0
        assert slow.receipts == [("undelivered", "shutdown")], "given once"
        [event] = abandoned(caplog)
        assert (event["sessions"], event["untold"], event["undelivered"]) == (1, 0, 0)


async def test_the_time_to_sign_off_is_a_setting(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    slow = Slow(sign_off=7.0)
    async with serving(slow.app, stop_grace=8) as world:
        await world.open()
        await stop(world)
        assert slow.ended_well == 1
        assert abandoned(caplog) == []


async def test_sessions_that_only_wait_for_their_turn_when_time_is_up_sign_off(
    mock_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """One handler of the sign-off holds up the loop for longer than all of them have."""
    recorder = Recorder()

    @recorder.app.signoff
    def block(*_: object) -> None:
        mock_clock.jump(6)

    async with serving(recorder.app) as world:
        for _ in range(120):  # more than actors handle before other tasks have their turn
            await world.open()
        world.running.stop()
        await world.settle()
        assert recorder.ended == [("shutdown", [])] * 120
        assert abandoned(caplog) == []


async def test_a_back_end_hears_of_sessions_whose_handlers_could_not_be_told(
    autojump_clock: MockClock,
) -> None:
    slow = Slow(seconds=100.0)
    receiver = Receiver()
    async with trio.open_nursery() as nursery:
        await nursery.start(receiver.serve)
        async with serving(slow.app, webhook_url=receiver.url, webhook_secret=SECRET) as world:
            client = await world.open()
            await client.hold(("slow", 1))
            slow.sessions[0].send("a", 1)
            await stop(world)
        events = [one.body for one in receiver.received if one.body["type"] == "signoff"]
        assert [(event["reason"], event["undelivered"]) for event in events] == [
            ("shutdown", [{"path": "a", "message": 1}])
        ]
        receiver.stop()


async def test_a_stop_waits_for_sessions_that_had_ended_before(autojump_clock: MockClock) -> None:
    slow = Slow(sign_off=3.0)
    async with serving(slow.app) as world:
        client = await world.open()
        await client.ask(close=True)
        await trio.sleep(1)
        assert slow.ended == [("closed", [])]
        world.running.stop()
        await trio.sleep(2.5)
        assert slow.ended_well == 1


# -- one application, one server ---------------------------------------------------------------------


async def test_an_application_under_a_second_server_is_refused_and_the_first_one_goes_on() -> None:
    recorder = Recorder()
    async with serving(recorder.app) as world:
        client = await world.open()
        recorder.sessions[0].connect("news")
        settings = Settings(port=0, control=Address("127.0.0.1", 0), paths=("news drop_newest limit=1",))
        with pytest.raises(UsageError, match="another server runs this application"):
            await serve(settings, recorder.app)
        recorder.app.update("news", 1)
        recorder.app.update("news", 2)
        await world.settle()
        assert await client.poll() == [1, 2]
    async with serving(recorder.app) as world:
        client = await world.open()
        recorder.sessions[1].send("a", "again")
        assert await client.poll() == ["again"]


async def test_an_application_whose_server_could_not_start_can_be_served() -> None:
    app = App()
    async with serving(Recorder().app) as other:
        port = int(other.running.comet.rpartition(":")[2].partition("/")[0])
        with pytest.raises(OSError, match="in use"):
            await serve(Settings(port=port, control=Address("127.0.0.1", 0)), app)
    async with serving(app) as world:
        await world.open()
