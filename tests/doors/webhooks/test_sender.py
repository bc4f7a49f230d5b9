"""The sender against back-ends that fail, hang, cut the connection, redirect and restart; over real sockets."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from cometary.authentication.signature import signed_headers
from cometary.doors.webhooks import WebhookSender, WebhookSettings
from cometary.doors.webhooks.event_queue import Event
from cometary.supervision.restart_policy import Backoff
from tests.doors.webhooks.receiver import KEY, SECRET, Receiver, settle

numbers = count(1)


def event(session: str | None = "a", text: str = "") -> Event:
    name = f"event-{next(numbers)}"
    return Event(name, "signon", session, f'{{"id":"{name}","text":"{text}"}}'.encode())


@pytest.fixture
async def receiver(nursery: trio.Nursery) -> AsyncIterator[Receiver]:
    receiver = Receiver()
    await nursery.start(receiver.serve)
    yield receiver
    receiver.stop()


def new_sender(receiver: Receiver, **options: Any) -> WebhookSender:
    return WebhookSender(WebhookSettings(receiver.url, SECRET, **options), Backoff(1, 60, jitter=0))


@asynccontextmanager
async def running(sender: WebhookSender) -> AsyncGenerator[None]:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sender.run)
        yield
        nursery.cancel_scope.cancel()


async def pass_time(clock: MockClock, seconds: float) -> None:
    await settle()
    clock.jump(seconds)
    await settle()


async def test_events_arrive_once_in_order_and_signed(receiver: Receiver, mock_clock: MockClock) -> None:
    sender = new_sender(receiver)
    events = [event("a"), event("a"), event("b"), event(None)]
    for one in events[:2]:
        sender.post(one)
    async with running(sender):
        for one in events[2:]:
            sender.post(one)
        await sender.flushed()
    assert sorted(receiver.ids) == sorted(one.id for one in events)
    assert [name for name in receiver.ids if name in {one.id for one in events[:2]}] == [
        one.id for one in events[:2]
    ]
    for request in receiver.received:
        assert request.target == "/hooks?from=cometary"
        assert request.headers["content-type"] == "application/json"
        seconds = int(request.headers["webhook-timestamp"])
        expected = signed_headers(KEY, request.body["id"], seconds, request.raw)
        assert {name: request.headers[name] for name in expected} == expected
    assert sender.statistics() == {
        "webhooks_waiting": 0,
        "webhooks_delivered": 4,
        "webhooks_retried": 0,
        "webhooks_given_up": 0,
        "webhooks_dropped": 0,
    }


@pytest.mark.parametrize("trouble", [500, 404, 301, 308, "cut", b"no HTTP at all\r\n\r\n"])
async def test_what_fails_is_sent_again_and_the_next_one_waits(
    receiver: Receiver, mock_clock: MockClock, trouble: int | str | bytes
) -> None:
    receiver.script.extend([trouble, trouble])
    sender = new_sender(receiver)
    first, second = event(), event()
    async with running(sender):
        sender.post(first)
        sender.post(second)
        for seconds, attempts in ((0, 1), (0.9, 1), (0.2, 2), (1.8, 2)):
            await pass_time(mock_clock, seconds)
            assert receiver.ids == [first.id] * attempts
        await pass_time(mock_clock, 0.3)
        assert receiver.ids == [first.id, first.id, first.id, second.id]
    assert all("moved" not in one.target for one in receiver.received)
    assert sender.statistics()["webhooks_retried"] == 2


async def test_a_back_end_that_hangs_holds_up_its_session_only(
    receiver: Receiver, mock_clock: MockClock
) -> None:
    receiver.script.append("hang")
    sender = new_sender(receiver, timeout=5)
    slow, behind, other = event("a"), event("a"), event("b")
    async with running(sender):
        sender.post(slow)
        await settle()
        sender.post(behind)
        sender.post(other)
        await settle()
        assert receiver.ids == [slow.id, other.id]
        await pass_time(mock_clock, 5)
        await pass_time(mock_clock, 1.1)
        assert receiver.ids == [slow.id, other.id, slow.id, behind.id]


async def test_a_back_end_that_restarts_gets_all(
    receiver: Receiver, mock_clock: MockClock, nursery: trio.Nursery
) -> None:
    sender = new_sender(receiver)
    events = [event() for _ in range(3)]
    async with running(sender):
        sender.post(events[0])
        await settle()
        receiver.stop()
        await settle()
        for one in events[1:]:
            sender.post(one)
        await pass_time(mock_clock, 1.5)
        await nursery.start(receiver.serve)
        await pass_time(mock_clock, 4)
        assert receiver.ids == [one.id for one in events]


async def test_an_answer_counts_even_if_its_body_never_ends(
    receiver: Receiver, mock_clock: MockClock
) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
    receiver.script.extend([head % 100, head % 1_000_000])
    sender = new_sender(receiver, timeout=5)
    async with running(sender):
        sender.post(event())
        await pass_time(mock_clock, 5)
        assert sender.statistics()["webhooks_delivered"] == 1
        sender.post(event())
        await settle()  # so much is not read at all
        assert sender.statistics()["webhooks_delivered"] == 2
        assert sender.statistics()["webhooks_retried"] == 0


async def test_what_fails_for_too_long_is_given_up_and_logged_without_secrets(
    receiver: Receiver, mock_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="cometary")
    receiver.script.extend([500] * 3)
    sender = new_sender(receiver, patience=4)
    lost, next_one = event(text="private"), event()
    async with running(sender):
        sender.post(lost)
        sender.post(next_one)
        await pass_time(mock_clock, 1.1)
        await pass_time(mock_clock, 2.1)
        assert receiver.ids == [lost.id] * 3 + [next_one.id]
    assert sender.statistics()["webhooks_given_up"] == 1
    (record,) = [one for one in caplog.records if one.name == "cometary.doors.webhooks"]
    assert record.getMessage() == f"The webhook event {lost.id} (signon) was given up: status 500"
    shown = caplog.text + repr(record.__dict__)
    for hidden in ("private", SECRET, "from=cometary"):
        assert hidden not in shown
    assert SECRET not in repr(sender._settings)


async def test_when_too_many_wait_new_ones_are_dropped_with_a_warning(
    receiver: Receiver, mock_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    sender = new_sender(receiver, max_waiting=2)
    events = [event() for _ in range(5)]
    for one in events:
        sender.post(one)
    async with running(sender):
        await sender.flushed()
    assert receiver.ids == [one.id for one in events[:2]]
    assert caplog.text.count("Too many webhook events wait") == 1
    assert sender.statistics()["webhooks_dropped"] == 3


async def test_no_more_are_under_way_than_allowed(receiver: Receiver, mock_clock: MockClock) -> None:
    receiver.script.extend(["hang"] * 10)
    sender = new_sender(receiver, connections=3, timeout=5)
    async with running(sender):
        for number in range(10):
            sender.post(event(str(number)))
        await settle()
        assert len(receiver.received) == 3


async def test_what_was_under_way_when_the_sender_crashed_is_sent_again(
    receiver: Receiver, mock_clock: MockClock
) -> None:
    receiver.script.append("hang")
    sender = new_sender(receiver)
    one = event()
    async with running(sender):
        sender.post(one)
        await settle()
    async with running(sender):
        await sender.flushed()
    assert receiver.ids == [one.id, one.id]
