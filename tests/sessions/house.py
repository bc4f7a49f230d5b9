"""Sessions in their actors, under their supervisor, with an application, and without a wire."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import trio

from cometary.app import App
from cometary.dispatch.dispatcher import Table
from cometary.errors import ProtocolError
from cometary.sessions import Packet, SessionKeeper, SessionManager, SessionSettings, SessionSupervisor
from cometary.supervision import ChildSpec, supervise
from tests.sessions.bench import Asked

GONE = {"session-ended", "unknown-session"}


@asynccontextmanager
async def hosting(app: App, **settings: Any) -> AsyncGenerator[SessionManager]:
    """Run a manager of sessions; it needs a running system."""
    manager = SessionManager(SessionSettings(**settings), app, Table())
    async with supervise([ChildSpec("sessions", SessionSupervisor, (manager,))]):
        yield manager


class Visitor:
    """A client without a wire, who does nothing by itself.

    Args:
        manager: opens its session.
    """

    def __init__(self, manager: SessionManager) -> None:
        self.keeper: SessionKeeper = manager.open(1)
        self._rid = 1
        self.got: list[tuple[str, Any]] = []
        self.ack = 0

    async def ask(self, *packets: Packet, **more: Any) -> Asked:
        """Make a request, and give it time to be handled."""
        self._rid += 1
        request = Asked(self._rid, ack=self.ack, packets=packets, **more)
        try:
            self.keeper.ref.tell(request)
        except Exception:  # noqa: BLE001 - as the endpoint answers for a session that is not there any more
            request.refuse(ProtocolError("unknown-session", "there is none"))
        await trio.testing.wait_all_tasks_blocked()
        self.take(request)
        return request

    def take(self, request: Asked) -> None:
        """Take what `request` was answered with, if it was."""
        if request.answered and isinstance(request.replies[0], tuple):
            first, packets = request.got
            assert first <= self.ack + 1 or not packets, "some are missing"
            new = packets[self.ack + 1 - first :]
            self.got += [(packet.path, packet.message) for packet in new]
            self.ack += len(new)
