"""A running server, as seen by those who started it and by the application's tasks."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, cast

import trio

from cometary.errors import ProtocolError
from cometary.supervision import tree
from cometary.supervision.tree import SHOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from cometary.actors import ActorRef
    from cometary.packets.receipts import ReceiptLog
    from cometary.server.reloading import Reloaded
    from cometary.sessions import Session, SessionManager
    from cometary.sessions.machine import SessionMachine
    from cometary.supervision import CrashReport, Supervisor, TreeNode

REPORTS_WAITING: Final = 100
"""The most crash reports that wait for one reader; further ones are dropped (the log has them all)."""


@dataclass(frozen=True, slots=True)
class Running:
    """A running server; handed to those who started it, and to the application's tasks.

    Attributes:
        comet: the URL of the comet endpoint.
        control: the URL of the control interface; empty if there is none.
        secret: what every call of the control interface must bear, if anything.
        urls: where each listener is, by its name: `clients`, and those of the doors.
    """

    comet: str
    control: str
    secret: str | None = field(repr=False)
    urls: Mapping[str, str]
    _manager: SessionManager
    _root: ActorRef[Supervisor]
    _leave: trio.Event
    _statistics: Callable[[], dict[str, int]]
    _reload: Callable[[], Reloaded]

    def stop(self) -> None:
        """Stop gracefully; `serve` returns when that is done."""
        self._leave.set()

    def reload(self) -> Reloaded:
        """Read the configuration again, if it comes from a place where that is possible, and the files of TLS.

        Nobody is dropped. What can change without a restart is declared so (`Option.live`).

        Raises:
            ConfigError: something is wrong; nothing has changed.
        """
        return self._reload()

    def machine(self, session: Session) -> SessionMachine | None:
        """Return the machine of a session, to look at or to observe; None if the session has ended."""
        with suppress(ProtocolError):
            return self._manager.find(session.sid).machine
        return None

    def tree(self, *, shown: int = SHOWN) -> TreeNode:
        """Return the supervision tree as it is now, with at most `shown` of the sessions."""
        return tree(self._root, shown=shown)

    @property
    def receipts(self) -> ReceiptLog:
        """What has become of the packets that somebody asks about: to subscribe to, or to read."""
        return self._manager.receipts

    def statistics(self) -> dict[str, int]:
        """Return how many sessions there are, and what has become of all packets since the start."""
        return self._statistics()

    @contextmanager
    def crash_reports(self) -> Generator[trio.MemoryReceiveChannel[CrashReport]]:
        """Receive every crash report of the tree while the block lasts."""
        send, receive = trio.open_memory_channel["CrashReport"](REPORTS_WAITING)

        def take(report: CrashReport) -> None:
            with suppress(trio.WouldBlock):
                send.send_nowait(report)

        supervisor = cast("Supervisor", self._root.actor_inbox.actor)
        supervisor.subscribe(take)
        try:
            yield receive
        finally:
            supervisor.unsubscribe(take)
