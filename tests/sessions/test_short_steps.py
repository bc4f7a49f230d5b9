"""Deliveries are made by the short steps, without the machine's table, unless somebody watches the machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any
from unittest.mock import patch

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from cometary.actors import ActorSystem, system
from cometary.app import App
from cometary.errors import ProtocolError
from cometary.sessions import Packet, Request, Session, SessionKeeper, SessionMachine, SessionManager
from cometary.sessions.actor import SessionActor
from cometary.sessions.events import Attach, Full, Heard, StreamDropped
from cometary.sessions.flow import Flow
from cometary.sessions.keeper import BEHIND
from cometary.sessions.session_arbiter import SessionArbiter, Turnstile
from cometary.sessions.short_steps import receive
from tests.sessions.bench import Asked
from tests.sessions.crash_points import without_short_steps
from tests.sessions.house import Visitor, echoing, hosting
from tests.sessions.test_streams import Line, Send

STEPPED = AssertionError("the machine was stepped")

BOTH_WAYS = pytest.mark.parametrize("short_steps", [True, False], ids=["short steps", "the table's steps"])


async def test_a_delivery_does_without_the_table(actor_system: ActorSystem) -> None:
    async with hosting(echoing()) as manager:
        visitor = Visitor(manager)
        held = await visitor.ask()
        with patch.object(SessionMachine, "step", side_effect=STEPPED):
            for number in range(3):
                manager.hub.post(visitor.keeper, Packet("to one", number))
                await wait_all_tasks_blocked()
                visitor.take(held)
                poll = await visitor.ask()
                held = await visitor.ask(Packet("echo", number))
                visitor.take(poll)
    assert visitor.got == [(path, number) for number in range(3) for path in ("to one", "echo")]


async def test_what_a_client_sends_and_gets_back_does_without_the_actors_own_handler(
    actor_system: ActorSystem,
) -> None:
    async with hosting(echoing()) as manager:
        visitor = Visitor(manager)
        with patch.object(SessionActor, "on_receive", side_effect=STEPPED):
            held = await visitor.ask(Packet("quiet"))
            for number in range(3):
                answered, held = held, await visitor.ask(Packet("echo", number))
                visitor.take(answered)
    assert visitor.got == [("echo", number) for number in range(3)]


async def test_whose_packet_brings_about_more_than_a_session_queues_is_told_that_the_session_has_ended(
    actor_system: ActorSystem,
) -> None:
    app = App()

    @app.packet("flood")
    def flood(session: Session, path: str, message: object) -> None:
        for number in range(9):  # as much again as it queues may wait for one that reads
            session.send("news", number)

    async with hosting(app, max_queued_packets=4) as manager:
        visitor = Visitor(manager)
        request = await visitor.ask(Packet("flood"))
        assert request.refused == "session-ended"
        assert visitor.keeper.ended == "overflow"


async def test_a_request_that_comes_between_the_end_of_a_session_and_its_sign_off_is_told_of_the_end(
    actor_system: ActorSystem,
) -> None:
    app = echoing()

    @app.signon
    async def take_long(session: Session) -> None:
        await trio.sleep_forever()

    async with hosting(app) as manager:
        visitor = Visitor(manager)
        await visitor.ask()
        manager.hub.end(visitor.keeper, "kicked")
        await wait_all_tasks_blocked()
        assert (await visitor.ask()).refused == "session-ended"
        assert (await visitor.ask(Packet("echo"))).refused == "session-ended"
        assert visitor.keeper.received == 0


async def test_a_request_with_packets_that_is_handed_over_waits_for_the_actors_own_turn(
    actor_system: ActorSystem,
) -> None:
    async with hosting(echoing()) as manager:
        visitor = Visitor(manager)
        await wait_all_tasks_blocked()
        request = visitor.prepare(1, Packet("echo", 7))
        visitor.keeper.ref.actor_inbox.hand(request)
        assert visitor.keeper.received == 0
        await wait_all_tasks_blocked()
        assert visitor.keeper.received == 1


async def test_a_request_that_was_held_in_vain_does_without_the_table(autojump_clock: MockClock) -> None:
    async with system(), hosting(echoing(), wait=20, die=10) as manager:
        visitor = Visitor(manager)
        held = await visitor.ask()
        with patch.object(SessionMachine, "step", side_effect=STEPPED):
            for _ in range(3):
                await trio.sleep(21)
                assert held.got == (0, ())
                held = await visitor.ask()


async def test_who_traces_a_session_is_told_of_the_commonest_steps_too(actor_system: ActorSystem) -> None:
    seen: list[str] = []
    async with hosting(echoing()) as manager:
        visitor = Visitor(manager)
        await visitor.ask()
        visitor.keeper.machine.observer = lambda _before, event, _after, _actions: seen.append(
            type(event).__name__
        )
        await visitor.ask(Packet("echo"))
    assert seen[:3] == ["Asked", "Packet", "Ready"]


class Failing(Asked):
    """A request whose wire crashes once it has its answer, and the session's actor with it."""

    def answer(self, first_seq: int, packets: Sequence[Packet]) -> None:
        super().answer(first_seq, packets)
        raise OSError("the wire has failed")


@BOTH_WAYS
async def test_a_session_waits_for_its_client_from_the_answer_on_that_crashed_its_actor(
    autojump_clock: MockClock, short_steps: bool
) -> None:
    ended: list[float] = []
    app = App()

    @app.signoff
    def note_end(session: Session, reason: str, undelivered: Sequence[Packet]) -> None:
        ended.append(trio.current_time())

    steps = nullcontext() if short_steps else without_short_steps()
    with steps:
        async with system(), hosting(app, wait=20, die=10) as manager:
            visitor = Visitor(manager)
            await visitor.make(Failing(2))
            await trio.sleep(5)
            manager.hub.post(visitor.keeper, Packet("news"))
            await wait_all_tasks_blocked()
            last_answer = trio.current_time()
            await trio.sleep(60)
    assert ended == [pytest.approx(last_answer + 10)]


@BOTH_WAYS
async def test_a_request_is_held_as_long_as_any_though_the_release_of_another_has_crashed(
    autojump_clock: MockClock, short_steps: bool
) -> None:
    async with system(), hosting(echoing(), wait=20, die=10) as manager:
        visitor = Visitor(manager)
        await visitor.make(Failing(2))
        await trio.sleep(5)
        with nullcontext() if short_steps else without_short_steps():
            request = await visitor.make(Asked(3, packets=[Packet("quiet")]))
        await trio.sleep(19)
        assert not request.answered
        await trio.sleep(2)
        assert request.got == (0, ())


async def test_a_packet_that_is_handed_over_is_answered_with_before_anybody_has_a_turn(
    actor_system: ActorSystem,
) -> None:
    async with hosting(echoing()) as manager:
        visitor = Visitor(manager)
        held = await visitor.ask()
        manager.posting.hand(visitor.keeper, Packet("news", 1))
        assert held.answered
        manager.posting.post(visitor.keeper, Packet("news", 2))
        manager.posting.hand(visitor.keeper, Packet("news", 3))  # behind the mail that there is
        visitor.take(held)
        await wait_all_tasks_blocked()
        visitor.take(await visitor.ask())
    assert visitor.got == [("news", 1), ("news", 2), ("news", 3)]


async def test_what_is_handed_over_and_crashes_costs_the_session_an_incarnation_and_its_sender_nothing(
    actor_system: ActorSystem,
) -> None:
    async with hosting(echoing()) as manager:
        visitor = Visitor(manager)
        await visitor.make(Failing(2))
        life = visitor.keeper.ref.actor_inbox.life
        manager.posting.hand(visitor.keeper, Packet("news"))
        await wait_all_tasks_blocked()
        assert visitor.keeper.ref.actor_inbox.life == life + 1
        assert visitor.keeper.ended is None


# -- what is special takes the machine's own step ---------------------------------------------------


class Closed(Turnstile):
    """Lets in no packets."""

    def refusal(self, keeper: SessionKeeper, request: Request) -> ProtocolError | None:
        return ProtocolError("too-many-requests", "later")


def acknowledging(rid: int = 4, ack: int = 2, **more: Any) -> Asked:
    """The next request, of a client that has both packets that were sent; by a short step it would be held."""
    return Asked(rid, ack=ack, **more)


def unmoved(*_: object) -> None:
    """Watches a machine, and makes nothing of what it sees."""


def watched(keeper: SessionKeeper) -> Asked:
    keeper.machine.observe(unmoved)
    return acknowledging()


def once_more(keeper: SessionKeeper) -> Asked:
    keeper.machine.outbox.acknowledge(2)
    return acknowledging()


def behind(keeper: SessionKeeper) -> Asked:
    keeper.lag = BEHIND
    return acknowledging()


def beside_an_early_one(keeper: SessionKeeper) -> Asked:
    keeper.machine.step(acknowledging(5, 0))
    return acknowledging()


def beside_one_that_is_held(keeper: SessionKeeper) -> Asked:
    keeper.machine.outbox.resends = False
    keeper.machine.step(Asked(4))
    assert keeper.machine.held is not None
    return acknowledging(5)


def beside_a_stream(keeper: SessionKeeper) -> Asked:
    keeper.machine.step(Attach(Line(), 0))
    return acknowledging()


def with_packets(prepare: Callable[[SessionKeeper], Asked]) -> Callable[[SessionKeeper], Asked]:
    def prepared(keeper: SessionKeeper) -> Asked:
        request = prepare(keeper)
        return Asked(request.rid, ack=request.ack, packets=[Packet("quiet")])

    return prepared


def where_nothing_is_let_in(keeper: SessionKeeper) -> Asked:
    keeper.machine.arbiter = SessionArbiter(keeper, Closed(), Flow())
    return acknowledging()


SPECIAL: dict[str, Callable[[SessionKeeper], Asked]] = {
    "an early one": lambda _: acknowledging(5),
    "a retry": lambda _: acknowledging(3),
    "one that closes": lambda _: acknowledging(close=True),
    "a send": lambda _: Send(4, ack=2),
    "one that acknowledges nothing": lambda _: acknowledging(ack=0),
    "one that acknowledges too much": lambda _: acknowledging(ack=3),
    "one of a client that lacks something": lambda _: acknowledging(ack=1),
    "one of a session that is watched": watched,
    "one of a client that is behind": behind,
    "one beside an early one": beside_an_early_one,
    "one beside one that is held": beside_one_that_is_held,
    "one beside a stream": beside_a_stream,
    "an early one with packets": with_packets(lambda _: acknowledging(5)),
    "a retry with packets": with_packets(lambda _: acknowledging(3)),
    "one with packets that acknowledges too much": with_packets(lambda _: acknowledging(ack=3)),
    "one with packets of a session that is watched": with_packets(watched),
    "one with packets of a client that is behind": with_packets(behind),
    "one with packets that are not let in": with_packets(where_nothing_is_let_in),
}


@pytest.mark.parametrize("special", SPECIAL)
async def test_what_is_special_changes_nothing_by_a_short_step(
    special: str, actor_system: ActorSystem
) -> None:
    async with hosting(echoing()) as manager:
        keeper = manager.open(1)
        await wait_all_tasks_blocked()
        machine, actor = keeper.machine, keeper.ref.actor_inbox.actor
        assert isinstance(actor, SessionActor)
        for rid in (2, 3):
            machine.step(Packet("news"))
            machine.step(Asked(rid))
        request = SPECIAL[special](keeper)
        before = (machine.state, machine.held, machine.window.expected, machine.outbox.acknowledged)
        assert not receive(actor, keeper, request)
        assert (machine.state, machine.held, machine.window.expected, machine.outbox.acknowledged) == before
        assert (request.answered, keeper.received) == (False, 0)


class Tired(Turnstile):
    """Lets in no request that brings nothing."""

    def idle_refusal(self, keeper: SessionKeeper) -> ProtocolError | None:
        return ProtocolError("too-many-requests", "later")


async def test_a_poll_that_brings_nothing_is_held_by_a_short_step_unless_there_are_too_many(
    actor_system: ActorSystem,
) -> None:
    async with hosting(echoing()) as manager:
        keeper = manager.open(1)
        await wait_all_tasks_blocked()
        machine, actor = keeper.machine, keeper.ref.actor_inbox.actor
        assert isinstance(actor, SessionActor)
        for rid in (2, 3):
            machine.step(Packet("news"))
            machine.step(Asked(rid))
        usual, machine.arbiter = machine.arbiter, SessionArbiter(keeper, Tired(), Flow())
        refused, held = once_more(keeper), once_more(keeper)
        assert receive(actor, keeper, refused)
        assert refused.answered
        assert (refused.answered_well, machine.held, machine.window.expected) == (False, None, 4)
        machine.arbiter = usual
        assert receive(actor, keeper, held)
        assert (machine.held, machine.window.expected) == (held, 5)


async def carrying(manager: SessionManager, sent: int) -> tuple[SessionKeeper, Line]:
    """A session with a stream that has carried so many packets."""
    visitor, stream = Visitor(manager), Line()
    await wait_all_tasks_blocked()
    visitor.keeper.attach(stream, 0)
    for number in range(sent):
        manager.posting.post(visitor.keeper, Packet("news", number))
    await wait_all_tasks_blocked()
    return visitor.keeper, stream


async def test_what_a_client_says_that_it_has_is_let_go_of_at_once_and_without_the_table(
    actor_system: ActorSystem,
) -> None:
    async with hosting(echoing()) as manager:
        keeper, stream = await carrying(manager, 3)
        outbox = keeper.machine.outbox
        with patch.object(SessionMachine, "step", side_effect=STEPPED):
            keeper.tell_at_once(Heard(stream, 2))
            assert (outbox.acknowledged, len(outbox), stream.heard) == (2, 1, True)
            keeper.tell_at_once(Heard(stream, 3))
        assert (outbox.acknowledged, len(outbox)) == (3, 0)


@pytest.mark.parametrize("ack", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("state", ["a stream that carries", "one that is full", "none"])
async def test_a_sign_of_life_comes_to_the_same_by_either_step(
    state: str, ack: int, actor_system: ActorSystem
) -> None:
    outcomes: list[object] = []
    async with hosting(echoing()) as manager:
        for steps in (nullcontext(), without_short_steps()):
            keeper, stream = await carrying(manager, 3)
            machine = keeper.machine
            machine.outbox.acknowledge(1)
            stream.heard = False
            if state != "a stream that carries":
                machine.step(Full(stream) if state == "one that is full" else StreamDropped(stream))
            with steps:
                keeper.tell_at_once(Heard(stream, ack))
                await wait_all_tasks_blocked()
            outbox = machine.outbox
            outcomes.append(
                (machine.state, machine.stream is None, outbox.acknowledged, len(outbox), stream.heard)
            )
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize(
    ("special", "ack"),
    [(watched, 2), (behind, 2), (unmoved, 4), (unmoved, 1)],
    ids=["watched", "behind", "too much", "nothing new"],
)
async def test_a_special_sign_of_life_changes_nothing_by_a_short_step(
    special: Callable[[SessionKeeper], object], ack: int, actor_system: ActorSystem
) -> None:
    async with hosting(echoing()) as manager:
        keeper, stream = await carrying(manager, 3)
        actor = keeper.ref.actor_inbox.actor
        assert isinstance(actor, SessionActor)
        keeper.machine.outbox.acknowledge(1)
        stream.heard = False
        special(keeper)
        assert not receive(actor, keeper, Heard(stream, ack))
        assert (keeper.machine.outbox.acknowledged, stream.heard) == (1, False)


async def test_a_sign_of_life_for_a_session_that_is_gone_is_nothing(actor_system: ActorSystem) -> None:
    async with hosting(echoing()) as manager:
        keeper, stream = await carrying(manager, 1)
        manager.hub.end(keeper, "kicked")
        keeper.tell_at_once(Heard(stream, 1))
        await wait_all_tasks_blocked()
        keeper.tell_at_once(Heard(stream, 1))
        assert keeper.machine.outbox.acknowledged == 0


async def test_a_send_with_packets_is_a_sign_of_life_of_a_stream_s_client(actor_system: ActorSystem) -> None:
    async with hosting(echoing()) as manager:
        visitor, stream = Visitor(manager), Line()
        await wait_all_tasks_blocked()
        visitor.keeper.attach(stream, 0)
        await wait_all_tasks_blocked()
        assert not stream.heard
        send = await visitor.make(Send(2, packets=[Packet("quiet")]))
        assert (send.got, stream.heard) == ((0, ()), True)
