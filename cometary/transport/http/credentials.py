"""What a client shows of itself by an HTTP request; for the gate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cometary.transport.http.exchange import Exchange


class HttpCredentials:
    """The headers of an exchange, where it came from, and a token, wherever the wire has that.

    Args:
        exchange: the exchange.
        token: the token; `cometary.gate.opening.NO_TOKEN` for none.
    """

    __slots__ = ("_exchange", "token")

    def __init__(self, exchange: Exchange, token: Any) -> None:
        self._exchange = exchange
        self.token = token

    @property
    def peer(self) -> str:
        """The address that it came from; that of the proxy, if there is one."""
        return self._exchange.peer

    @property
    def origin(self) -> str | None:
        """The origin of the page, as the browser says; None for other programs."""
        origin = self._exchange.headers.get(b"origin")
        return None if origin is None else origin.decode(errors="replace")

    def header(self, name: bytes) -> bytes | None:
        """Return the header `name`, in lower case; None if there is none."""
        return self._exchange.headers.get(name)
