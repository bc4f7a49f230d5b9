"""Which endpoint answers which path.

A path is matched as it was sent: `/comet` and `/comet/` differ, and escapes are not undone, so
that two spellings of a path never reach two different rules. What is at no path of its own is for
another endpoint, if there is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

from cometary.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cometary.transport.http.exchange import Endpoint, Exchange


class Resolving(Protocol):
    """An endpoint that can say what it would have answer a request, and all others with the same head."""

    def resolve(self, exchange: Exchange, /) -> Endpoint | None:
        """Return that endpoint; None if the head alone does not decide it.

        Raises:
            ProtocolError: All of these requests are refused; the client's fault.
        """
        ...


def resolve(endpoint: Endpoint, exchange: Exchange) -> Endpoint | None:
    """Return what answers in the place of `endpoint` whatever has the head of `exchange`; itself if it cannot say."""
    return cast("Resolving", endpoint).resolve(exchange) if hasattr(endpoint, "resolve") else endpoint


class Router:
    """An endpoint that hands exchanges to others, by path and method.

    Args:
        otherwise: answers requests to all other paths; by default there is nothing.
        site: answers what `otherwise` says is not there.
        upload_bytes: bytes that a body may have which the site takes as it comes; 0 if it takes none.
    """

    def __init__(
        self, otherwise: Endpoint | None = None, site: Endpoint | None = None, upload_bytes: int = 0
    ) -> None:
        self._upload_bytes = upload_bytes
        self._otherwise = otherwise or refuse_path
        self._site = site
        self._paths: dict[str, dict[str, Endpoint]] = {}

    def add(self, method: str, path: str, endpoint: Endpoint) -> None:
        """Let `endpoint` answer `method` requests to exactly `path`; GET includes HEAD."""
        add_method(self._paths.setdefault(path, {}), method, endpoint)

    def __call__(self, exchange: Exchange) -> None:
        """Answer `exchange` by its endpoint.

        Raises:
            ProtocolError: `not-found`, the client's fault.
        """
        methods = self._paths.get(exchange.path)
        if methods is None:
            self._answer_otherwise(exchange)
            return
        endpoint = methods.get(exchange.method)
        if endpoint is None:
            refuse_method(exchange, methods)
        else:
            endpoint(exchange)

    def resolve(self, exchange: Exchange) -> Endpoint | None:
        """See `Resolving.resolve`."""
        endpoint = self._paths.get(exchange.path, {}).get(exchange.method)
        return None if endpoint is None else resolve(endpoint, exchange)

    def _answer_otherwise(self, exchange: Exchange) -> None:
        try:
            self._otherwise(exchange)
        except ProtocolError as error:
            if self._site is None or error.condition != "not-found":
                raise
            self._site(exchange)

    def guards(self, path: str) -> bool:
        """Whether what is said of pages of other origins holds at `path`: the site has rules of its own."""
        return self._site is None or path in self._paths

    def uploads(self, path: str) -> int:
        """Return how many bytes a body at `path` may have that is taken as it comes; 0 if none may."""
        return 0 if self.guards(path) else self._upload_bytes


def refuse_path(_: Exchange) -> None:
    """Refuse a request to a path at which there is nothing.

    Raises:
        ProtocolError: `not-found`, the client's fault.
    """
    raise ProtocolError("not-found", "There is nothing at this path.")


def refuse_method(exchange: Exchange, allowed: Iterable[str]) -> None:
    """Refuse a request by a method that its path does not take, and say which ones it does."""
    error = ProtocolError("method-not-allowed", f"This path does not take {exchange.method}.")
    exchange.refuse(error, headers=((b"Allow", ", ".join(sorted(allowed)).encode()),))


def add_method(methods: dict[str, Endpoint], method: str, endpoint: Endpoint) -> None:
    """Note `endpoint` for `method`; one for GET answers HEAD too, unless another does."""
    methods[method] = endpoint
    if method == "GET":
        methods.setdefault("HEAD", endpoint)
