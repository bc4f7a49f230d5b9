"""The one shape of what is found out: a question, with a curve for each thing that was measured. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any, Final

from benchmarks.harness.markdown import NOTHING, figure, table
from benchmarks.harness.spread import Spread
from benchmarks.harness.target import Target
from benchmarks.harness.workspace import UnavailableError

FAILURES: Final = (UnavailableError, RuntimeError, OSError)
"""What ends a measurement that could not be made: of the machine, of a client, of a connection."""

Curve = dict[float, list[float]]
"""What the rounds gave, by what there was much of."""


@dataclass(slots=True)
class Question:
    """Something that was asked, and what was found.

    Attributes:
        name: A word for it, in names of files.
        title: What is asked.
        x: What there is more and more of.
        y: What is measured, with its unit.
        digits: How many stand behind the point.
        limit: The most that a value may be, or the least, where that is promised of each; drawn as a line.
        curves: What was found, by what is compared.
        targets: What was promised, and came of it.
        missing: Why something was not measured, by what.
    """

    name: str
    title: str
    x: str
    y: str
    digits: int = 1
    limit: float | None = None
    curves: dict[str, Curve] = field(default_factory=dict[str, Curve])
    targets: list[Target] = field(default_factory=list[Target])
    missing: dict[str, str] = field(default_factory=dict[str, str])

    def add(self, curve: str, x: float, value: float) -> None:
        """Takes what one round gave."""
        self.curves.setdefault(curve, {}).setdefault(x, []).append(value)

    def middle(self, curve: str, x: float) -> float | None:
        """Returns the median of the rounds; None if there was none."""
        spread = Spread.of(self.curves.get(curve, {}).get(x, []))
        return None if spread is None else spread.median

    def highest(self, curve: str) -> float | None:
        """Returns the highest value of all rounds, wherever on the curve; None if there is none."""
        return max((max(values) for values in self.curves.get(curve, {}).values()), default=None)

    def growth(self, curve: str) -> float | None:
        """Returns by how many times a curve rises above where it begins, at most.

        A ratio is taken inside a round, so that a machine that was slower for a while was so for both sides of it.

        Returns:
            The highest median of the ratios; None if there is nothing to compare.
        """
        points = sorted(self.curves.get(curve, {}).items())
        if len(points) < 2:  # noqa: PLR2004 - a beginning, and something after it
            return None
        (_, first), *later = points
        ratios = [[value / base for base, value in zip(first, values, strict=False)] for _, values in later]
        return max((median(each) for each in ratios if each), default=None)

    def data(self) -> dict[str, Any]:
        """Returns all of it as JSON has it."""
        curves = {
            name: [{"x": x, "rounds": values} for x, values in sorted(curve.items())]
            for name, curve in self.curves.items()
        }
        return {
            "name": self.name,
            "title": self.title,
            "x": self.x,
            "y": self.y,
            "limit": self.limit,
            "curves": curves,
            "targets": [{**asdict(each), "met": each.met} for each in self.targets],
            "missing": self.missing,
        }


def table_of_curves(question: Question) -> str:
    """Returns the curves as a Markdown table, one row for each."""
    xs = sorted({x for curve in question.curves.values() for x in curve})
    rows = [[name, *_figures(question, name, xs)] for name in question.curves]
    return table([f"{question.y}, by {question.x}", *(f"{x:,g}" for x in xs)], rows)


def _figures(question: Question, name: str, xs: Sequence[float]) -> list[str]:
    curve: Mapping[float, Sequence[float]] = question.curves[name]
    spreads = [Spread.of(curve.get(x, ())) for x in xs]
    return [NOTHING if each is None else figure(each, question.digits) for each in spreads]
