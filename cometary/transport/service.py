"""What a listener serves: an endpoint, and around it what holds for every request.

In this order, each step only when the one before had nothing to say: a cross-origin request is
judged, a malformed one refused, the endpoint called. Whatever an endpoint raises stays here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cometary.errors import ProtocolError
from cometary.log import get_logger
from cometary.transport.cors import SAME_ORIGIN

if TYPE_CHECKING:
    from cometary.transport.cors import CorsPolicy
    from cometary.transport.exchange import Endpoint, Exchange

logger = get_logger("cometary.transport")


class Service:
    """An endpoint with its policy on other origins.

    Args:
        endpoint: What answers the requests; a `Router` for more than one path.
        cors: Which other origins' pages may ask.
    """

    __slots__ = ("_cors", "_endpoint")

    def __init__(self, endpoint: Endpoint, cors: CorsPolicy = SAME_ORIGIN) -> None:
        self._endpoint = endpoint
        self._cors = cors

    def serve(self, exchange: Exchange) -> None:
        """See to it that `exchange` is answered, now or later; never raises."""
        call(self._serve, exchange)

    def _serve(self, exchange: Exchange) -> None:
        if b"origin" in exchange.headers and self._cors.intercepts(exchange):
            return
        if exchange.fault is not None:
            exchange.refuse(exchange.fault)
        else:
            self._endpoint(exchange)


def call(endpoint: Endpoint, exchange: Exchange) -> None:
    """Have `endpoint` answer `exchange`, and see to it that whatever it raises is the answer; never raises."""
    try:
        endpoint(exchange)
    except ProtocolError as error:
        _refuse(exchange, error)
    except Exception:
        text = f"{exchange.method} {exchange.path} failed"
        logger.exception("request failed", text=text, method=exchange.method, path=exchange.path)
        _refuse(exchange, ProtocolError("internal-error", "The server failed; its log says why."))


def _refuse(exchange: Exchange, error: ProtocolError) -> None:
    if not exchange.answered:
        exchange.refuse(error)
