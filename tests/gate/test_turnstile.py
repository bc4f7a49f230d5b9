"""Which requests' packets are let in: by session, by address, and never in part."""

from __future__ import annotations

from typing import Any, cast

import pytest

from cometary.gate.turnstile import MOST_ADDRESSES, LimitingTurnstile
from cometary.sessions import Packet, Request, SessionKeeper, SessionMachine, SessionSettings

SETTINGS = SessionSettings(
    packets_per_second=10, packet_burst=20, address_packets_per_second=10, address_packet_burst=30
)


class From(Request):
    """A request from an address."""

    def __init__(self, address: str, count: int) -> None:
        super().__init__(2, packets=[Packet("a")] * count)
        self._address = address

    @property
    def address(self) -> str:
        return self._address


class Gate:
    """A turnstile with a clock."""

    def __init__(self, settings: SessionSettings = SETTINGS, most_addresses: int = MOST_ADDRESSES) -> None:
        self.settings = settings
        self.now = 0.0
        self.turnstile = LimitingTurnstile(settings, lambda: self.now, most_addresses)

    def keeper(self) -> SessionKeeper:
        return SessionKeeper("sid", "name", SessionMachine(self.settings), 0.0)

    def wait(self, keeper: SessionKeeper, count: int, address: str = "192.0.2.1") -> int:
        """Seconds after which the request may come again; 0 if it was let in."""
        refusal = self.turnstile.refusal(keeper, From(address, count))
        return 0 if refusal is None else cast("Any", refusal.retry_after)


def test_a_session_has_a_burst_and_then_a_rate() -> None:
    gate = Gate()
    keeper = gate.keeper()
    assert [gate.wait(keeper, 20), gate.wait(keeper, 15)] == [0, 2]
    gate.now = 1.5
    assert gate.wait(keeper, 15) == 0


def test_so_have_all_sessions_of_an_address() -> None:
    gate = Gate()
    assert [gate.wait(gate.keeper(), 15) for _ in range(3)] == [0, 0, 2]
    assert gate.wait(gate.keeper(), 15, "192.0.2.2") == 0


def test_what_is_no_address_is_counted_like_one() -> None:
    gate = Gate()
    assert [gate.wait(gate.keeper(), 15, "@somewhere") for _ in range(3)] == [0, 0, 2]


@pytest.mark.parametrize("count", [15, 21])
def test_whoever_is_refused_waits_a_second_at_least(count: int) -> None:
    gate = Gate(
        SessionSettings(packets_per_second=100, packet_burst=20, max_unhandled_packets=20)
    )  # 15 packets more would be let in after a tenth of a second, 21 not by the rate at all
    keeper = gate.keeper()
    assert gate.wait(keeper, 15) == 0
    assert gate.wait(keeper, count) == 1


def test_what_an_address_is_refused_for_does_not_count_for_the_session() -> None:
    gate = Gate()
    keeper = gate.keeper()
    assert [gate.wait(gate.keeper(), 20), gate.wait(gate.keeper(), 10), gate.wait(keeper, 20)] == [0, 0, 2]
    gate.now = 2
    assert gate.wait(keeper, 20) == 0


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "unix", ""])
def test_loopback_has_no_limit_of_its_own(address: str) -> None:
    gate = Gate()
    assert [gate.wait(gate.keeper(), 20, address) for _ in range(10)] == [0] * 10


def test_nothing_is_counted_without_limits() -> None:
    gate = Gate(
        SessionSettings(packets_per_second=0, address_packets_per_second=0, max_unhandled_packets=10**6)
    )
    keeper = gate.keeper()
    assert [gate.wait(keeper, 1000) for _ in range(100)] == [0] * 100
    assert keeper.bucket is None


def test_there_are_only_so_many_addresses_and_the_quiet_ones_go() -> None:
    gate = Gate(most_addresses=3)
    for number in range(2):
        gate.wait(gate.keeper(), 20, f"192.0.2.{number}")
    gate.now = 1.9
    gate.wait(gate.keeper(), 20, "192.0.2.100")
    gate.now = 2
    gate.wait(gate.keeper(), 1, "192.0.2.101")
    assert gate.wait(gate.keeper(), 20, "192.0.2.100") > 0, "one that is not quiet was forgotten"
    assert len(gate.turnstile._addresses) == 2


def test_all_addresses_are_forgotten_when_there_are_too_many_that_are_not_quiet() -> None:
    gate = Gate(most_addresses=3)
    for number in range(4):
        gate.wait(gate.keeper(), 20, f"192.0.2.{number}")
        assert len(gate.turnstile._addresses) <= 3
    assert gate.wait(gate.keeper(), 20, "192.0.2.3") > 0
    assert gate.wait(gate.keeper(), 20, "192.0.2.0") == 0


def test_just_as_many_requests_that_bring_nothing_are_let_in_in_a_second_as_may_be() -> None:
    gate = Gate(SessionSettings(max_releases_per_second=3))
    keeper = gate.keeper()
    refusals = [gate.turnstile.idle_refusal(keeper) for _ in range(4)]
    assert [refusal and refusal.condition for refusal in refusals] == [None, None, None, "too-many-requests"]
    gate.now = 1.0
    assert gate.turnstile.idle_refusal(keeper) is None
