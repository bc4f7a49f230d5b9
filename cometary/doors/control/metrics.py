"""`GET /metrics`: what a monitoring system reads. It is made bit by bit, since there may be many sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cometary.doors.control.slow_answers import SlowAnswers

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cometary.transport.http.exchange import Exchange

MOST_AT_A_TIME: Final = 4


class MetricsEndpoint(SlowAnswers):
    """Answers `GET /metrics`.

    Args:
        write: returns the text and its media type, given the header `Accept`.
        start_soon: runs an async function beside everything else.
    """

    def __init__(
        self, write: Callable[[str], Awaitable[tuple[bytes, bytes]]], start_soon: Callable[..., None]
    ) -> None:
        super().__init__(start_soon, MOST_AT_A_TIME)
        self._write = write

    async def answer(self, exchange: Exchange) -> None:
        """Answer `exchange`."""
        accept = exchange.headers.get(b"accept", b"").decode("latin-1")
        body, content_type = await self._write(accept)
        exchange.respond(200, body, content_type)
