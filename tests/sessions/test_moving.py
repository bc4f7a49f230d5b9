"""A session that goes on at another manager: what of it is there, and what becomes of what is sent to it meanwhile."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from math import inf
from threading import Thread
from typing import Any, NamedTuple

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from cometary.actors import system
from cometary.app import App
from cometary.errors import ActorEndedError, PatternError, ProtocolError, UsageError
from cometary.packets.contract import make_contract
from cometary.packets.contract_table import Contracts
from cometary.packets.notices import EXPIRING_PATH
from cometary.packets.packet import marked
from cometary.packets.patterns import Pattern
from cometary.packets.position import Position
from cometary.packets.receipted import AskedPacket
from cometary.packets.tracked import TrackedPacket, tracked
from cometary.sessions import Admission, Failure, Packet, Session, SessionKeeper, SessionManager
from cometary.sessions.allowance import Allowance
from cometary.sessions.bucket import Bucket
from cometary.sessions.carriers import HOLD_OR_DIE
from cometary.sessions.events import Attach, StreamDropped
from cometary.sessions.frozen import VERSION, Released
from cometary.sessions.keeper import TOO_SLOW, SignedOn
from cometary.sessions.lease import admit
from cometary.sessions.policy import Policy
from cometary.sessions.replayed import Replayed
from tests.sessions.bench import Asked
from tests.sessions.house import Visitor, hosting
from tests.sessions.test_streams import Line


class Places(NamedTuple):
    """Two managers, with one application."""

    here: SessionManager
    there: SessionManager
    app: App

    def move(self, keeper: SessionKeeper, late: float = 0.0) -> tuple[SessionKeeper, Released]:
        """Move a session from here to there, by way of JSON."""
        latest: list[SessionKeeper] = []
        released = self.here.release(keeper, lambda message: self.there.pass_on(latest[0], message))
        latest.append(self.there.adopt(json.loads(json.dumps(released.frozen, allow_nan=False)), late))
        return latest[0], released


@pytest.fixture
async def places() -> AsyncIterator[Places]:
    app = App()

    def take(_session: Session, _path: str, _message: object) -> None: ...

    app.packet("**")(take)
    prices = [(Pattern.compile("prices/*"), make_contract("conflate", ttl=30))]
    async with (
        system(),
        hosting(app, Contracts(prices)) as here,
        hosting(app, Contracts(prices)) as there,
    ):
        yield Places(here, there, app)


def messages(keeper: SessionKeeper) -> list[Any]:
    return [packet.message for packet in keeper.machine.outbox.packets]


async def moved_visitor(places: Places, visitor: Visitor) -> Released:
    visitor.keeper, released = places.move(visitor.keeper)
    await wait_all_tasks_blocked()
    return released


async def test_what_was_sent_and_what_was_not_comes_once_and_in_order(places: Places) -> None:
    visitor = Visitor(places.here)
    session = Session(visitor.keeper, places.here.hub)
    session.send("a", 1)
    await visitor.ask()
    lost = await visitor.ask()
    session.send("a", 2)  # sent with `lost`, whose answer does not come
    await wait_all_tasks_blocked()
    assert lost.answered
    visitor._taken.append(lost)
    visitor.got, visitor.ack = [("a", 1)], 1
    session.send("a", 3)  # never sent
    await wait_all_tasks_blocked()
    session.send("a", 4)  # not even with its actor
    await moved_visitor(places, visitor)
    session.send("a", 5)  # to where it was
    Session(visitor.keeper, places.there.hub).send("a", 6)
    await visitor.ask()
    assert visitor.got == [("a", number) for number in range(1, 7)]
    assert visitor.keeper.machine.state.name == "waiting"


async def test_what_a_thread_has_sent_goes_with_it_though_nobody_has_told_the_loop_yet(
    places: Places,
) -> None:
    visitor = Visitor(places.here)
    await wait_all_tasks_blocked()
    thread = Thread(target=Session(visitor.keeper, places.here.hub).send, args=("a", 1))
    thread.start()
    thread.join()
    visitor.keeper, _ = places.move(visitor.keeper)
    Session(visitor.keeper, places.there.hub).send("a", 2)
    await visitor.ask()
    assert visitor.got == [("a", 1), ("a", 2)]


async def test_nothing_is_left_of_it_where_it_was(places: Places) -> None:
    keeper, speaker = places.here.open(1), places.here.open(1)
    former = keeper.ref
    admit(keeper, Admission({"user": "ada"}, 100), 30.0)
    await wait_all_tasks_blocked()
    places.here.flow.fall_behind(keeper.ref)
    places.here.flow.hold_for(speaker, keeper.ref)
    places.move(keeper)
    await wait_all_tasks_blocked()
    assert not former.is_alive()
    assert not any(timer.running for timer in keeper.timers.values())
    assert (places.here.flow.behind, speaker.holds) == ({}, 0), "nobody waits for its client here"


async def test_requests_that_wait_are_given_back_and_answered_where_it_goes_on(places: Places) -> None:
    visitor = Visitor(places.here)
    held, early, coming = await visitor.ask(), visitor.prepare(2), visitor.prepare(1)
    await visitor.make(early)
    visitor.keeper.submit(coming)
    visitor.keeper.submit(gone := visitor.prepare(1))
    visitor.keeper.drop(gone)
    released = await moved_visitor(places, visitor)
    assert released.carriers == [held, early, coming]
    for carrier in released.carriers:
        visitor.keeper.tell(carrier)
    await wait_all_tasks_blocked()
    assert [request.got for request in (held, coming)] == [(0, ())] * 2
    assert visitor.keeper.machine.held is early


async def test_a_stream_is_released_and_one_that_is_not_attached_yet_is_attached_where_it_goes_on(
    places: Places,
) -> None:
    class Noted(Line):
        released = False

        def release(self) -> None:
            self.released = True

    visitor = Visitor(places.here)
    await wait_all_tasks_blocked()
    first, second, third = Noted(), Noted(), Noted()
    visitor.keeper.tell(Attach(first, 0))
    await wait_all_tasks_blocked()
    visitor.keeper.tell(Attach(second, 0))
    visitor.keeper.tell(Attach(third, 0))
    visitor.keeper.tell(StreamDropped(third))
    released = await moved_visitor(places, visitor)
    assert first.released
    for carrier in released.carriers:
        visitor.keeper.tell(carrier)
    await wait_all_tasks_blocked()
    assert visitor.keeper.machine.stream is second
    assert [second.released, third.released] == [False, False]


async def test_the_client_is_told_nothing_and_the_application_neither(places: Places) -> None:
    ends: list[str] = []

    def sign_off(_session: Session, reason: str, _undelivered: object) -> None:
        ends.append(reason)

    places.app.signoff(sign_off)
    visitor = Visitor(places.here)
    held = await visitor.ask()
    await moved_visitor(places, visitor)
    assert not held.answered
    assert not ends
    assert len(places.here.directory) == 0
    with pytest.raises(ProtocolError, match="no session with this id"):
        places.here.find(visitor.keeper.sid)
    places.there.find(visitor.keeper.sid).end("kicked")
    await wait_all_tasks_blocked()
    assert ends == ["kicked"]


async def test_a_session_that_has_not_begun_signs_on_once_where_it_goes_on(places: Places) -> None:
    begun: list[str] = []

    def sign_on(session: Session) -> None:
        begun.append(session.sid)

    places.app.signon(sign_on)
    keeper = places.here.open(1)
    keeper.tell(Packet("a", 1))
    moved, _ = places.move(keeper)
    await wait_all_tasks_blocked()
    assert begun == [keeper.sid]
    assert messages(moved) == [1]


async def test_ids_times_data_and_paths_go_with_it(places: Places, mock_clock: MockClock) -> None:
    policy = Policy(wait=20, die=70, requests=3, second_request="ends", drop_ends=True)
    mock_clock.jump(5)
    keeper = places.here.open(9, 10, policy)
    await wait_all_tasks_blocked()
    session = Session(keeper, places.here.hub)
    when = datetime(2026, 11, 29, tzinfo=UTC)
    keeper.data.update(user="ada", list=[1, None, {"a": 0.1}], when=when, raw=b"\0\xff", huge=2**70)
    session.connect("chat/*", "news")
    keeper.lag = TOO_SLOW
    keeper.allowance = Allowance(keeper.now(), 7.0)
    mock_clock.jump(30)
    moved, _ = places.move(keeper, late=2)
    assert (moved.sid, moved.name, moved.data) == (keeper.sid, keeper.name, keeper.data)
    assert (moved.machine.policy, moved.machine.wait, moved.machine.window.first_rid) == (policy, 10, 9)
    assert places.there.describe(moved)["age"] == 32
    assert places.there.hub.paths(moved).listed == ["chat/*", "news"]
    assert places.here.hub.paths(keeper).listed == []
    assert moved.lag == TOO_SLOW
    assert moved.allowance is not None
    assert moved.allowance.left == 7
    assert moved.timers[HOLD_OR_DIE].deadline - moved.now() == 70, "the die timer begins anew"
    await wait_all_tasks_blocked()
    session.connect("late")
    session.disconnect("news")
    assert places.there.hub.paths(moved).listed == ["chat/*", "late"]
    session.kick()
    await wait_all_tasks_blocked()
    assert moved.ended == "kicked"


async def test_a_lease_runs_on(places: Places, autojump_clock: MockClock) -> None:
    keeper = places.here.open(1)
    admit(keeper, Admission({"user": "ada"}, 100), 30.0, b"\0digest")
    await wait_all_tasks_blocked()
    await trio.sleep(20)
    moved, _ = places.move(keeper, late=10)
    assert moved.lease is not None
    assert (moved.lease.user, moved.lease.binding, moved.lease.expires - moved.now()) == (
        "ada",
        b"\0digest",
        70,
    )
    await trio.sleep(40.5)
    [notice] = moved.machine.outbox.packets
    assert (notice.path, notice.message) == (EXPIRING_PATH, {"expires": 30.0})
    again = places.there.release(moved, lambda _: None)
    last = places.here.adopt(again.frozen)
    await trio.sleep(29)
    assert last.ended is None
    await trio.sleep(1)
    assert last.ended == "kicked"
    assert last.lease is not None
    assert last.lease.ran_out


async def test_a_session_without_an_end_has_none_afterwards(places: Places) -> None:
    keeper = places.here.open(1)
    admit(keeper, Admission({"user": 7}), 30.0)
    moved, _ = places.move(keeper)
    assert moved.lease is not None
    assert (moved.lease.user, moved.lease.binding, moved.lease.expires) == (7, None, inf)


async def test_receipts_contracts_and_times_to_live_go_on(places: Places, autojump_clock: MockClock) -> None:
    visitor = Visitor(places.here)
    session = Session(visitor.keeper, places.here.hub)
    await visitor.ask()
    session.send("a", "sent", receipt="sent")
    await wait_all_tasks_blocked()
    session.send("prices/x", 1)
    session.send("a", "dying", receipt="dying", ttl=5)
    await wait_all_tasks_blocked()
    await trio.sleep(3)
    session.send("a", "fresh", receipt="fresh", ttl=5)  # on its way to its actor: its time has not begun
    await moved_visitor(places, visitor)
    session.send("prices/x", 2)
    await wait_all_tasks_blocked()
    assert messages(visitor.keeper) == ["sent", "dying", "fresh", 2], "the latest price, and no other"
    await trio.sleep(2.5)
    assert messages(visitor.keeper) == ["sent", "fresh", 2]
    visitor.ack = 1
    await visitor.ask()
    outcomes = [(one.id, one.outcome, one.session) for one in places.there.receipts.read().receipts]
    name = visitor.keeper.name
    assert outcomes == [("dying", "expired", name), ("sent", "delivered", name)]
    assert places.here.receipts.last == 0


async def test_what_has_become_of_packets_is_counted_once(places: Places) -> None:
    visitor = Visitor(places.here)
    session = Session(visitor.keeper, places.here.hub)
    for number in range(3):
        session.send("prices/x", number)
    await visitor.ask(Packet("a"))
    await visitor.ask(Packet("a"))
    before = places.here.statistics()
    assert (before["delivered"], before["dropped"], before["received"]) == (1, 2, 2)
    await moved_visitor(places, visitor)
    assert [places.there.describe(visitor.keeper)[name] for name in ("expired", "dropped")] == [0, 2]
    counts = ("sessions", "delivered", "expired", "dropped", "undelivered", "received")
    assert [places.here.statistics()[name] for name in counts] == [0, 1, 0, 2, 0, 2]
    assert [places.there.statistics()[name] for name in counts] == [1, 0, 0, 0, 0, 0]
    session.send("a", 4)
    await visitor.ask()
    visitor.ack = 2
    await visitor.ask()
    visitor.keeper.end("kicked")
    await wait_all_tasks_blocked()
    assert [places.there.statistics()[name] for name in counts] == [0, 1, 0, 0, 0, 0]


async def test_what_is_replayed_to_a_session_that_moves_has_no_more_time_than_it_had(places: Places) -> None:
    keeper = places.here.open(1)
    await wait_all_tasks_blocked()
    price = tracked("prices/a", 1, contract=make_contract("conflate", ttl=30))
    keeper.tell(Replayed("prices/a", Position("e", 0), Position("e", 1), [price]))
    moved, _ = places.move(keeper)  # before its actor has come to it
    await wait_all_tasks_blocked()
    notice, replayed = moved.machine.outbox.packets
    assert notice.path == "::at"
    assert isinstance(replayed, TrackedPacket)
    assert replayed.ttl == 30


async def test_no_replay_ends_a_session_that_moves_either(places: Places) -> None:
    keeper = places.here.open(1)
    await wait_all_tasks_blocked()
    most = keeper.machine.outbox.limit_packets
    news = [marked(Packet("a", number), "at", f"e-{number + 1}") for number in range(2 * most)]
    replay = Replayed("a", Position("e", 0), Position("e", 2 * most), news, latest=True)
    for _ in range(2):
        keeper.tell(replay)
    moved, _ = places.move(keeper)
    await wait_all_tasks_blocked()
    assert moved.ended is None
    first, *latest, second = moved.machine.outbox.packets
    assert [packet.message for packet in latest] == list(range(2 * most - most // 2, 2 * most))
    assert [notice.message["at"] for notice in (first, second)] == [
        f"e-{2 * most - most // 2}",
        f"e-{2 * most}",
    ]


async def test_what_is_replayed_to_a_session_that_moves_fits_behind_what_waits_for_its_client(
    places: Places,
) -> None:
    keeper = places.here.open(1)
    most = keeper.machine.outbox.limit_packets
    for number in range(most // 2 - 1):
        keeper.tell(Packet("a", number))
    await wait_all_tasks_blocked()
    news = [marked(Packet("b", number), "at", f"e-{number + 1}") for number in range(3)]
    keeper.tell(Replayed("b", Position("e", 0), Position("e", 3), news, latest=True))
    moved, _ = places.move(keeper)
    await wait_all_tasks_blocked()
    *_, notice, last = moved.machine.outbox.packets
    assert (notice.message["at"], last.path, last.message) == ("e-2", "b", 2)


async def test_a_session_that_is_to_end_ends_where_it_goes_on(places: Places) -> None:
    visitor = Visitor(places.here)
    await wait_all_tasks_blocked()
    Session(visitor.keeper, places.here.hub).send("a", 1)
    visitor.keeper.end("kicked")
    await moved_visitor(places, visitor)
    assert visitor.keeper.ended == "kicked"
    assert places.there.statistics()["undelivered"] == 1


async def test_what_was_presumed_stays_so(places: Places) -> None:
    keeper = places.here.open(1, None, Policy(window=1, resends=False))
    for rid in (2, 3, 4):
        keeper.submit(Asked(rid))
        keeper.tell(Packet("a", rid))
    await wait_all_tasks_blocked()
    moved, _ = places.move(keeper)
    assert messages(moved) == [4]
    assert [places.there.describe(moved)[name] for name in ("expired", "dropped")] == [0, 0]
    assert (moved.machine.outbox.presumed, moved.machine.outbox.delivered) == (2, 0)
    moved.submit(Asked(5, ack=3))
    moved.tell(Packet("a", 5))
    await wait_all_tasks_blocked()
    counts = [(manager.statistics()["presumed"], manager.statistics()["delivered"]) for manager in places[:2]]
    assert counts == [(2, 0), (0, 1)]


class Calls:
    """What the application is called with, and what fails of it."""

    def __init__(self, app: App) -> None:
        self.handled: list[Any] = []
        self.failures: list[Failure] = []
        app.packet("slow")(self.slow)
        app.packet("quick")(self.quick)
        app.failure(self.failures.append)

    async def slow(self, _session: Session, _path: str, message: Any) -> None:
        await trio.sleep_forever()

    def quick(self, _session: Session, _path: str, message: Any) -> None:
        self.handled.append(message)


@pytest.fixture
async def bare() -> AsyncIterator[Places]:
    app = App()
    async with system(), hosting(app) as here, hosting(app) as there:
        yield Places(here, there, app)


async def test_a_call_that_has_begun_is_reported_and_those_behind_it_are_made(bare: Places) -> None:
    calls = Calls(bare.app)
    visitor = Visitor(bare.here)
    await visitor.ask(AskedPacket("slow", "x", "mine"), Packet("quick", 1), Packet("quick", 2))
    assert isinstance(visitor.keeper.begun, Packet)
    await moved_visitor(bare, visitor)
    assert calls.handled == [1, 2]
    [failure] = calls.failures
    assert (failure.hook, failure.packet and failure.packet.message) == ("packet", "x")
    assert isinstance(failure.error, ActorEndedError)
    assert failure.session is not None
    failure.session.send("a", "it is of use")
    await visitor.ask()
    assert visitor.got == [("::failed", {"receipt": "mine", "path": "slow"}), ("a", "it is of use")]


async def test_a_sign_on_that_has_begun_is_reported_and_one_that_is_due_is_made(bare: Places) -> None:
    calls, begun = Calls(bare.app), list[str]()

    async def sign_on(session: Session) -> None:
        begun.append(session.name)
        await trio.sleep_forever()

    bare.app.signon(sign_on)
    visitor, other = Visitor(bare.here), bare.here.open(1)
    other.started = True  # and its first incarnation has crashed before it was handed over
    other.queue(SignedOn())
    due, _ = bare.move(other)
    await wait_all_tasks_blocked()
    assert sorted(begun) == sorted([visitor.keeper.name, due.name])
    await moved_visitor(bare, visitor)
    assert [failure.hook for failure in calls.failures] == ["signon"]


async def test_a_failure_that_was_not_reported_is_reported_there(bare: Places) -> None:
    async def slow_failure(_: Failure) -> None:
        await trio.sleep_forever()

    app = bare.app

    def bad(*_: object) -> None:
        raise ZeroDivisionError

    app.packet("bad")(bad)
    reported: list[Failure] = []
    app.failure(slow_failure)
    visitor = Visitor(bare.here)
    await visitor.ask(Packet("bad", 1), Packet("bad", 2))
    keeper = visitor.keeper
    assert isinstance(keeper.begun, Failure), "of the first one"
    keeper.report(Failure("signon", ZeroDivisionError("why"), None))
    keeper.report(Failure("packet", ZeroDivisionError("why"), None, Packet("bad", 0)))
    app.of_failure[:] = []
    app.failure(reported.append)
    await moved_visitor(bare, visitor)
    assert [(one.hook, one.packet and one.packet.message) for one in reported] == [
        ("packet", 0),
        ("signon", None),
        ("packet", 2),
    ]
    assert "ZeroDivisionError('why')" in str(reported[0].error)


async def test_the_rate_of_a_client_goes_on_counting(places: Places) -> None:
    visitor = Visitor(places.here)
    await visitor.ask(Packet("a"), Packet("a"))
    visitor.keeper.bucket = Bucket(5.0, 0.0)
    await moved_visitor(places, visitor)
    assert visitor.keeper.bucket.tokens == 5
    assert visitor.keeper.received == 2


async def test_a_message_that_json_has_not_comes_as_it_was(places: Places) -> None:
    sent: list[Any] = [b"\0", {"a": [bytearray(b"x")]}, 2**64, float("inf"), -0.0, 1.0, "\u2028", None]
    keeper = places.here.open(1)
    for message in sent:
        Session(keeper, places.here.hub).send("a", message)
    await wait_all_tasks_blocked()
    moved, _ = places.move(keeper)
    await wait_all_tasks_blocked()
    before, after = keeper.machine.outbox.packets, moved.machine.outbox.packets
    assert [one.json for one in after] == [one.json for one in before]
    assert [repr(one.message) for one in after if one.message != {"a": [b"x"]}] == [
        repr(message) for message in sent if message != {"a": [b"x"]}
    ]


# -- what cannot be ----------------------------------------------------------------------------------


async def test_a_version_that_is_not_known_is_refused(places: Places) -> None:
    keeper = places.here.open(1)
    frozen = places.here.release(keeper, lambda _: None).frozen
    assert frozen["version"] == VERSION
    with pytest.raises(UsageError, match=r"in version 2 of its plain form cannot be read: 1 is known"):
        places.there.adopt({**frozen, "version": 2})
    nothing: tuple[object, ...] = (None, [], {}, "x")
    for junk in nothing:
        with pytest.raises(UsageError, match="in version None"):
            places.there.adopt(junk)
    with pytest.raises(UsageError, match=r"this is no session: .*expected"):
        places.there.adopt({**frozen, "expected": "x"})
    assert places.there.adopt(frozen).sid == keeper.sid
    with pytest.raises(UsageError, match="is here already"):
        places.there.adopt(frozen)


async def test_data_without_a_plain_form_keeps_a_session_where_it_is(places: Places) -> None:
    visitor = Visitor(places.here)
    await wait_all_tasks_blocked()
    visitor.keeper.data["thing"] = object()
    visitor.keeper.tell(Packet("a", 1))
    with pytest.raises(UsageError, match=rf"the data of <Session {visitor.keeper.name}> cannot move"):
        places.here.release(visitor.keeper, lambda _: None)
    await visitor.ask()
    assert visitor.got == [("a", 1)]


async def test_a_session_that_has_ended_or_has_its_turn_does_not_move(bare: Places) -> None:
    refused: list[str] = []

    def move_oneself(session: Session, _path: str, _message: object) -> None:
        try:
            bare.here.release(bare.here.find(session.sid), lambda _: None)
        except UsageError as error:
            refused.append(str(error))

    bare.app.packet("me")(move_oneself)
    visitor = Visitor(bare.here)
    await visitor.ask(Packet("me"))
    visitor.keeper.end("kicked")
    await wait_all_tasks_blocked()
    with pytest.raises(UsageError, match="cannot move: it has ended, or this is its own turn"):
        bare.here.release(visitor.keeper, lambda _: None)
    assert len(refused) == 1


async def test_who_has_no_room_takes_none_and_nothing_is_left_of_the_attempt(places: Places) -> None:
    begun: list[Session] = []
    places.app.signon(begun.append)
    keeper = places.here.open(1)
    Session(keeper, places.here.hub).connect("a", "b")
    frozen = places.here.release(keeper, lambda _: None).frozen
    settings = places.there.settings
    places.there.settings = replace(settings, max_paths=1)
    with pytest.raises(UsageError, match="1 paths at most"):
        places.there.adopt(frozen)
    places.there.settings = replace(settings, max_sessions=0)
    with pytest.raises(ProtocolError, match="as many sessions"):
        places.there.adopt(frozen)
    places.there.settings = settings
    with pytest.raises(PatternError):
        places.there.adopt({**frozen, "paths": ["**/a"]})
    await wait_all_tasks_blocked()
    assert len(places.there.directory) == 0
    assert begun == []
    assert places.there.adopt(frozen).sid == keeper.sid


async def test_an_actor_that_crashed_in_the_moment_of_the_move_does_not_begin_again(places: Places) -> None:
    visitor = Visitor(places.here)
    await visitor.ask()
    old = visitor.keeper
    session = Session(old, places.here.hub)
    old.queue(Packet("a", 0))
    released: list[Released] = []

    def move(*_: object) -> None:
        released.append(places.here.release(old, told.append))

    told: list[object] = []
    old.ref.actor_inbox.watch(move)
    old.ref.actor_inbox.fail(ZeroDivisionError(), None)
    session.send("a", 1)
    await wait_all_tasks_blocked()
    assert len(released) == 1
    assert [message.message for message in told if isinstance(message, Packet)] == [1]
    assert not old.ref.is_alive()
    assert old.unhandled == 1, "nor is the application told anything here"
    assert places.there.adopt(released[0].frozen).sid == old.sid
