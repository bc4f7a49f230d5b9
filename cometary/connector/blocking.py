"""The connector for programs that block: a Django view, a Celery task, a script."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from time import monotonic, sleep
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

import httpx

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
from cometary.connector.progress import Progress
from cometary.errors import ConnectorError

R = TypeVar("R")


class Connector:
    """A back-end's hold on the control interface; any number of threads may share one.

    It keeps connections open between calls. Make it after a fork, not before: two processes
    must not write to one socket. After a failure nobody knows whether a call took effect, so none is repeated, except
    for an update with an idempotency key, which is tried until the time-out.

    Args:
        url: Where the control listener is, such as `http://127.0.0.1:8081` or `unix:/run/control.sock`.
        secret: The server's secret, if it has one.
        timeout: Seconds that a call waits at most for each of: a connection, sending, and any
            part of the response.

    Every call raises:
        ConnectorError: the environment's fault; no server there, or it failed, or took too long.
        UnknownSessionError: the session has ended, or never was.
        ControlError: the caller's fault; the server refused, for the reason in `condition`.
        TypeError, ValueError: the caller's fault; a message that neither JSON nor CBOR carries.
    """

    def __init__(self, url: str, secret: str | None = None, *, timeout: float = 5) -> None:
        path = wire.socket_of(url)
        transport = None if path is None else httpx.HTTPTransport(uds=path, limits=wire.LIMITS)
        self._client = httpx.Client(**wire.client_options(url, secret), transport=transport, timeout=timeout)
        self._timeout = timeout

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; the connector is of no use afterwards."""
        self._client.close()

    def update(self, path: str, message: object = None, **wishes: Unpack[UpdateWishes]) -> int:
        """Send `message` to every session that is connected to `path`.

        Args:
            path: The path.
            message: The message.
            **wishes: Other wishes for it: any of `receipt`, `ttl`, `key`, `exclude` and `idempotency_key`, see
                `cometary.connector.calls.UpdateWishes`.

        Returns:
            How many updates the server took: 1. To how many sessions they go is not told.
        """
        return self.perform(calls.update(path, message, **wishes))

    def updates(self, pairs: Iterable[tuple[str, object]]) -> int:
        """Send several updates, each a path and a message, in order and in one request.

        Returns:
            How many updates the server took.
        """
        return self.perform(calls.updates(pairs))

    def batch(self, items: Iterable[Update]) -> list[dict[str, Any]]:
        """Send several updates, in order and in one request, each by itself.

        Args:
            items: For each a path and a message; or a map with `path`, `message`, and what `update` takes besides.

        Returns:
            For each a dict: empty if it was taken, else with `error` and `detail`.
        """
        return self.perform(calls.batch(items))

    def connect(
        self, sid: str, paths: Iterable[str], *, last: int = 0, since: Mapping[str, str] | None = None
    ) -> list[str]:
        """Connect a session to paths.

        Args:
            sid: The session's id.
            paths: The paths, or patterns.
            last: How many of the latest updates to each to send first, as far as they are kept.
            since: For some of them the position (`at`) behind which to begin instead.

        Returns:
            All the paths that it is connected to now.
        """
        return self.perform(calls.connect(sid, paths, last, since))

    def disconnect(self, sid: str, paths: Iterable[str]) -> list[str]:
        """Disconnect a session from paths; one that it was not connected to does not matter.

        Returns:
            All the paths that it is still connected to.
        """
        return self.perform(calls.disconnect(sid, paths))

    def send(self, sid: str, packets: Iterable[tuple[str, object]], **wishes: Unpack[Wishes]) -> int:
        """Send packets, each a path and a message, to one session.

        Args:
            sid: The session's id.
            packets: The packets.
            **wishes: What is wished for each of them: any of `receipt`, `ttl` and `key`, as for `update`.

        Returns:
            How many packets the session took.
        """
        return self.perform(calls.send(sid, packets, **wishes))

    def history(self, path: str, last: int = 100, *, since: str | None = None) -> HistoryPage:
        """Return what is kept of the updates to a path.

        Args:
            path: The path.
            last: How many packets at most, up to 1,000: the latest, or the first behind `since`.
            since: The position behind which to begin; None for the latest.
        """
        return self.perform(calls.history(path, last, since))

    def presence(self, path: str, most: int = 100) -> PresencePage:
        """Return who is connected to a path that has presence.

        Args:
            path: The path.
            most: How many are listed at most, up to 1,000; 0 for the count alone.
        """
        return self.perform(calls.presence(path, most))

    def ask(self, sid: str, path: str, message: object = None, *, timeout: float = 10) -> Any:
        """Ask the client of a session, and wait for its answer.

        Args:
            sid: The session's id.
            path: The path, by which the client chooses a handler.
            message: The message.
            timeout: Seconds, at most 60, for the client to get it and to answer; on top of the connector's own.

        Raises:
            AskError: There is no answer; its `fault` says whose fault that is.
        """
        return calls.answer(self.perform(calls.ask(sid, path, message, timeout)))

    def progress(self, path: str, *, every: float = 0.25) -> Progress:
        """Tell those who listen at `path` how far a job is: `with connector.progress("process/7") as job: …`.

        In the block `job.update(0.5)` says that half of it is done. Messages are `{"progress": 0.5}`; the last one has
        `"done": true`, or `"failed": true` if the block raises.

        Args:
            path: The path.
            every: Seconds between two messages at least; of what is said in between, the newest is sent.
        """
        return Progress(self, path, every)

    def kick(self, sid: str | None = None, *, name: str | None = None) -> None:
        """End a session; its client is told `kicked`.

        Args:
            sid: Its id.
            name: Its public name, if you do not know the id. One of the two has to be given.
        """
        self.perform(calls.kick(sid, name))

    def sessions(self) -> list[dict[str, Any]]:
        """Return what the server tells of its sessions: `name`, `state`, `age`, `queued`, `paths`."""
        return self.perform(calls.sessions())

    def receipts(self, after: str | None = None, *, wait: float = 0) -> ReceiptPage:
        """Learn what has become of the packets that were sent with a receipt.

        Reading takes nothing out: to ask again with the same `after` gives the same again.

        Args:
            after: The `cursor` of the page before; None for the oldest that are kept.
            wait: Seconds, at most 60, to wait if there are no receipts yet.

        Returns:
            The next receipts, at most 1,000, and the cursor for those behind them.
        """
        return self.perform(calls.receipts(after, wait))

    def statistics(self) -> dict[str, int]:
        """Return how many sessions there are, and what has become of all packets."""
        return self.perform(calls.statistics())

    def tree(self) -> dict[str, Any]:
        """Return the supervision tree."""
        return self.perform(calls.tree())

    def healthz(self) -> str:
        """Return `ok` if the server is well."""
        return self.perform(calls.healthz())

    def perform(self, call: Call[R]) -> R:
        """Make a call and return its result, as all methods above do."""
        request = wire.request(call)
        attempts = wire.Attempts(call, self._timeout, monotonic())
        while True:
            try:
                response = self._client.request(**request, timeout=attempts.left(monotonic()))
                return wire.result(call, response)
            except httpx.HTTPError as error:
                pause = attempts.pause(monotonic())
                if pause is None:
                    raise wire.unreachable(call, error) from error
            except ConnectorError:
                pause = attempts.pause(monotonic())
                if pause is None:
                    raise
            sleep(pause)
