"""The core of a server: its sessions, where sessions are found, and how what is sent reaches them.

It has no socket: clients meet the entrance, which leads here (`cometary.server.entrance`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cometary.cluster.settings import MIRROR, RECORDED
from cometary.dispatch.dispatcher import Table
from cometary.dispatch.hub import Hub
from cometary.server.cluster import new_recording
from cometary.server.colleagues import new_engine
from cometary.server.contracts import contracts_of
from cometary.sessions import SessionManager
from cometary.sessions.settings import session_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.app import App
    from cometary.cluster.engine import Engine as Cluster
    from cometary.cluster.recording import Recording
    from cometary.dispatch.engine import Engine
    from cometary.server.colleagues import Colleagues
    from cometary.sessions.application import Application
    from cometary.settings import Settings


class Core:
    """The core of one server.

    Args:
        settings: how the server is set up.
        app: its application, which declares contracts.
        application: what sessions report to: that application, and what doors put around it.
        engine: by what updates travel; None for one that goes no further than this server.
        colleagues: the other workers, or nodes.
        cluster: the engine that records sessions; None for none.
        start_soon: runs an async function beside everything else.

    Attributes:
        application: the same.
        manager: has the sessions that are here.
        locator: finds those that are elsewhere, too.
        engine: by what updates travel, to the colleagues as well.
        table: who hears what.
        hub: sends, connects and ends, whoever asks.
        recording: has sessions recorded; None if nothing does.
    """

    def __init__(
        self,
        settings: Settings,
        app: App,
        application: Application,
        *,
        engine: Engine | None,
        colleagues: Colleagues,
        cluster: Cluster | None,
        start_soon: Callable[..., None],
    ) -> None:
        contracts = contracts_of(settings, app)
        self.application = application
        self.manager = manager = SessionManager(session_settings(settings), application)
        manager.new_sid = colleagues.new_sid
        self.locator = colleagues.locator(manager.directory)
        colleagues.note_receipts(manager.receipts)
        self.engine = colleagues.engine(engine or new_engine(contracts), contracts, manager.flow)
        self.table: Table = Table()
        self.hub = Hub(
            manager, self.table, contracts, engine=self.engine, locator=self.locator, start_soon=start_soon
        )
        self.recording: Recording | None = None
        if cluster is not None and settings.sessions in RECORDED:
            mirrors = settings.sessions == MIRROR
            self.recording = new_recording(cluster, manager, start_soon, mirrors=mirrors)
            colleagues.note_recording(self.recording, manager.directory)
