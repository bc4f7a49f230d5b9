"""Writes what the actors took as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.actors.contestants import ERLANG, PYKKA, SUBJECT, Contestant
from benchmarks.actors.summary import GROWTHS, PYTHON_RIVALS, ROWS, TIMED, Row, Summary
from benchmarks.actors.trials import POPULATION, TRIALS, Outcome
from benchmarks.harness.markdown import NOTHING, bullets, figure, table
from benchmarks.harness.spread import Spread
from benchmarks.harness.target import table_of

COMPARED = (PYKKA, *PYTHON_RIVALS, ERLANG)
READING = (
    "All on one core; the median of the rounds (lowest–highest). k/s: thousand messages a second. "
    "The times of the first table are by the clock, those of the second are processor time, user and kernel."
)


def comparison(outcome: Outcome, contestants: Sequence[Contestant], facts: Mapping[str, object]) -> str:
    """Returns the whole report."""
    summary = Summary(outcome.findings)
    parts = [
        "# Actors, on one core",
        bullets(facts),
        "## What it took",
        READING,
        _figures(summary, contestants),
        "## Processor time, µs",
        _cpu(summary, contestants),
        f"## How many times as much it took the others as {SUBJECT}",
        _advantages(summary),
        "## Targets",
        table_of(summary.targets()),
        "## What was measured",
        _legend(outcome, contestants),
        _notes(outcome, contestants),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _figures(summary: Summary, contestants: Sequence[Contestant]) -> str:
    rows = [
        [f"{row.name}, {row.unit}", *(_figure(summary, row, each) for each in contestants)] for row in ROWS
    ]
    for growth in GROWTHS:
        figures = [figure(summary.growth(each.name, growth), 2) for each in contestants]
        rows.append([f"µs a message, 100,000 ÷ 1,000 actors, {growth.name}", *figures])
    return table(["", *_names(contestants)], rows)


def _figure(summary: Summary, row: Row, contestant: Contestant) -> str:
    if row.counts_messages:
        return figure(summary.per_second(contestant.name, row.trial), 0)
    found = figure(summary.cost(contestant.name, row.trial, row.cost), 2 if row.unit == "KB" else 1)
    actors = row.trial.actors_of(contestant)
    fewer = actors < row.trial.actors and found != NOTHING
    return f"{found}, one of {actors:,}" if fewer else found


def _cpu(summary: Summary, contestants: Sequence[Contestant]) -> str:
    rows = [
        [row.name, *(figure(summary.cost(each.name, row.trial, "cpu_us"), 2) for each in contestants)]
        for row in TIMED
    ]
    return table(["", *_names(contestants)], rows)


def _advantages(summary: Summary) -> str:
    rows = [[row.name, *(_times(summary.advantage(row, other)) for other in COMPARED)] for row in ROWS]
    return table(["", *COMPARED], rows)


def _times(ratio: Spread | None) -> str:
    return NOTHING if ratio is None else f"{ratio.median:.2f}"


def _names(contestants: Sequence[Contestant]) -> list[str]:
    return [f"**{each.name}**" if each.name == SUBJECT else each.name for each in contestants]


def _legend(outcome: Outcome, contestants: Sequence[Contestant]) -> str:
    rows = [[each.name, each.about, outcome.versions.get(each.name, NOTHING)] for each in contestants]
    return table(["runtime", "an actor is", "version"], rows)


def _notes(outcome: Outcome, contestants: Sequence[Contestant]) -> str:
    """Says of every figure that is not there, or is another one than the row says, why."""
    lines = [f"- {name}: not available ({why})" for name, why in outcome.missing.items()]
    lines += [f"- {name}, {trial}: failed ({why})" for (name, trial), why in outcome.failed.items()]
    for each in contestants:
        lines += [
            f"- {each.name}, {trial.name}: {each.lacks[trial.name]}"
            for trial in TRIALS
            if trial.name in each.lacks
        ]
        if (actors := POPULATION.actors_of(each)) < POPULATION.actors:
            lines.append(f"- {each.name}, {POPULATION.name}: {actors:,} actors, for {each.limit}")
    return "\n".join(lines)
