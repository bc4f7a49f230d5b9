"""Serving: one server from its start to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from cometary.actors import system
from cometary.app import App
from cometary.server.authenticator import choose_authenticator
from cometary.server.cluster import choose_cluster
from cometary.server.colleagues import ALONE
from cometary.server.tracing import choose_tracing
from cometary.server.tree import Server
from cometary.transport.net.listener import SYSTEM, Network

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cometary.cluster.engine import Engine as Cluster
    from cometary.doors.door import Door
    from cometary.server.colleagues import Colleagues
    from cometary.server.reloading import Source
    from cometary.server.running import Running
    from cometary.settings import Settings


async def serve(
    settings: Settings,
    app: App | None = None,
    *,
    doors: Iterable[type[Door]] | None = None,
    network: Network = SYSTEM,
    source: Source | None = None,
    colleagues: Colleagues = ALONE,
    cluster: Cluster | None = None,
    task_status: trio.TaskStatus[Running] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until stopped or cancelled.

    Args:
        settings: how the server is set up.
        app: the application; without one, client packets are refused, except those that a door takes.
        network: where connections come from.
        source: where the settings come from, to be read again; None if they are not.
        doors: the ways in and out besides the clients' own; None for the built-in ones and all that are installed.
        colleagues: the other workers, or nodes, of several.
        cluster: the engine that records sessions; None for the one that the settings name, if they do.
        task_status: told the addresses once connections are accepted there.

    Raises:
        OSError: the address in `filename` cannot be listened on: the configuration's fault.
        ConfigError: settings, application and doors do not go together; nothing was started.
        UsageError: another server runs the application; the caller's fault, nothing was started.
        EngineError: the engine that records sessions cannot be used; the operator's fault, nothing was started.
    """
    leave = trio.Event()
    app = app or App()
    authenticator = choose_authenticator(settings, app)
    cluster = cluster or choose_cluster(settings)
    async with system(watchdog=settings.watchdog or None) as actors:
        server = Server(
            settings,
            app,
            authenticator,
            actors,
            network,
            doors=doors,
            source=source,
            tracing=choose_tracing(settings),
            colleagues=colleagues,
            cluster=cluster,
        )
        async with server.running(leave) as running:
            task_status.started(running)
            await leave.wait()
            await server.stop()
