"""Sessions in a thread with a Trio of its own, for servers on asyncio.

The blocking code of somebody's views then stops no pushes, and the sessions' handlers stop no views. What goes over,
in either direction, goes in `Crossing`s.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Final

import trio

from cometary.asgi.crossing import Crossing
from cometary.asgi.inside import Inside, open_inside

if TYPE_CHECKING:
    from cometary.app import App
    from cometary.settings import Settings

NAME: Final = "cometary"


class TrioThread:
    """The thread, and the way there and back. Made, and used, on a loop of asyncio's.

    Args:
        app: the application.
        settings: how the server is set up.

    Attributes:
        inside: the server; to be used on its own loop alone.
        there: calls that go to the thread.
        back: calls that come from it.
    """

    def __init__(self, app: App, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._leave: trio.Event | None = None
        self.inside: Inside
        self.there: Crossing
        self.back = Crossing(self._loop.call_soon_threadsafe)

    async def start(self) -> None:
        """Start it, and wait until sessions can be opened.

        Raises:
            OSError: as `open_inside`; as well as its other errors.
        """
        threading.Thread(target=self._run, name=NAME, daemon=True).start()
        await self._ready

    async def stop(self) -> None:
        """Tell every session `shutdown`, and wait for the thread's end."""
        self.there.call(self._set_leave)
        await self._ended

    async def drain(self) -> None:
        """Tell every session `shutdown`, and wait until that is done."""
        drained: asyncio.Future[None] = self._loop.create_future()

        async def drain() -> None:
            await self.inside.stop()
            self.back.call(drained.set_result, None)

        self.there.call(trio.lowlevel.spawn_system_task, drain)
        await drained

    def _set_leave(self) -> None:
        if self._leave is not None:
            self._leave.set()

    # In the thread.

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            trio.run(self._main)
        except BaseException as raised:  # noqa: BLE001 - it is raised where the thread was started
            error = raised
        self.back.call(self._tell_end, error)

    async def _main(self) -> None:
        self._leave = trio.Event()
        self.there = Crossing(trio.lowlevel.current_trio_token().run_sync_soon)
        async with open_inside(self._app, self._settings) as inside:
            self.inside = inside
            self.back.call(self._tell_ready)
            await self._leave.wait()

    # Back on the loop.

    def _tell_ready(self) -> None:
        if not self._ready.done():
            self._ready.set_result(None)

    def _tell_end(self, error: BaseException | None) -> None:
        for future in (self._ready, self._ended):
            if not future.done():
                if error is None:
                    future.set_result(None)
                else:
                    future.set_exception(error)
                    future.exception()  # so that one that nobody waits for any more is not complained of
