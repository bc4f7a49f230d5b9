"""An outcome, to read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Final

from cometary.chaos.ledger import Counts
from tests.simulation.run import Outcome

SHOWN: Final = 20
"""Faults that are shown."""


def table(outcome: Outcome) -> str:
    """Return what is to be said of an outcome; if a promise was broken, with how to repeat it."""
    return "\n".join(_lines(outcome))


def _lines(outcome: Outcome) -> Iterator[str]:
    plan = outcome.plan
    yield f"seed {plan.seed}: {plan.sessions} pages, {plan.minutes:g} virtual minutes of trouble"
    names = [field.name for field in fields(Counts)]
    yield " " * 16 + "".join(f"{name:>11}" for name in names)
    for way, counts in (("to application", outcome.up), ("to pages", outcome.down)):
        yield f"{way:<16}" + "".join(f"{getattr(counts, name):>11,}" for name in names)
    yield "sessions ended: " + ", ".join(f"{count:,} {reason}" for reason, count in outcome.ended.items())
    yield "receipts: " + ", ".join(f"{count:,} {name}" for name, count in outcome.receipts.items())
    yield "trouble: " + ", ".join(f"{count:,} {name}" for name, count in outcome.troubles.items())
    yield f"trace {outcome.digest}"
    if outcome.faults:
        yield f"{len(outcome.faults)} promises broken:"
        yield from (f"  {fault}" for fault in outcome.faults[:SHOWN])
        yield f"The same again: {plan.replay}"
