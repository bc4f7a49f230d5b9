"""What takes its time to end, and what ends it at an awkward moment."""

from __future__ import annotations

import trio


async def linger(*_: object) -> None:
    """Go on until cancelled, and then for three more seconds."""
    try:
        await trio.sleep_forever()
    finally:
        with trio.CancelScope(shield=True):
            await trio.sleep(3)


class CancelAtStep(trio.abc.Instrument):
    """Cancels `scope` before the step with the number `at` of any task."""

    def __init__(self, scope: trio.CancelScope, at: int) -> None:
        self.scope = scope
        self.left = at

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.left -= 1
        if self.left == 0:
            self.scope.cancel()
