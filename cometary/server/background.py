"""A server in a thread of its own: for a service manager that calls, as that of Windows does, and for tests.

1.  `start` returns once connections are accepted, `stop` once all sessions are told and every port is closed. Both
    may be called from any thread, any number of times: nothing is done twice.
2.  No signal handler is installed: the process belongs to somebody else.
3.  `start` raises what keeps it from starting, `stop` what ends it later.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from threading import Event, RLock, Thread
from types import TracebackType
from typing import TYPE_CHECKING, Any

import trio

from cometary.server.running import Running
from cometary.server.serving import serve

if TYPE_CHECKING:
    from cometary.app import App
    from cometary.settings import Settings


class BackgroundServer:
    """One server, started and stopped from outside any event loop.

    Args:
        settings: how it is set up.
        app: its application.
        **options: more arguments of `serve`.
    """

    def __init__(self, settings: Settings, app: App | None = None, **options: Any) -> None:
        self._made_with = settings, app, options
        self._lock = RLock()
        self._ready = Event()
        self._thread: Thread | None = None
        self._token: trio.lowlevel.TrioToken | None = None
        self._running: Running | None = None
        self._problem: BaseException | None = None

    def __enter__(self) -> Running:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> Running:
        """Start it, unless it is running.

        Raises:
            OSError, ConfigError, UsageError: what `serve` raises; nothing runs.
        """
        with self._lock:
            if self._thread is None:
                self._ready.clear()
                self._running = self._problem = None
                self._thread = Thread(target=self._run, name="cometary-server", daemon=True)
                self._thread.start()
                self._ready.wait()
            if self._running is None:
                self.stop()
                raise RuntimeError("the server has ended")
            return self._running

    def stop(self) -> None:
        """Stop it, if it is running, and wait until it has stopped."""
        with self._lock:
            thread, self._thread = self._thread, None
            if thread is None:
                return
            if self._token is not None and self._running is not None:
                with suppress(trio.RunFinishedError):  # it has ended by itself
                    self._token.run_sync_soon(self._running.stop)
            thread.join()
            problem, self._problem = self._problem, None
            if problem is not None:
                raise problem

    def started(self, value: Running | None = None) -> None:
        """Take note that connections are accepted; `serve` calls it."""
        self._token = trio.lowlevel.current_trio_token()
        self._running = value
        self._ready.set()

    def _run(self) -> None:
        settings, app, options = self._made_with
        try:
            trio.run(partial(serve, settings, app, task_status=self, **options))
        except BaseException as error:  # noqa: BLE001 - it is raised where somebody waits for it
            self._problem = error
        finally:
            self._ready.set()
