"""Idempotency keys: against a model that remembers everything, and what a failure leaves behind."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cometary.actors import Future
from cometary.dispatch.idempotency import IdempotencyKeys
from cometary.errors import KeyReusedError, MailboxFullError, UsageError
from cometary.packets.contract import make_contract
from cometary.packets.packet import Packet
from cometary.packets.tracked import TrackedPacket, tracked


class Sender:
    """What sends: notes it, and returns what it is to return."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.outcome: Future[None] | None = None

    def __call__(self, packet: Packet) -> Future[None] | None:
        self.sent.append(packet.message)
        return self.outcome


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 1), st.floats(0, 40)), max_size=40),
    st.integers(1, 4),
)
def test_the_same_is_sent_once_within_its_time_and_another_is_refused(
    steps: list[tuple[str, int, float]], most: int
) -> None:
    now = 0.0
    keys, sender = IdempotencyKeys(lambda: now, 100.0, most), Sender()
    firsts: dict[str, tuple[int, float]] = {}
    sent: list[int] = []
    for key, message, pause in steps:
        now += pause
        firsts = {key: first for key, first in firsts.items() if first[1] > now}
        first = firsts.get(key)
        if first is not None and first[0] != message:
            with pytest.raises(KeyReusedError):
                keys.check(key, Packet("a", message))
            with pytest.raises(KeyReusedError):
                keys.once(key, Packet("a", message), sender)
            continue
        keys.check(key, Packet("a", message))
        keys.once(key, Packet("a", message), sender)
        if first is None:
            sent.append(message)
            firsts[key] = (message, now + 100.0)
            firsts = dict(list(firsts.items())[-most:])
    assert sender.sent == sent


def test_a_repeat_has_the_outcome_of_the_first_which_may_be_still_to_come() -> None:
    keys, sender = IdempotencyKeys(lambda: 0.0), Sender()
    sender.outcome = Future()
    assert keys.once("k", Packet("a", 1), sender) is sender.outcome
    assert keys.once("k", Packet("a", 1), sender) is sender.outcome
    sender.outcome.offer()
    assert keys.once("k", Packet("a", 1), sender) is sender.outcome
    assert sender.sent == [1]


def test_what_was_not_taken_is_sent_when_it_comes_again() -> None:
    keys, sender = IdempotencyKeys(lambda: 0.0), Sender()
    sender.outcome = Future()
    keys.once("k", Packet("a", 1), sender)
    sender.outcome.offer(error=MailboxFullError("slow"))
    sender.outcome = None

    def refuse(_packet: Packet) -> None:
        raise MailboxFullError("slow")

    with pytest.raises(MailboxFullError):
        keys.once("k", Packet("a", 1), refuse)
    assert keys.once("k", Packet("a", 1), sender) is None
    assert sender.sent == [1, 1]


@pytest.mark.parametrize(
    "other",
    [
        Packet("b", 1),
        Packet("a", "1"),
        TrackedPacket("a", 1, receipt="r"),
        TrackedPacket("a", 1, ttl=3),
        TrackedPacket("a", 1, exclude="s"),
        TrackedPacket("a", 1, key="k"),
    ],
)
def test_another_update_is_another_in_whatever_it_differs(other: Packet) -> None:
    keys, sender = IdempotencyKeys(lambda: 0.0), Sender()
    keys.once("k", Packet("a", 1), sender)
    with pytest.raises(KeyReusedError):
        keys.once("k", other, sender)


@pytest.mark.parametrize("key", ["", "x" * 257, 7, None, "caf\udce9"])
def test_what_is_no_key_is_refused_and_nothing_sent(key: Any) -> None:
    keys, sender = IdempotencyKeys(lambda: 0.0), Sender()
    with pytest.raises(UsageError):
        keys.once(key, Packet("a"), sender)
    with pytest.raises(UsageError):
        keys.check(key, Packet("a"))
    assert sender.sent == []
    keys.once("x" * 256, Packet("a", 1), sender)
    assert sender.sent == [1]


BY_MESSAGE = make_contract("conflate", key=lambda path, message: (path, message["id"]))


@pytest.mark.parametrize("wishes", [{"key": ("a", 7)}, {"contract": BY_MESSAGE}, {"key": 7}, {"key": "k"}])
def test_a_repeat_is_one_whatever_its_packet_is_conflated_by(wishes: dict[str, Any]) -> None:
    keys, sender = IdempotencyKeys(lambda: 0.0), Sender()
    first, again = (tracked("a", {"id": 7}, **wishes) for _ in range(2))
    keys.once("k", first, sender)
    keys.check("k", again)
    keys.once("k", again, sender)
    assert len(sender.sent) == 1


def test_what_is_conflated_by_another_key_is_another_update() -> None:
    keys, sender = IdempotencyKeys(lambda: 0.0), Sender()
    keys.once("k", tracked("a", 1, key=("a", 7)), sender)
    with pytest.raises(KeyReusedError):
        keys.check("k", tracked("a", 1, key=("a", 8)))


def test_a_key_is_free_again_when_its_time_is_over_whoever_looks_first() -> None:
    now = 0.0
    keys, sender = IdempotencyKeys(lambda: now, 100.0), Sender()
    keys.once("k", Packet("a", 1), sender)
    now = 99.9
    with pytest.raises(KeyReusedError):
        keys.check("k", Packet("a", 2))
    now = 100.0
    keys.check("k", Packet("a", 2))
    keys.once("k", Packet("a", 2), sender)
    now = 200.0
    keys.once("k", Packet("a", 3), sender)
    assert sender.sent == [1, 2, 3]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"receipt": "r"}, {"receipt": "s"}),
        ({"ttl": 3}, {"ttl": 4}),
        ({"exclude": "one"}, {"exclude": "another"}),
    ],
)
def test_two_that_differ_in_a_wish_alone_are_two(one: dict[str, Any], other: dict[str, Any]) -> None:
    keys, sender = IdempotencyKeys(lambda: 0.0), Sender()
    keys.once("k", TrackedPacket("a", 1, **one), sender)
    keys.check("k", TrackedPacket("a", 1, **one))
    with pytest.raises(KeyReusedError):
        keys.check("k", TrackedPacket("a", 1, **other))
