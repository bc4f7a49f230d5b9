"""Which server of a cluster has what."""

from __future__ import annotations

from typing import Any

import pytest

from cometary.cluster.redis.keys import Keys
from cometary.cluster.redis.slots import (
    SLOTS,
    Address,
    Redirection,
    SlotMap,
    key_of,
    redirection_from,
    slot_of,
    slots_from,
)
from cometary.cluster.redis.wire import command

ONE, TWO, THREE = Address("one", 1), Address("two", 2), Address("three", 3)


@pytest.mark.parametrize(
    ("key", "slot"),
    [  # the first from the specification, all as `CLUSTER KEYSLOT` has them
        (b"123456789", 12739),
        (b"foo", 12182),
        (b"{foo}bar", 12182),
        (b"a{foo}{bar}", 12182),
        (b"{}foo", 9500),
        (b"foo{}{bar}", 8363),
        (b"foo{{bar}}zap", 4015),
    ],
)
def test_a_key_has_the_slot_that_the_specification_says(key: bytes, slot: int) -> None:
    assert slot_of(key) == slot


def test_a_session_has_one_slot_and_so_has_who_is_there() -> None:
    keys = Keys("x")
    assert {slot_of(key.encode()) for key in keys.of_session("sid")} == {slot_of(b"sid")}
    assert {slot_of(key.encode()) for key in (*keys.members, keys.nodes)} == {slot_of(b"nodes")}


def test_the_key_of_a_command_is_its_first() -> None:
    assert key_of(command("SADD", "k", "FCALL", "\r\n")) == b"k"
    assert key_of(command("FCALL", "name", 2, "k", "other", b"\r\n\r\n")) == b"k"


def test_who_has_what_is_read_with_hosts_that_servers_leave_out() -> None:
    reply: Any = [
        [0, 99, [b"one", 1, b"id", []], [b"two", 2, b"id"]],
        [100, SLOTS - 1, [b"", 2, b"id"]],
    ]
    found = slots_from(reply, "asked")
    assert (found.of(99), found.of(100)) == (ONE, Address("asked", 2))
    assert found.whole
    assert not slots_from(reply[:1], "asked").whole


def test_who_takes_over_from_a_server_that_is_gone_may_lack_what_it_had() -> None:
    before = SlotMap([(0, 99, ONE), (100, 199, TWO)])
    assert SlotMap([(0, 99, THREE), (100, 199, TWO)]).may_lack(before)
    assert not SlotMap([(0, 49, ONE), (50, 99, THREE), (100, 199, TWO)]).may_lack(before), "a move"
    assert not SlotMap([(100, 199, TWO)]).may_lack(before), "nobody has it yet"
    assert not before.may_lack(SlotMap())


def test_a_server_says_where_something_is_now() -> None:
    assert redirection_from("MOVED 7 two:2", "asked") == Redirection(7, TWO, once=False)
    assert redirection_from("ASK 7 ::1:2", "asked") == Redirection(7, Address("::1", 2), once=True)
    assert redirection_from("MOVED 7 :2", "asked") == Redirection(7, Address("asked", 2), once=False)
    assert redirection_from("MOVED 7 ?:2", "asked") == Redirection(7, Address("asked", 2), once=False)
    assert redirection_from("OOM command not allowed", "asked") is None
