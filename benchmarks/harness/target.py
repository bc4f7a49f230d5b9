"""What was promised, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.harness.markdown import NOTHING, table

VERDICTS = {True: "met", False: "**missed**", None: "not measured"}


@dataclass(frozen=True, slots=True)
class Target:
    """One thing that was promised.

    Attributes:
        name: What was promised.
        limit: The most it may be, or the least.
        value: What it was; None if it could not be measured.
        sign: `≤` or `≥`: which of the two.
    """

    name: str
    limit: float
    value: float | None
    sign: str = "≤"

    @property
    def met(self) -> bool | None:
        """Whether it was kept; None if that is not known."""
        if self.value is None:
            return None
        return self.value >= self.limit if self.sign == "≥" else self.value <= self.limit


def table_of(targets: Sequence[Target]) -> str:
    """Returns what was promised, and what came of it, as a Markdown table."""
    rows = [
        [
            target.name,
            f"{target.sign} {target.limit:,g}",
            NOTHING if target.value is None else f"{target.value:,.2f}",
            VERDICTS[target.met],
        ]
        for target in targets
    ]
    return table(["target", "limit", "measured", "verdict"], rows)
