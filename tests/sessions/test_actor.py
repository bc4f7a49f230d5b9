"""What the actor of a session sees to besides its machine: idle clients, ends, causes, and how long handlers take."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from cometary.actors import current_system, system
from cometary.app import App
from cometary.errors import ProtocolError
from cometary.packets.position import Position
from cometary.sessions import Failure, Packet, Session, SessionKeeper, SessionManager
from cometary.sessions.arbiter import NO_SHELL
from cometary.sessions.events import Heard, Stream
from cometary.sessions.flow import CAUSE
from cometary.sessions.replayed import Replayed
from cometary.sessions.session_arbiter import Turnstile
from tests.sessions.bench import Asked
from tests.sessions.house import Visitor, echoing, hosting


class Idle(Turnstile):
    """Lets in nobody who brings nothing."""

    def idle_refusal(self, keeper: SessionKeeper) -> ProtocolError | None:
        return ProtocolError("too-many-requests", "you bring nothing")


class Noted(Stream):
    """Notes what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def write(self, first_seq: int, packets: object) -> bool:
        self.told.append("written")
        return True

    def taken(self) -> None:
        self.told.append("taken")

    def refuse(self, error: ProtocolError) -> None:
        self.told.append(error.condition)


@pytest.fixture
async def manager() -> AsyncIterator[SessionManager]:
    async with system(), hosting(echoing()) as manager:
        yield manager


@pytest.fixture
async def visitor(manager: SessionManager) -> Visitor:
    """One who was sent a packet, which it has not acknowledged."""
    visitor = Visitor(manager)
    visitor.keeper.tell(Packet("news"))
    await visitor.ask()
    visitor.ack = 0
    return visitor


async def attached(visitor: Visitor, ack: int = 0) -> Noted:
    stream = Noted()
    visitor.keeper.attach(stream, ack)
    await wait_all_tasks_blocked()
    return stream


# -- who brings nothing ----------------------------------------------------------------------------


async def test_a_request_that_brings_nothing_may_be_refused_and_changes_nothing(
    manager: SessionManager, visitor: Visitor
) -> None:
    manager.turnstile = Idle()
    machine = visitor.keeper.machine
    for idle in (Asked(3), Asked(2, packets=[Packet("quiet")])):
        assert (await visitor.make(idle)).refused == "too-many-requests"
        assert (machine.held, machine.window.expected) == (None, 3)


@pytest.mark.parametrize(
    "request_", [Asked(3, ack=1), Asked(3, packets=[Packet("quiet")])], ids=["a new ack", "new packets"]
)
async def test_one_that_brings_something_is_not(
    manager: SessionManager, visitor: Visitor, request_: Asked
) -> None:
    manager.turnstile = Idle()
    await visitor.make(request_)
    assert visitor.keeper.machine.window.expected == 4


async def test_a_stream_that_brings_nothing_may_be_refused_and_is_not_attached(
    manager: SessionManager, visitor: Visitor
) -> None:
    manager.turnstile = Idle()
    assert (await attached(visitor)).told == ["too-many-requests"]
    assert not visitor.keeper.machine.has_carrier
    stream = await attached(visitor, ack=1)
    assert stream.told == ["taken"]
    assert visitor.keeper.machine.stream is stream


async def test_a_sign_of_life_that_brings_nothing_may_end_the_stream(
    manager: SessionManager, visitor: Visitor
) -> None:
    stream = await attached(visitor)
    assert stream.told == ["written", "taken"]
    manager.turnstile = Idle()
    for ack, told in ((1, []), (1, ["too-many-requests"])):
        visitor.keeper.tell(Heard(stream, ack))
        await wait_all_tasks_blocked()
        assert stream.told[2:] == told
        assert visitor.keeper.machine.outbox.acknowledged == 1
    assert visitor.keeper.machine.stream is None


async def test_a_sign_of_life_is_taken_note_of(manager: SessionManager, visitor: Visitor) -> None:
    stream = await attached(visitor)
    visitor.keeper.tell(Heard(stream))
    await wait_all_tasks_blocked()
    assert stream.heard
    assert visitor.keeper.machine.outbox.acknowledged == 0


async def test_what_is_replayed_is_sent_in_its_place(visitor: Visitor) -> None:
    visitor.ack = 1
    request = await visitor.ask()
    visitor.keeper.tell(Replayed("a", Position("e", 0), Position("e", 1), [Packet("a", 1)]))
    visitor.keeper.tell(Packet("b"))
    await wait_all_tasks_blocked()
    assert [packet.path for packet in request.got[1]] == ["::at"]
    assert [packet.path for packet in visitor.keeper.machine.outbox.packets[1:]] == ["a", "b"]


# -- the end ---------------------------------------------------------------------------------------


async def test_who_comes_after_the_end_is_told_of_it_as_long_as_there_is_an_actor() -> None:
    app = App()

    @app.signoff
    async def stay(*_: object) -> None:
        await trio.sleep_forever()

    async with system(), hosting(app) as manager:
        visitor = Visitor(manager)
        stream = await attached(visitor)
        visitor.keeper.end("kicked")
        await wait_all_tasks_blocked()
        keeper = visitor.keeper
        assert (keeper.last_rid, keeper.machine.arbiter) == (1, NO_SHELL)
        manager.turnstile = Idle()
        for message in (
            Heard(stream, 0),
            Packet("late"),
            Replayed("a", Position("e", 0), None, [Packet("a")]),
        ):
            keeper.tell(message)
        request = await visitor.make(Asked(2))
        assert request.error.members == {"reason": "kicked", "processed": 1}
        late = await attached(visitor)
        assert (stream.told, late.told) == (["taken", "session-ended"], ["session-ended"])
        assert manager.statistics()["undelivered"] == 1, "what is replayed is kept where it came from"
        assert keeper.machine.window.expected == 2


# -- causes, and times -----------------------------------------------------------------------------


async def test_what_a_handler_brings_about_is_its_client_s_doing_and_nothing_else_is() -> None:
    app, seen = App(), list[object]()

    def look(*_: object) -> None:
        seen.append(CAUSE.get())

    async def look_later(*_: object) -> None:
        await trio.lowlevel.checkpoint()
        seen.append(CAUSE.get())

    app.packet("plain")(look)
    app.packet("async")(look_later)
    app.signon(look_later)
    app.signoff(look)
    async with system(), hosting(app) as manager:
        visitor = Visitor(manager)
        await visitor.ask(Packet("plain"))
        current_system().call_soon(look)
        await visitor.ask(Packet("async"))
        current_system().call_soon(look)
        visitor.keeper.end("kicked")
        await wait_all_tasks_blocked()
        assert seen == [None, visitor.keeper, None, visitor.keeper, None, None]


async def test_the_time_of_a_call_is_taken_when_it_has_returned_or_raised(mock_clock: MockClock) -> None:
    app = App()
    released = trio.Event()

    @app.packet("async")
    async def wait(*_: object) -> None:
        await released.wait()

    @app.packet("crash")
    def crash(*_: object) -> None:
        raise ZeroDivisionError

    @app.packet("plain")
    def give_back(_session: Session, _path: str, message: object) -> object:
        return message

    async with system(), hosting(app) as manager:
        visitor = Visitor(manager)
        times = manager.handler_times.histograms["packet"]
        counts: list[int] = []
        for path in ("plain", "crash", "async"):
            await visitor.ask(Packet(path, 1))
            counts.append(times.count)
        released.set()
        await wait_all_tasks_blocked()
        assert [*counts, times.count] == [1, 2, 2, 3]


async def test_who_signs_on_and_crashes_fails_as_that(manager: SessionManager) -> None:
    app, failed = App(), list[str]()

    def crash(_: Session) -> None:
        raise ZeroDivisionError

    def note(failure: Failure) -> None:
        failed.append(failure.hook)

    app.signon(crash)
    app.failure(note)
    async with hosting(app) as other:
        other.open(1)
        await wait_all_tasks_blocked()
        assert failed == ["signon"]
