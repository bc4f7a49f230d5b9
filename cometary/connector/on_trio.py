"""The connector for programs on Trio."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
import trio

from cometary.connector import calls, wire
from cometary.connector.calls import Call, HistoryPage, ReceiptPage

R = TypeVar("R")


class AsyncConnector:
    """`Connector`, with the same calls, results and errors, for any number of Trio tasks.

    Args:
        url: Where the control listener is, such as `http://127.0.0.1:8081`.
        secret: The server's secret, if it has one.
        timeout: Seconds that a call takes at most, from its first byte to the response's last.
    """

    def __init__(self, url: str, secret: str | None = None, *, timeout: float = 5) -> None:
        # Trio's own time-out covers the whole call; the client's would start anew for each part of it.
        self._client = httpx.AsyncClient(**wire.client_options(url, secret), timeout=None)  # noqa: S113 (see above)
        self._timeout = timeout

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections; the connector is of no use afterwards."""
        await self._client.aclose()

    async def update(
        self,
        path: str,
        message: object = None,
        *,
        receipt: str | None = None,
        ttl: float | None = None,
        key: str | None = None,
    ) -> int:
        """See `Connector.update`."""
        return await self._perform(calls.update(path, message, receipt=receipt, ttl=ttl, key=key))

    async def updates(self, pairs: Iterable[tuple[str, object]]) -> int:
        """See `Connector.updates`."""
        return await self._perform(calls.updates(pairs))

    async def connect(
        self, sid: str, paths: Iterable[str], *, last: int = 0, since: Mapping[str, str] | None = None
    ) -> list[str]:
        """See `Connector.connect`."""
        return await self._perform(calls.connect(sid, paths, last, since))

    async def disconnect(self, sid: str, paths: Iterable[str]) -> list[str]:
        """See `Connector.disconnect`."""
        return await self._perform(calls.disconnect(sid, paths))

    async def send(
        self,
        sid: str,
        packets: Iterable[tuple[str, object]],
        *,
        receipt: str | None = None,
        ttl: float | None = None,
        key: str | None = None,
    ) -> int:
        """See `Connector.send`."""
        return await self._perform(calls.send(sid, packets, receipt=receipt, ttl=ttl, key=key))

    async def history(self, path: str, last: int = 100, *, since: str | None = None) -> HistoryPage:
        """See `Connector.history`."""
        return await self._perform(calls.history(path, last, since))

    async def kick(self, sid: str) -> None:
        """See `Connector.kick`."""
        await self._perform(calls.kick(sid))

    async def sessions(self) -> list[dict[str, Any]]:
        """See `Connector.sessions`."""
        return await self._perform(calls.sessions())

    async def receipts(self, after: str | None = None, *, wait: float = 0) -> ReceiptPage:
        """See `Connector.receipts`."""
        return await self._perform(calls.receipts(after, wait))

    async def statistics(self) -> dict[str, int]:
        """See `Connector.statistics`."""
        return await self._perform(calls.statistics())

    async def tree(self) -> dict[str, Any]:
        """See `Connector.tree`."""
        return await self._perform(calls.tree())

    async def healthz(self) -> str:
        """See `Connector.healthz`."""
        return await self._perform(calls.healthz())

    async def _perform(self, call: Call[R]) -> R:
        request = wire.request(call)
        try:
            with trio.fail_after(self._timeout + call.wait):
                response = await self._client.request(**request)
        except (httpx.HTTPError, trio.TooSlowError) as error:
            raise wire.unreachable(call, error) from error
        return wire.result(call, response)
