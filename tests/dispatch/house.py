"""Sessions, the hub, the dispatcher and the application of a server by itself, without a wire."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from trio.testing import wait_all_tasks_blocked

from cometary.actors import current_system, system
from cometary.app import App
from cometary.dispatch.dispatcher import Dispatcher, Table
from cometary.dispatch.hub import Hub
from cometary.dispatch.parking import Parking
from cometary.packets.contract_table import Contracts
from cometary.server.colleagues import new_engine
from cometary.sessions import Packet, Session, SessionManager, SessionSettings, SessionSupervisor
from cometary.supervision import ChildSpec, supervise
from tests.sessions.house import Visitor


class House:
    """What there is of a server."""

    def __init__(self, app: App, manager: SessionManager, hub: Hub) -> None:
        self.app = app
        self.manager = manager
        self.hub = hub

    async def visit(self) -> Guest:
        """Open a session, and let it sign on."""
        guest = Guest(self.manager)
        await wait_all_tasks_blocked()
        return guest


class Guest(Visitor):
    """A client who looks at what comes."""

    def __init__(self, manager: SessionManager) -> None:
        super().__init__(manager)
        self.session = Session(self.keeper, manager.hub)

    async def hear(self, *packets: Packet) -> list[tuple[str, Any]]:
        """Send packets, and return what has come, all of it."""
        self.got.clear()
        await self.ask(*packets)
        for _ in range(5):
            await self.ask()
        return list(self.got)


@asynccontextmanager
async def at_home(app: App, **settings: Any) -> AsyncGenerator[House]:
    """Run one, with the contracts of `app`."""
    async with system():
        manager = SessionManager(SessionSettings(**settings), app)
        table = Table()
        contracts = Contracts(app.contracts.declared, manager.settings.max_queued_bytes)
        engine = new_engine(contracts)
        hub = Hub(manager, table, contracts, engine=engine, start_soon=current_system().start_soon)
        parking = Parking(table, manager.flow)
        Dispatcher.start(table, engine.attach, manager.receipts, parking, manager.flow, manager.find_actor)
        app.attach(hub)
        async with supervise([ChildSpec("sessions", SessionSupervisor, (manager,))]):
            yield House(app, manager, hub)
