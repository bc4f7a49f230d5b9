"""Answers that grow with the server, and so are made in a task of their own, a few at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cometary.errors import ProtocolError
from cometary.escapes import escapes
from cometary.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.transport.http.exchange import Exchange

logger = get_logger("cometary.transport")


class SlowAnswers:
    """An endpoint that answers later; a subclass says with what.

    Args:
        start_soon: runs an async function beside everything else.
        most: how many answers are made at a time.
    """

    def __init__(self, start_soon: Callable[..., None], most: int) -> None:
        self._start_soon = start_soon
        self._most = most
        self._under_way = 0

    def __call__(self, exchange: Exchange) -> None:
        """Answer `exchange` later.

        Raises:
            ProtocolError: `too-many-requests`; the caller's fault.
        """
        if self._under_way >= self._most:
            raise ProtocolError(
                "too-many-requests", "too many of these answers are being made", retry_after=1
            )
        self._under_way += 1
        self._start_soon(self._try, exchange)

    async def answer(self, exchange: Exchange) -> None:
        """Answer `exchange`."""
        raise NotImplementedError

    async def _try(self, exchange: Exchange) -> None:
        try:
            await self.answer(exchange)
        except BaseException as error:  # here it ends: raised further, it would end the actor system
            if escapes(error):
                raise
            method, path = exchange.method, exchange.path
            logger.exception("request failed", text=f"{method} {path} failed", method=method, path=path)
            if exchange.streaming is not None:
                exchange.streaming.abort()  # its reader sees that it is not whole
            else:
                exchange.refuse(ProtocolError("internal-error", "The server failed; its log says why."))
        finally:
            self._under_way -= 1
