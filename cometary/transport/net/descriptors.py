"""Who gets the process's descriptors, so that strangers never take the last one. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

OTHERS: Final = 64
"""Descriptors for what is no connection of the front end: listeners, logs, connections to back-ends, the
application's own. Where there are few, a quarter of them."""

RESERVED: Final = 32
"""Connections that are left to listeners with a reserve. Where there are few, a quarter of them."""


class Shares(NamedTuple):
    """How many connections there may be.

    Attributes:
        public: The most that there may be for one more to be taken from anybody.
        all: The most that there may be for one more to be taken at a listener with a reserve.
    """

    public: int
    all: int


def shares(connections: int, descriptors: int) -> Shares:
    """Share the descriptors out.

    Args:
        connections: The most that there may be.
        descriptors: How many the process may have; fewer than 0 for any number.
    """
    if descriptors >= 0:
        connections = min(connections, max(2, descriptors - min(OTHERS, descriptors // 4)))
    return Shares(max(1, connections - min(RESERVED, connections // 4)), connections)
