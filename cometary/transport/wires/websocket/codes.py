"""The codes that a WebSocket is closed with: those of RFC 6455, section 7.4, and this protocol's own.

1.  What is wrong with frames, whatever they hold, has one of the RFC's codes.
2.  Each condition of an error has a code of its own, and so has each reason for which a session ends. They are those
    that applications may choose, from 4000 on.
3.  A stream that is finished while its session goes on has `RELEASED`: another carrier has come, or the client was
    silent.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cometary.errors import ProtocolError

NORMAL: Final = 1000
GOING_AWAY: Final = 1001
PROTOCOL_ERROR: Final = 1002
UNSUPPORTED: Final = 1003
NO_CODE: Final = 1005
"""For a close frame without a code; never sent."""

ABNORMAL: Final = 1006
"""For the end of a connection without a close frame; never sent."""

INVALID_TEXT: Final = 1007
TOO_BIG: Final = 1009
INTERNAL_ERROR: Final = 1011

RELEASED: Final = 4001

ENDINGS: Final[Mapping[str, int]] = MappingProxyType(
    {"closed": NORMAL, "timeout": 4011, "overflow": 4012, "failed": 4013, "kicked": 4014, "shutdown": 4015}
)
"""Of the reasons why a session ends."""

CODES: Final[Mapping[str, int]] = MappingProxyType(
    {
        "bad-request": 4400,
        "unauthorized": 4401,
        "forbidden": 4403,
        "unknown-session": 4404,
        "rid-out-of-window": 4409,
        "session-ended": 4410,
        "too-large": 4413,
        "too-many-requests": 4429,
        "internal-error": 4500,
        "shutting-down": 4503,
        "too-many-sessions": 4504,
        "bad-ack": 4420,
        "forbidden-path": 4421,
    }
)
"""Of the conditions of errors that a frame can meet with."""

MOST_REASON: Final = 123
"""Bytes of what follows the code."""

_FROM_THE_RFC: Final = frozenset({1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014})


def may_be_sent(code: int) -> bool:
    """Whether a peer may send this code."""
    return code in _FROM_THE_RFC or 3000 <= code <= 4999  # noqa: PLR2004 - RFC 6455, section 7.4.2


def code_of(error: ProtocolError) -> int:
    """Return the code that a connection is closed with for `error`."""
    if error.condition == "session-ended":
        return ENDINGS.get(str(error.members.get("reason")), CODES["session-ended"])
    return CODES.get(error.condition, CODES["bad-request"])


def close_payload(code: int, reason: str) -> bytes:
    """Return what is in a close frame; of a long reason, the beginning."""
    text = reason.encode()[:MOST_REASON].decode(errors="ignore").encode()
    return code.to_bytes(2, "big") + text
