"""All BOSH sessions of a server, by their ids, and their supervisor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cometary.doors.bosh.events import Asked, End
from cometary.doors.bosh.names import SYSTEM_SHUTDOWN
from cometary.doors.bosh.session import BoshSession
from cometary.sessions.ids import new_sid
from cometary.supervision import DynamicSupervisor

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.actors import ActorRef
    from cometary.doors.bosh.terms import Terms
    from cometary.doors.bosh.upstream import Server


class Sessions:
    """The living sessions.

    Args:
        server: where the XMPP server is.
        most: how many there may be.

    Attributes:
        opened: how many were opened.
    """

    def __init__(self, server: Server, most: int) -> None:
        self._server = server
        self._most = most
        self._living: dict[str, ActorRef[BoshSession]] = {}
        self._closed = False
        self.supervisor: BoshSupervisor | None = None
        self.opened = 0
        self.new_sid: Callable[[], str] = new_sid

    def __len__(self) -> int:
        return len(self._living)

    @property
    def has_room(self) -> bool:
        """Whether one more may be opened."""
        return self.supervisor is not None and not self._closed and len(self._living) < self._most

    def open(self, terms: Terms, first: Asked) -> ActorRef[BoshSession]:
        """Open a session; only if it `has_room`."""
        assert self.supervisor is not None  # noqa: S101 - see above
        sid = self.new_sid()
        ref = self.supervisor.start_child(BoshSession, sid, terms, first, self._server, self._over)
        self._living[sid] = ref
        self.opened += 1
        return ref

    def find(self, sid: str) -> ActorRef[BoshSession] | None:
        """Return the session of that id, if there is one."""
        return self._living.get(sid)

    def _over(self, sid: str) -> None:
        self._living.pop(sid, None)

    def shut_down(self) -> None:
        """Open no more, and tell all clients that the server stops."""
        self._closed = True
        for ref in [*self._living.values()]:
            ref.actor_inbox.put_if_open(End(SYSTEM_SHUTDOWN))


class BoshSupervisor(DynamicSupervisor):
    """Runs the actors of all sessions; none is restarted after a crash, since client and server rely on what it knew.

    Args:
        sessions: the sessions.
    """

    def __init__(self, sessions: Sessions) -> None:
        super().__init__(per="child", restart="temporary")
        self._sessions = sessions

    async def on_start(self) -> None:  # type: ignore[override]  # async, as its on_receive is
        """Start taking sessions."""
        await super().on_start()
        self._sessions.supervisor = self

    def on_stop(self) -> Any:
        """Take no more."""
        self._sessions.supervisor = None
        return super().on_stop()
