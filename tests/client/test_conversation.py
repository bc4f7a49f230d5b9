"""A page's side of the protocol: requests in order, again when they were lost, packets once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cometary.client.conversation import MOST_BYTES, MOST_PACKETS, MOST_WAITING, Conversation, Request


@pytest.fixture
def conversation() -> Conversation:
    return Conversation("sid", 7, 2)


def take(conversation: Conversation) -> Request:
    request = conversation.take()
    assert request is not None
    return request


def body(conversation: Conversation, request: Request) -> Any:
    return json.loads(conversation.body(request))


def test_it_polls_when_nothing_is_out(conversation: Conversation) -> None:
    assert body(conversation, take(conversation)) == {"sid": "sid", "rid": 8, "ack": 0}
    assert conversation.take() is None


def test_it_sends_while_a_poll_is_out(conversation: Conversation) -> None:
    take(conversation)
    conversation.offer(b'{"path":"a"}')
    conversation.offer(b'{"path":"b"}')
    assert body(conversation, take(conversation))["packets"] == [{"path": "a"}, {"path": "b"}]


def test_it_never_has_more_out_than_it_may(conversation: Conversation) -> None:
    take(conversation)
    conversation.offer(b"{}")
    take(conversation)
    conversation.offer(b"{}")
    assert conversation.take() is None
    conversation.answered(0, [])
    assert body(conversation, take(conversation))["rid"] == 10


def test_what_was_lost_counts_as_out_and_goes_first_the_oldest_before_the_others(
    conversation: Conversation,
) -> None:
    first = take(conversation)
    conversation.offer(b"{}")
    second = take(conversation)
    conversation.lost(second)
    conversation.lost(first)
    conversation.offer(b"{}")
    assert (conversation.unanswered, conversation.has_lost) == (2, True)
    assert [take(conversation), take(conversation)] == [first, second]
    assert conversation.take() is None


def test_a_request_that_was_lost_is_sent_again_with_what_has_been_received_since(
    conversation: Conversation,
) -> None:
    conversation.offer(b"{}")
    request = take(conversation)
    conversation.lost(request)
    conversation.ack = 5
    assert body(conversation, take(conversation)) == {"sid": "sid", "rid": 8, "ack": 5, "packets": [{}]}


def test_only_packets_that_are_new_come_out(conversation: Conversation) -> None:
    conversation.unanswered = 4
    assert conversation.answered(1, ["a", "b"]) == ["a", "b"]
    assert not conversation.answered(1, ["a", "b"])
    assert conversation.answered(2, ["b", "c"]) == ["c"]
    assert not conversation.answered(0, [])
    assert (conversation.ack, conversation.unanswered) == (3, 0)


def test_it_takes_no_more_than_it_may_and_sends_no_more_at_once(conversation: Conversation) -> None:
    while not conversation.full:
        conversation.offer(b"{}")
    assert len(take(conversation).packets) == MOST_PACKETS
    assert not conversation.full
    assert len(conversation._waiting) == MOST_WAITING - MOST_PACKETS


def test_it_says_farewell_with_the_next_id(conversation: Conversation) -> None:
    take(conversation)
    assert json.loads(conversation.farewell()) == {"sid": "sid", "rid": 9, "ack": 0, "close": True}


def test_a_request_takes_as_many_bytes_as_it_may_and_one_packet_at_least(conversation: Conversation) -> None:
    for size in (MOST_BYTES + 1, MOST_BYTES, 1):
        conversation.offer(b"1" * size)
    assert [len(take(conversation).packets) for _ in range(2)] == [1, 1]
    assert conversation.waiting == 1
    assert conversation.drain() == (b"1",)
    assert conversation.waiting == 0


def test_it_can_be_urged_to_make_a_request_that_has_no_packets(conversation: Conversation) -> None:
    take(conversation)
    conversation.urge()
    request = take(conversation)
    assert conversation.body(request, b',"token":7') == b'{"sid":"sid","rid":9,"ack":0,"token":7}'
    assert conversation.take() is None
