"""What is said at the end. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from cometary.chaos.habits import Trouble
from cometary.chaos.ledger import Counts
from cometary.chaos.memory import ALLOWED
from cometary.chaos.nodes.outcome import Outcome

MEGA = 1e6

NOTICEABLE = 0.5
"""Seconds of lag that are worth a line."""

SLOW = 1.5
"""How much slower than planned a run has to be for a line."""

NO_ANSWER = "the application has answered nothing: it needs add_echo of cometary.chaos.application"

UNDONE: dict[Trouble, str] = {
    "broken": "no connection was broken: more --seconds, or a shorter --kill-every",
    "left-open": "no connection was left open: more --seconds, or a shorter --kill-every",
    "slow": "no exchange was slow: more --seconds, or a shorter --every",
    "late": "no page polled late: more --seconds, or a shorter --every",
    "shouted": "nothing was shouted: more --seconds, or a shorter --every",
    "changed": "no page changed its wire: more --seconds, or a shorter --kill-every",
    "crashed": "no session actor was crashed: more --seconds, or a shorter --crash-every",
    "killed": "no worker was killed: more --seconds, or a shorter --kill-worker-every",
    "node-killed": "no node was killed: more --seconds, or a shorter --fault-every",
    "node-paused": "no node hung: more --seconds, or a shorter --fault-every",
    "partitioned": "no node was cut off: more --seconds, or a shorter --fault-every",
    "engine-slowed": "the engine was not slow: more --seconds, or a shorter --fault-every",
    "engine-killed": "the engine was not killed: more --seconds, or a shorter --fault-every",
    "node-restarted": "no node was restarted: more --seconds, or a shorter --fault-every",
}
"""What to say about a trouble that has not happened, and what would make it happen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of a run; all durations are in seconds.

    Attributes:
        mode: how connections were disturbed.
        url: what it ran against.
        sessions: how many there were.
        seconds: how long packets were sent.
        seed: the seed of everything random.
        up: from client to server.
        down: from server to client.
        broken: connections that were broken on purpose.
        crashed: session actors that were.
        troubles: what was done to the server, by kind.
        promised: the kinds of which the mode consists.
        replays: how many there were, and their p50, p99 and max.
        zombies: connections left open; how many of these the server closed; the longest time that took.
        lag: by how much the bench itself was late: p99 and max.
        answers: how long the server took to refuse an empty request: p99 and max.
        slowest: how many times as long as planned everything was at most, because bench or server was late.
        killed: workers that were killed.
        orphans: sessions that were lost with one, as foreseen: how many; their p50, p99 and max until they were told.
        nodes: what came of several nodes; None if there was one server.
        seen_off: sessions that the application ended while it sent to them.
        endings: what became of what it sent then: `received` is what it was given as undelivered.
        ended: sessions that ended before their pages closed them, by habits and reason.
        refusals: errors that the server answered with, by condition.
        excused: packets that were lost or doubled as their wire allows; they are in no other count.
        memory: the server's in bytes, at the end of the first minute and at the most after it; its growth.
        flat: whether that growth is within what is allowed; None if nobody watched.
    """

    mode: str
    url: str
    sessions: int
    seconds: float
    seed: int
    up: Counts
    down: Counts
    broken: int
    crashed: int
    troubles: dict[Trouble, int]
    promised: frozenset[Trouble]
    replays: dict[str, float]
    zombies: dict[str, float]
    lag: dict[str, float]
    answers: dict[str, float]
    slowest: float = 1.0
    killed: int = 0
    orphans: dict[str, float] = field(default_factory=dict[str, float])
    nodes: Outcome | None = None
    seen_off: int = 0
    endings: Counts = field(default_factory=Counts)
    ended: dict[str, int] = field(default_factory=dict[str, int])
    refusals: dict[str, int] = field(default_factory=dict[str, int])
    excused: int = 0
    memory: dict[str, float] | None = None
    flat: bool | None = None

    @property
    def passed(self) -> bool:
        """Whether everything arrived once and in order, although all was done that the mode promises."""
        return not self.faults

    @property
    def faults(self) -> list[str]:
        """All that is wrong; a run that has tested nothing is wrong as well."""
        faults: list[str] = []
        if self.up.wrong or self.down.wrong:
            faults.append("not everything arrived once and in order")
        if self.endings.wrong:
            faults.append("not everything undelivered was reported when sessions ended, once and in order")
        if not self.up.sent:
            faults.append("no page has sent anything")
        elif not self.up.received:
            faults.append(NO_ANSWER)
        if self.ended:
            faults.append(f"sessions ended: {_listed(self.ended)}")
        if self.memory is not None and not self.memory["first"]:
            faults.append("nobody looked at the memory after the first minute")
        elif self.flat is False:
            faults.append(f"memory grew by more than {ALLOWED:.0%}")
        if self.nodes is not None:
            faults += self.nodes.faults()
        undone = [what for trouble, what in UNDONE.items() if self._is_undone(trouble)]
        return faults + undone

    def _is_undone(self, trouble: Trouble) -> bool:
        return trouble in self.promised and not self.troubles.get(trouble)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain data."""
        plain = {**asdict(self), "promised": sorted(self.promised)}
        return {"passed": self.passed, "faults": self.faults, **plain}

    def __str__(self) -> str:
        lines = [
            f"{self.mode}: {self.sessions} sessions, {self.seconds:.0f} s, {self.url}, seed {self.seed}",
            "",
            f"{'':18}{'sent':>10}{'received':>10}{'lost':>10}{'duplicated':>12}{'reordered':>11}",
            self._row("client to server", self.up),
            self._row("server to client", self.down),
            *([self._row("while they end", self.endings)] if self.seen_off else []),
            "",
            *(self._single() if self.nodes is None else self.nodes.lines()),
            *self._particulars(),
            "",
            self._verdict(),
        ]
        return "\n".join(lines)

    def _row(self, way: str, counts: Counts) -> str:
        return (
            f"{way:18}{counts.sent:>10}{counts.received:>10}{counts.lost:>10}"
            f"{counts.doubled:>12}{counts.reordered:>11}"
        )

    def _single(self) -> list[str]:
        broken = f"{self.broken} connections broken, {self.crashed} session actors crashed"
        return [broken, self._replays()]

    def _replays(self) -> str:
        if not self.replays["count"]:
            return "nothing was open after any outage, so nothing was replayed"
        p50, p99, longest = (f"{self.replays[name] * 1000:.0f} ms" for name in ("p50", "p99", "max"))
        return f"{self.replays['count']:.0f} replays after an outage: p50 {p50}, p99 {p99}, max {longest}"

    def _particulars(self) -> list[str]:
        lines: list[str] = []
        if self.killed:
            p50, p99, longest = (f"{self.orphans[name] * 1000:.0f} ms" for name in ("p50", "p99", "max"))
            lines.append(
                f"{self.killed} workers killed, with {self.orphans['count']:.0f} sessions, which were told of it: "
                f"p50 {p50}, p99 {p99}, max {longest} later"
            )
        if changed := self.troubles.get("changed"):
            lines.append(f"{changed} changes from one wire to another")
        if self.excused:
            lines.append(
                f"{self.excused} packets were under way when their connection broke, and were lost or came again, "
                "as their wire allows: they are not counted"
            )
        if left := self.zombies["left"]:
            lines.append(
                f"{left:.0f} connections left open, of which the server closed {self.zombies['closed']:.0f}, "
                f"the last after {self.zombies['longest']:.1f} s"
            )
        if self.lag["max"] > NOTICEABLE:
            lines.append(
                f"the bench itself was late by up to {self.lag['max']:.1f} s (p99 {self.lag['p99'] * 1000:.0f} ms): "
                "this machine is busy"
            )
        if self.slowest > SLOW:
            lines.append(
                f"everything went up to {self.slowest:.0f} times as slowly as planned: the bench was "
                f"late by up to {self.lag['max']:.1f} s, the server took up to "
                f"{self.answers['max']:.1f} s to refuse a request"
            )
        if self.refusals:
            lines.append(f"refused: {_listed(self.refusals)}")
        if self.memory is not None:
            first, most = self.memory["first"] / MEGA, self.memory["most"] / MEGA
            lines.append(
                f"memory of the server: {first:.1f} MB after a minute, then at most {most:.1f} MB "
                f"({self.memory['growth']:+.1%})"
            )
        return lines

    def _verdict(self) -> str:
        if self.passed:
            return "PASSED: everything arrived once and in order"
        return f"FAILED: {'; '.join(self.faults)}"


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
