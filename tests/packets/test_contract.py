"""The terms of a contract: their defaults, and what makes no sense."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import pytest

from cometary.errors import UsageError
from cometary.packets.contract import DEFAULT_LIMIT, KEEP, POLICIES, make_contract
from cometary.packets.encodings import CBOR
from cometary.packets.packet import Packet
from cometary.packets.tracked import tracked


@pytest.mark.parametrize(
    ("policy", "ttl"),
    [("keep", inf), ("conflate", 60), ("drop_oldest", 60), ("drop_newest", 60), ("close", inf)],
)
def test_what_may_be_lost_anyway_lives_for_a_minute_and_the_rest_for_ever(policy: str, ttl: float) -> None:
    assert make_contract(policy).ttl == ttl
    assert make_contract(policy, ttl=5).ttl == 5


def test_there_are_five_policies() -> None:
    assert POLICIES == ("keep", "conflate", "drop_oldest", "drop_newest", "close")


@pytest.mark.parametrize(
    "terms",
    [
        {"when_full": "explode"},
        {"when_full": ""},
        {"when_full": "Keep"},
        {"limit": 5},
        {"when_full": "conflate", "limit": 5},
        {"when_full": "close", "limit": 0},
        {"when_full": "close", "limit": 1.5},
        {"when_full": "close", "limit": True},
        {"ttl": -1},
        {"ttl": 0},
        {"ttl": nan},
        {"ttl": "5"},
        {"ttl": True},
    ],
    ids=str,
)
def test_terms_that_make_no_sense_are_the_callers(terms: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        make_contract(**terms)


@pytest.mark.parametrize(
    "wishes",
    [{"ttl": -1}, {"ttl": nan}, {"receipt": ""}, {"receipt": "x" * 257}, {"receipt": 7}],
    ids=lambda wishes: str(wishes)[:20],
)
def test_wishes_that_make_no_sense_are_the_callers(wishes: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        tracked("a", 1, **wishes)


def test_a_key_without_a_hash_is_the_callers() -> None:
    by_list = make_contract("conflate", key=lambda path, _: [path])
    with pytest.raises(UsageError, match="has no hash"):
        tracked("a", 1, contract=by_list)


def test_what_cannot_be_encoded_is_refused_as_ever() -> None:
    with pytest.raises(UsageError, match="cannot be encoded"):
        tracked("a", object(), receipt="one")


def test_a_tracked_packet_travels_like_any_other() -> None:
    packet = tracked("a", {"b": 1}, contract=KEEP, receipt="one", ttl=5, key="k")
    plain = Packet("a", {"b": 1})
    assert (packet.json, CBOR.encode(packet), packet.size) == (plain.json, CBOR.encode(plain), plain.size)


@pytest.mark.parametrize(
    ("terms", "plain"),
    [
        ({}, True),
        ({"history": 1, "presence": True}, True),
        ({"ttl": 5}, False),
        ({"key": max}, False),
        ({"when_full": "conflate"}, False),
        ({"when_full": "close"}, False),
        ({"durable": True}, False),
    ],
    ids=str,
)
def test_packets_need_an_account_where_something_may_become_of_them(
    terms: dict[str, Any], plain: bool
) -> None:
    assert make_contract(**terms).plain is plain
    assert KEEP.plain


@pytest.mark.parametrize(
    "terms", [{"ttl": 5}, {"key": max}, {"history": 1}, {"when_full": "conflate"}], ids=str
)
def test_nothing_of_what_is_recorded_is_dropped(terms: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="a durable path keeps all"):
        make_contract(durable=True, **terms)
    assert make_contract(durable=True, presence=True).durable


def test_without_a_word_nothing_is_kept_and_nobody_is_told_who_is_there() -> None:
    contract = make_contract()
    assert (contract.history, contract.presence, contract.limit) == (None, False, DEFAULT_LIMIT)
    assert (KEEP.history, KEEP.presence) == (None, False)
    told = make_contract("close", limit=1, history=2, history_ttl=3, history_bytes=4, presence=True)
    assert (told.limit, told.history, told.presence) == (1, (2, 3, 4), True)
