"""What the process above passes on: who is told of whom, and where a connection goes whose worker has ended."""

from __future__ import annotations

import os
from typing import Any
from unittest.mock import Mock

import pytest
import trio
import trio.testing

from cometary.errors import MailboxFullError
from cometary.sessions.ids import WORKERS
from cometary.sessions.locator import Elsewhere
from cometary.transport.http.exchange import Exchange
from cometary.workers.colleagues import OtherWorkers
from cometary.workers.messages import Answered, Asked, Begins, Begun, Handed, Lifetime, Message, Ready, decode
from cometary.workers.relay import CROSSING, Relay
from tests.workers.house import nothing_in_common


class Kept:
    """A link that keeps what is sent."""

    full = False
    crowded = False

    def __init__(self) -> None:
        self.sent: list[Message] = []

    def send(self, message: Message, descriptor: int = -1) -> None:
        if self.full:
            raise MailboxFullError("the test says so")
        self.sent.append(message)
        if descriptor >= 0:
            os.close(descriptor)

    def put(self, payload: bytes) -> None:
        self.sent.append(decode(payload))


@pytest.fixture
async def begun() -> tuple[Relay, list[Kept]]:
    """Two workers that take clients."""
    relay, links = Relay(lambda _: None, nothing_in_common()), [Kept(), Kept()]
    for number, link in enumerate(links, 1):
        kept: Any = link
        relay.joined(number, kept)
        await relay.take(number, Begins(), -1)
        await relay.take(number, Ready(), -1)
    return relay, links


async def test_all_are_told_who_has_begun_and_who_has_ended(begun: tuple[Relay, list[Kept]]) -> None:
    relay, [first, second] = begun
    lifetime = Lifetime("epoch", 0, 0)
    assert first.sent == [lifetime, Begun((1,)), Begins(), Begun((1, 2))]
    assert second.sent == [lifetime, Begun((1, 2)), Begins()]
    relay.left(1)
    assert second.sent[-1] == Begun((2,))


async def test_a_connection_for_one_that_has_ended_goes_to_another_which_knows_of_that(
    begun: tuple[Relay, list[Kept]],
) -> None:
    relay, [_, second] = begun
    relay.left(1)
    handed = Handed(1, "peer", b"read", 0)
    await relay.take(2, handed, os.open(os.devnull, os.O_RDONLY))
    assert second.sent[-2:] == [Begun((2,)), handed]


async def test_connections_for_one_that_has_ended_are_shared_out_among_the_others(
    begun: tuple[Relay, list[Kept]],
) -> None:
    relay, links = begun
    for _ in range(4):
        await relay.take(1, Handed(3, "peer", b"read", 0), os.open(os.devnull, os.O_RDONLY))
    assert [sum(isinstance(each, Handed) for each in link.sent) for link in links] == [2, 2]


class Crowded(Kept):
    """A link with no room for a descriptor until it is told that there is."""

    crowded = True

    def __init__(self) -> None:
        super().__init__()
        self.room = trio.Event()

    async def room_for_descriptors(self) -> None:
        await self.room.wait()


def crowded_relay() -> tuple[Relay, Kept, Crowded]:
    """Two workers that have begun, and of the second the link is crowded."""
    relay, links = Relay(lambda _: None, nothing_in_common()), (Kept(), Crowded())
    for number, each in enumerate(links, 1):
        link: Any = each
        relay.joined(number, link)
        relay._begun.add(number)
    return relay, *links


async def test_a_connection_waits_for_the_worker_of_its_session_where_many_are_before_it() -> None:
    relay, first, second = crowded_relay()
    handed = Handed(2, "peer", b"read", 0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(relay.take, 1, handed, a_descriptor())
        await trio.testing.wait_all_tasks_blocked()
        assert not second.sent
        second.room.set()
    assert (first.sent, second.sent) == ([], [handed])


async def test_a_connection_waits_for_so_long_and_is_sent_then_if_the_link_takes_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    relay, _, second = crowded_relay()
    await relay.take(1, Handed(2, "peer", b"read", 0), a_descriptor())
    assert (len(second.sent), autojump_clock.current_time()) == (1, CROSSING)


async def test_a_fresh_connection_goes_to_any_worker_that_has_room() -> None:
    relay, first, second = crowded_relay()
    await relay.take(1, Handed(2, "peer", b"", 0, fresh=True), a_descriptor())
    assert (first.sent, second.sent) == ([Handed(1, "peer", b"", 0, fresh=True)], [])


async def test_a_connection_that_waits_when_all_ends_is_closed() -> None:
    relay, _, _ = crowded_relay()
    descriptor = a_descriptor()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(relay.take, 1, Handed(2, "peer", b"", 0), descriptor)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert not is_open(descriptor)


def a_descriptor() -> int:
    return os.open(os.devnull, os.O_RDONLY)


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


@pytest.mark.parametrize("left", [False, True], ids=["full", "nobody"])
async def test_a_connection_that_nobody_can_take_is_closed(
    begun: tuple[Relay, list[Kept]], *, left: bool
) -> None:
    relay, links = begun
    for number, link in enumerate(links, 1):
        link.full = True
        if left:
            relay.left(number)
    descriptor = a_descriptor()
    await relay.take(1, Handed(2, "peer", b"read", 0), descriptor)
    assert not is_open(descriptor)


async def test_those_who_take_clients_are_known_until_they_end_in_the_order_of_their_numbers() -> None:
    relay, link = Relay(lambda _: None, nothing_in_common()), Kept()
    kept: Any = link
    for number in (3, 1, 2):
        relay.joined(number, kept)
        await relay.take(number, Begins(), -1)
        assert number not in relay.ready
        await relay.take(number, Ready(), -1)
    assert relay.ready == [1, 2, 3]
    relay.left(2)
    assert relay.ready == [1, 3]
    before = len(link.sent)
    relay.left(2)  # its process ends behind its link
    assert len(link.sent) == before


def a_call(relay: Relay, worker: int, answers: list[Answered]) -> None:
    exchange = Exchange("POST", "/send", b"q", {b"host": b"h"}, body=b"{}")
    exchange.peer = "peer"
    relay.ask(worker, exchange, {b"a": b"b"}, answers.append)


async def test_a_call_is_made_at_the_worker_that_it_is_for_and_its_own_answer_is_told_once(
    begun: tuple[Relay, list[Kept]],
) -> None:
    relay, [first, second] = begun
    answers: list[Answered] = []
    a_call(relay, 2, answers)
    a_call(relay, 2, answers)
    assert not any(isinstance(message, Asked) for message in first.sent)
    calls = [message for message in second.sent if isinstance(message, Asked)]
    assert calls == [Asked(call.number, "POST", "/send", b"q", {b"a": b"b"}, b"{}", "peer") for call in calls]
    told = [Answered(call.number, 200, b"{}", b"application/json", ()) for call in reversed(calls)]
    for answer in [*told, *told]:
        assert relay.take_at_once(2, answer)
    assert answers == told


async def test_a_call_at_a_worker_that_has_ended_or_takes_nothing_is_to_be_made_again(
    begun: tuple[Relay, list[Kept]],
) -> None:
    relay, [_, second] = begun
    of_first, of_second = list[Answered](), list[Answered]()
    a_call(relay, 1, of_first)
    a_call(relay, 2, of_second)
    relay.left(1)
    assert [(answer.status, answer.headers) for answer in of_first] == [(503, ((b"Retry-After", b"1"),))]
    assert b"shutting-down" in of_first[0].body
    assert not of_second
    a_call(relay, 1, of_first)
    second.full = True
    a_call(relay, 2, of_first)
    assert [answer.status for answer in of_first] == [503] * 3
    number = next(message.number for message in second.sent if isinstance(message, Asked))
    assert relay.take_at_once(2, Answered(number, 200, b"{}", b"", ()))
    assert [answer.status for answer in of_second] == [200]


async def test_callers_go_to_a_worker_that_is_about_to_take_some_if_none_does_yet() -> None:
    relay, only = Relay(lambda _: None, nothing_in_common()), Kept()
    link: Any = only
    relay.joined(1, link)
    await relay.take(1, Begins(), -1)
    handed = Handed(2, "peer", b"", 0, fresh=True)
    await relay.take(1, handed, os.open(os.devnull, os.O_RDONLY))
    assert only.sent[-1] == handed


def test_callers_are_not_left_to_a_worker_that_has_not_begun() -> None:
    link: Any = Kept()
    colleagues = OtherWorkers(1, 2, link, lambda _, __: None)
    here: Any = Mock()
    floor: Any = Mock()
    speak = colleagues._spreading(here)
    sock: Any = Mock()
    for begun in (frozenset[int](), frozenset({1})):
        colleagues.know(begun)
        assert [speak(sock, "peer", floor) is here.return_value for _ in range(2)] == [True, True]
    colleagues.know(frozenset({1, 2}))
    assert [speak(sock, "peer", floor) is here.return_value for _ in range(2)] == [True, False]


def test_the_sessions_of_a_worker_are_there_as_long_as_that_is() -> None:
    link: Any = Kept()
    colleagues = OtherWorkers(2, 2, link, lambda _, __: None)
    sid = "x" * 23 + WORKERS[0]
    assert colleagues.place_of(sid) is None
    colleagues.begun = frozenset({1, 2})
    assert isinstance(colleagues.place_of(sid), Elsewhere)
    assert colleagues.place_of("x" * 23 + WORKERS[1]) is None
    colleagues.begun = frozenset({2})
    assert colleagues.place_of(sid) is None
