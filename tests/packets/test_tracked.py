"""Tracked packets: what they are conflated and counted by, and what their senders wish."""

from __future__ import annotations

from typing import Any

import pytest

from cometary.errors import UsageError
from cometary.packets.contract import KEEP, make_contract
from cometary.packets.tracked import LONGEST_RECEIPT, Key, TrackedPacket, as_key, check_receipt, tracked


class Moody:
    """It has a hash, and a comparison that fails."""

    def __hash__(self) -> int:
        return 1

    def __eq__(self, other: object) -> bool:
        raise LookupError


def test_it_is_counted_by_its_path_by_what_its_contract_says_or_by_what_its_sender_says() -> None:
    by_message = make_contract("conflate", key=lambda path, message: (path, message["id"]))
    assert tracked("a", {"id": 7}).key == "a"
    assert tracked("a", {"id": 7}, contract=by_message).key == as_key(("a", 7), "a")
    assert tracked("a", {"id": 7}, contract=by_message, key="mine").key == "mine"


def test_only_what_may_be_lost_has_a_slot() -> None:
    latest = make_contract("conflate")
    assert tracked("a", 1).slot is None
    assert tracked("a", 1, contract=latest).slot == (latest, "a")


def test_keys_are_the_same_if_their_values_are_and_a_comparison_that_fails_says_no() -> None:
    assert as_key((1, "a"), "p") == as_key((1, "a"), "p")
    assert hash(as_key((1, "a"), "p")) == hash(as_key((1, "a"), "p"))
    assert as_key((1, "a"), "p") != as_key((2, "a"), "p")
    moody = Moody()
    assert Key(moody) == Key(moody)
    assert Key(moody) != Key(Moody())
    assert Key((1,)) != (1,)


@pytest.mark.parametrize("key", ["a", 1, 1.5, True, b"a"])
def test_keys_of_python_s_own_classes_are_compared_as_they_are(key: object) -> None:
    assert as_key(key, "p") is key


def test_a_key_of_a_class_of_text_is_the_text() -> None:
    key = as_key(type("SafeText", (str,), {"__eq__": None, "__hash__": object.__hash__})("a"), "p")
    assert (key, type(key)) == ("a", str)


def test_a_key_without_a_hash_is_the_senders() -> None:
    with pytest.raises(UsageError, match="the key of a packet to 'a' cannot be compared"):
        tracked("a", 1, key=[])


@pytest.mark.parametrize(
    ("wishes", "any_"), [({}, False), ({"receipt": "r"}, True), ({"exclude": "s"}, True), ({"ttl": 5}, False)]
)
def test_whoever_routes_it_has_to_look_at_receipts_and_at_whom_it_is_not_for(
    wishes: dict[str, Any], any_: bool
) -> None:
    assert TrackedPacket("a", 1, **wishes).has_wishes is any_


def test_once_more_it_is_on_the_same_terms() -> None:
    latest = make_contract("conflate")
    first = TrackedPacket("a", 1, "sender", contract=latest, receipt="r", ttl=5, key="k", exclude="s")
    first.cause = "cause"
    twin = first.again()
    assert twin is not first
    for name in (
        "path",
        "message",
        "sender",
        "cause",
        "contract",
        "receipt",
        "ttl",
        "key",
        "exclude",
        "slot",
    ):
        assert getattr(twin, name) == getattr(first, name)
    assert TrackedPacket("a", 1).again().contract is KEEP


@pytest.mark.parametrize("receipt", ["r", "r" * LONGEST_RECEIPT])
def test_a_receipts_id_is_any_short_text(receipt: str) -> None:
    check_receipt(receipt)
    assert tracked("a", 1, receipt=receipt).receipt == receipt


@pytest.mark.parametrize("exclude", [7, b"s", ["s"]])
def test_whom_it_is_not_for_is_said_in_text(exclude: Any) -> None:
    assert tracked("a", 1, exclude="s").exclude == "s"
    with pytest.raises(UsageError, match="the id of a session"):
        tracked("a", 1, exclude=exclude)


def test_it_shows_its_receipt_but_not_what_is_in_it() -> None:
    assert repr(tracked("a", "a secret", receipt="r")) == "<TrackedPacket to 'a', receipt 'r'>"
    assert repr(tracked("a", "a secret")) == "<TrackedPacket to 'a'>"
