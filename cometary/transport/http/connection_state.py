"""How far a connection is on its way to being closed; the rules by which it goes on are those of `connection`."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final


class State(Enum):
    """How far a connection is on its way to being closed."""

    OPEN = auto()
    """Requests are taken."""
    ENDING = auto()
    """The last request is in, its response not out yet."""
    LINGERING = auto()
    """The last response is out, the peer has not closed yet."""
    CLOSED = auto()


OPEN: Final[State] = State.OPEN
ENDING: Final[State] = State.ENDING
LINGERING: Final[State] = State.LINGERING
CLOSED: Final[State] = State.CLOSED
