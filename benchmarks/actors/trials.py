"""Runs every contestant's trials, interleaved over rounds.

Each trial asks something else of a runtime: one token asks for the shortest way from one actor
to the next; a hundred keep many actors busy at once; and a hundred among 100,000 find out
whether a message costs more where there are more actors. For the others see
`benchmarks.actors.crowds.task`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.actors.contestants import Contestant
from benchmarks.harness.processes import cores, pinned
from benchmarks.harness.provision import Kit
from benchmarks.harness.workspace import UnavailableError

PATIENCE_SECONDS = 60
RESTARTS = 3_000
# In a quick run there are so many times fewer actors, and messages.
QUICKER = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What is asked of a contestant.

    Attributes:
        name: What it is called.
        actors: How many take part, if the contestant can have that many.
        program: `ring` or `crowd`.
        arguments: Those of the program, from the number of actors and that of messages.
        limited: Whether a contestant that cannot have so many takes part with fewer.
    """

    name: str
    actors: int
    program: str
    arguments: Callable[[int, int], Sequence[object]]
    limited: bool = False

    def actors_of(self, contestant: Contestant) -> int:
        """Returns how many actors a contestant takes part with."""
        if self.limited and contestant.most is not None:
            return min(self.actors, contestant.most)
        return self.actors

    def arguments_for(self, contestant: Contestant, *, quick: bool) -> Sequence[object]:
        """Returns what a contestant's program is given."""
        divisor = QUICKER if quick else 1
        actors = max(1, self.actors_of(contestant) // divisor)
        return self.arguments(actors, contestant.messages // divisor)


def _ring(name: str, actors: int, tokens: int) -> Trial:
    return Trial(
        name=name,
        actors=actors,
        program="ring",
        arguments=lambda actors, messages: (actors, min(tokens, actors), messages // tokens),
    )


def _crowd(task: str, actors: int, times: Callable[[int], int], *, limited: bool = False) -> Trial:
    return Trial(
        name=task,
        actors=actors,
        program="crowd",
        arguments=lambda actors, messages: (task, actors, max(1, times(messages))),
        limited=limited,
    )


ONE_TOKEN = _ring("ring, 1 token", 1_000, 1)
MANY_TOKENS = _ring("ring, 100 tokens", 1_000, 100)
FAN_OUT = _crowd("fan_out", 10_000, lambda messages: messages // 30_000)
ASK = _crowd("ask", 1, lambda messages: messages // 10)
POPULATION = _crowd("population", 100_000, lambda _messages: 1, limited=True)
RESTART = _crowd("restart", 10_000, lambda messages: min(messages, RESTARTS))
LARGE_RING_ONE = _ring("ring of 100,000, 1 token", 100_000, 1)
LARGE_RING = _ring("ring of 100,000", 100_000, 100)
TRIALS = (ONE_TOKEN, MANY_TOKENS, FAN_OUT, ASK, POPULATION, RESTART, LARGE_RING_ONE, LARGE_RING)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one program reported.

    Attributes:
        contestant: Whose it was.
        trial: The name of the trial.
        round: In which round, counted from 1.
        report: What it printed; always `wall_us` and `cpu_us`, for one message, question, actor or restart.
    """

    contestant: str
    trial: str
    round: int
    report: dict[str, float]


@dataclass
class Outcome:
    """What a run found.

    Attributes:
        findings: All of them, in the order they were made.
        versions: What was measured, by contestant.
        missing: Why a contestant was not measured at all, by its name.
        failed: Why one trial of a contestant was not measured, by both names.
    """

    findings: list[Finding] = field(default_factory=list[Finding])
    versions: dict[str, str] = field(default_factory=dict[str, str])
    missing: dict[str, str] = field(default_factory=dict[str, str])
    failed: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])


def run(contestants: Sequence[Contestant], rounds: int, kit: Kit, *, quick: bool = False) -> Outcome:
    """Runs all trials of all contestants, round after round."""
    outcome = Outcome()
    for each in contestants:
        try:
            each.set_up(kit)
            outcome.versions[each.name] = each.version(kit)
        except UnavailableError as why:
            outcome.missing[each.name] = str(why)
    for number in range(1, rounds + 1):
        for trial in TRIALS:
            for each in contestants:
                if each.name not in outcome.missing and trial.name not in each.lacks:
                    _run_one(each, trial, number, kit, outcome, quick=quick)
    return outcome


def _run_one(
    contestant: Contestant, trial: Trial, number: int, kit: Kit, outcome: Outcome, *, quick: bool
) -> None:
    if (contestant.name, trial.name) in outcome.failed:
        return
    arguments = trial.arguments_for(contestant, quick=quick)
    try:
        with pinned(cores()[0]):
            printed = contestant.run(trial.program, arguments, kit, seconds=PATIENCE_SECONDS)
    except UnavailableError as why:
        outcome.failed[contestant.name, trial.name] = str(why)
        return
    report: dict[str, float] = json.loads(printed)
    outcome.findings.append(Finding(contestant.name, trial.name, number, report))
    print(f"round {number}: {contestant.name}, {trial.name}: {printed.strip()}", file=sys.stderr, flush=True)
