"""The keeper has what must survive a crash: above all what the application has not been given yet."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from trio.testing import wait_all_tasks_blocked

from cometary.actors import system
from cometary.app import App
from cometary.packets.contract import make_contract
from cometary.packets.tracked import tracked
from cometary.sessions import Failure, Packet, Request, SessionKeeper, SessionMachine, SessionSettings
from cometary.sessions.brief import session_in_brief
from cometary.sessions.events import Stream
from cometary.sessions.keeper import SignedOff, SignedOn
from tests.sessions.bench import Asked
from tests.sessions.house import hosting

SETTINGS = SessionSettings()
MOST = (4, 100)
PACKETS = [Packet("a", number) for number in range(5)]


@pytest.fixture
def keeper() -> SessionKeeper:
    return SessionKeeper("sid", "name", SessionMachine(SETTINGS), 10.0)


def request(packets: int, size: int = 0) -> Request:
    return Request(2, packets=PACKETS[:packets], size=size)


def test_the_application_gets_everything_once_and_in_order(keeper: SessionKeeper) -> None:
    keeper.queue(SignedOn())
    keeper.queue(*PACKETS[:2], size=50)
    keeper.queue(SignedOff("closed", []))
    assert keeper.unhandled == 4
    taken = [keeper.next_unhandled() for _ in range(5)]
    assert taken == [SignedOn(), *PACKETS[:2], SignedOff("closed", []), None]
    assert keeper.unhandled == 0
    assert keeper._todo is None  # there may be very many sessions to which nothing happens


def test_there_is_room_for_a_first_request_whatever_its_size_but_not_for_any_number(
    keeper: SessionKeeper,
) -> None:
    most, _ = MOST
    assert keeper.has_room(request(most, size=1000), *MOST)
    assert not keeper.has_room(request(most + 1, size=10), *MOST)


def test_packets_that_wait_leave_less_room(keeper: SessionKeeper) -> None:
    keeper.queue(*PACKETS[:3], size=30)
    assert keeper.has_room(request(1), *MOST)
    assert not keeper.has_room(request(2), *MOST)


def test_bytes_that_wait_leave_less_room(keeper: SessionKeeper) -> None:
    keeper.queue(PACKETS[0], size=60)
    assert keeper.has_room(request(1, size=40), *MOST)
    assert not keeper.has_room(request(1, size=41), *MOST)


def test_bytes_count_until_the_last_packet_of_their_request_is_taken(keeper: SessionKeeper) -> None:
    keeper.queue(*PACKETS[:2], size=60)
    keeper.queue(PACKETS[2], size=30)
    keeper.next_unhandled()
    assert not keeper.has_room(request(1, size=60), *MOST)
    keeper.next_unhandled()
    assert keeper.has_room(request(1, size=60), *MOST)


def test_a_failure_comes_before_what_was_queued_behind_the_call_that_failed(keeper: SessionKeeper) -> None:
    failure = Failure("packet", ValueError())
    keeper.queue(*PACKETS[:2], size=60)
    keeper.next_unhandled()
    keeper.report(failure)
    assert not keeper.has_room(request(1, size=41), *MOST)
    assert [keeper.next_unhandled() for _ in range(3)] == [failure, PACKETS[1], None]
    keeper.report(failure)
    assert keeper.next_unhandled() is failure
    assert_bytes_of_nothing(keeper)


def assert_bytes_of_nothing(keeper: SessionKeeper) -> None:
    keeper.queue(PACKETS[0], size=60)
    assert keeper.has_room(request(1, size=40), *MOST)
    assert not keeper.has_room(request(1, size=41), *MOST)


def test_only_packets_are_forgotten(keeper: SessionKeeper) -> None:
    failure, sign_off = Failure("packet", ValueError()), SignedOff("failed", [])
    keeper.queue(SignedOn(), *PACKETS[:2])
    keeper.queue(sign_off)
    keeper.report(failure)
    keeper.forget_packets()
    assert [keeper.next_unhandled() for _ in range(4)] == [failure, SignedOn(), sign_off, None]
    assert_bytes_of_nothing(keeper)


def test_what_is_forgotten_makes_room(keeper: SessionKeeper) -> None:
    keeper.queue(*PACKETS[:4], size=100)
    keeper.forget_packets()
    assert keeper.unhandled == 0
    assert keeper.next_unhandled() is None
    assert_bytes_of_nothing(keeper)


def test_the_applications_notes_stay(keeper: SessionKeeper) -> None:
    keeper.data["user"] = "ada"
    assert keeper.data == {"user": "ada"}


def test_releases_are_counted_by_the_second(keeper: SessionKeeper) -> None:
    assert [keeper.count_release(now) for now in (0.0, 0.9)] == [1, 2]
    assert [keeper.count_release(now) for now in (5.0, 5.5, 5.9, 6.0, 6.1, 9.0)] == [1, 2, 3, 1, 2, 1]


def test_operators_see_what_there_is_but_no_sid(keeper: SessionKeeper) -> None:
    keeper.machine.start()
    keeper.machine.step(PACKETS[0])
    keeper.queue(PACKETS[1])
    description = session_in_brief(keeper, now=12.5004)
    assert description == {
        "name": "name",
        "user": None,
        "wire": "polling",
        "state": "have_packet",
        "age": 2.5,
        "queued": 1,
        "queued_bytes": PACKETS[0].size,
        "unhandled": 1,
        "delivered": 0,
        "expired": 0,
        "dropped": 0,
    }
    keeper.ended = "closed"
    assert session_in_brief(keeper, now=12.5)["state"] == "ended"


def test_what_comes_next_can_be_seen_before_it_is_taken(keeper: SessionKeeper) -> None:
    assert (keeper.next_is_packet, keeper.next_size, list(keeper.todo())) == (False, 0, [])
    keeper.queue(SignedOn())
    keeper.queue(*PACKETS[:2], size=60)
    seen: list[tuple[bool, int]] = []
    while keeper.unhandled:
        seen.append((keeper.next_is_packet, keeper.next_size))
        assert keeper.todo()[0][0] is keeper.next_unhandled()
    assert seen == [(False, 0), (True, 0), (True, 60)]  # the bytes of a request count with its last packet


def test_whose_session_it_is_says_the_application(keeper: SessionKeeper) -> None:
    assert keeper.user is None
    keeper.data["user"] = "ada"
    assert keeper.user == "ada"


# -- what is sent after the end ------------------------------------------------------------------


def small(most_packets: int, most_bytes: int = 1000) -> SessionKeeper:
    settings = SessionSettings(max_queued_packets=most_packets, max_queued_bytes=most_bytes)
    return SessionKeeper("sid", "name", SessionMachine(settings), 10.0)


def test_what_is_sent_after_the_end_comes_behind_what_was_sent_before_it() -> None:
    keeper = small(3)
    assert keeper.take_late(PACKETS[1])
    assert keeper.take_late(PACKETS[2])
    keeper.machine.outbox.keep(PACKETS[0])  # mail from before
    keeper.list_late()
    assert keeper.machine.outbox.undelivered() == PACKETS[:3]
    keeper.list_late()
    assert keeper.machine.outbox.undelivered() == PACKETS[:3]


@pytest.mark.parametrize(("most_packets", "most_bytes"), [(2, 1 << 20), (1000, 2 * PACKETS[0].size)])
def test_of_that_there_is_room_for_twice_what_a_session_queues_and_then_for_no_more(
    most_packets: int, most_bytes: int
) -> None:
    keeper = small(most_packets, most_bytes)
    taken = [keeper.take_late(PACKETS[0]) for _ in range(9)]
    room = taken.index(False)
    assert room in {4, 5}  # bytes are counted before the last that makes it too many
    assert not any(taken[room:])
    keeper.list_late()
    assert len(keeper.machine.outbox) == room


# -- what operators see --------------------------------------------------------------------------


def test_operators_see_what_has_become_of_packets(keeper: SessionKeeper) -> None:
    outbox, few = keeper.machine.outbox, make_contract("drop_oldest", limit=1)
    outbox.append(PACKETS[0])
    outbox.batch(1000)
    outbox.acknowledge(1)
    for packet in (tracked("a", 1, ttl=1), *(tracked("a", 1, contract=few) for _ in range(3))):
        assert outbox.admit(packet, 0.0, lambda _packet, _outcome: None)
    outbox.expire(2.0)
    seen = session_in_brief(keeper, now=20.0)
    assert (seen["delivered"], seen["expired"], seen["dropped"], seen["queued"]) == (1, 1, 2, 1)


# -- its actor -----------------------------------------------------------------------------------


class NotedStream(Stream):
    """Takes note of what it was told."""

    told = ""

    def admitted(self) -> None:
        self.told = self.sid


@pytest.fixture
async def living() -> AsyncIterator[SessionKeeper]:
    """A session that has signed on."""
    async with system(), hosting(App()) as manager:
        keeper = manager.open(1)
        await wait_all_tasks_blocked()
        yield keeper


async def test_a_request_that_brings_packets_waits_for_its_turn_and_one_that_acknowledges_is_held_at_once(
    living: SessionKeeper,
) -> None:
    assert living.received == 0
    living.submit(Asked(2))
    await wait_all_tasks_blocked()
    assert living.hand(PACKETS[0])
    living.submit(poll := Asked(3, ack=1))
    assert (living.machine.held, living.mail) == (poll, 0)
    living.submit(Asked(4, ack=1, packets=[PACKETS[0]]))
    assert (living.machine.held, living.mail) == (poll, 1)
    await wait_all_tasks_blocked()
    assert living.received == 1


async def test_what_is_handed_to_it_is_handled_at_once_and_what_is_told_in_a_turn_of_its_own(
    living: SessionKeeper,
) -> None:
    assert living.hand(PACKETS[0])
    assert living.mail == 0
    assert living.take(PACKETS[1])
    assert living.mail == 1
    await wait_all_tasks_blocked()
    assert living.machine.outbox.undelivered() == PACKETS[:2]


async def test_only_of_the_request_that_is_held_it_is_known_that_it_will_not_be_answered(
    living: SessionKeeper,
) -> None:
    held, other = Asked(2), Asked(3)
    living.submit(held)
    await wait_all_tasks_blocked()
    assert [living.drop(other), living.drop(held)] == [False, True]
    await wait_all_tasks_blocked()
    assert living.machine.held is None


async def test_a_stream_is_let_in_before_its_session_writes_to_it(living: SessionKeeper) -> None:
    stream = NotedStream()
    living.attach(stream, 0)
    assert stream.told == living.sid
    assert living.machine.stream is None
    await wait_all_tasks_blocked()
    assert living.machine.stream is stream


async def test_who_comes_when_it_has_ended_is_told_why_and_how_far_it_had_come(living: SessionKeeper) -> None:
    living.submit(Asked(2))
    living.retry_after = 7
    living.end("kicked")
    await wait_all_tasks_blocked()
    assert [living.take(PACKETS[0]), living.hand(PACKETS[0])] == [False, False]
    over = living.over()
    assert (over.condition, over.retry_after) == ("session-ended", 7)
    assert over.members == {"reason": "kicked", "processed": 2}
