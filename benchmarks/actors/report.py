"""Writes what the rings found as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.actors.contestants import PYKKA, SUBJECT, Contestant
from benchmarks.actors.trials import TRAVELS, Finding, Outcome, Trial
from benchmarks.harness.markdown import NOTHING, bullets, figure, table
from benchmarks.harness.spread import Spread

# Cometary's target: this many times the messages a second of Pykka's threads.
SPEED_TARGET = 10

READING = (
    "k/s: thousand messages a second, by the clock, on one core; the median of the rounds (lowest–highest). "
    "×P: the same over pykka, the median of the rounds' own ratios. "
    "KB, start and stop: memory and microseconds for one actor among 2,000."
)


def rings(outcome: Outcome, contestants: Sequence[Contestant], facts: Mapping[str, object]) -> str:
    """Returns the whole report."""
    head = ["runtime"]
    for trial in TRAVELS:
        head += [f"{trial}, k/s", "×P"]
    head += ["KB an actor", "start µs", "stop µs", "target"]
    rows = [_row(outcome, each.name, len(head)) for each in contestants]
    legend = [[each.name, each.about, outcome.versions.get(each.name, NOTHING)] for each in contestants]
    parts = [
        "# Actors: a ring of 1,000",
        bullets(facts),
        table(head, rows),
        READING,
        table(["runtime", "an actor is", "version"], legend),
    ]
    return "\n\n".join(parts) + "\n"


def speed_ratio(findings: Sequence[Finding], name: str, base: str, trial: Trial) -> Spread | None:
    """Returns how many times the messages a second one contestant made of another's, by round."""
    over, under = _speeds(findings, name, trial), _speeds(findings, base, trial)
    return Spread.of([over[number] / under[number] for number in over if number in under])


def _row(outcome: Outcome, name: str, width: int) -> list[str]:
    if name in outcome.missing:
        return [name, f"not available ({outcome.missing[name]})", *[NOTHING] * (width - 2)]
    cells = [f"**{name}**" if name == SUBJECT else name]
    for trial in TRAVELS:
        ratio = speed_ratio(outcome.findings, name, PYKKA, trial)
        speeds = _speeds(outcome.findings, name, trial).values()
        cells.append(figure(Spread.of([speed / 1000 for speed in speeds]), 0))
        cells.append(NOTHING if ratio is None else f"{ratio.median:.1f}")
    cells += [
        figure(_population(outcome.findings, name, what), digits)
        for what, digits in {"actor_kb": 2, "start_us": 0, "stop_us": 0}.items()
    ]
    return [*cells, _verdict(outcome.findings) if name == SUBJECT else NOTHING]


def _verdict(findings: Sequence[Finding]) -> str:
    ratios = [speed_ratio(findings, SUBJECT, PYKKA, trial) for trial in TRAVELS]
    if None in ratios:
        return "not known"
    least = min(ratio.median for ratio in ratios if ratio is not None)
    return f"{'met' if least >= SPEED_TARGET else '**missed**'}: {least:.1f} ≥ {SPEED_TARGET} times pykka"


def _speeds(findings: Sequence[Finding], name: str, trial: Trial) -> dict[int, float]:
    return {
        each.round: each.report["messages_per_s"]
        for each in findings
        if each.contestant == name and each.trial is trial
    }


def _population(findings: Sequence[Finding], name: str, what: str) -> Spread | None:
    return Spread.of(
        [each.report[what] for each in findings if each.contestant == name and each.trial is Trial.POPULATION]
    )
