"""Sessions in their actors, under their supervisor, with an application, and without a wire."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from pykka import ActorDeadError
from trio.testing import wait_all_tasks_blocked

from cometary.actors import current_system
from cometary.app import App
from cometary.dispatch.dispatcher import Table
from cometary.dispatch.hub import Hub
from cometary.errors import ProtocolError
from cometary.packets.contract_table import Contracts
from cometary.sessions import (
    Packet,
    Session,
    SessionKeeper,
    SessionManager,
    SessionSettings,
    SessionSupervisor,
)
from cometary.supervision import ChildSpec, supervise
from tests.sessions.bench import Asked


@asynccontextmanager
async def hosting(
    app: App, contracts: Contracts | None = None, **settings: Any
) -> AsyncGenerator[SessionManager]:
    """Run a manager of sessions; it needs a running system."""
    manager = SessionManager(SessionSettings(**settings), app)
    Hub(manager, Table(), contracts, start_soon=current_system().start_soon)
    async with supervise([ChildSpec("sessions", SessionSupervisor, (manager,))]):
        yield manager


def echoing() -> App:
    """An application that sends back what comes to `echo`, and takes what comes to `quiet`."""
    app = App()

    @app.packet("echo")
    def echo(session: Session, path: str, message: object) -> None:
        session.send(path, message)

    @app.packet("quiet")
    def take(session: Session, path: str, message: object) -> None:
        pass

    return app


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
        self._taken: list[Asked] = []

    def prepare(self, ahead: int, *packets: Packet, **more: Any) -> Asked:
        """Return a request whose id is so much higher than that of the last one."""
        return Asked(self._rid + ahead, ack=self.ack, packets=packets, **more)

    async def ask(self, *packets: Packet, **more: Any) -> Asked:
        """Make the next request, and give it time to be handled."""
        request = self.prepare(1, *packets, **more)
        self.skip()
        return await self.make(request)

    def skip(self) -> None:
        """Take note that the next request has been made already."""
        self._rid += 1

    async def again(self, request: Asked) -> Asked:
        """Send a request again, as a client does that has lost the connection."""
        return await self.make(Asked(request.rid, ack=self.ack, packets=request.packets))

    async def make(self, request: Asked) -> Asked:
        """Make a request, and give it time to be handled."""
        try:
            self.keeper.ref.tell(request)
        except ActorDeadError:
            request.refuse(ProtocolError("unknown-session", "there is none"))
        await wait_all_tasks_blocked()
        self.take(request)
        return request

    def take(self, request: Asked) -> None:
        """Take what `request` was answered with, if it was, once."""
        if request.answered_well and request not in self._taken:
            self._taken.append(request)
            first, packets = request.got
            assert first <= self.ack + 1 or not packets, "some are missing"
            new = packets[self.ack + 1 - first :] if packets else ()
            self.got += [(packet.path, packet.message) for packet in new]
            self.ack += len(new)
