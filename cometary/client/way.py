"""The way to the server: a body that is posted until there is an answer, or a refusal that repeating would not change.

1.  What is lost on the way is posted again, with pauses that grow and are not the same for all clients, and at least
    as long as `Retry-After` says.
2.  What is neither an answer of the protocol nor one of its errors with its own status comes from a gateway, and counts
    as lost.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import count
from math import inf
from typing import TYPE_CHECKING, Final, TypeVar

import httpx
import msgspec
import trio

from cometary.client.bodies import read_refusal
from cometary.client.streams import LINES
from cometary.errors import CONDITIONS, ProtocolError
from cometary.supervision.restart_policy import Backoff

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T", bound=msgspec.Struct)

PASSING: Final = frozenset({"too-many-requests", "too-many-sessions", "shutting-down", "internal-error"})
"""Conditions under which the same is taken later."""

HEADERS: Final = {"content-type": "application/json"}
STREAM: Final = {**HEADERS, "accept": LINES.decode()}
HELLO: Final = 3.0
"""Seconds within which a stream begins, unless something between holds it back."""

SILENCE: Final = 60.0
"""Seconds after which a stream that brings nothing is broken: the server is silent for 50 at most."""

PAUSES: Final = Backoff(min=0.1, max=30, jitter=0.5)
LONGEST_PAUSE: Final = 3600


class Way:
    """The way to one endpoint.

    Args:
        http: makes the requests.
        url: the endpoint.
    """

    def __init__(self, http: httpx.AsyncClient, url: str) -> None:
        self._http = http
        self._url = url

    async def post(self, body: Callable[[], bytes], patience: float, kind: type[T]) -> T:
        """Post until there is an answer.

        Args:
            body: writes the body, anew for each attempt.
            patience: seconds after which a request without an answer counts as lost.
            kind: what the answer is.

        Raises:
            ProtocolError: the server's refusal, with `reason` and `processed` among its members if it has said so.
        """
        for attempt in count():
            response = await self._once(body(), patience)
            pause = PAUSES.delay(attempt)
            if response is not None:
                answer = read(response, kind)
                if isinstance(answer, ProtocolError) and answer.condition not in PASSING:
                    raise answer
                if answer is not None and not isinstance(answer, ProtocolError):
                    return answer
                pause = max(pause, seconds_after(response.headers.get("retry-after", "")))
            await trio.sleep(pause)
        raise AssertionError  # `count` has no end

    async def _once(self, body: bytes, patience: float) -> httpx.Response | None:
        with trio.move_on_after(patience):
            try:
                return await self._http.post(self._url, content=body, headers=HEADERS)
            except httpx.RequestError:
                pass  # the request or its answer is lost; nobody knows which
        return None

    async def follow(self, body: bytes, take: Callable[[bytes], Awaitable[bool]]) -> None:
        """Post for a stream, until that ends, breaks, or has been silent for too long.

        Args:
            body: what attaches it.
            take: takes a piece of it; returns whether it is to go on.
        """
        with suppress(httpx.HTTPError), trio.move_on_after(HELLO) as scope:
            async with self._http.stream("POST", self._url, content=body, headers=STREAM) as response:
                if response.headers.get("content-type") == LINES.decode():
                    async for piece in response.aiter_raw():
                        scope.deadline = inf  # while it is taken the silence is not the server's
                        if not await take(piece):
                            scope.cancel()  # where it is read: what it is read with is not left half way
                        scope.deadline = trio.current_time() + SILENCE


def read(response: httpx.Response, kind: type[T]) -> T | ProtocolError | None:
    """Read a response; None if it is not the server's (rule 2)."""
    if not response.is_success:
        refused = read_refusal(response.status_code, response.content)
        if not refused.detail or CONDITIONS.get(refused.error) != response.status_code:
            return None
        return ProtocolError(
            refused.error, refused.detail, reason=refused.reason, processed=refused.processed
        )
    try:
        return msgspec.json.decode(response.content, type=kind)
    except msgspec.DecodeError:
        return None


def seconds_after(header: str) -> int:
    """Return the seconds of `Retry-After`; 0 for a date, which this server never writes."""
    return min(int(header), LONGEST_PAUSE) if header.isascii() and header.isdecimal() else 0
