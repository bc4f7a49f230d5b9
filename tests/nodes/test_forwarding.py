"""Requests that another node answers: what becomes of them while links come and go."""

from __future__ import annotations

from typing import cast

import pytest
import trio
from trio.testing import MockClock

from cometary.nodes.answering import WINDOW
from cometary.nodes.forwarding import MOST_WAITING, PATIENCE, Forwarding
from cometary.nodes.link import Link
from cometary.nodes.messages import (
    Aborted,
    Answered,
    Dropped,
    Finished,
    Forwarded,
    Granted,
    Left,
    Piece,
    Streaming,
)
from tests.nodes.wires import ClientWire, LinkWire, asked


def linked(forwarding: Forwarding) -> LinkWire:
    wire = LinkWire()
    forwarding.linked(cast("Link", wire))
    return wire


async def test_a_request_goes_with_all_that_is_known_of_it_and_its_answer_comes_back() -> None:
    forwarding, client = Forwarding("/comet"), ClientWire()
    link = linked(forwarding)
    forwarding.forward(asked(client))
    expected = Forwarded(1, False, "POST", "/comet", b"", {b"host": b"h"}, b"body", "192.0.2.7")
    assert link.sent == [expected]
    forwarding.answered(Answered(1, 200, b"{}", b"application/json", ()))
    assert client.answers == [(200, b"{}")]
    assert forwarding.waiting == 0


async def test_requests_wait_for_a_link_and_are_sent_again_on_the_next_one() -> None:
    forwarding, client = Forwarding("/comet"), ClientWire()
    exchange = asked(client)
    forwarding.forward(exchange)
    exchange.release_request()  # as whoever has read it does
    for link in (linked(forwarding), linked(forwarding)):
        assert [message.body for message in link.sent] == [b"body"]
        forwarding.unlinked()
    assert client.answers == []


async def test_a_call_of_a_back_end_that_may_have_arrived_is_not_made_again() -> None:
    forwarding, client = Forwarding("/comet"), ClientWire()
    linked(forwarding)
    forwarding.forward(asked(client, "/send"))
    forwarding.unlinked()
    assert client.answers[0][0] == 503
    assert linked(forwarding).sent == []


async def test_of_a_node_that_has_gone_all_is_unknown() -> None:
    forwarding, client = Forwarding("/comet"), ClientWire()
    forwarding.forward(asked(client))
    forwarding.gone()
    status, body = client.answers[0]
    assert status == 404
    assert b"unknown-session" in body


async def test_who_has_waited_for_long_is_told_to_come_back(autojump_clock: MockClock) -> None:
    del autojump_clock
    forwarding, client = Forwarding("/comet"), ClientWire()
    forwarding.forward(asked(client))
    await trio.sleep(PATIENCE - 0.1)
    forwarding.look(trio.current_time())
    assert client.answers == []
    await trio.sleep(0.2)
    forwarding.look(trio.current_time())
    status, body = client.answers[0]
    assert status == 503
    assert b"shutting-down" in body
    assert linked(forwarding).sent == []


async def test_no_more_wait_than_there_is_room_for() -> None:
    forwarding, last = Forwarding("/comet"), ClientWire()
    for _ in range(MOST_WAITING):
        forwarding.forward(asked(ClientWire()))
    forwarding.forward(asked(last))
    assert last.answers[0][0] == 503
    forwarding = Forwarding("/comet")
    linked(forwarding).full = True
    forwarding.forward(asked(last))
    assert last.answers[1][0] == 503


async def test_that_a_client_has_gone_is_told() -> None:
    forwarding = Forwarding("/comet")
    unsent = asked(ClientWire())
    forwarding.forward(unsent)
    unsent.drop()
    assert forwarding.waiting == 0
    link, exchange = linked(forwarding), asked(ClientWire())
    forwarding.forward(exchange)
    exchange.drop()
    assert link.sent[-1] == Dropped(2)
    forwarding.left(Left(2))
    assert forwarding.waiting == 0


async def test_a_request_whose_client_has_gone_is_not_sent_again() -> None:
    forwarding, exchange = Forwarding("/comet"), asked(ClientWire())
    linked(forwarding)
    forwarding.forward(exchange)
    exchange.drop()
    forwarding.unlinked()
    assert forwarding.waiting == 0
    assert linked(forwarding).sent == []


def streaming(client: ClientWire) -> tuple[Forwarding, LinkWire]:
    """Return what forwards a request whose answer has begun."""
    forwarding = Forwarding("/comet")
    link = linked(forwarding)
    forwarding.forward(asked(client))
    forwarding.begun(Streaming(1, 200, b"text/plain", ()))
    return forwarding, link


async def test_a_streamed_answer_comes_bit_by_bit() -> None:
    client = ClientWire()
    forwarding, _ = streaming(client)
    forwarding.piece(Piece(1, b"one"))
    assert client.streamed == b"one"
    forwarding.finished(Finished(1, b"two"))
    assert client.streamed == b"onetwo"
    assert forwarding.waiting == 0


async def test_what_a_slow_client_takes_is_granted_when_it_has_taken_it() -> None:
    client = ClientWire(room=10)
    forwarding, link = streaming(client)
    part = b"x" * (WINDOW // 4)
    forwarding.piece(Piece(1, part))
    forwarding.piece(Piece(1, b"behind"))
    assert client.streamed == part
    assert Granted(1, len(part)) not in link.sent
    client.room = 1 << 30
    stream = next(iter(forwarding._waiting.values())).exchange.streaming
    assert stream is not None
    stream.go_on()
    assert client.streamed == part + b"behind"
    assert link.sent[-1] == Granted(1, len(part) + len(b"behind"))


@pytest.mark.parametrize("how", ["aborted", "unlinked", "gone"])
async def test_a_streamed_answer_that_breaks_off_is_seen_to(how: str) -> None:
    client = ClientWire()
    forwarding, _ = streaming(client)
    if how == "aborted":
        forwarding.aborted(Aborted(1))
    elif how == "unlinked":
        forwarding.unlinked()
    else:
        forwarding.gone()
    assert client.closed
    assert forwarding.waiting == 0
