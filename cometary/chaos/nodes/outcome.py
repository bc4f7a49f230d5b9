"""What is said at the end of several nodes. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cometary.chaos.nodes.node_ledger import NodeLedger

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cometary.chaos.fleet import Fleet
    from cometary.chaos.nodes.house import House
    from cometary.chaos.shared import Shared

WHAT: Final = {
    "kill-recorded-worker": "workers killed (SIGKILL)",
    "kill-node": "nodes killed (SIGKILL)",
    "pause-node": "times that a node hung (SIGSTOP)",
    "partition": "times that a node was cut off",
    "slow-engine": "times that the engine was slow",
    "engine-restart": "deaths of the engine (SIGKILL)",
    "rolling-restart": "nodes stopped and started again",
}
"""What a number of faults is."""

MOVING: Final = frozenset({"kill-recorded-worker", "kill-node", "pause-node", "partition", "rolling-restart"})
"""Modes in which sessions have to move to other nodes."""


UNSEEN: Final = frozenset({"kill-recorded-worker", "engine-restart"})
"""Modes in which nothing has to be answered while something is broken: it is mended at once, or nothing can be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """See above; durations are in seconds.

    Attributes:
        mode: what was broken.
        count: how often.
        answered: how many requests each node has answered.
        again: requests that went to another node, since one did not answer.
        unanswered: requests that no node has answered.
        refused: requests that were answered with an error.
        moved: how often a session went on at another node.
        recoveries: how long that took, from when the fault began: count, p50, p99, max.
        delays: the same of how long packets took, all of them.
        interrupted: packets whose handler had begun when its node died, which was told.
        gaps: how often pages were told that they may have missed something that was published.
        meanwhile: packets that were answered while something was broken.
        since: the same, since something was broken for the first time.
        held: pieces that were held back between nodes, or between a node and the engine.
        delayed: answers of the engine that were delayed.
        restarted: the nodes that were started more than once.
    """

    mode: str
    count: int
    answered: Mapping[str, int]
    again: int
    unanswered: int
    refused: int
    moved: int
    recoveries: Mapping[str, float]
    delays: Mapping[str, float]
    interrupted: int
    gaps: int
    meanwhile: int
    since: int
    held: int
    delayed: int
    restarted: tuple[str, ...]

    def faults(self) -> list[str]:
        """Return all that is wrong, besides what ledgers tell; what has not been tested is wrong as well."""
        idle = [node for node, count in self.answered.items() if not count]
        left = [node for node in self.answered if node not in self.restarted]
        errors = self.refused + self.unanswered
        wrong: dict[str, object] = {
            f"node {', '.join(idle)} has answered nothing": idle,
            "nothing was answered while something was broken: more --sessions, or a shorter --every": (
                self.count and self.mode not in UNSEEN and not self.meanwhile
            ),
            "nothing was answered any more once something was broken": self.count and not self.since,
            "no session has gone on at another node: more --sessions, or a longer --fault-lasts": (
                self.count and self.mode in MOVING and not self.moved
            ),
            "nothing was held back": self.count and self.mode == "partition" and not self.held,
            "no answer of the engine was delayed": (
                self.count and self.mode == "slow-engine" and not self.delayed
            ),
        }
        if self.mode == "rolling-restart":
            wrong[f"node {', '.join(left)} was not restarted: more --seconds, or a shorter --fault-every"] = (
                left
            )
            wrong[f"clients have seen {errors} errors"] = errors
        return [what for what, is_so in wrong.items() if is_so]

    def lines(self) -> list[str]:
        """Return what is said."""
        shares = ", ".join(f"{node} {count}" for node, count in self.answered.items())
        lines = [
            f"{self.count} {WHAT[self.mode]}",
            f"requests answered by node: {shares}; {self.again} went to another node, {self.unanswered} to none",
            f"{self.moved} times a session went on at another node: {_durations(self.recoveries)}",
            f"{self.delays['count']:.0f} packets were answered: {_durations(self.delays)}",
        ]
        if self.interrupted:
            lines.append(
                f"{self.interrupted} packets were being handled when their node died: reported, not handled again, "
                "and counted nowhere else"
            )
        if self.gaps:
            lines.append(f"{self.gaps} times a page was told of a gap in what is published to all")
        if self.held:
            lines.append(f"{self.held} pieces were held back")
        if self.delayed:
            lines.append(f"{self.delayed} answers of the engine were delayed")
        return lines


def _durations(of: Mapping[str, float]) -> str:
    p50, p99, longest = (f"{of[name] * 1000:.0f} ms" for name in ("p50", "p99", "max"))
    return f"p50 {p50}, p99 {p99}, max {longest}"


def outcome_of(mode: str, house: House, shared: Shared, fleet: Fleet) -> Outcome:
    """Return what came of a run."""
    moves, balancer = shared.moves, shared.balancer
    ledgers = [page.ledger for page in fleet.pages if isinstance(page.ledger, NodeLedger)]
    ways = [way for each in house.ways.values() for way in (each.links, each.engine)]
    return Outcome(
        mode=mode,
        count=sum(shared.troubles.values()),
        answered={} if balancer is None else {node.name: node.answered for node in balancer.behind},
        again=0 if balancer is None else balancer.again,
        unanswered=moves.unanswered,
        refused=sum(shared.refusals.values()),
        moved=moves.count,
        recoveries=moves.recoveries.summary(),
        delays=moves.delays.summary(),
        interrupted=sum(ledger.interrupted for ledger in ledgers),
        gaps=sum(ledger.gaps for ledger in ledgers),
        meanwhile=moves.meanwhile,
        since=moves.since,
        held=sum(way.held for way in ways),
        delayed=sum(way.delayed for way in ways),
        restarted=tuple(node.name for node in house.nodes if node.started > 1),
    )
