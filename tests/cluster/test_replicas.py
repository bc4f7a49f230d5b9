"""Replies count when replicas have what they are about."""

from __future__ import annotations

from cometary.cluster.redis.replicas import Confirmations
from cometary.cluster.redis.wire import Refusal, command


def test_replies_of_a_write_count_together_when_enough_replicas_have_it() -> None:
    replies = Confirmations(2)
    assert replies.request == command("WAIT", 2, 1000)
    replies.sent(2)
    replies.sent(1)
    assert [replies.take(reply) for reply in (b"a", 1)] == [[], []]
    assert replies.take(2) == [b"a", 1]
    assert replies.take([]) == []
    assert replies.take(3) == [[]]


def test_none_counts_if_too_few_have_it() -> None:
    replies = Confirmations(2)
    replies.sent(1)
    replies.take(b"a")
    assert replies.take(1) == [Refusal("NOREPLICAS 1 of 2")]


def test_what_a_server_refuses_is_told_even_if_it_refuses_to_wait_as_well() -> None:
    replies, refused = Confirmations(1), Refusal("READONLY You can't write")
    replies.sent(2)
    replies.take(1)
    replies.take(refused)
    assert replies.take(Refusal("ERR WAIT cannot be used with replica instances")) == [refused]
    replies.sent(1)
    replies.take(1)
    assert replies.take(Refusal("ERR no")) == [Refusal("ERR no")]


def test_what_was_not_asked_for_is_passed_on() -> None:
    assert Confirmations(1).take(b"what?") == [b"what?"]


def test_what_is_refused_for_its_keys_alone_says_nothing_of_a_write_that_does_not_count() -> None:
    replies, no = Confirmations(1), Refusal("ERR WAIT cannot be used with replica instances")
    replies.sent(2)
    replies.take(1)
    replies.take(Refusal("WRONGTYPE Operation against a key holding the wrong kind of value"))
    assert replies.take(no) == [no]


def test_each_call_that_a_replica_of_a_cluster_refuses_has_its_own_refusal() -> None:
    replies, moved = Confirmations(1), Refusal("MOVED 7 two:2")
    replies.sent(2)
    replies.take(moved)
    replies.take(moved)
    assert replies.take(Refusal("ERR WAIT cannot be used with replica instances")) == [moved, moved]
