"""How busy the machine is: what Linux writes of its processors and its memory, as numbers.

Pure: the text of `/proc/stat` and `/proc/meminfo` comes in. Source: proc(5).
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

COUNTED: Final = 8
"""Fields of a processor's line; those behind them are counted in the first two as well."""

IDLE: Final = slice(3, 5)
"""Idle, and idle while a disk is waited for."""

MEMORY: Final = {"total": "MemTotal", "free": "MemFree", "buffers": "Buffers", "cached": "Cached"}
KIB_IN_MIB: Final = 1024


class Times(NamedTuple):
    """How long all processors together have run, in ticks of the kernel's clock.

    Attributes:
        total: in all.
        idle: doing nothing.
    """

    total: int
    idle: int

    def busy_since(self, before: Times) -> float:
        """Return how busy they were since then, from 0 to 100 per cent: counts may go backwards (proc(5))."""
        total = self.total - before.total
        busy = 100 * (1 - (self.idle - before.idle) / total) if total > 0 else 0.0
        return min(max(busy, 0.0), 100.0)


def times_of(stat: str) -> Times:
    """Read `/proc/stat`."""
    fields = [int(field) for field in stat.partition("\n")[0].split()[1 : COUNTED + 1]]
    return Times(sum(fields), sum(fields[IDLE]))


def memory_of(meminfo: str) -> dict[str, int]:
    """Read `/proc/meminfo`; in MiB, and 0 for what is not said."""
    kib = dict(re.findall(r"^(\w+): +(\d+) kB$", meminfo, re.MULTILINE))
    return {name: int(kib.get(line, 0)) // KIB_IN_MIB for name, line in MEMORY.items()}
