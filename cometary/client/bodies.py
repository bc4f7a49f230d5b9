"""What a page reads: the bodies of answers, as `docs/protocol.md` has them."""

from __future__ import annotations

from typing import Any

import msgspec


class Refused(msgspec.Struct):
    """The body of an error."""

    error: str = ""
    detail: str = ""
    reason: str = ""
    processed: int | None = None


class Packet(msgspec.Struct):
    """A packet in an answer."""

    path: str
    message: Any = None
    at: str | None = None
    ask: str | None = None


class Answer(msgspec.Struct):
    """The body of an answer."""

    packets: list[Packet]
    seq: int = 0
    gen: int = 0
    at: str | None = None


class Welcome(msgspec.Struct):
    """The answer to the request that opens a session."""

    sid: str
    die: float
    requests: int
    wait: float = 60
    packets: int = 256
    bind: str = ""
    gen: int = 0


def read_refusal(status: int, body: bytes) -> Refused:
    """Read an answer that is not one of the above; it may come from a proxy, which knows nothing of them."""
    try:
        return msgspec.json.decode(body, type=Refused)
    except msgspec.DecodeError:
        return Refused(f"status {status}")
