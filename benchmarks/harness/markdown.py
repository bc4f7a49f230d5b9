"""The pieces that reports are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.harness.spread import Spread

NOTHING = "–"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def figure(spread: Spread | None, digits: int = 1) -> str:
    """Returns a median, and the range of the rounds if there was more than one."""
    if spread is None:
        return NOTHING
    middle = f"{spread.median:.{digits}f}"
    if spread.rounds == 1:
        return middle
    return f"{middle} ({spread.low:.{digits}f}–{spread.high:.{digits}f})"


def bullets(facts: Mapping[str, object]) -> str:
    """Returns facts as a list, one to a line."""
    return "\n".join(f"- {name}: {value}" for name, value in facts.items())
