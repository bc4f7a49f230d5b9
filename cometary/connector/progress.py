"""Progress: how far a job is, told to whoever waits for it, the newest alone and not too often.

1.  `update` never waits, and the job never fails because the push server is away: that is logged. A message that
    nothing can carry is refused where it is given.
2.  One thread sends: at most once in `every` seconds, and always what is newest then. So a job may say a thousand
    times a second how far it is.
3.  At the end the last word is sent, that it is done, or has failed; for that the job waits, as long as a call takes,
    and one that is under way.
"""

from __future__ import annotations

from dataclasses import replace
from threading import Condition, Thread
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from cometary.connector import calls, wire
from cometary.errors import ConnectorError, ControlError
from cometary.log import get_logger
from cometary.packets.paths import check_own_path

if TYPE_CHECKING:
    from cometary.connector.blocking import Connector

logger = get_logger("cometary.connector")


class Progress:
    """How far one job is; see `Connector.progress`.

    Args:
        connector: What sends.
        path: Where those who wait for the job listen.
        every: Seconds between two messages at least.
    """

    def __init__(self, connector: Connector, path: str, every: float) -> None:
        check_own_path(path)
        self._connector = connector
        self._path = path
        self._every = every
        self._changed = Condition()
        self._put({"progress": 0}, over=False)
        self._thread = Thread(target=self._run, name="cometary-progress", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        last = {**self._newest, "failed": True} if error else {**self._newest, "progress": 1, "done": True}
        self._put(last, over=True)
        self._thread.join()

    def update(self, progress: float, **more: Any) -> None:
        """Say how far the job is.

        Args:
            progress: From 0 to 1.
            **more: What else those who wait are to know, such as `text`.

        Raises:
            TypeError, ValueError: the caller's fault; `more` holds what neither JSON nor CBOR carries.
        """
        self._put({"progress": progress, **more}, over=False)

    def _put(self, message: dict[str, Any], *, over: bool) -> None:
        call = calls.update(self._path, message)
        call = replace(call, body=wire.encoded(call.body))  # so it may be changed afterwards
        with self._changed:
            self._newest, self._call, self._is_new, self._over = message, call, True, over
            self._changed.notify()

    def _run(self) -> None:
        over = False
        while not over:
            with self._changed:
                self._changed.wait_for(lambda: self._is_new)
                call, over, self._is_new = self._call, self._over, False
            try:
                self._connector.perform(call)
            except (ConnectorError, ControlError) as error:
                logger.warning("progress not sent", text=f"progress was not sent: {error}", path=self._path)
            with self._changed:
                self._changed.wait_for(lambda: self._over, self._every)
