"""What operators tell a server, and what they ask it: `POST /reload`, `POST /drain`, `GET /readyz`.

1.  A wrong configuration changes nothing, and the answer says what is wrong with it.
2.  A server that was told to drain takes no new sessions, and tells the existing ones `shutdown`, each with a time at
    which to come back. It goes on answering until it is stopped, which is up to the one who started it.
3.  It is ready from when all of it runs until it drains or stops. Anyone may ask whether it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cometary.errors import ConfigError, ProtocolError
from cometary.transport.codecs import preferred

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.doors.door import Operations
    from cometary.transport.http.exchange import Endpoint, Exchange

READY: Final = "ready"
UNAVAILABLE: Final = 503


class ReadinessEndpoint:
    """Answers `GET /readyz`.

    Args:
        operations: know how far the server is.
    """

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def __call__(self, exchange: Exchange) -> None:
        """Answer `exchange`."""
        state = self._operations.state()
        codec = preferred(exchange.headers.get(b"accept", b""))
        status = 200 if state == READY else UNAVAILABLE
        exchange.respond(status, codec.encode({"status": state}), codec.content_type)


def operating(operations: Operations) -> dict[str, Endpoint]:
    """Return what answers the calls that change something, by path; they have no body."""
    return {
        "/reload": _Call(lambda: _reloaded(operations.reload)),
        "/drain": _Call(lambda: {"sessions": operations.drain()}),
    }


def _reloaded(reload: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return reload()
    except ConfigError as error:
        raise ProtocolError("bad-request", f"The configuration stays as it was: {error}.") from None


class _Call:
    """One of them."""

    def __init__(self, call: Callable[[], dict[str, Any]]) -> None:
        self._call = call

    def __call__(self, exchange: Exchange) -> None:
        codec = preferred(exchange.headers.get(b"accept", b""))
        exchange.respond(200, codec.encode(self._call()), codec.content_type)
