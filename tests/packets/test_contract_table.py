"""Which path has which contract, and how a configuration says so."""

from __future__ import annotations

from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cometary.errors import PatternError, UsageError
from cometary.packets.contract import KEEP, Contract, make_contract
from cometary.packets.contract_table import LONGEST_MARK, MOST_REMEMBERED_PATHS, Contracts
from cometary.packets.packet import Packet
from cometary.packets.patterns import Pattern
from cometary.packets.settings import PATHS, read_contract, read_contracts
from cometary.packets.tracked import TrackedPacket

LATEST = make_contract("conflate")
CLOSE = make_contract("close")


def table(*declared: tuple[str, Contract]) -> Contracts:
    contracts = Contracts()
    for pattern, contract in declared:
        contracts.declare(pattern, contract)
    return contracts


def test_of_contracts_that_cover_a_path_the_first_holds() -> None:
    contracts = table(("a/b", CLOSE), ("a/*", LATEST), ("**", KEEP))
    assert [contracts.find(path) for path in ("a/b", "a/c", "b")] == [CLOSE, LATEST, KEEP]


def test_a_path_without_one_is_kept() -> None:
    assert Contracts().find("a") is KEEP
    assert not Contracts()


def test_a_later_contract_holds_for_paths_that_were_looked_up_before() -> None:
    contracts = table(("a", CLOSE))
    assert contracts.find("b") is KEEP
    contracts.declare("b", LATEST)
    assert contracts.find("b") is LATEST


@pytest.mark.parametrize("pattern", ["", "a*", "**/a", "a\n"])
def test_what_is_no_pattern_is_the_callers_and_changes_nothing(pattern: str) -> None:
    contracts = table(("a", CLOSE))
    with pytest.raises(PatternError):
        contracts.declare(pattern, LATEST)
    assert len(contracts.declared) == 1


def test_a_pattern_has_one_contract() -> None:
    contracts = table(("a/*", CLOSE))
    with pytest.raises(UsageError, match="has a contract already"):
        contracts.declare("a/*", LATEST)
    assert contracts.find("a/b") is CLOSE


@given(
    st.lists(st.sampled_from(["a", "a/*", "*/b", "a/**", "**", "*"]), unique=True),
    st.text("ab/", min_size=1),
)
def test_a_table_finds_what_a_search_from_top_to_bottom_does(patterns: list[str], path: str) -> None:
    declared = {pattern: make_contract("close") for pattern in patterns}
    covering = [pattern for pattern in patterns if Pattern.compile(pattern).matches(path)]
    expected = declared[covering[0]] if covering else KEEP
    contracts = table(*declared.items())
    assert [contracts.find(path), contracts.find(path)] == [expected, expected]


@pytest.mark.parametrize("path", ["", "a\0b", 1025 * "a", "\ud800", 7])
def test_there_is_no_packet_to_what_is_no_path(path: Any) -> None:
    contracts = table(("**", LATEST))
    for _ in range(2):
        with pytest.raises(UsageError, match="path"):
            contracts.packet(path)
        with pytest.raises(UsageError, match="path"):
            contracts.tracked(path, receipt="r")
    assert contracts._remembered == {}


def test_as_many_paths_are_remembered_as_allowed_and_no_more() -> None:
    contracts = table(("a/*", LATEST))
    remembered: list[int] = []
    for number in range(3 * MOST_REMEMBERED_PATHS):
        assert contracts.find(f"a/{number}") is LATEST
        remembered.append(len(contracts._remembered))
    assert max(remembered) == MOST_REMEMBERED_PATHS


def test_only_packets_with_a_contract_are_tracked() -> None:
    contracts = table(("prices/*", LATEST))
    plain = contracts.packet("news", 1, "sender")
    assert type(plain) is Packet
    assert (plain.path, plain.message, plain.sender) == ("news", 1, "sender")
    packet = contracts.packet("prices/a", 1)
    assert isinstance(packet, TrackedPacket)
    assert (packet.path, packet.message) == ("prices/a", 1)
    assert (packet.contract, packet.key, packet.ttl) == (LATEST, "prices/a", 60)
    wished = contracts.tracked("news", 1, receipt="one", ttl=5, key="k")
    assert (wished.path, wished.message) == ("news", 1)
    assert (wished.contract, wished.key, wished.ttl, wished.receipt) == (KEEP, "k", 5, "one")


@pytest.mark.parametrize(("history", "mark"), [(None, 0), (1, LONGEST_MARK)])
def test_a_packet_is_no_larger_than_what_a_session_queues_with_its_position_in_a_history(
    history: int | None, mark: int
) -> None:
    size = Packet("close/a", "x" * 100).size
    declared = [(Pattern.compile("close/*"), make_contract("close", history=history))]
    fitting, short = Contracts(declared, size + mark), Contracts(declared, size + mark - 1)
    for make in (Contracts.packet, Contracts.tracked):
        assert make(fitting, "close/a", "x" * 100).size == size
        with pytest.raises(UsageError, match=f"has {size} bytes, and a session queues {size - 1} at most"):
            make(short, "close/a", "x" * 100)
    assert fitting.packet("plain/a", "x" * 100).size == size
    with pytest.raises(UsageError, match="queue-bytes"):
        short.packet("plain/a", "x" * 100)


def test_it_tells_whether_there_are_histories_and_whether_it_is_told_who_is_there() -> None:
    history, presence = make_contract(history=1), make_contract(presence=True)
    told = [
        (table(*declared).keeping, table(*declared).presence)
        for declared in ([], [("a", KEEP)], [("a", KEEP), ("b", history)], [("a", KEEP), ("b", presence)])
    ]
    assert told == [(False, False), (False, False), (True, False), (False, True)]


# -- configuration -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a keep", ("a", "keep", 100, inf)),
        ("prices/** conflate ttl=10", ("prices/**", "conflate", 100, 10)),
        ("  log/*   drop_oldest limit=5  ttl=0.5 ", ("log/*", "drop_oldest", 5, 0.5)),
        ("a conflate ttl=inf", ("a", "conflate", 100, inf)),
    ],
)
def test_a_line_is_a_contract(line: str, expected: tuple[str, str, int, float]) -> None:
    pattern, contract = read_contract(line)
    assert (pattern, contract.when_full, contract.limit, contract.ttl) == expected


def test_a_line_may_say_what_is_kept() -> None:
    _, contract = read_contract("a keep history=3 history_ttl=5 history_bytes=100")
    assert (contract.history, contract.presence) == ((3, 5, 100), False)


def test_a_line_may_say_that_it_is_told_who_is_there() -> None:
    _, contract = read_contract("a keep presence=on")
    assert contract.presence is True


@pytest.mark.parametrize(
    "value", [["a keep", "b close limit=5"], ("a keep", "b close limit=5"), "a keep, b close limit=5"]
)
def test_a_list_of_lines_is_checked_whether_it_comes_as_a_list_or_as_text(value: Any) -> None:
    read = PATHS.parse(value) if isinstance(value, str) else PATHS.check(value)
    assert read == ("a keep", "b close limit=5")


@pytest.mark.parametrize("value", [["a explode"], ["a keep", "a close"], [7], 7, None, {"a": "keep"}])
def test_what_is_no_list_of_contracts_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^$"):
        PATHS.check(value)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "prices/**",
        "prices/** explode",
        "prices* conflate",
        "a conflate ttl",
        "a conflate ttl=",
        "a conflate ttl=-1",
        "a conflate ttl=soon",
        "a conflate ttl=1 ttl=2",
        "a conflate limit=1",
        "a close limit=1.5",
        "a close limit=0",
        "a close key=x",
        "a close presence=off",
    ],
)
def test_a_line_that_is_none_is_refused(line: str) -> None:
    with pytest.raises(UsageError):
        read_contract(line)


def test_two_lines_for_one_pattern_are_refused() -> None:
    with pytest.raises(UsageError):
        read_contracts(["a keep", "a close"])
