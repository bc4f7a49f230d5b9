"""What the sessions of a million people might do."""

from __future__ import annotations

from typing import Final

from benchmarks.scale.model import Workload

MINUTE: Final = 1 / 60

WORKLOADS: Final = (
    Workload("open pages, to which nothing comes", recorded=0.0),
    Workload("dashboards: an update every 10 s, each heard by 100", updates=0.1 / 100, audience=100),
    Workload("notices: one a minute to each alone", sends=MINUTE),
    Workload("forms: a packet a minute from each, answered", packets=MINUTE),
    Workload("chat: rooms of 20, a message a minute from each", packets=MINUTE, updates=MINUTE, audience=20),
    Workload("games: a packet a second from each, answered", packets=1.0),
)

SIZES: Final = ((1_000, 1), (10_000, 2), (10_000, 3), (100_000, 10), (1_000_000, 100))
"""Sessions, and nodes."""
