"""What every ring measures, in the same way, around its own calls.

A ring is `ring.py ACTORS TOKENS HOPS`: so many actors, each of which knows the next; so many
tokens travel round it at once, each for so many hops. A message is a token's hops to go.

Every actor says that it knows the next one before the first token goes in. Without that the
tokens would catch up with one another on their first lap and travel as one, which flatters
a runtime that handles all of an actor's mail in one turn.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import NamedTuple


class Ring(NamedTuple):
    """The size of a ring, as the command line gives it."""

    actors: int
    tokens: int
    hops: int

    @classmethod
    def asked_for(cls) -> Ring:
        """Reads the command line."""
        actors, tokens, hops = map(int, sys.argv[1:])
        return cls(actors, tokens, hops)

    @property
    def messages(self) -> int:
        """How many messages the actors handle: each token is also injected once."""
        return self.tokens * (self.hops + 1)


class Gauge:
    """Takes the time and memory of a ring's three phases.

    Call `started` when every actor runs, `injected` just before the tokens go in,
    `returned` when the last one ended, `stopped` when every actor has.
    """

    def __init__(self, ring: Ring) -> None:
        self._ring = ring
        self._memory = resident_kb()
        self._clock = time.perf_counter()
        self._cpu = 0.0
        self._found = dict[str, float]()

    def started(self) -> None:
        """Every actor runs."""
        self._found["start_us"] = self._lap() / self._ring.actors * 1e6
        self._found["actor_kb"] = (resident_kb() - self._memory) / self._ring.actors

    def injected(self) -> None:
        """The tokens go in now."""
        self._lap()
        self._cpu = time.process_time()

    def returned(self) -> None:
        """Every token has made its last hop."""
        self._found["wall_us"] = self._lap() / self._ring.messages * 1e6
        self._found["cpu_us"] = (time.process_time() - self._cpu) / self._ring.messages * 1e6

    def stopped(self) -> None:
        """Every actor has ended; prints what was found."""
        self._found["stop_us"] = self._lap() / self._ring.actors * 1e6
        print(json.dumps(self._found))

    def _lap(self) -> float:
        now = time.perf_counter()
        lap, self._clock = now - self._clock, now
        return lap


def resident_kb() -> int:
    """Returns this process's resident memory in kilobytes."""
    for line in Path("/proc/self/status").read_text("ascii", "replace").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise RuntimeError("/proc/self/status has no VmRSS")
