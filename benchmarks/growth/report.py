"""Writes what was found out about growth, as Markdown and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.growth.question import Question, table_of_curves
from benchmarks.harness.markdown import bullets
from benchmarks.harness.target import table_of

READING = (
    "The median of the rounds (lowest–highest). µs are processor time of the server, ms are by the clock."
)


def report(questions: Sequence[Question], facts: Mapping[str, object]) -> str:
    """Returns the whole report; all that was promised comes first."""
    promises = [target for each in questions for target in each.targets]
    parts = ["# Growth", bullets(facts), table_of(promises), READING]
    for each in questions:
        missing = [f"- not measured: {what}: {why}" for what, why in each.missing.items()]
        if each.curves or missing:
            parts.append(f"## {each.title}")
        if each.curves:
            parts.append(table_of_curves(each))
        if missing:
            parts.append("\n".join(missing))
    return "\n\n".join(parts) + "\n"


def data(questions: Sequence[Question], facts: Mapping[str, object]) -> dict[str, Any]:
    """Returns all that the report was made of."""
    return {"facts": dict(facts), "questions": [each.data() for each in questions]}
