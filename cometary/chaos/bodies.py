"""What a page reads: the bodies of answers, as `docs/protocol.md` has them."""

from __future__ import annotations

from typing import Any

import msgspec


class Refused(msgspec.Struct):
    """The body of an error."""

    error: str = ""
    detail: str = ""
    reason: str = ""


class Packet(msgspec.Struct):
    """A packet in an answer."""

    path: str
    message: Any = None


class Answer(msgspec.Struct):
    """The body of an answer."""

    packets: list[Packet]
    seq: int = 0


class Welcome(msgspec.Struct):
    """The answer to the request that opens a session."""

    sid: str
    die: float
    requests: int
