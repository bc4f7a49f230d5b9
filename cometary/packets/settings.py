"""What an operator can say of packets: which contracts they are under."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, cast

from cometary.config.kinds import Kind, listed, matching
from cometary.config.option import option
from cometary.config.section import Section
from cometary.errors import UsageError
from cometary.packets.contract import Contract, Declared, declare, make_contract
from cometary.packets.patterns import Pattern

_LINE: Final = matching(".+", "text")

TERMS: Final[dict[str, Callable[[str], object]]] = {
    "limit": int,
    "ttl": float,
    "history": int,
    "history_ttl": float,
    "history_bytes": int,
    "presence": {"on": True}.__getitem__,
    "durable": {"on": True}.__getitem__,
}
TERMS_SHOWN: Final = (
    "limit=PACKETS, ttl=SECONDS, history=PACKETS, history_ttl=SECONDS, history_bytes=BYTES, presence=on "
    "and durable=on"
)


def read_contract(line: str) -> tuple[str, Contract]:
    """Read a contract from configuration: a pattern, a policy, and any of the terms.

    `prices/** conflate ttl=10 history=1` is one.

    Raises:
        UsageError: if it is not one; whoever wrote it is at fault.
    """
    pattern, when_full, *terms = line.split() if len(line.split()) > 1 else (line, "")
    given: dict[str, Any] = {}
    for term in terms:
        name, _, value = term.partition("=")
        if name not in TERMS or name in given:
            raise UsageError(f"{term!r} is not a term of a contract: there are {TERMS_SHOWN}")
        try:
            given[name] = TERMS[name](value)
        except (ValueError, KeyError):
            raise UsageError(f"{term!r} has no value that fits: there are {TERMS_SHOWN}") from None
    contract = make_contract(when_full, **given)
    Pattern.compile(pattern)
    return pattern, contract


def read_contracts(lines: Iterable[str]) -> list[Declared]:
    """Read all contracts of a configuration.

    Raises:
        UsageError: if one is not valid, or two are for the same pattern; whoever wrote it is at fault.
    """
    declared: list[Declared] = []
    for line in lines:
        declare(declared, *read_contract(line))
    return declared


def _check_paths(value: object) -> tuple[str, ...]:
    if isinstance(value, list | tuple):
        lines = tuple(map(_LINE.check, cast("Iterable[object]", value)))
        try:
            read_contracts(lines)
        except UsageError:
            raise ValueError from None
        return lines
    raise ValueError


PATHS: Final = Kind(
    "contracts such as 'prices/** conflate ttl=10', separated by commas, each a pattern, a policy "
    f"(keep, conflate, drop_oldest, drop_newest, close) and any of {TERMS_SHOWN}",
    _check_paths,
    lambda text: _check_paths(listed(text)),
)


@dataclass(frozen=True, kw_only=True)
class ContractSection(Section):
    """The contracts of a server."""

    paths: tuple[str, ...] = option(
        (), PATHS, "What becomes of packets that a session is too slow or too late for."
    )
