"""Crashes session actors of the server, through its control interface.

The server has that call only if its operator switched it on (`crash-calls`).
"""

from __future__ import annotations

import json
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Final

import trio

from cometary.chaos.wire import BROKEN, Reply, Wire
from cometary.errors import TargetError

if TYPE_CHECKING:
    from cometary.chaos.shared import Target

MOST: Final = 1000
"""Crashes in one call."""

OK: Final = 200


class Crashing:
    """Crashes one actor after the other.

    Args:
        target: the call `/crash` of the control interface.
        every: seconds between two crashes.
    """

    def __init__(self, target: Target, every: float) -> None:
        self._target = target
        self._every = every
        self.crashed = 0

    async def run(self) -> None:
        """Crash actors until cancelled.

        Raises:
            TargetError: the server cannot be reached, or does not have the call.
        """
        while True:
            try:
                wire = await Wire.connect(self._target)
            except OSError:
                raise TargetError("the control interface has gone") from None
            with suppress(*BROKEN), closing(wire):  # an idle connection may have been closed
                await self._crash_by(wire)

    async def _crash_by(self, wire: Wire) -> None:
        due = trio.current_time()
        while True:
            due += self._every
            await trio.sleep_until(due)
            late = int((trio.current_time() - due) / self._every)  # those that a busy machine left out
            due += late * self._every
            await wire.send(self._target.request(b'{"count":%d}' % min(1 + late, MOST)))
            self.crashed += crashed(await wire.receive())


def crashed(reply: Reply) -> int:
    """Return how many actors were crashed.

    Raises:
        TargetError: it was refused.
    """
    if reply.status != OK:
        raise TargetError(
            f"POST /crash of the control interface is refused ({reply.status}): "
            "the server needs the option crash-calls, and the bench its secret, if it has one"
        )
    return int(json.loads(reply.body)["crashed"])
