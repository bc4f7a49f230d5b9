"""A server as one of several nodes: what surrounds it while it serves."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cometary.config import Address
from cometary.server.colleagues import ALONE
from cometary.transport.net.listener import open_sockets

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cometary.app import App
    from cometary.cluster.engine import Engine as Cluster
    from cometary.errors import NodeNameError
    from cometary.server.colleagues import Colleagues
    from cometary.settings import Settings


@dataclass(frozen=True, slots=True)
class PartAsNode:
    """What a server is given, whether or not it is one of several nodes.

    Attributes:
        colleagues: the other nodes.
        cluster: the engine that knows them; None for the one of the settings, if there is one.
        ousted: waits until the server has to stop because another node has its name, and returns what to say of that.
    """

    colleagues: Colleagues = ALONE
    cluster: Cluster | None = None
    ousted: Callable[[], Awaitable[NodeNameError]] | None = None


@asynccontextmanager
async def part_of(settings: Settings, app: App | None) -> AsyncGenerator[PartAsNode]:
    """Be a node until the end of the block, if the settings say so.

    Args:
        settings: how the server is set up.
        app: the application.

    Yields:
        What else `serve` is to be given.

    Raises:
        OSError: the nodes' address cannot be listened on: the configuration's fault.
        ConfigError: something is not supported with several nodes, or the engine cannot be one.
    """
    if settings.node is None or settings.node_listen is None or settings.node_secret is None:
        yield PartAsNode()
        return
    from cometary.nodes.handshake import Identity  # noqa: PLC0415 - a server by itself needs none of it
    from cometary.nodes.nodes import OtherNodes  # noqa: PLC0415
    from cometary.nodes.supported import check  # noqa: PLC0415
    from cometary.server.cluster import choose_cluster  # noqa: PLC0415

    check(settings, app)
    cluster = choose_cluster(settings, settings.node)
    assert cluster is not None  # noqa: S101 - see `NodeSection.check`
    with ExitStack() as until:
        where = settings.node_listen
        try:
            sockets = await open_sockets(*where)
        except OSError as error:
            error.filename = str(where)
            raise
        for sock in sockets:
            until.callback(sock.close)
        found = settings.node_address or Address(where.host, sockets[0].getsockname()[1])
        own = Identity(settings.node, cluster.incarnation, str(found), settings.node_secret.encode())
        nodes = OtherNodes(settings, own, cluster)
        async with nodes.linked(sockets):
            yield PartAsNode(nodes, cluster, nodes.ousted.wait)
