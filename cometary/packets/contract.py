"""The contract of a path with slow consumers: what becomes of its packets when a session is behind.

1.  `keep`: nothing is lost; when the session's queue is full, the session ends (`overflow`). This
    is what holds for a path about which nothing was said.
2.  `conflate`: of the packets with the same key only the latest waits. A key is the path, unless
    the contract or the packet names another. The latest is never lost: it is kept as by rule 1.
3.  `drop_oldest`, `drop_newest`: at most `limit` packets with the same key wait; for one more the
    oldest goes, or the new one. Such a packet never ends a session: where the queue as a whole
    has no room for it, it is dropped.
4.  `close`: at most `limit` packets with the same key wait; one more ends the session (`overflow`).
5.  A time to live ends the waiting of a packet that was not sent in time. What loses packets anyway
    (rules 2 and 3) is perishable: a minute, unless the contract says otherwise. What promises to
    lose nothing (rules 1 and 4) has none, unless the contract or the packet names one.
6.  A durable path is one of which each packet is recorded for each session that is recorded, before its client gets
    it, as what is sent to that session alone is (`cometary.cluster`). What is recorded is delivered: so nothing of it
    is dropped, and none expires.
7.  All of this is about packets that were never part of an answer. One that was may have arrived:
    it keeps its number and its place until it is acknowledged, or the session ends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Any, Final, Literal, get_args

from cometary.errors import UsageError
from cometary.packets.keeping import Keeping, make_keeping
from cometary.packets.patterns import Pattern
from cometary.packets.terms import check_ttl

WhenFull = Literal["keep", "conflate", "drop_oldest", "drop_newest", "close"]
Key = Callable[[str, Any], object]

POLICIES: Final[tuple[str, ...]] = get_args(WhenFull)
LIMITED: Final = ("drop_oldest", "drop_newest", "close")
"""The policies that have a limit of their own."""

PERISHABLE: Final = ("conflate", "drop_oldest", "drop_newest")
"""The policies that lose packets, so that these have a time to live by default."""

DEFAULT_LIMIT: Final = 100
DEFAULT_TTL: Final = 60.0
"""Seconds."""


@dataclass(frozen=True, slots=True, eq=False)
class Contract:
    """What becomes of the packets of some paths when a session is behind; see the rules above.

    Two contracts are never the same, even with the same terms: keys belong to their contract.

    Attributes:
        when_full: the policy.
        limit: packets with the same key that wait unsent at most, for the policies that have one.
        ttl: seconds that a packet waits unsent at most; infinity for no end.
        key: from path and message to what is conflated and counted together, anything that can be
            the key of a dict; None: the path.
        history: how much is kept of the updates; None for nothing.
        presence: whether it is told who is connected to the path.
        plain: whether its packets need no account: nothing but history or presence makes it differ from `KEEP`.
        durable: whether its packets are recorded; see rule 6.
    """

    when_full: WhenFull = "keep"
    limit: int = DEFAULT_LIMIT
    ttl: float = inf
    key: Key | None = None
    history: Keeping | None = None
    presence: bool = False
    plain: bool = False
    durable: bool = False


KEEP: Final = Contract(plain=True)
"""The contract of every path without one."""


def make_contract(
    when_full: str = "keep",
    *,
    limit: int | None = None,
    ttl: float | None = None,
    key: Key | None = None,
    history: int | None = None,
    history_ttl: float | None = None,
    history_bytes: int | None = None,
    presence: bool = False,
    durable: bool = False,
) -> Contract:
    """Return a contract with these terms, the others by default.

    Raises:
        UsageError: for an unknown policy, a limit below 1 or where there is none, a time to live
            that is not above 0, terms of a history that make no sense, or a durable path with any of these; the
            caller's fault.
    """
    for policy in get_args(WhenFull):
        if policy == when_full:
            break
    else:
        raise UsageError(f"when_full is one of {', '.join(POLICIES)}, not {when_full!r}")
    if limit is not None and policy not in LIMITED:
        raise UsageError(f"{policy} has no limit of its own")
    if limit is not None and (limit.__class__ is not int or limit < 1):
        raise UsageError(f"a limit is a whole number of packets from 1 on, not {limit!r}")
    keeping = make_keeping(history, history_ttl, history_bytes)
    plain = policy == "keep" and ttl is None and key is None
    if durable and (not plain or keeping is not None):
        raise UsageError(
            "what is recorded is delivered: a durable path keeps all, without ttl, key or history"
        )
    if ttl is None:
        ttl = DEFAULT_TTL if policy in PERISHABLE else inf
    limit = DEFAULT_LIMIT if limit is None else limit
    return Contract(policy, limit, check_ttl(ttl), key, keeping, presence, plain and not durable, durable)


Declared = tuple[Pattern, Contract]
"""A contract and the paths that it is for."""


def declare(declared: list[Declared], pattern: str, contract: Contract) -> None:
    """Add a contract to those that were declared before it.

    Raises:
        PatternError: if `pattern` is not a pattern; the caller's fault, nothing has changed.
        UsageError: if that pattern has a contract; the caller's fault, nothing has changed.
    """
    compiled = Pattern.compile(pattern)
    if any(other == compiled for other, _ in declared):
        raise UsageError(f"{pattern!r} has a contract already")
    declared.append((compiled, contract))
