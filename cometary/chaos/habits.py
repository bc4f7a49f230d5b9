"""How pages misbehave: the modes, as data.

Every mode is a few numbers, and one page can do it all, so `mixed` is simply pages with different
habits side by side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Trouble = Literal[
    "broken",
    "left-open",
    "slow",
    "late",
    "shouted",
    "changed",
    "crashed",
    "killed",
    "node-killed",
    "node-paused",
    "partitioned",
    "engine-slowed",
    "engine-killed",
    "node-restarted",
]
"""What is done to a server: connections that are broken, or left open; exchanges that go slowly; polls that come
late; packets that are shouted into a room where everybody listens; wires that are changed; actors that are crashed;
workers that are killed; and what is done to several nodes and their engine (`nodes.faults`)."""


@dataclass(frozen=True, slots=True)
class Habits:
    """What one page does to its connections.

    Attributes:
        name: the mode in which all pages have them.
        cuts: whether each connection breaks, by FIN or RST, after about the plan's time.
        vanishes: whether the page, after about that time, lets go of all its connections without
            closing or reading them, as one behind a lost network does, and comes back on new ones.
        trickles: the share of its requests that are sent, and answers that are read, a byte at a time.
        lingers: the share of its answers after which it comes back only near the end of the die timer.
        shouts: whether it sends to all other pages, as many packets at once as it may.
        says: whether it sends to all other pages a packet with each of its own.
        changes: whether it changes, after about the plan's time, from one wire to another, half of the time by a
            reset of the stream that it has.
        resumes: whether its session outlives its node, and its requests go to all nodes in turn.
        speaks: the wire of another protocol that it speaks instead of ours; see `guest`.
    """

    name: str
    cuts: bool = False
    vanishes: bool = False
    trickles: float = 0.0
    lingers: float = 0.0
    shouts: bool = False
    says: bool = False
    changes: bool = False
    resumes: bool = False
    speaks: str = ""

    @property
    def troubles(self) -> set[Trouble]:
        """What such pages do: a run in which it has not happened has tested nothing."""
        does: dict[Trouble, object] = {
            "broken": self.cuts,
            "left-open": self.vanishes,
            "slow": self.trickles,
            "late": self.lingers,
            "shouted": self.shouts or self.says,
            "changed": self.changes,
        }
        return {trouble for trouble, done in does.items() if done}


JITTER: Final = Habits("jitter", cuts=True)
HALF_OPEN: Final = Habits("half-open", vanishes=True)
SLOW: Final = Habits("slow", trickles=0.1)
LATE_POLL: Final = Habits("late-poll", lingers=0.3)

CHANGING: Final = Habits("wires", cuts=True, changes=True)

LISTENING: Final = Habits("flood")
SHOUTING: Final = Habits("flood", shouts=True)

HEARING: Final = Habits("kill-worker")
SAYING: Final = Habits("kill-worker", says=True)

NODE_TROUBLES: Final[dict[str, Trouble]] = {
    "kill-recorded-worker": "killed",
    "kill-node": "node-killed",
    "pause-node": "node-paused",
    "partition": "partitioned",
    "slow-engine": "engine-slowed",
    "engine-restart": "engine-killed",
    "rolling-restart": "node-restarted",
}
"""What is done in the modes with several nodes, or workers that are nodes."""

SOCKETIO: Final = Habits("socketio", cuts=True, speaks="socketio")
CSP: Final = Habits("csp", cuts=True, speaks="csp")
BOSH: Final = Habits("bosh", cuts=True, speaks="bosh")
STOMP: Final = Habits("stomp", cuts=True, speaks="stomp")

MODES: Final[dict[str, tuple[Habits, ...]]] = {
    "jitter": (JITTER,),
    "half-open": (HALF_OPEN,),
    "slow": (SLOW,),
    "late-poll": (LATE_POLL,),
    "wires": (CHANGING,),
    "crash": (JITTER,),
    "flood": (SHOUTING, *(LISTENING,) * 19),
    "kill-worker": (SAYING, *(HEARING,) * 19),
    "mixed": (JITTER, HALF_OPEN, SLOW, LATE_POLL, CHANGING),
    "socketio": (SOCKETIO,),
    "csp": (CSP,),
    "bosh": (BOSH,),
    "stomp": (STOMP,),
    **{mode: (Habits(mode, resumes=True),) for mode in NODE_TROUBLES},
}
"""The habits that a mode's pages take in turn."""

CRASHING: Final = frozenset({"crash", "mixed", "socketio", "csp"})
"""Modes in which session actors are crashed as well."""

KILLING: Final = frozenset({"kill-worker", "kill-recorded-worker"})
"""Modes in which workers are killed."""


def troubles_of(mode: str) -> frozenset[Trouble]:
    """Return all that a mode promises to do."""
    crashes: set[Trouble] = {"crashed"} if mode in CRASHING else set()
    crashes |= {"killed"} if mode in KILLING else set()
    crashes |= {NODE_TROUBLES[mode]} if mode in NODE_TROUBLES else set()
    return frozenset(crashes.union(*[habits.troubles for habits in MODES[mode]]))


AWAY: Final = (0.5, 2.0)
"""Seconds, from and to, that a page which lost all its connections at once needs to come back."""

NOTICING: Final = (0.0, 0.5)
"""Seconds that it needs to replace a single connection."""

LINGERING: Final = (0.6, 0.8)
"""The share of the die timer after which a lingering page comes back."""

BLACKOUTS: Final = 4
"""In jitter, connections are cut one by one this many times as often as all of a page's at once."""

BYTE_PAUSE: Final = 0.02
"""Seconds between two bytes of a trickle."""

TRICKLING: Final = 1.0
"""Seconds for which a request or an answer trickles; the rest goes at once, well within the server's deadlines."""
