"""What is encoded already travels byte for byte, and the value stands in for it wherever else it is wanted."""

from __future__ import annotations

from collections.abc import Callable

import cbor2
import pytest

from cometary.errors import UsageError
from cometary.packets.contract import make_contract
from cometary.packets.contract_table import Contracts
from cometary.packets.encoded import Encoded
from cometary.packets.encodings import CBOR
from cometary.packets.packet import Packet
from cometary.packets.tracked import tracked

JSON = b'{"n":1.00}'
MAP = b"\xa1\x61n\xfa\x3f\x80\x00\x00"
"""With a number in four bytes, which nobody here would write so."""
SENDERS = [Contracts().packet, Contracts().plain, Contracts().tracked, tracked]


@pytest.mark.parametrize("make", SENDERS)
def test_json_reaches_clients_of_json_as_it_is_and_others_by_its_value(make: Callable[..., Packet]) -> None:
    packet = make("é", Encoded({"n": 1.0}, json=JSON), "sender")
    assert packet.json == '{"path":"é","message":'.encode() + JSON + b"}"
    assert cbor2.loads(CBOR.encode(packet)) == {"path": "é", "message": {"n": 1.0}}
    assert (packet.path, packet.message, packet.sender) == ("é", {"n": 1.0}, "sender")


@pytest.mark.parametrize("make", SENDERS)
def test_cbor_reaches_clients_of_cbor_as_it_is_and_others_by_its_value(make: Callable[..., Packet]) -> None:
    packet = make("é", Encoded({"n": 1.0}, cbor=MAP))
    assert CBOR.encode(packet) == b"\xa2\x64path\x62\xc3\xa9\x67message" + MAP
    assert packet.json == '{"path":"é","message":{"n":1.0}}'.encode()


def test_what_has_a_contract_is_counted_by_the_value() -> None:
    contracts = Contracts()
    contracts.declare("a", make_contract("conflate", key=lambda _path, message: message["n"]))
    packet = contracts.tracked("a", Encoded({"n": 7}, json=b'{"n":7}'))
    assert packet.key == 7
    assert packet.json == b'{"path":"a","message":{"n":7}}'


@pytest.mark.parametrize("make", [Contracts.packet, Contracts.tracked])
@pytest.mark.parametrize(
    ("message", "fault"),
    [
        (Encoded(object(), cbor=MAP), "cannot be encoded"),
        (Encoded([], json=b"[" * 70 + b"]" * 70), "nested deeper"),
        (Encoded("", json=b'"%b"' % (b"x" * 500)), "has 525 bytes"),
    ],
    ids=["not encodable", "too deep", "too large"],
)
def test_it_is_under_the_limits_of_any_other_packet(
    make: Callable[..., Packet], message: Encoded, fault: str
) -> None:
    with pytest.raises(UsageError, match=fault):
        make(Contracts(most_bytes=500), "a", message)
