"""What nodes ask each other for their operators, and how that is written.

Each answer is bounded: some lines, some numbers, or one thing. Whoever may look at one node may look at all of them:
the node that is asked knows only that another one asks.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from cometary.doors.inspector import looks
from cometary.transport.codecs import json

MOST: Final = 4 * 1024 * 1024
"""Bytes of an answer."""


class Find(msgspec.Struct, frozen=True, tag="find"):
    """Do you have a session of this name, living or remembered? The answer is `lives`, `ended` or ``."""

    name: str


class Overview(msgspec.Struct, frozen=True, tag="overview"):
    """How are you? The answer is what the inspector shows of a server at any time."""


class Look(msgspec.Struct, frozen=True, tag="look"):
    """What is to be seen of this? The answer is a frame of the inspector."""

    look: looks.List | looks.Detail


class Heads(msgspec.Struct, frozen=True, tag="heads"):
    """How long is this list, and by which numbers are its first `most` lines in order (`merged`)?"""

    look: looks.Merged
    most: int


class Listed(msgspec.Struct, frozen=True):
    """The answer to `Heads`."""

    total: int
    keys: list[float]


Question = Find | Overview | Look | Heads

encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder[Question](Question).decode


def read(question: bytes) -> Question | None:
    """Read a question; None if it is none."""
    try:
        asked: Question = _decode(question)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return asked


def write_answer(answer: object) -> bytes | None:
    """Write an answer; None if it is too long."""
    written = json.encode(answer)
    return None if len(written) > MOST else written


def read_answer(answer: bytes) -> Any:
    """Read an answer."""
    return msgspec.json.decode(answer)
