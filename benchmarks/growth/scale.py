"""How much there is of everything: in a run that counts, and in one that only shows that everything runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much there is.

    Attributes:
        rounds: How often everything is measured.
        sessions: How many sessions there are at a time.
        active: How many of them send, in *echo*.
        seconds: Length of a measured window.
        idle: Seconds for which sessions are held and nothing happens: what a request is held for, and a little more.
        beside: How many sessions have the server beside a broadcast.
        packets: How many packets there are in a response.
        paths: How many paths there are.
        clients: How many sessions those two are measured with.
        updates: How many updates a back-end sends.
        share: Of the million subscriptions, and what else there are many of without a wire.
    """

    rounds: int
    sessions: tuple[int, ...]
    active: int
    seconds: float
    idle: float
    beside: int
    packets: tuple[int, ...]
    paths: tuple[int, ...]
    clients: int
    updates: int
    share: float


FULL: Final = Scale(
    rounds=3,
    sessions=(100, 1_000, 5_000, 15_000),
    active=500,
    seconds=3,
    idle=65,
    beside=1_000,
    packets=(1, 10, 100, 1_000),
    paths=(1, 10, 100, 1_000, 10_000, 100_000),
    clients=100,
    updates=100_000,
    share=1.0,
)
QUICK: Final = Scale(
    rounds=1,
    sessions=(50, 200),
    active=10,
    seconds=0.5,
    idle=1,
    beside=50,
    packets=(1, 10),
    paths=(1, 100),
    clients=10,
    updates=2_000,
    share=0.01,
)
