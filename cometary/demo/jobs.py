"""The server's end of the back-end process: it is started, supervised, and told what to do.

How a job goes:

1.  The page sends the packet `jobs/start`. The handler here only writes an order for the back-end.
2.  Orders go down the back-end's standard input, a line of JSON each. Elsewhere a work queue would be
    in its place; what matters is that the application hands the work over and does not wait.
3.  Everything comes back through the control interface, from a program that knows no more of this
    server than its URL: which paths a session may hear (`connect`), and every bit of progress
    (`update("process/…")`), straight to the sessions that are connected. No code here sees it.

An order holds the session's id, which is a secret: so it goes through a pipe, where nobody else
reads it, and never on a command line.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.app import App
    from cometary.server import Running
    from cometary.sessions import Session

COMMAND: Final = (sys.executable, "-m", "cometary.demo.backend")

ORDERS_WAITING: Final = 100
"""Orders that wait for the back-end at most. Further ones are refused: the page is told."""


class BackEndEndedError(Exception):
    """The back-end's process has ended although nobody asked it to."""


class Jobs:
    """Orders, and the process that carries them out.

    Args:
        app: the application that it is a part of.
        present: tells which sessions there are.
    """

    def __init__(self, app: App, present: Callable[[], list[Session]]) -> None:
        self._present = present
        self._put, self._orders = trio.open_memory_channel[dict[str, str]](ORDERS_WAITING)
        app.signon(self.admit)
        app.packet("jobs/start")(self.start)
        app.task(self.back_end)

    def admit(self, session: Session) -> None:
        """Have the back-end say which paths a session may hear."""
        self._order("admit", session)

    def start(self, session: Session, _path: str, message: object) -> None:
        """Have a job started: a private one, or one that everybody may watch."""
        self._order("start private" if message == "private" else "start shared", session)

    def _order(self, what: str, session: Session) -> None:
        try:
            self._put.send_nowait({"order": what, "sid": session.sid, "name": session.name})
        except trio.WouldBlock:
            session.send("process/refused", "The back-end is too busy.")

    async def back_end(self, running: Running) -> None:
        """Run the process for as long as the server runs.

        Raises:
            BackEndEndedError: the process has ended; the supervisor starts another one.
        """
        secret = {} if running.secret is None else {"COMETARY_SECRET": running.secret}
        run: Any = partial(
            trio.run_process,
            [*COMMAND, running.control],
            stdin=subprocess.PIPE,
            env={**os.environ, **secret},
            check=False,
        )
        async with trio.open_nursery() as nursery:  # cancelled, it ends the process: by SIGTERM, by its id
            process: trio.Process = await nursery.start(run)
            nursery.start_soon(self._pass_orders, cast("trio.abc.SendStream", process.stdin))
            status = await process.wait()
            nursery.cancel_scope.cancel()
        raise BackEndEndedError(f"exit status {status}")

    async def _pass_orders(self, pipe: trio.abc.SendStream) -> None:
        # One that ended may have taken orders with it. Those who are here already are made known to
        # the next one; a page sees that its jobs are lost, since that one has another process id.
        for session in self._present():
            self._order("admit", session)
        try:
            async for order in self._orders:
                await pipe.send_all(json.dumps(order).encode() + b"\n")
        except trio.BrokenResourceError:
            return  # the process has ended, as `back_end` notices by itself
