"""A whole campaign: an attack, and whether the server is afterwards what it was before.

The first tenth of it is for warming up: caches fill, and memory gets its shape. What the server
takes then, at rest, is what it has to come back to.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from tests.fuzzing.attack import COMET, Findings, attack
from tests.fuzzing.target import Footprint, Target

WARMING: Final = 10
"""One malformed request in so many is for warming up."""

GROWTH: Final = 8 * 1024 * 1024
"""Bytes of memory that an attack may leave behind: what an allocator keeps in pieces, and no leak
of so much as a hundred bytes for each of 100,000 requests."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a campaign.

    Attributes:
        findings: what was answered, and what must not have happened.
        before: what the server took when it was warm.
        after: what it took at the end.
        log: what it logged from level `warning` on; nothing, if all is well.
        healthy: whether it still answered at the end.
        seconds: how long it took.
    """

    findings: Findings
    before: Footprint
    after: Footprint
    log: str
    healthy: bool
    seconds: float

    @property
    def faults(self) -> list[str]:
        """All that is wrong, a sentence each."""
        before, after = self.before, self.after
        wrong = {
            "nothing malformed was sent": not self.findings.malformed,
            "the bystanders exchanged nothing": not self.findings.exchanged,
            f"{after.descriptors} descriptors instead of {before.descriptors}": after.descriptors
            > before.descriptors,
            f"{after.memory - before.memory} bytes more memory": after.memory > before.memory + GROWTH,
            f"{after.sessions} sessions are left": after.sessions != 0,
            f"the server logged: {self.log}": self.log != "",
            "the server does not answer": not self.healthy,
        }
        return [*self.findings.faults, *(fault for fault, happened in wrong.items() if happened)]

    def __str__(self) -> str:
        findings, before, after = self.findings, self.before, self.after
        rows = [
            f"{findings.malformed} malformed requests, {findings.outcomes.total()} in all, in {self.seconds:.0f} s",
            *(f"{times:>10}  {answer}" for answer, times in findings.outcomes.most_common()),
            f"bystanders exchanged {findings.exchanged} messages, and heard {findings.heard}",
            f"bystanders waited {findings.longest * 1e3:.0f} ms at most",
            f"descriptors {before.descriptors} -> {after.descriptors}",
            f"memory {before.memory / 2**20:.1f} -> {after.memory / 2**20:.1f} MiB",
            f"{len(self.faults)} faults",
        ]
        return "\n".join([*rows, *self.faults])


async def campaign(target: Target, seed: int, malformed: int, wire: str = COMET) -> Result:
    """Send so many malformed requests to `target`; see `attack` for the wire."""
    began = time.monotonic()
    findings = Findings()
    warming = malformed // WARMING
    first = await attack(target.ports, seed, warming, findings, wire=wire)
    before = await target.footprint()
    await attack(target.ports, seed, malformed - warming, findings, first=first, wire=wire)
    after = await target.footprint()
    healthy = await target.healthy()
    return Result(findings, before, after, target.logged(), healthy, time.monotonic() - began)
