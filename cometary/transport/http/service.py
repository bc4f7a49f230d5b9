"""What a listener serves: an endpoint, and around it what holds for every request.

In this order, each step only when the one before had nothing to say: a request for another host is
refused, a cross-origin one judged, a malformed one refused, the endpoint called. Whatever an endpoint
raises stays here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cometary.errors import ProtocolError
from cometary.escapes import exit_in
from cometary.log import get_logger
from cometary.transport.http.cors import SAME_ORIGIN
from cometary.transport.http.refusals import RefusalLog

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.transport.http.cors import CorsPolicy
    from cometary.transport.http.exchange import Endpoint, Exchange
    from cometary.transport.http.hosts import HostRule

logger = get_logger("cometary.transport")


class Service:
    """An endpoint with its policy on other origins.

    Args:
        endpoint: What answers the requests; a `Router` for more than one path.
        cors: Which other origins' pages may ask.
        hosts: Under which names it is reached; None for any.
        metered: Makes an endpoint wait its turn when too much is asked at once.

    Attributes:
        hosts: The same.
    """

    __slots__ = ("_answer", "_cors", "_endpoint", "_refusals", "hosts")

    def __init__(
        self,
        endpoint: Endpoint,
        cors: CorsPolicy = SAME_ORIGIN,
        hosts: HostRule | None = None,
        *,
        metered: Callable[[Endpoint], Endpoint] = lambda endpoint: endpoint,
    ) -> None:
        self._answer = metered(self._serve)
        self._endpoint = endpoint
        self._cors = cors
        self.hosts = hosts
        self._refusals = RefusalLog()

    def serve(self, exchange: Exchange) -> None:
        """See to it that `exchange` is answered, now or later; never raises."""
        call(self._answer, exchange)

    def _serve(self, exchange: Exchange) -> None:
        headers = exchange.headers
        if self.hosts is not None and not self.hosts.allows(headers.get(b"host", b"")):
            self._refuse_host(headers[b"host"])
        if b"origin" in headers and self._judge_origin(exchange):
            return
        if exchange.fault is not None:
            exchange.refuse(exchange.fault)
        else:
            self._endpoint(exchange)

    def _refuse_host(self, host: bytes) -> None:
        self._refusals.note("host", host, "hosts")
        raise ProtocolError("forbidden", "This server is not known by this name.")

    def _judge_origin(self, exchange: Exchange) -> bool:
        try:
            return self._cors.intercepts(exchange)
        except ProtocolError:
            self._refusals.note("origin", exchange.headers[b"origin"], "origins")
            raise


def call(endpoint: Endpoint, exchange: Exchange) -> None:
    """Have `endpoint` answer `exchange`, and see to it that whatever it raises is the answer; never raises."""
    try:
        endpoint(exchange)
    except ProtocolError as error:
        _refuse(exchange, error)
    except BaseException as error:
        if exit_in(error) is not None:
            raise
        text = f"{exchange.method} {exchange.path} failed"
        logger.exception("request failed", text=text, method=exchange.method, path=exchange.path)
        _refuse(exchange, ProtocolError("internal-error", "The server failed; its log says why."))


def _refuse(exchange: Exchange, error: ProtocolError) -> None:
    if not exchange.answered:
        exchange.refuse(error)
