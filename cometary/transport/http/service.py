"""What a listener serves: an endpoint, and around it what holds for every request.

In this order, each step only when the one before had nothing to say: a request for another host is
refused, a cross-origin one judged, a malformed one refused, the endpoint called. Whatever an endpoint
raises stays here. None of these steps looks at more than the head. So of requests whose head is remembered only the
first that nothing is wrong with goes through them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cometary.errors import ProtocolError
from cometary.escapes import exit_in
from cometary.log import get_logger
from cometary.transport.http.cors import SAME_ORIGIN
from cometary.transport.http.exchange import Answerer, ask
from cometary.transport.http.refusal_log import RefusalLog
from cometary.transport.http.router import resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cometary.transport.http.access_log import AccessLog
    from cometary.transport.http.cors import CorsPolicy
    from cometary.transport.http.exchange import Endpoint, Exchange, Route
    from cometary.transport.http.forwarded import TrustedProxies
    from cometary.transport.http.hosts import HostRule

logger = get_logger("cometary.transport")


class Service:
    """An endpoint with its policy on other origins.

    Args:
        endpoint: What answers the requests; a `Router` for more than one path.
        cors: Which other origins' pages may ask.
        hosts: Under which names it is reached; None for any.
        guards: Whether `cors` holds at a path.
        metered: Makes an endpoint wait its turn when too much is asked at once.
        uploads: How many bytes a body may have at a path where such are taken as they come; 0 where none are.
        refusals: Logs what is refused.

    Attributes:
        hosts: The same.
        uploads: The same.
        access: Takes note of each answer; None if nobody wants to know.
        proxies: Whose word for a client's address is taken; None for nobody's.
    """

    __slots__ = (
        "_answer",
        "_answer_forwarded",
        "_cors",
        "_endpoint",
        "_epoch",
        "_guards",
        "_refusals",
        "access",
        "hosts",
        "proxies",
        "uploads",
    )

    def __init__(
        self,
        endpoint: Endpoint,
        cors: CorsPolicy = SAME_ORIGIN,
        hosts: HostRule | None = None,
        *,
        guards: Callable[[str], bool] = lambda path: True,  # noqa: ARG005
        metered: Callable[[Endpoint], Endpoint] = lambda endpoint: endpoint,
        uploads: Callable[[str], int] = lambda path: 0,  # noqa: ARG005
        refusals: RefusalLog | None = None,
    ) -> None:
        self._answer = metered(Judged(self))
        self._answer_forwarded = metered(endpoint)
        self._endpoint = endpoint
        self._guards = guards
        self._cors = cors
        self.hosts = hosts
        self.uploads = uploads
        self._refusals = RefusalLog() if refusals is None else refusals
        self._epoch: int = 0
        self.access: AccessLog | None = None
        self.proxies: TrustedProxies | None = None

    def change(self, origins: Iterable[str] | None = None) -> None:
        """Go by another policy from the next request on, and find out anew what answers each.

        Args:
            origins: The other origins whose pages may ask; None for those that may already.
        """
        if origins is not None:
            self._cors.change(origins)
        self._epoch += 1

    def allows(self, origin: bytes, host: bytes) -> bool:
        """Whether pages of `origin` may use the server, which is known to them as `host`."""
        return self._cors.allows(origin, host)

    def client_of(self, exchange: Exchange, peer: str) -> str:
        """Return the address of the sender of `exchange`, on a connection from the address `peer`."""
        return peer if self.proxies is None else self.proxies.address(peer, exchange.headers)

    def note_answer(self, exchange: Exchange, status: int) -> None:
        """Take note that the answer to `exchange` has begun."""
        if self.access is not None:
            self.access.note(exchange.method, exchange.path, status, exchange.peer)

    def serve(self, exchange: Exchange) -> None:
        """See to it that `exchange` is answered, now or later; never raises."""
        try:
            ask(self._answer, exchange)
        except BaseException as error:  # noqa: BLE001 - what is none of the endpoint's is raised there
            _answer_for(exchange, error)

    def serve_forwarded(self, exchange: Exchange) -> None:
        """See to it that a request is answered that another node has taken, and judged by its head; never raises."""
        call(self._answer_forwarded, exchange)

    def judge(self, exchange: Exchange) -> None:
        """Have `exchange` answered, or refused by its head."""
        route = exchange.route
        if route is not None and route.endpoint is not None and route.epoch == self._epoch:
            exchange.extra_headers = route.headers
            ask(route.endpoint, exchange)
            return
        headers = exchange.headers
        if self.hosts is not None and not self.hosts.allows(headers.get(b"host", b"")):
            self._refuse_host(headers[b"host"])
        if b"origin" in headers and self._guards(exchange.path) and self._judge_origin(exchange):
            return
        if exchange.fault is not None:
            self._note_fault(exchange, exchange.fault)
            exchange.refuse(exchange.fault)
        elif route is None:
            self._endpoint(exchange)
        else:
            self._answer_first(exchange, route)

    def _answer_first(self, exchange: Exchange, route: Route) -> None:
        """Answer the first request with a head that is remembered, and take note of what is so for all of them."""
        endpoint = resolve(self._endpoint, exchange)
        route.epoch = self._epoch
        route.headers, route.endpoint = exchange.extra_headers, endpoint
        (endpoint or self._endpoint)(exchange)

    def _note_fault(self, exchange: Exchange, fault: ProtocolError) -> None:
        if fault.condition == "too-large":
            option = "upload-bytes" if self.uploads(exchange.path) else "body-bytes"
            self._refusals.note_body(exchange.path, exchange.headers.get(b"content-length"), option)

    def _refuse_host(self, host: bytes) -> None:
        self._refusals.note("host", host, "hosts")
        raise ProtocolError("forbidden", "This server is not known by this name.")

    def _judge_origin(self, exchange: Exchange) -> bool:
        try:
            return self._cors.intercepts(exchange)
        except ProtocolError:
            self._refusals.note("origin", exchange.headers[b"origin"], "origins")
            raise


class Judged(Answerer):
    """The endpoint that a service makes of its own.

    Args:
        service: the service.
    """

    __slots__ = ("_service",)

    def __init__(self, service: Service) -> None:
        self._service = service

    def answer(self, exchange: Exchange) -> None:
        """Answer `exchange`, now or later, if it may ask."""
        self._service.judge(exchange)


def call(endpoint: Endpoint, exchange: Exchange) -> None:
    """Have `endpoint` answer `exchange`, and see to it that whatever it raises is the answer; never raises."""
    try:
        endpoint(exchange)
    except BaseException as error:  # noqa: BLE001 - the same
        _answer_for(exchange, error)


def _answer_for(exchange: Exchange, error: BaseException) -> None:
    """Answer in the stead of an endpoint that has raised `error`."""
    if isinstance(error, ProtocolError):
        _refuse(exchange, error)
        return
    if exit_in(error) is not None:
        raise error
    text = f"{exchange.method} {exchange.path} failed"
    logger.error("request failed", text=text, method=exchange.method, path=exchange.path, exc_info=error)
    _refuse(exchange, ProtocolError("internal-error", "The server failed; its log says why."))


def _refuse(exchange: Exchange, error: ProtocolError) -> None:
    if not exchange.answered:
        exchange.refuse(error)
    elif exchange.streaming is not None:
        exchange.streaming.abort()  # nobody would write on
