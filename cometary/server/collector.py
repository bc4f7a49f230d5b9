"""What a process that serves many sessions does about Python's cyclic garbage collector."""

from __future__ import annotations

import gc


def spare_the_collector() -> None:
    """Make the cyclic garbage collector leave alone what lives long.

    A server with many sessions has millions of objects that are no garbage, and the collector's
    defaults walk all of them again and again. What exists by now is never looked at again
    (`gc.freeze`), and what comes is looked at more than ten times less often, and a second time five hundred times
    less often than that. Most of it is freed by its reference count anyway; only garbage in cycles waits longer for
    the collector. The first look is at so few objects at a time that it holds up the loop for a few milliseconds.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 500, 100)
