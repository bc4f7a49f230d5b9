"""What is printed: each survivor when it is seen, a table at the end, and what is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from tests.mutation import harmless
from tests.mutation.mutant import Key
from tests.mutation.trial import NOTICED, Outcome

STEP: Final = 50
"""How many mutants there are from one sign of progress to the next."""


@dataclass(slots=True)
class Progress:
    """Tells how far it is."""

    total: int
    listed: Collection[Key]
    done: int = 0

    def saw(self, outcome: Outcome) -> Outcome:
        """Note one more; it is returned."""
        self.done += 1
        if harmless.survivors([outcome], self.listed):
            print(f"{outcome.verdict.value}: {outcome.mutant}", flush=True)
        elif self.done % STEP == 0:
            print(f"{self.done} of {self.total}", flush=True)
        return outcome


def table(outcomes: Sequence[Outcome], listed: Collection[Key]) -> str:
    """A row for each module."""
    made = Counter(each.mutant.key.module for each in outcomes)
    noticed = Counter(each.mutant.key.module for each in outcomes if each.verdict in NOTICED)
    left = Counter(each.mutant.key.module for each in harmless.survivors(outcomes, listed))
    rows = [f"{'module':40}{'mutants':>9}{'noticed':>9}{'harmless':>9}{'survive':>9}"]
    for module, count in [*made.items(), ("all", len(outcomes))]:
        known, alive = (noticed[module], left[module]) if module != "all" else (noticed.total(), left.total())
        rows.append(f"{module:40}{count:9}{known:9}{count - known - alive:9}{alive:9}")
    return "\n".join(rows)


def faults(outcomes: Sequence[Outcome], listed: Collection[Key], gone: Sequence[Key]) -> list[str]:
    """All that is wrong."""
    return [
        *(
            f"{each.verdict.value} ({each.tests} tests run it): {each.mutant}\n{harmless.written(each.mutant.key)}"
            for each in harmless.survivors(outcomes, listed)
        ),
        *(
            f"listed as harmless, but {each.verdict.value}: {each.mutant}"
            for each in harmless.not_harmless(outcomes, listed)
        ),
        *(f"listed as harmless, but no longer there:\n{harmless.written(key)}" for key in gone),
    ]
