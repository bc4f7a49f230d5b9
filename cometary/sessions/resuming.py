"""What the client of a session that can go on elsewhere says of itself in each request; see `cometary.cluster`."""

from __future__ import annotations

from typing import NamedTuple


class Resuming(NamedTuple):
    """What it says.

    Attributes:
        generation: the highest that it has seen.
        at: where it is, as it was told; None before it was told anything.
        done: the highest id of a request that was answered.
    """

    generation: int
    at: str | None = None
    done: int = 0
