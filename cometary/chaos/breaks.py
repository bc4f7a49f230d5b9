"""When and how a connection is broken. Pure: times come in, and chance follows from a seed.

A connection that is broken when its time is up is usually one that is waiting: that is how long-polling works.
So that requests and answers are hit on their way as often, half of the breaks wait for the next request.
"""

from __future__ import annotations

import math
from enum import Enum, auto
from random import Random
from typing import Final, NamedTuple


class Moment(Enum):
    """What a connection is doing when it breaks."""

    WAITING = auto()
    """Whatever it is doing when its time is up."""
    SENDING = auto()
    """In the middle of a request."""
    UNREAD = auto()
    """The answer has come, and nobody has read it."""
    READING = auto()
    """In the middle of an answer."""


CHOICES: Final = (
    Moment.WAITING,
    Moment.WAITING,
    Moment.WAITING,
    Moment.SENDING,
    Moment.UNREAD,
    Moment.READING,
)


class Break(NamedTuple):
    """How one connection is going to end.

    Attributes:
        at: the time from which it is to break.
        moment: what it is to be doing.
        reset: whether it ends by RST rather than FIN.
    """

    at: float
    moment: Moment
    reset: bool

    @property
    def deadline(self) -> float:
        """When it breaks, whatever it is doing; infinite if its next request decides that."""
        return self.at if self.moment is Moment.WAITING else math.inf


NEVER: Final = Break(math.inf, Moment.WAITING, reset=False)


def choose_break(chance: Random, now: float, seconds: float) -> Break:
    """Choose how a connection that opens now ends, after about `seconds`."""
    return Break(about(chance, now, seconds), chance.choice(CHOICES), chance.random() < 1 / 2)


def about(chance: Random, now: float, seconds: float) -> float:
    """Return a time between half and one and a half times `seconds` from now."""
    return now + seconds * chance.uniform(0.5, 1.5)
