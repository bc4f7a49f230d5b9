"""Progress: how far a job is, told to those who wait for it: only the newest, and not too often.

1.  `update` never waits, and the job never fails because the push server is away: that is logged. A message that
    nothing can carry is refused at the call.
2.  One thread, or task, sends: at most once in `every` seconds, and always what is newest then. So a job may say a
    thousand times a second how far it is.
3.  At the end the last word is sent: that it is done, or has failed. The job waits for that, as long as that call takes
    and any under way. It does so even if it is cancelled: those who wait have to know.
"""

from __future__ import annotations

from dataclasses import replace
from threading import Condition, Thread
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import anyio

from cometary.connector import calls, wire
from cometary.errors import ConnectorError, ControlError
from cometary.log import get_logger
from cometary.packets.paths import check_own_path

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from cometary.connector.awaited import AsyncConnector
    from cometary.connector.blocking import Connector
    from cometary.connector.calls import Call

logger = get_logger("cometary.connector")


class Said:
    """What is said of one job: the newest alone.

    Args:
        path: Where those who wait for the job listen.

    Attributes:
        path: The same.
        is_new: Whether it has not been taken yet.
        over: Whether it is the last word.
    """

    def __init__(self, path: str) -> None:
        check_own_path(path)
        self.path = path
        self._keep({"progress": 0}, over=False)

    def update(self, progress: float, more: dict[str, Any]) -> None:
        """Take how far the job is."""
        self._keep({"progress": progress, **more}, over=False)

    def end(self, *, failed: bool) -> None:
        """Take the last word."""
        last = {"failed": True} if failed else {"progress": 1, "done": True}
        self._keep({**self._newest, **last}, over=True)

    def _keep(self, message: dict[str, Any], *, over: bool) -> None:
        call = calls.update(self.path, message)
        call = replace(call, body=wire.encoded(call.body))  # so it may be changed afterwards
        self._newest, self._call, self.is_new, self.over = message, call, True, over

    def take(self) -> Call[int]:
        """Return the call that says it."""
        self.is_new = False
        return self._call

    def unsent(self, error: Exception) -> None:
        """Log that it could not be said (rule 1)."""
        logger.warning("progress not sent", text=f"progress was not sent: {error}", path=self.path)


class Progress:
    """How far one job is; see `Connector.progress`.

    Args:
        connector: What sends.
        path: Where those who wait for the job listen.
        every: Seconds between two messages at least.
    """

    def __init__(self, connector: Connector, path: str, every: float) -> None:
        self._connector = connector
        self._every = every
        self._said = Said(path)
        self._changed = Condition()
        self._thread = Thread(target=self._run, name="cometary-progress", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        with self._changed:
            self._said.end(failed=error is not None)
            self._changed.notify()
        self._thread.join()

    def update(self, progress: float, **more: Any) -> None:
        """Say how far the job is.

        Args:
            progress: From 0 to 1.
            **more: What else those who wait are to know, such as `text`.

        Raises:
            TypeError, ValueError: the caller's fault; `more` holds what neither JSON nor CBOR carries.
        """
        with self._changed:
            self._said.update(progress, more)
            self._changed.notify()

    def _run(self) -> None:
        said, over = self._said, False
        while not over:
            with self._changed:
                self._changed.wait_for(lambda: said.is_new)
                call, over = said.take(), said.over
            try:
                self._connector.perform(call)
            except (ConnectorError, ControlError) as error:
                said.unsent(error)
            with self._changed:
                self._changed.wait_for(lambda: said.over, self._every)


class AsyncProgress:
    """The same for a task, on Trio or asyncio; see `AsyncConnector.progress`.

    Args:
        connector: What sends.
        path: Where those who wait for the job listen.
        every: Seconds between two messages at least.
    """

    def __init__(self, connector: AsyncConnector, path: str, every: float) -> None:
        self._connector = connector
        self._every = every
        self._said = Said(path)

    async def __aenter__(self) -> Self:
        self._changed, self._ended = anyio.Event(), anyio.Event()
        self._group: TaskGroup = anyio.create_task_group()
        await self._group.__aenter__()
        self._changed.set()
        self._group.start_soon(self._run)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        self._said.end(failed=error is not None)
        self._changed.set()
        self._ended.set()
        # It is told of no error, else that would come out as one of a group. The one that is in the air goes on.
        await self._group.__aexit__(None, None, None)

    def update(self, progress: float, **more: Any) -> None:
        """Say how far the job is; see `Progress.update`."""
        self._said.update(progress, more)
        self._changed.set()

    async def _run(self) -> None:
        over = False
        with anyio.CancelScope(shield=True):  # rule 3: it ends by itself, a call or two later
            while not over:
                await self._changed.wait()
                self._changed = anyio.Event()
                call, over = self._said.take(), self._said.over
                try:
                    await self._connector.perform(call)
                except (ConnectorError, ControlError) as error:
                    self._said.unsent(error)
                with anyio.move_on_after(self._every):
                    await self._ended.wait()
