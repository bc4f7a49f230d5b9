"""The connector for programs on Trio or asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Mapping
from time import monotonic
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

import httpx
import sniffio

from cometary.connector import calls, wire
from cometary.connector.calls import (
    Call,
    HistoryPage,
    PresencePage,
    ReceiptPage,
    Update,
    UpdateWishes,
    Wishes,
)
from cometary.connector.progress import AsyncProgress
from cometary.errors import ConnectorError

R = TypeVar("R")


class AsyncConnector:
    """`Connector`, with the same calls, results and errors, for any number of tasks of one loop, Trio's or asyncio's.

    Args:
        url: Where the control listener is, such as `http://127.0.0.1:8081` or `unix:/run/control.sock`.
        secret: The server's secret, if it has one.
        timeout: Seconds that a call takes at most, from its first byte to the response's last.
    """

    def __init__(self, url: str, secret: str | None = None, *, timeout: float = 5) -> None:
        # The loop's own time-out covers the whole call; the client's would start anew for each part of it.
        path = wire.socket_of(url)
        transport = None if path is None else httpx.AsyncHTTPTransport(uds=path, limits=wire.LIMITS)
        options = wire.client_options(url, secret)
        self._client = httpx.AsyncClient(**options, transport=transport, timeout=None)  # noqa: S113 (see above)
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

    async def update(self, path: str, message: object = None, **wishes: Unpack[UpdateWishes]) -> int:
        """See `Connector.update`."""
        return await self.perform(calls.update(path, message, **wishes))

    async def updates(self, pairs: Iterable[tuple[str, object]]) -> int:
        """See `Connector.updates`."""
        return await self.perform(calls.updates(pairs))

    async def batch(self, items: Iterable[Update]) -> list[dict[str, Any]]:
        """See `Connector.batch`."""
        return await self.perform(calls.batch(items))

    async def connect(
        self, sid: str, paths: Iterable[str], *, last: int = 0, since: Mapping[str, str] | None = None
    ) -> list[str]:
        """See `Connector.connect`."""
        return await self.perform(calls.connect(sid, paths, last, since))

    async def disconnect(self, sid: str, paths: Iterable[str]) -> list[str]:
        """See `Connector.disconnect`."""
        return await self.perform(calls.disconnect(sid, paths))

    async def send(self, sid: str, packets: Iterable[tuple[str, object]], **wishes: Unpack[Wishes]) -> int:
        """See `Connector.send`."""
        return await self.perform(calls.send(sid, packets, **wishes))

    async def history(self, path: str, last: int = 100, *, since: str | None = None) -> HistoryPage:
        """See `Connector.history`."""
        return await self.perform(calls.history(path, last, since))

    async def presence(self, path: str, most: int = 100) -> PresencePage:
        """See `Connector.presence`."""
        return await self.perform(calls.presence(path, most))

    async def ask(self, sid: str, path: str, message: object = None, *, timeout: float = 10) -> Any:  # noqa: ASYNC109 - the server counts it
        """See `Connector.ask`."""
        return calls.answer(await self.perform(calls.ask(sid, path, message, timeout)))

    def progress(self, path: str, *, every: float = 0.25) -> AsyncProgress:
        """See `Connector.progress`: `async with connector.progress("process/7") as job: …`."""
        return AsyncProgress(self, path, every)

    async def kick(self, sid: str | None = None, *, name: str | None = None) -> None:
        """See `Connector.kick`."""
        await self.perform(calls.kick(sid, name))

    async def sessions(self) -> list[dict[str, Any]]:
        """See `Connector.sessions`."""
        return await self.perform(calls.sessions())

    async def receipts(self, after: str | None = None, *, wait: float = 0) -> ReceiptPage:
        """See `Connector.receipts`."""
        return await self.perform(calls.receipts(after, wait))

    async def statistics(self) -> dict[str, int]:
        """See `Connector.statistics`."""
        return await self.perform(calls.statistics())

    async def tree(self) -> dict[str, Any]:
        """See `Connector.tree`."""
        return await self.perform(calls.tree())

    async def healthz(self) -> str:
        """See `Connector.healthz`."""
        return await self.perform(calls.healthz())

    async def perform(self, call: Call[R]) -> R:
        """See `Connector.perform`."""
        request = wire.request(call)
        attempts = wire.Attempts(call, self._timeout, monotonic())
        while True:
            try:
                asked = self._client.request(**request)
                response = await _within(attempts.left(monotonic()), asked)
                return wire.result(call, response)
            except (httpx.HTTPError, TimeoutError) as error:
                pause = attempts.pause(monotonic())
                if pause is None:
                    raise wire.unreachable(call, error) from error
            except ConnectorError:
                pause = attempts.pause(monotonic())
                if pause is None:
                    raise
            await _sleep(pause)


async def _within(seconds: float, response: Awaitable[httpx.Response]) -> httpx.Response:
    """Await a response on whichever loop this is.

    Raises:
        TimeoutError: it took longer.
    """
    if sniffio.current_async_library() == "asyncio":
        async with asyncio.timeout(seconds):
            return await response
    import trio  # noqa: PLC0415 - a program on asyncio need not load it

    with trio.move_on_after(seconds):
        return await response
    raise TimeoutError


async def _sleep(seconds: float) -> None:
    if sniffio.current_async_library() == "asyncio":
        await asyncio.sleep(seconds)
    else:
        import trio  # noqa: PLC0415 - a program on asyncio need not load it

        await trio.sleep(seconds)
