"""What is wrong with a request, as clients of Engine.IO are told: a number and a few words, in JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from cometary.transport.codecs import json

if TYPE_CHECKING:
    from cometary.errors import ProtocolError
    from cometary.transport.http.exchange import Exchange


class Fault(NamedTuple):
    """One thing that may be wrong.

    Attributes:
        code: its number.
        message: the words.
    """

    code: int
    message: str


UNKNOWN_TRANSPORT: Final = Fault(0, "Transport unknown")
UNKNOWN_SID: Final = Fault(1, "Session ID unknown")
BAD_METHOD: Final = Fault(2, "Bad handshake method")
BAD_REQUEST: Final = Fault(3, "Bad request")
FORBIDDEN: Final = Fault(4, "Forbidden")
UNSUPPORTED_VERSION: Final = Fault(5, "Unsupported protocol version")


def refuse(exchange: Exchange, fault: Fault, status: int = 400) -> None:
    """Answer with what is wrong."""
    exchange.respond(status, json.encode(fault._asdict()))


def refuse_for_now(exchange: Exchange, error: ProtocolError) -> None:
    """Answer that it cannot be had now."""
    headers = () if error.retry_after is None else ((b"Retry-After", b"%d" % error.retry_after),)
    body = json.encode(Fault(FORBIDDEN.code, error.detail)._asdict())
    exchange.respond(error.status, body, headers=headers)
