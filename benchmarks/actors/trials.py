"""Runs every contestant's rings, interleaved over rounds.

Three trials, because they ask different things of a runtime: one token asks for the shortest
way from one actor to the next; a hundred keep many actors busy at once; the population has
nothing to do, and shows what an actor costs to start, keep and stop.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from benchmarks.actors.contestants import Contestant
from benchmarks.actors.rings.gauge import Ring
from benchmarks.harness.processes import cores, pinned
from benchmarks.harness.provision import Kit
from benchmarks.harness.workspace import UnavailableError

PATIENCE_SECONDS = 60
ACTORS = 1_000
POPULATION = 2_000


class Trial(StrEnum):
    """What is asked of a ring."""

    ONE_TOKEN = "1 token"  # noqa: S105 - a token of a ring
    MANY_TOKENS = "100 tokens"
    POPULATION = "population"


TRAVELS = (Trial.ONE_TOKEN, Trial.MANY_TOKENS)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one ring reported.

    Attributes:
        contestant: Whose ring it was.
        trial: What was asked of it.
        round: In which round, counted from 1.
        report: What `Gauge` found.
    """

    contestant: str
    trial: Trial
    round: int
    report: dict[str, float]


@dataclass
class Outcome:
    """What a run found.

    Attributes:
        findings: All of them, in the order they were made.
        versions: What was measured, by contestant.
        missing: Why something was not measured, by contestant.
    """

    findings: list[Finding] = field(default_factory=list[Finding])
    versions: dict[str, str] = field(default_factory=dict[str, str])
    missing: dict[str, str] = field(default_factory=dict[str, str])


def run(contestants: Sequence[Contestant], rounds: int, kit: Kit) -> Outcome:
    """Runs all trials of all contestants, round after round."""
    outcome = Outcome()
    for each in contestants:
        try:
            each.set_up(kit)
            outcome.versions[each.name] = each.version(kit)
        except UnavailableError as why:
            outcome.missing[each.name] = str(why)
    for number in range(1, rounds + 1):
        for trial in Trial:
            for each in contestants:
                if each.name not in outcome.missing:
                    _run_one(each, trial, number, kit, outcome)
    return outcome


def _run_one(contestant: Contestant, trial: Trial, number: int, kit: Kit, outcome: Outcome) -> None:
    try:
        with pinned(cores()[0]):
            printed = contestant.run(_ring(contestant, trial), kit, seconds=PATIENCE_SECONDS)
    except UnavailableError as why:
        outcome.missing[contestant.name] = str(why)
        return
    report: dict[str, float] = json.loads(printed)
    outcome.findings.append(Finding(contestant.name, trial, number, report))
    print(f"round {number}: {contestant.name}, {trial}: {printed.strip()}", file=sys.stderr, flush=True)


def _ring(contestant: Contestant, trial: Trial) -> Ring:
    match trial:
        case Trial.ONE_TOKEN:
            return Ring(ACTORS, 1, contestant.messages)
        case Trial.MANY_TOKENS:
            return Ring(ACTORS, 100, contestant.messages // 100)
        case Trial.POPULATION:
            return Ring(POPULATION, 1, 1)
