"""What a process that serves many sessions does about Python's cyclic garbage collector.

A server with many sessions has millions of objects that are not garbage, and by default the collector walks all of
them again and again, which holds up the loop for a tenth of a second and more. So:

1.  Whatever exists when it starts is never looked at again (`gc.freeze`).
2.  New objects are looked at once, when `FEW` more have come than gone, and those left are then put aside, too. So a
    look covers what is new since the last one, never everything that sessions have. With 15,000 sessions that can be
    50,000 objects: a request of each that takes the place of an older one, which was put aside.
3.  Nearly all garbage is freed by its reference count, put aside or not. What is in a cycle and became garbage only
    after it was put aside is found when the process has grown by `MORE` blocks of memory, and to twice its size: then
    everything is looked at, once. Without such garbage this happens at some 60,000 sessions at the earliest. Memory
    is counted after `LOOKS` looks, since that takes as long as one. A look cannot begin within another, of which the
    collector's callbacks are part, nor does the collector by itself look at what is old if little of it is new: so
    the loop does it next. A callback may come while any lock is held; what it calls takes none but Trio's for
    signals.
"""

from __future__ import annotations

import gc
import sys
from contextlib import suppress
from typing import Final

import trio

FEW: Final = 5_000
"""Objects."""
LOOKS: Final = 50
MORE: Final = 2_000_000
"""Blocks of memory; a session has about thirty."""


class PuttingAside:
    """Puts aside what is left of each look; one of `gc.callbacks`."""

    def __init__(self) -> None:
        self._blocks = sys.getallocatedblocks()
        self._looks = 0
        self._about_to_look = False

    def __call__(self, phase: str, _: dict[str, int]) -> None:
        """Take note of the beginning or the end of a look."""
        if phase == "start" or self._about_to_look:
            return
        gc.freeze()
        self._looks += 1
        if self._looks % LOOKS == 0 and sys.getallocatedblocks() - self._blocks > max(MORE, self._blocks):
            with suppress(RuntimeError):  # in a thread beside the loop: another time
                trio.lowlevel.current_trio_token().run_sync_soon(self._look_at_everything)
                self._about_to_look = True

    def _look_at_everything(self) -> None:
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        self._blocks = sys.getallocatedblocks()
        self._about_to_look = False


def spare_the_collector() -> None:
    """Make this process's cyclic garbage collector leave long-lived objects alone; see the rules above."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(FEW)
    if not any(isinstance(each, PuttingAside) for each in gc.callbacks):
        gc.callbacks.append(PuttingAside())
