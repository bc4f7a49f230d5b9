"""From a call to a request, and from a response to a result or an error. No sockets here."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypedDict, TypeVar

import cbor2
import httpx
import msgspec

from cometary.connector.calls import Call
from cometary.errors import ConnectorError, ControlError, UnknownSessionError, UsageError
from cometary.supervision.restart_policy import Backoff

R = TypeVar("R")

JSON: Final = "application/json"
CBOR: Final = "application/cbor"
LIMITS: Final = httpx.Limits(max_connections=16, max_keepalive_connections=16)
"""Calls beyond these wait for a connection, within their time-out."""

_UNIX: Final = re.compile(r"(?:http://)?unix:(/[^:]+):?").fullmatch
ON_SOCKET: Final = "http://localhost"
"""What stands for the host where there is none."""

SERVER_ERRORS: Final = 500
"""The lowest HTTP status that is not the caller's fault."""


PAUSES: Final = Backoff(min=0.05, max=1.0, jitter=0.5)

UNSENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
"""There was no connection, so nothing was sent."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A body as it travels.

    Attributes:
        content: its bytes.
        content_type: what they are.
    """

    content: bytes
    content_type: str


class ClientOptions(TypedDict):
    """What both kinds of HTTP client are made with."""

    base_url: str
    headers: dict[str, str]
    trust_env: bool
    limits: httpx.Limits


class Request(TypedDict):
    """What both kinds of HTTP client are asked for."""

    method: str
    url: str
    content: bytes | None
    headers: dict[str, str]


class _Refusal(msgspec.Struct):
    """The body of an error, as protocol.md has it."""

    error: str
    detail: str


class _HoldsBytes(Exception):  # noqa: N818 (a signal within this module, not an error)
    """JSON cannot carry this body, and CBOR can."""


def client_options(url: str, secret: str | None) -> ClientOptions:
    """Check where and as whom to connect.

    Raises:
        UsageError: `url` is not the URL of a server.
    """
    if socket_of(url) is not None:
        url = ON_SOCKET
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise UsageError(f"{url!r} is no URL: {error}") from None
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise UsageError(f"{url!r} is no URL like http://127.0.0.1:8081")
    # A proxy that the environment names is for the world outside. The control interface is
    # near, and a proxy would be shown the secret.
    headers = {} if secret is None else {"authorization": f"Bearer {secret}"}
    return {"base_url": url, "headers": headers, "trust_env": False, "limits": LIMITS}


def socket_of(url: str) -> str | None:
    """Return the path of the Unix socket that a URL names, as `unix:/run/push.sock` does; None if it names none."""
    found = _UNIX(url)
    return found[1] if found else None


def request(call: Call[Any]) -> Request:
    """Write the request of a call: JSON, or CBOR if a message in it holds bytes.

    Raises:
        TypeError: the caller's fault; a message is of a type that neither can carry.
        UsageError: the same; a memoryview in it is not contiguous.
        ValueError: the caller's fault; a message contains itself, NaN or half a character.
    """
    if call.body is None:
        return {"method": call.method, "url": call.path, "content": None, "headers": {}}
    body = call.body if isinstance(call.body, Encoded) else encoded(call.body)
    return {
        "method": call.method,
        "url": call.path,
        "content": body.content,
        "headers": {"content-type": body.content_type},
    }


def encoded(body: object) -> Encoded:
    """Write a body: JSON, or CBOR if something in it holds bytes.

    Raises:
        TypeError, UsageError, ValueError: see `request`.
    """
    try:
        return Encoded(_json(body), JSON)
    except _HoldsBytes:
        return Encoded(cbor2.dumps(body, encoders=BYTES), CBOR)


def _json(body: object) -> bytes:
    # The standard library's encoder, because a faster one takes bytes for base64 text, unasked.
    text = json.dumps(body, default=_refuse, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode()


def _refuse(value: object) -> object:
    if isinstance(value, bytes | bytearray | memoryview):
        raise _HoldsBytes
    raise TypeError(f"a message cannot hold a {type(value).__name__}")


def _write_view(encoder: cbor2.CBOREncoder, view: memoryview) -> None:
    if not view.c_contiguous:
        raise UsageError("a message cannot hold a memoryview that is not contiguous")
    encoder.encode(view.tobytes())


BYTES: Final[dict[type, Callable[[cbor2.CBOREncoder, Any], None]]] = {memoryview: _write_view}
"""What cbor2 would take for an array of numbers."""


def result(call: Call[R], response: httpx.Response) -> R:
    """Read what a call has come to.

    Raises:
        ControlError: the caller's fault; the server refused.
        ConnectorError: the environment's fault; the server failed, or is something else.
    """
    try:
        body = _decoded(response)
        if response.is_success:
            return msgspec.convert(body if call.member is None else body[call.member], call.answer)
        refusal = msgspec.convert(body, _Refusal)
    except (msgspec.MsgspecError, cbor2.CBORError, LookupError, TypeError):
        raise ConnectorError(
            f"{response.url}: a response (status {response.status_code}) that no control listener gives"
        ) from None
    raise _error(response.status_code, refusal)


def _decoded(response: httpx.Response) -> Any:
    if response.headers.get("content-type") == CBOR:
        return cbor2.loads(response.content)
    return msgspec.json.decode(response.content)


def _error(status: int, refusal: _Refusal) -> ConnectorError | ControlError:
    if status >= SERVER_ERRORS:
        return ConnectorError(f"{refusal.error} ({status}): {refusal.detail}")
    if refusal.error == "unknown-session":
        return UnknownSessionError(refusal.error, status, refusal.detail)
    return ControlError(refusal.error, status, refusal.detail)


class Attempts:
    """When a call is made again: if it takes effect only once, within its time-out, after pauses that grow.

    Args:
        call: The call.
        timeout: Seconds that all attempts together may take, besides what the server may hold the request.
        now: The time, in seconds of any clock.
    """

    def __init__(self, call: Call[Any], timeout: float, now: float) -> None:
        self._repeatable = call.repeatable
        self._until = now + timeout + call.wait
        self._count = 0

    def left(self, now: float) -> float:
        """Return how long the next attempt may take."""
        return max(0.0, self._until - now)

    def pause(self, now: float) -> float | None:
        """Return how long to wait before another attempt; None if there is to be none."""
        pause = PAUSES.delay(self._count)
        self._count += 1
        return pause if self._repeatable and now + pause < self._until else None


def unreachable(call: Call[Any], error: Exception) -> ConnectorError:
    """Describe a call that got no response at all."""
    text = f"{call.path} got no response: {str(error) or type(error).__name__}"
    return ConnectorError(text, unsent=isinstance(error, UNSENT))
