"""Writes what the push servers cost as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.harness.markdown import NOTHING, bullets, figure, table
from benchmarks.harness.rounds import Outcome
from benchmarks.harness.server import LOADED
from benchmarks.harness.servers import BY_NAME, ERLANG, SOCKETIO_NODE, SUBJECT
from benchmarks.harness.summary import PEERS, Summary
from benchmarks.harness.target import table_of

RATIO_BASES = {SOCKETIO_NODE: "S", ERLANG: "E"}
READING = (
    "µs: server CPU microseconds for a delivery, the median of the rounds (lowest–highest). "
    f"÷S and ÷E: the same over {SOCKETIO_NODE} and {ERLANG}, the median of the rounds' own ratios."
)


def comparison(
    outcome: Outcome, names: Sequence[str], sizes: Sequence[int], facts: Mapping[str, object]
) -> str:
    """Returns the whole report.

    Args:
        outcome: What was measured.
        names: The servers that were asked for, in the order of the rows.
        sizes: The numbers of sessions.
        facts: What it was measured on.
    """
    parts = ["# Push: server CPU time for a delivery", bullets(facts)]
    for sessions in sizes:
        summary = Summary(outcome.measurements, sessions)
        parts += [f"## {sessions:,} sessions", _noise(summary), _table(summary, names, outcome)]
        if {SUBJECT, *PEERS}.intersection(names):
            parts.append(table_of(summary.targets()))
    parts += [_missing(outcome.missing), _legend(names, outcome.versions)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _noise(summary: Summary) -> str:
    noise = summary.foreign_cores()
    if noise is None:
        return "Nothing was measured."
    return f"Other work on the machine took {noise.median:.2f} cores during a measurement (at most {noise.high:.2f})."


def _table(summary: Summary, names: Sequence[str], outcome: Outcome) -> str:
    head = ["server"]
    for mode in LOADED:
        head += [f"{mode} µs", *(f"÷{letter}" for letter in RATIO_BASES.values())]
    head += ["KB a session", "idle, % of a core", "faults", "targets"]
    rows = [
        _absent(name, outcome.missing[name], len(head)) if name in outcome.missing else _row(summary, name)
        for name in names
    ]
    return table(head, rows)


def _absent(name: str, why: str, width: int) -> list[str]:
    return [name, f"not available ({why})", *[NOTHING] * (width - 2)]


def _row(summary: Summary, name: str) -> list[str]:
    cells = [f"**{name}**" if name == SUBJECT else name]
    for mode in LOADED:
        cells.append(figure(summary.cpu_us(name, mode)))
        for base in RATIO_BASES:
            ratio = summary.ratio(name, base, mode)
            cells.append(NOTHING if ratio is None else f"{ratio.median:.2f}")
    idle = summary.idle_core(name)
    cells += [figure(summary.session_kb(name)), NOTHING if idle is None else f"{idle.median * 100:.1f}"]
    return [*cells, _faults(summary, name), _verdict(summary) if name == SUBJECT else NOTHING]


def _faults(summary: Summary, name: str) -> str:
    if summary.session_kb(name) is None:
        return NOTHING
    return ", ".join(f"{count} {kind}" for kind, count in summary.faults(name).items()) or "0"


def _verdict(summary: Summary) -> str:
    """Returns the short form of the table of targets that follows."""
    verdicts = [target.met for target in summary.targets()]
    if False in verdicts:
        return f"**{verdicts.count(False)} missed**"
    return f"{verdicts.count(None)} not measured" if None in verdicts else "all met"


def _missing(missing: Mapping[str, str]) -> str:
    if not missing:
        return ""
    lines = [f"- {what}: {why}" for what, why in missing.items()]
    return "\n".join(["## Not available", "", *lines])


def _legend(names: Sequence[str], versions: Mapping[str, str]) -> str:
    rows = [[name, BY_NAME[name].about, versions.get(name, NOTHING)] for name in names]
    what = table(["server", "what it is", "version"], rows)
    return f"## What was measured\n\n{READING}\n\n{what}"
