"""A worker as a process: it serves until it is told to stop, or the process above it has gone.

1.  SIGTERM stops it gracefully, and so does the end of its link. SIGINT is for the process above, and ignored here: a
    terminal does not send it to this process anyway, which has a session of its own.
2.  SIGHUP has the configuration read again.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import trio

from cometary import server
from cometary.app import App
from cometary.errors import ConfigError, EngineError
from cometary.log import get_logger
from cometary.server.reloading import Source
from cometary.settings import Settings
from cometary.workers.part import Part
from cometary.workers.within import Within, network_of_worker, settings_of_worker

if TYPE_CHECKING:
    from cometary.cluster.engine import Engine as Cluster
    from cometary.server.colleagues import Colleagues
    from cometary.workers.colleagues import OtherWorkers

logger = get_logger("cometary.cli")


@dataclass(frozen=True, slots=True)
class Company:
    """What a worker's server is given.

    Attributes:
        colleagues: the other workers.
        cluster: the engine; None if there is none.
    """

    colleagues: Colleagues
    cluster: Cluster | None = None


@asynccontextmanager
async def company_of(settings: Settings, part: Part, workers: OtherWorkers) -> AsyncGenerator[Company]:
    """Be a node until the end of the block, if the worker is to be one.

    Args:
        settings: those of the worker.
        part: its part.
        workers: the others.

    Raises:
        OSError: the path in `filename` cannot be listened on; the environment's fault.
    """
    node = part.node
    if node is None:
        yield Company(workers)
        return
    from cometary.cli.worker_as_node import WorkersAsNodes, listening_at  # noqa: PLC0415 - others need none of it
    from cometary.server.cluster import choose_cluster  # noqa: PLC0415

    cluster = choose_cluster(settings, node.name)
    assert cluster is not None  # noqa: S101 - its URL is in the part
    with closing(listening_at(node.links)) as sock:
        nodes = WorkersAsNodes(settings, node, cluster, workers)
        async with nodes.linked([sock]):
            yield Company(nodes, cluster)


async def serve_as_worker(settings: Settings, app: App, part: Part, source: Source | None) -> int:
    """Serve until told to stop.

    Args:
        settings: how the server is set up.
        app: the application.
        part: its part among the workers.
        source: reads the settings again; None if they are not.

    Returns:
        The exit status, as of any server.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    own, leave, status = settings_of_worker(settings, part), trio.Event(), 0
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGHUP) as signals:
        async with trio.open_nursery() as beside:
            within = Within(part)
            beside.start_soon(_keep_link, within, leave)
            async with company_of(own, part, within.colleagues) as company, trio.open_nursery() as nursery:
                serve = partial(
                    server.serve,
                    network=network_of_worker(settings, part),
                    source=_own(source, part),
                    colleagues=company.colleagues,
                    cluster=company.cluster,
                )
                try:
                    await within.begin()
                    running = await nursery.start(serve, own, app)
                except (ConfigError, EngineError) as error:
                    sys.stderr.write(f"cometary: {error}\n")
                    status = 2 if isinstance(error, ConfigError) else 1
                else:
                    beside.start_soon(_hear, signals, running, leave)
                    await leave.wait()
                    running.stop()
            beside.cancel_scope.cancel()
    return status


def _own(source: Source | None, part: Part) -> Source | None:
    """Return where the settings of the worker come from."""
    if source is None:
        return None
    read = source.read
    return source._replace(read=lambda: settings_of_worker(read(), part))


async def _keep_link(within: Within, leave: trio.Event) -> None:
    await within.keep_link()
    leave.set()


async def _hear(signals: AsyncIterator[int], running: server.Running, leave: trio.Event) -> None:
    async for number in signals:
        if number == signal.SIGTERM:
            leave.set()
            return
        try:
            running.reload()
        except ConfigError as error:
            text = f"the configuration stays as it was: {error}"
            logger.error("configuration not read", text=text, where=error.where, error=error.problem)  # noqa: TRY400
