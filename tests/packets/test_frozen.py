"""Packets and values as plain data: nothing is lost on the way, whether that goes as JSON or as CBOR."""

from __future__ import annotations

import json
from math import inf, nan
from typing import Any

import cbor2
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cometary.errors import UsageError
from cometary.packets.contract import make_contract
from cometary.packets.contract_table import Contracts
from cometary.packets.frozen import (
    FrozenPacket,
    FrozenValue,
    freeze_packet,
    freeze_value,
    thaw_packet,
    thaw_value,
)
from cometary.packets.packet import Packet, marked
from cometary.packets.receipted import AskedPacket
from cometary.packets.tracked import TrackedPacket, tracked

text = st.text(st.characters(codec="utf-8"), max_size=5)
edges = st.sampled_from([-(2**63) - 1, -(2**63), 2**63 - 1, 2**63, 2**64, 3**70, inf, -inf, True])
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | text | st.binary(max_size=5)
)
values = st.recursive(
    scalars | edges,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text | st.integers(), inner, max_size=3),
    max_leaves=8,
)


def travelled(packet: Packet, ttl: float = inf) -> FrozenPacket:
    """What arrives of a packet: that it is the same as JSON and as CBOR is checked on the way."""
    plain = msgspec.to_builtins(freeze_packet(packet, ttl))
    as_json, as_cbor = json.loads(json.dumps(plain, allow_nan=False)), cbor2.loads(cbor2.dumps(plain))
    assert as_json == as_cbor
    return msgspec.convert(as_json, FrozenPacket)


def moved(packet: Packet, *, ttl: float = inf, late: float = 0.0, there: Contracts | None = None) -> Packet:
    return thaw_packet(travelled(packet, ttl), (there or Contracts()).tracked, late)


@given(values)
def test_a_value_comes_back_with_its_type_and_shares_nothing(value: Any) -> None:
    frozen = freeze_value(value)
    plain = json.loads(json.dumps(msgspec.to_builtins(frozen), allow_nan=False))
    back = thaw_value(msgspec.convert(plain, FrozenValue))
    assert back == value
    assert repr(back) == repr(value)  # 1 is no True, and no 1.0
    assert back is not value or not isinstance(value, list | dict)


def test_what_json_has_is_written_as_it_is_and_only_the_rest_in_base64() -> None:
    assert freeze_value({"a": [1, -(2**63), 1.5, None, True, "b"]}).cbor is None
    for beyond in (2**63, -(2**63) - 1):
        assert freeze_value(beyond).cbor is not None


@pytest.mark.parametrize("value", [object(), "\ud800", [lambda: None]])
def test_what_has_no_plain_form_is_the_fault_of_whoever_made_it(value: object) -> None:
    with pytest.raises(UsageError, match="cannot be written as plain data"):
        freeze_value(value)


def test_a_plain_packet_and_one_with_a_clients_receipt_stay_what_they_are() -> None:
    plain, asked = moved(Packet("a", {"b": [b"bytes"]})), moved(AskedPacket("a", 1, "mine"))
    assert type(plain) is Packet
    assert (plain.path, plain.message) == ("a", {"b": [b"bytes"]})
    assert isinstance(asked, AskedPacket)
    assert (asked.path, asked.message, asked.receipt) == ("a", 1, "mine")


@pytest.mark.parametrize("packet", [Packet("a", 1), tracked("a", 1, receipt="one")])
def test_what_travels_beside_path_and_message_travels_here_too(packet: Packet) -> None:
    packet = marked(packet, "at", "x-1")
    assert moved(packet).json == packet.json


@pytest.mark.parametrize("key", ["k", "", 0, 7, 2**70, 1.5, True, False, None, b"bytes", inf])
def test_the_wishes_of_a_sender_come_along(key: object) -> None:
    packet = moved(tracked("a", 1, receipt="one", key=key), ttl=5.0, late=2.0)
    assert isinstance(packet, TrackedPacket)
    assert (packet.receipt, packet.ttl) == ("one", 3.0)
    assert (packet.key, type(packet.key)) == (("a", str) if key is None else (key, type(key)))


@pytest.mark.parametrize("key", [("a", 1), "\ud800"])
def test_a_key_that_plain_data_does_not_have_is_made_again_by_the_contract_of_its_path(key: object) -> None:
    there = Contracts()
    there.declare("a", make_contract("conflate", key=lambda _path, message: message))
    packet = moved(tracked("a", 1, key=key), there=there)
    assert isinstance(packet, TrackedPacket)
    assert (packet.key, packet.contract) == (1, there.find("a"))


def test_not_even_a_key_that_is_no_number_keeps_a_packet_from_moving() -> None:
    packet = moved(tracked("a", 1, key=nan))
    assert isinstance(packet, TrackedPacket)
    assert repr(packet.key) == "nan"


@pytest.mark.parametrize(
    ("ttl", "late", "left"), [(inf, 9.0, inf), (5.0, 0.0, 5.0), (5.0, 5.0, 0), (5.0, 9.0, 0)]
)
def test_a_time_to_live_runs_on_meanwhile_and_one_that_is_over_has_next_to_nothing_left(
    ttl: float, late: float, left: float
) -> None:
    packet = moved(tracked("a", 1), ttl=ttl, late=late)
    assert isinstance(packet, TrackedPacket)
    assert packet.ttl == pytest.approx(left, abs=1e-6)
    assert packet.ttl > 0


def test_one_that_is_not_late_has_the_time_that_it_had() -> None:
    packet = thaw_packet(freeze_packet(tracked("a", 1), 5.0), Contracts().tracked)
    assert isinstance(packet, TrackedPacket)
    assert packet.ttl == 5.0
