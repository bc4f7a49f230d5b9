"""The supervisor of all session actors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cometary.supervision import DynamicSupervisor

if TYPE_CHECKING:
    from cometary.actors import ActorRef
    from cometary.sessions.keeper import SessionKeeper
    from cometary.sessions.manager import SessionManager

CRASHES = 3
"""Crashes of one session's actor that are put up with within `PERIOD`; one more and it has failed."""

PERIOD = 5.0
"""Seconds."""


class SessionSupervisor(DynamicSupervisor):
    """Restarts the actor of a session that crashed; gives up a session that crashes too often.

    Args:
        manager: opens the sessions, and is told of those that were given up.
    """

    def __init__(self, manager: SessionManager) -> None:
        super().__init__(per="child", intensity=CRASHES, period=PERIOD, on_give_up=manager.gave_up)
        self._manager = manager

    async def on_start(self) -> None:  # type: ignore[override]  # async, as its on_receive is
        """Begin to take sessions."""
        await super().on_start()
        self._manager.attach(self)

    def forget(self, ref: ActorRef[Any]) -> None:
        """Forget the actor of a session, but rescue its mail."""
        # Here a child's mailbox is closed, and its mail discarded: that of an actor that was given up, or that
        # ends with its supervisor.
        cell = ref.actor_inbox
        keeper: SessionKeeper = self.children.args_of(ref)[0]
        if keeper.ended is None or len(cell):
            mail = cell.drain()
            self._manager.rescue(keeper, mail)
            cell.discard(mail)
        super().forget(ref)
