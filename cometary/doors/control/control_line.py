"""The line of back-ends' calls: those that send wait while what was sent before has not been passed on.

1.  A call that sends (`/update`, `/send`) is answered when what it sends has been taken. While very much waits to be
    routed, or for one session's turn (`cometary.sessions.flow.MANY`), further ones wait, and go on in their order.
    So a back-end that sends faster than the server can pass on is as fast as the server.
2.  Other calls do not wait: a back-end can always end a session, or look.
3.  At most `MOST_WAITING` calls wait; one more is `too-many-requests`, and has changed nothing.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

import trio

from cometary.errors import ProtocolError
from cometary.log import get_logger
from cometary.sessions.flow import MANY

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.sessions.flow import Flow
    from cometary.sessions.keeper import SessionKeeper

logger = get_logger("cometary.transport")

MOST_WAITING: Final = 1_000
PAUSE: Final = 0.002
"""Seconds between two looks whether there is room."""


class ControlLine:
    """Has calls made at once, or in their order later.

    Args:
        flow: how much waits to be routed.
        start_soon: runs an async function beside everything else.
    """

    def __init__(self, flow: Flow, start_soon: Callable[..., None]) -> None:
        self._flow = flow
        self._start_soon = start_soon
        self._waiting: deque[Callable[[], None]] = deque()
        self._busy: SessionKeeper | None = None

    def make(self, call: Callable[[], None]) -> None:
        """Make a call now or later; it answers by itself.

        Raises:
            ProtocolError: `too-many-requests`: too many wait; nobody's fault, nothing has changed.
        """
        if not self._waiting and not self._full():
            call()
            return
        if len(self._waiting) >= MOST_WAITING:
            raise ProtocolError("too-many-requests", "too many calls wait already", retry_after=1)
        self._waiting.append(call)
        if len(self._waiting) == 1:
            self._start_soon(self._work_off)

    def sent_to(self, keeper: SessionKeeper) -> None:
        """Take note that a call has sent to a session."""
        self._busy = keeper

    def _full(self) -> bool:
        if self._busy is not None and self._busy.mail < MANY:
            self._busy = None
        return self._busy is not None or self._flow.crowded

    async def _work_off(self) -> None:
        while self._waiting:
            if self._full():
                await trio.sleep(PAUSE)
                continue
            call = self._waiting[0]
            try:
                call()
            except Exception:  # here it ends: raised further, it would end the actor system
                logger.exception("control call failed", text="a call of a back-end failed")
            self._waiting.popleft()  # only now: meanwhile others wait behind it
