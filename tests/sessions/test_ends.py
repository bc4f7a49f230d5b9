"""What is sent to a session while it ends is listed as undelivered: all of it, in order, whoever sends it."""

from __future__ import annotations

import gc
import itertools
import weakref
from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from cometary.actors import system
from cometary.app import App
from cometary.dispatch.hub import Hub
from cometary.errors import ProtocolError
from cometary.packets.tracked import TrackedPacket
from cometary.sessions import Packet, Session, SessionManager, SessionSettings
from cometary.sessions.actor import SessionActor
from cometary.sessions.events import End
from cometary.sessions.manager import RETRY_AFTER
from cometary.sessions.supervisor import CRASHES
from tests.sessions.house import Visitor, hosting

LIMIT = 10
"""Packets that a session queues."""

BURST = 10
"""Packets that a task sends in one go."""

WISHES: list[dict[str, Any]] = [{}, {}, {"receipt": "r"}, {"ttl": 60.0}, {"receipt": "r", "ttl": 5.0}]


class Told:
    """An application that keeps what it is told at the end.

    Args:
        pause: seconds that its async handler for packets takes.
    """

    def __init__(self, pause: float = 0.0) -> None:
        self.sessions: list[Session] = []
        self.ends: list[tuple[str, list[Any]]] = []
        self.app = App()
        self.app.signon(self.sessions.append)
        self.app.signoff(self.sign_off)
        self._pause = pause
        self.app.packet("slow")(self.slow)

    def sign_off(self, _session: Session, reason: str, undelivered: Sequence[Packet]) -> None:
        self.ends.append((reason, [packet.message for packet in undelivered]))

    async def slow(self, *_: object) -> None:
        await trio.sleep(self._pause)


def receipts(manager: SessionManager) -> list[tuple[str, str]]:
    return [(one.id, one.outcome) for one in manager.receipts.read().receipts]


async def test_packets_that_want_receipts_and_others_keep_their_order_behind_the_end(
    autojump_clock: MockClock,
) -> None:
    told = Told()
    async with system(), hosting(told.app) as manager:
        visitor = Visitor(manager)
        await wait_all_tasks_blocked()
        [session] = told.sessions
        session.kick()
        for number in range(500):
            session.send("a", number)
        while visitor.keeper.ended is None:
            await trio.lowlevel.checkpoint()
        session.send("a", 500)
        session.send("a", 501, receipt="r")
        session.send("a", 502)
        await wait_all_tasks_blocked()
        assert told.ends == [("kicked", list(range(503)))]
        assert receipts(manager) == [("r", "undelivered")]
        assert manager.statistics()["undelivered"] == 503


# -- every end, every kind of packet, every sender ---------------------------------------------------


async def close(visitor: Visitor, _session: Session) -> None:
    visitor.keeper.ref.tell(visitor.prepare(1, close=True))


async def die(_visitor: Visitor, _session: Session) -> None:
    await trio.sleep(0.1)


async def kick(_visitor: Visitor, session: Session) -> None:
    session.kick()


async def overflow(_visitor: Visitor, session: Session) -> None:
    for number in range(2 * LIMIT):  # a client that reads has room for as much again
        session.send("b", number)


async def fail(visitor: Visitor, _session: Session) -> None:
    while visitor.keeper.ended is None:
        visitor.keeper.ref.actor_inbox.fail(ValueError("a crash"), None)
        await trio.sleep(0.001)


async def shut(visitor: Visitor, _session: Session) -> None:
    visitor.keeper.ref.tell(End("shutdown"))


ENDINGS = {
    "closed": close,
    "timeout": die,
    "kicked": kick,
    "overflow": overflow,
    "failed": fail,
    "shutdown": shut,
}


@pytest.mark.parametrize("pause", [0.0, 1.0], ids=["idle", "a handler under way"])
@pytest.mark.parametrize("reason", ENDINGS)
async def test_all_that_tasks_send_until_the_application_is_told_is_listed_in_order(
    reason: str, pause: float, autojump_clock: MockClock
) -> None:
    told = Told(pause)
    limit = LIMIT if reason == "overflow" else 1_000_000
    async with (
        system(),
        hosting(told.app, max_queued_packets=limit, max_queued_bytes=1 << 30) as manager,
        trio.open_nursery() as nursery,
    ):
        visitor = Visitor(manager)
        await wait_all_tasks_blocked()
        [session] = told.sessions
        await trio.sleep(44.95 if reason == "timeout" else 1)
        if pause:
            visitor.keeper.queue(Packet("slow"))
            actor = visitor.keeper.ref.actor_inbox.actor
            assert isinstance(actor, SessionActor)
            actor._handover.serve(actor)
        sent: list[list[int]] = [[], []]

        async def send(task: int) -> None:
            wishes = itertools.cycle(WISHES)
            for burst in itertools.count():
                if burst % BURST == 0:
                    await trio.sleep(0.02)
                await trio.lowlevel.checkpoint()
                if told.ends:
                    break
                if reason != "overflow" or visitor.keeper.ended is not None or len(sent[task]) < 4:
                    for _ in range(1 if reason == "overflow" else BURST):
                        sent[task].append(len(sent[task]))
                        session.send("a", [task, sent[task][-1]], **next(wishes))

        nursery.start_soon(send, 0)
        nursery.start_soon(send, 1)
        await trio.sleep(0.02)
        await ENDINGS[reason](visitor, session)
        await trio.sleep(2)
        [(why, undelivered)] = told.ends
        assert why == reason
        listed: list[list[int]] = [message for message in undelivered if isinstance(message, list)]
        for task in (0, 1):
            numbers = [number for who, number in listed if who == task]
            assert numbers == sent[task][: len(numbers)]
            assert len(numbers) == len(sent[task]) or len(undelivered) >= 2 * limit
        wanted = len([one for task in sent for one in task if "receipt" in WISHES[one % len(WISHES)]])
        assert receipts(manager) == [("r", "undelivered")] * wanted
        assert manager.statistics()["undelivered"] == sum(map(len, sent)) + (
            2 * LIMIT if reason == "overflow" else 0
        )


# -- threads ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", ["kicked", "closed", "shutdown"])
async def test_all_that_a_thread_has_sent_when_the_application_is_told_is_listed_in_order(
    reason: str,
) -> None:
    told = Told()
    sent: list[int] = []

    def send_until_told() -> None:
        wishes = itertools.cycle(WISHES)
        while not told.ends:
            session.send("a", len(sent), **next(wishes))
            sent.append(len(sent))

    async with system(), hosting(told.app, max_queued_packets=10**6, max_queued_bytes=1 << 30) as manager:
        visitor = Visitor(manager)
        await wait_all_tasks_blocked()
        [session] = told.sessions
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.to_thread.run_sync, send_until_told)
            while len(sent) < 500:
                await trio.lowlevel.checkpoint()
            at_least = len(
                sent
            )  # how many more there will be when the application is told is the threads' race
            await ENDINGS[reason](visitor, session)
        await wait_all_tasks_blocked()
        [(why, undelivered)] = told.ends
        assert why == reason
        assert undelivered == list(range(len(undelivered)))
        assert len(undelivered) >= at_least
        assert manager.statistics()["undelivered"] == len(sent)
        wanted = [one for one in sent if "receipt" in WISHES[one % len(WISHES)]]
        assert receipts(manager)[-1] == ("r", "undelivered")
        assert manager.receipts.last == len(wanted)


async def test_packets_of_one_thread_keep_their_order_while_the_session_lives() -> None:
    told = Told()
    async with system(), hosting(told.app, max_queued_packets=10**6) as manager:
        visitor = Visitor(manager)
        await wait_all_tasks_blocked()

        def send() -> None:
            for number, wishes in zip(range(100), itertools.cycle(WISHES), strict=False):
                told.sessions[0].send("a", number, **wishes)

        await trio.to_thread.run_sync(send)
        await visitor.ask()
        assert [message for _, message in visitor.got] == list(range(100))


# -- actors that end otherwise ------------------------------------------------------------------------


class OwnPacket(Packet):
    """One of a user's own kind."""

    __slots__ = ()


class OwnTrackedPacket(TrackedPacket):
    """The same, on terms."""

    __slots__ = ()


def some_packets(*numbers: int) -> list[Packet]:
    kinds: list[Callable[[str, int], Packet]] = [
        Packet,
        OwnPacket,
        lambda path, number: TrackedPacket(path, number, receipt="r"),
        lambda path, number: OwnTrackedPacket(path, number, receipt="r"),
    ]
    return [kind("a", number) for kind, number in zip(itertools.cycle(kinds), numbers, strict=False)]


async def test_packets_of_any_kind_reach_the_client(autojump_clock: MockClock) -> None:
    told = Told()
    async with system(), hosting(told.app) as manager:
        visitor = Visitor(manager)
        for packet in some_packets(0, 1, 2, 3):
            manager.posting.send(visitor.keeper, packet)
        await visitor.ask()
        await visitor.ask()
        assert [message for _, message in visitor.got] == [0, 1, 2, 3]
        assert receipts(manager) == [("r", "delivered")] * 2


@pytest.mark.parametrize("ended", [False, True])
async def test_the_mail_of_an_actor_that_ends_with_its_supervisor_is_listed(
    ended: bool, autojump_clock: MockClock
) -> None:
    """And what is sent until the next supervisor has the session signed off."""
    told = Told()
    async with system(), hosting(told.app) as manager:
        visitor = Visitor(manager)
        await wait_all_tasks_blocked()
        [session] = told.sessions
        session.connect("news")
        old = manager._supervisor
        assert old is not None
        if ended:
            session.kick()
        for packet in some_packets(0, 1, 2, 3):
            manager.posting.send(visitor.keeper, packet)
        old.actor_inbox.fail(ValueError("a crash"), None)
        number = 4
        while visitor.keeper.sign_off is None:
            session.send("a", number, receipt="r")
            number += 1
            await trio.lowlevel.checkpoint()
        await wait_all_tasks_blocked()
        assert manager._supervisor is not old
        assert told.ends == [("kicked" if ended else "failed", list(range(number)))]
        assert receipts(manager) == [("r", "undelivered")] * (number - 2)
        assert manager.statistics()["undelivered"] == number
        assert manager._leaving == {}


async def test_nothing_is_routed_to_an_actor_that_has_ended_with_its_supervisor(
    autojump_clock: MockClock,
) -> None:
    told = Told()
    async with system(), hosting(told.app) as manager:
        visitor = Visitor(manager)
        await wait_all_tasks_blocked()
        manager.hub.subscribe(visitor.keeper, ["news"])
        supervisor = manager._supervisor
        assert supervisor is not None
        supervisor.actor_inbox.kill()
        while not visitor.keeper.ref.actor_inbox.closed:
            await trio.lowlevel.checkpoint()
        assert manager.hub.paths(visitor.keeper).total == 0


# -- bounds -----------------------------------------------------------------------------------------


async def test_what_is_sent_after_the_end_is_listed_up_to_a_bound_and_without_gaps(
    autojump_clock: MockClock,
) -> None:
    told = Told(pause=1.0)
    async with system(), hosting(told.app, max_queued_packets=LIMIT) as manager:
        visitor = Visitor(manager)
        await visitor.ask(Packet("slow"))
        [session] = told.sessions
        session.kick()
        for number in range(3 * LIMIT):
            session.send("a", number)  # accepted before the end: all of it
        while visitor.keeper.ended is None:
            await trio.lowlevel.checkpoint()
        for number in range(3 * LIMIT, 8 * LIMIT):
            session.send("a", number, receipt=str(number))
            await trio.lowlevel.checkpoint()
        await trio.sleep(2)
        [(_, undelivered)] = told.ends
        assert undelivered == list(range(len(undelivered)))
        assert 3 * LIMIT <= len(undelivered) <= 6 * LIMIT
        assert manager.statistics()["undelivered"] == 8 * LIMIT
        assert sorted(int(one) for one, _ in receipts(manager)) == list(range(3 * LIMIT, 8 * LIMIT))


async def test_what_is_sent_after_the_application_was_told_is_counted() -> None:
    told = Told()
    async with system(), hosting(told.app) as manager:
        visitor = Visitor(manager)
        await wait_all_tasks_blocked()
        [session] = told.sessions
        session.kick()
        await wait_all_tasks_blocked()
        session.send("a", 1)
        session.send("a", 2, receipt="r")
        await trio.to_thread.run_sync(session.send, "a", 3)
        await wait_all_tasks_blocked()
        assert told.ends == [("kicked", [])]
        assert manager.statistics()["undelivered"] == 3
        assert receipts(manager) == [("r", "undelivered")]
        assert visitor.keeper.ref.actor_inbox.closed


# -- between the end and the sign-off ------------------------------------------------------------------


async def until_ended(visitor: Visitor) -> None:
    while visitor.keeper.ended is None:
        await trio.lowlevel.checkpoint()
    assert visitor.keeper.sign_off is None, "its turn is still to come"


async def test_what_is_sent_before_and_behind_the_turn_of_the_sign_off_keeps_its_order(
    autojump_clock: MockClock,
) -> None:
    told = Told(pause=1.0)
    async with system(), hosting(told.app) as manager:
        visitor = Visitor(manager)
        await visitor.ask(Packet("slow"))
        [session] = told.sessions
        session.kick()
        for number in range(600):
            session.send("a", number)
        await until_ended(visitor)
        session.send("a", 600)
        await wait_all_tasks_blocked()
        assert visitor.keeper.sign_off is not None
        session.send("a", 601)
        await trio.sleep(2)
        assert told.ends == [("kicked", list(range(602)))]
        assert manager.statistics()["undelivered"] == 602


@pytest.mark.parametrize("crowd", [0, 600], ids=["behind the turn of the sign-off", "before it"])
async def test_what_is_sent_after_the_end_has_a_bound(crowd: int, autojump_clock: MockClock) -> None:
    told = Told(pause=1.0)
    async with system(), hosting(told.app, max_queued_packets=LIMIT) as manager:
        visitor = Visitor(manager)
        await visitor.ask(Packet("slow"))
        [session] = told.sessions
        for number in range(-5, 0):
            session.send("a", number)
        session.kick()
        for number in range(crowd):
            session.send("a", number)
        if crowd:
            await until_ended(visitor)
        else:
            await wait_all_tasks_blocked()
        for number in range(crowd, crowd + 5 * LIMIT):
            session.send("a", number)
        await trio.sleep(2)
        most = crowd + 2 * LIMIT if crowd else 2 * LIMIT - 5
        assert told.ends == [("kicked", list(range(-5, most)))]
        assert manager.statistics()["undelivered"] == 5 + crowd + 5 * LIMIT


async def test_what_threads_have_left_is_taken_before_the_application_is_told(
    autojump_clock: MockClock,
) -> None:
    told = Told()
    async with system(), hosting(told.app) as manager:
        visitor = Visitor(manager)
        await wait_all_tasks_blocked()
        told.sessions[0].kick()
        manager.posting._from_threads.extend((visitor.keeper, Packet("a", number)) for number in range(3))
        await wait_all_tasks_blocked()  # nobody has told the loop of them
        assert told.ends == [("kicked", [0, 1, 2])]


async def test_a_session_that_is_abandoned_lists_all_and_takes_no_more(autojump_clock: MockClock) -> None:
    """Its actor has not come to the sign-off when the server stops."""
    told = Told()
    async with system(), hosting(told.app) as manager:
        visitor = Visitor(manager)
        await wait_all_tasks_blocked()
        [session] = told.sessions
        session.kick()
        for number in range(600):
            session.send("a", number)
        await until_ended(visitor)
        session.send("a", 600)
        [(_, reason, undelivered)] = manager.abandon()
        assert (reason, undelivered[-1].message) == ("kicked", 600)
        session.send("a", 601, receipt="r")
        assert receipts(manager) == [("r", "undelivered")]
        assert manager.statistics()["undelivered"] == len(undelivered) + 1
        await wait_all_tasks_blocked()
        assert manager.statistics()["undelivered"] == 602, "with what was still in the mail"
        assert told.ends == [], "it has been said that the application is not told"


# -- actors that end with mail ------------------------------------------------------------------------


async def test_the_mail_of_a_session_that_has_ended_is_kept_when_its_actor_is_given_up(
    autojump_clock: MockClock,
) -> None:
    told = Told()
    async with system(), hosting(told.app) as manager:
        visitor = Visitor(manager)
        await wait_all_tasks_blocked()
        [session] = told.sessions
        session.kick()
        for number in range(600):
            session.send("a", number)
        await until_ended(visitor)
        request = visitor.prepare(1)
        visitor.keeper.ref.tell(request)
        for _ in range(4):
            visitor.keeper.ref.actor_inbox.fail(ValueError("a crash"), None)
        await wait_all_tasks_blocked()
        assert told.ends == [("kicked", list(range(600)))]
        assert request.refused == "session-ended"


async def test_a_shutdown_waits_for_the_next_actor_of_a_session_that_fails_meanwhile(
    autojump_clock: MockClock,
) -> None:
    app = App()
    done: list[str] = []

    @app.packet("crash")
    async def crash(*_: object) -> None:
        await trio.sleep(0.1)
        raise ValueError("a crash")

    @app.signoff
    async def leave(_session: Session, reason: str, _undelivered: object) -> None:
        await trio.sleep(1)
        done.append(reason)

    async with system(), hosting(app) as manager:
        visitor = Visitor(manager)
        await visitor.ask(*[Packet("crash") for _ in range(4)])
        await manager.shut_down()
        assert done == ["shutdown"]


async def test_a_shutdown_waits_for_sessions_that_had_ended_before(autojump_clock: MockClock) -> None:
    told = Told()
    done: list[str] = []

    @told.app.signoff
    async def leave(_session: Session, reason: str, _undelivered: object) -> None:
        await trio.sleep(1)
        done.append(reason)

    async with system(), hosting(told.app) as manager:
        Visitor(manager)
        await wait_all_tasks_blocked()
        told.sessions[0].kick()
        await wait_all_tasks_blocked()
        assert (told.ends, done) == ([("kicked", [])], [])
        await manager.shut_down()
        assert done == ["kicked"]


async def test_a_supervisor_of_sessions_that_is_killed_takes_their_actors_along_and_they_end_as_failed() -> (
    None
):
    async with system(), hosting(App()) as manager:
        keeper = manager.open(1)
        former, supervisor = keeper.ref, manager._supervisor
        assert supervisor is not None
        await wait_all_tasks_blocked()
        hub = cast("Hub", manager.hub)
        Session(keeper, hub).connect("a")
        supervisor.actor_ref.kill()
        await wait_all_tasks_blocked()
        assert hub._table.count(former) == 0
        assert not former.is_alive()
        assert keeper.ended == "failed"


def give_up(visitor: Visitor) -> None:
    """Let the actor of a session crash too often."""
    for _ in range(CRASHES + 1):
        visitor.keeper.ref.actor_inbox.fail(ValueError("a crash"), None)


async def test_what_is_sent_while_a_session_is_given_up_comes_before_its_sign_off(
    autojump_clock: MockClock,
) -> None:
    told = Told()
    async with system(), hosting(told.app, max_queued_packets=2) as manager:
        visitor = Visitor(manager)
        await wait_all_tasks_blocked()
        [session], former = told.sessions, visitor.keeper.ref
        give_up(visitor)
        while visitor.keeper.ref is former:
            await trio.lowlevel.checkpoint()
        assert visitor.keeper.ended is None
        for number in range(10):
            session.send("a", number)
        await wait_all_tasks_blocked()
        assert told.ends == [("failed", list(range(10)))]


async def test_nobody_waits_any_longer_for_a_client_whose_session_was_given_up(
    autojump_clock: MockClock,
) -> None:
    told = Told()
    async with system(), hosting(told.app) as manager:
        slow, speaker = Visitor(manager), Visitor(manager)
        await wait_all_tasks_blocked()
        manager.flow.fall_behind(slow.keeper.ref)
        manager.flow.hold_for(speaker.keeper, slow.keeper.ref)
        give_up(slow)
        await wait_all_tasks_blocked()
        assert told.ends == [("failed", [])]
        assert (manager.flow.behind, speaker.keeper.holds) == ({}, 0)


async def test_a_shutdown_waits_for_the_next_actor_of_a_session_that_had_ended_when_it_was_given_up(
    autojump_clock: MockClock,
) -> None:
    told = Told()
    done: list[str] = []

    @told.app.signoff
    async def leave(_session: Session, reason: str, _undelivered: object) -> None:
        await trio.sleep(1)
        done.append(reason)

    async with system(), hosting(told.app) as manager:
        visitor = Visitor(manager)
        await wait_all_tasks_blocked()
        told.sessions[0].kick()
        for number in range(600):
            told.sessions[0].send("a", number)
        await until_ended(visitor)
        give_up(visitor)
        await wait_all_tasks_blocked()
        assert done == []
        await manager.shut_down()
        assert done == ["kicked"]
        assert manager.unsettled() == []


async def test_a_session_that_is_given_up_in_its_sign_off_has_no_other_actor(
    autojump_clock: MockClock,
) -> None:
    told = Told()

    @told.app.signoff
    async def crash(*_: object) -> None:
        await trio.sleep(1)
        raise ValueError("a crash")

    async with system(), hosting(told.app) as manager:
        visitor = Visitor(manager)
        await wait_all_tasks_blocked()
        told.sessions[0].kick()
        await wait_all_tasks_blocked()
        assert visitor.keeper.settled
        give_up(visitor)
        await wait_all_tasks_blocked()
        assert not visitor.keeper.ref.is_alive()
        await manager.shut_down()
        assert [*manager.abandon()] == []


async def test_no_session_is_opened_before_there_is_a_supervisor(autojump_clock: MockClock) -> None:
    async with system():
        manager = SessionManager(SessionSettings(), App())
        with pytest.raises(ProtocolError) as refused:
            manager.open(1)
        assert (refused.value.condition, refused.value.retry_after) == ("shutting-down", RETRY_AFTER)


async def test_of_a_session_that_has_ended_nothing_waits_for_the_garbage_collector(
    autojump_clock: MockClock,
) -> None:
    async with system(), hosting(App()) as manager:
        visitor = Visitor(manager)
        await wait_all_tasks_blocked()
        gone = weakref.ref(visitor.keeper.ref)
        gc.disable()
        try:
            await visitor.ask(close=True)
            del visitor
            assert gone() is None
        finally:
            gc.enable()
