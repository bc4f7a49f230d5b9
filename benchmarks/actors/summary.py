"""Turns findings into medians, ratios and verdicts. Pure: numbers in, numbers out.

Every figure is a cost, so less is better: microseconds, or kilobytes. A ratio is taken inside
a round, so that a machine that was slower for a while was slower for both sides of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.actors.contestants import ERLANG, PYKKA, SUBJECT
from benchmarks.actors.trials import (
    ASK,
    FAN_OUT,
    LARGE_RING,
    LARGE_RING_ONE,
    MANY_TOKENS,
    ONE_TOKEN,
    POPULATION,
    RESTART,
    Finding,
    Trial,
)
from benchmarks.harness.spread import Spread
from benchmarks.harness.target import Target

# Cometary's targets: at least so many times less than Pykka's threads take, in a ring and elsewhere,
RING_TARGET = 10.0
PYKKA_TARGET = 5.0
# no more than anything else in Python takes,
PYTHON_TARGET = 1.0
PYTHON_RIVALS = ("trio", "triotp")
# at most so many times what Erlang takes: see the rows,
# and at most so many times among 100,000 actors what it takes among 1,000.
FLAT_TARGET = 1.3


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the tables.

    Attributes:
        name: What was measured.
        unit: In what: `k/s` is thousand messages a second, the inverse of the cost.
        trial: Where it was found.
        cost: Under which name.
        pykka: How many times less than Pykka's threads it has to be.
        erlang: How many times what Erlang takes it may be.
    """

    name: str
    unit: str
    trial: Trial
    cost: str = "wall_us"
    pykka: float = PYKKA_TARGET
    erlang: float = 1.0

    @property
    def counts_messages(self) -> bool:
        """Whether it is about messages a second."""
        return self.unit == "k/s"


ROWS = (
    Row("ring of 1,000, 1 token", "k/s", ONE_TOKEN, pykka=RING_TARGET, erlang=1.5),
    Row("ring of 1,000, 100 tokens", "k/s", MANY_TOKENS, pykka=RING_TARGET, erlang=1.5),
    Row("fan-out to 10,000", "k/s", FAN_OUT, erlang=2.0),
    Row("ask and be answered", "µs", ASK, erlang=1.5),
    Row("start and stop one of 100,000", "µs", POPULATION, erlang=4.0),
    Row("memory, one of 100,000", "KB", POPULATION, cost="actor_kb"),
    Row("restart one of 10,000", "µs", RESTART, erlang=2.0),
)
TIMED = (
    *(row for row in ROWS if row.cost == "wall_us"),
    Row("ring of 100,000, 1 token", "k/s", LARGE_RING_ONE),
    Row("ring of 100,000, 100 tokens", "k/s", LARGE_RING),
)


@dataclass(frozen=True, slots=True)
class Growth:
    """What a message takes among 100,000 actors, over what it takes among 1,000.

    Attributes:
        name: How many tokens go round at once.
        few: Where it is among 1,000.
        many: Where it is among 100,000.
    """

    name: str
    few: Trial
    many: Trial


GROWTHS = (
    Growth("1 token", ONE_TOKEN, LARGE_RING_ONE),
    Growth("100 tokens", MANY_TOKENS, LARGE_RING),
)


class Summary:
    """What the findings of a run say."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self._findings = list(findings)

    def cost(self, contestant: str, trial: Trial, name: str) -> Spread | None:
        """Returns what something took."""
        return Spread.of(list(self._by_round(contestant, trial, name).values()))

    def per_second(self, contestant: str, trial: Trial) -> Spread | None:
        """Returns thousand messages a second, by the clock."""
        return Spread.of(
            [1000 / each for each in self._by_round(contestant, trial, "wall_us").values() if each > 0]
        )

    def advantage(self, row: Row, other: str) -> Spread | None:
        """Returns how many times as much something took another contestant as it took Cometary."""
        ours = self._by_round(SUBJECT, row.trial, row.cost)
        return _ratio(self._by_round(other, row.trial, row.cost), ours)

    def growth(self, contestant: str, growth: Growth) -> Spread | None:
        """Returns the CPU time of a message among 100,000 actors over that among 1,000."""
        few = self._by_round(contestant, growth.few, "cpu_us")
        return _ratio(self._by_round(contestant, growth.many, "cpu_us"), few)

    def targets(self) -> Sequence[Target]:
        """Returns Cometary's promises, kept or not."""
        return [
            *(self._over(PYKKA, row, row.pykka) for row in ROWS if row.trial is not RESTART),
            *(self._over_python(row) for row in ROWS),
            *(self._behind_erlang(row) for row in ROWS),
            *(self._flat(growth) for growth in GROWTHS),
        ]

    def _over(self, other: str, row: Row, limit: float) -> Target:
        return Target(f"{row.name}: times {other}", limit, _middle(self.advantage(row, other)), "≥")

    def _over_python(self, row: Row) -> Target:
        measured = [_middle(self.advantage(row, rival)) for rival in PYTHON_RIVALS]
        least = min((each for each in measured if each is not None), default=None)
        return Target(
            f"{row.name}: times the best of {' and '.join(PYTHON_RIVALS)}", PYTHON_TARGET, least, "≥"
        )

    def _behind_erlang(self, row: Row) -> Target:
        advantage = _middle(self.advantage(row, ERLANG))
        behind = None if advantage is None else 1 / advantage
        return Target(f"{row.name}: {SUBJECT} ÷ {ERLANG}", row.erlang, behind)

    def _flat(self, growth: Growth) -> Target:
        name = f"a message, 100,000 actors ÷ 1,000, {growth.name}"
        return Target(name, FLAT_TARGET, _middle(self.growth(SUBJECT, growth)))

    def _by_round(self, contestant: str, trial: Trial, cost: str) -> dict[int, float]:
        return {
            each.round: each.report[cost]
            for each in self._findings
            if each.contestant == contestant and each.trial == trial.name
        }


def _ratio(over: dict[int, float], under: dict[int, float]) -> Spread | None:
    """Returns a ratio by round; what was too little to be measured gives none."""
    return Spread.of(
        [
            over[number] / under[number]
            for number in over
            if number in under and over[number] > 0 and under[number] > 0
        ]
    )


def _middle(spread: Spread | None) -> float | None:
    return None if spread is None else spread.median
