"""The list of mutants that may survive, in harmless.toml, each with the reason."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Final, NotRequired, TypedDict, cast

from tests.mutation.making import mutants
from tests.mutation.mutant import Key
from tests.mutation.trial import NOTICED, Outcome

LIST: Final = Path("tests/mutation/harmless.toml")


class Entry(TypedDict):
    """What the list says of one mutant."""

    function: str
    was: str
    now: str
    nth: NotRequired[int]
    reason: str


def read(text: str) -> dict[Key, str]:
    """The reasons by the mutants that they are for."""
    listed = cast("Mapping[str, list[Entry]]", tomllib.loads(text))
    found: dict[Key, str] = {}
    for module, entries in listed.items():
        for entry in entries:
            key = Key(module, entry["function"], entry["was"], entry["now"], entry.get("nth", 1))
            if key in found or not entry["reason"].strip():
                raise ValueError(f"{key}: listed twice, or without a reason")
            found[key] = entry["reason"]
    return found


def written(key: Key) -> str:
    """How `key` is written in the list, but for the reason."""
    fields = {"function": key.function, "was": key.was, "now": key.now}
    lines = [f"{name} = {_quoted(value)}" for name, value in fields.items()]
    ordinal = [f"nth = {key.nth}"] if key.nth > 1 else []
    return "\n".join([f'[["{key.module}"]]', *lines, *ordinal, 'reason = ""'])


def _quoted(text: str) -> str:
    return f"'{text}'" if "'" not in text else "'''" + text + "'''"


def no_longer_there(listed: Iterable[Key], root: Path) -> list[Key]:
    """What is listed, though no mutant is like that any more."""
    wanted = set(listed)
    made: set[Key] = set()
    for module in {key.module for key in wanted}:
        if (root / module).is_file():
            made.update(mutant.key for mutant in mutants(module, (root / module).read_bytes()))
    return sorted(wanted - made)


def survivors(outcomes: Iterable[Outcome], listed: Collection[Key]) -> list[Outcome]:
    """What no test has noticed, and nobody has called harmless."""
    return [each for each in outcomes if each.verdict not in NOTICED and each.mutant.key not in listed]


def not_harmless(outcomes: Iterable[Outcome], listed: Collection[Key]) -> list[Outcome]:
    """What is listed as harmless, though a test notices it."""
    return [each for each in outcomes if each.verdict in NOTICED and each.mutant.key in listed]
