"""The engine that records sessions, as a part of the server: which one it is, and what keeps it up.

The one on Redis needs a large library, which is imported only where it is chosen.
"""

from __future__ import annotations

import secrets
import socket
from typing import TYPE_CHECKING

from cometary.cluster.settings import EMBEDDED, RECORDED, WITHIN
from cometary.errors import ConfigError, EngineError
from cometary.server.children import with_pauses
from cometary.supervision import ChildSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.cluster.engine import Engine
    from cometary.cluster.recording import Recording
    from cometary.sessions import SessionManager
    from cometary.settings import Settings


def new_node_name() -> str:
    """Return a name that no other process has had: made of where it runs and which one it is."""
    return f"{socket.gethostname()}-{secrets.token_hex(4)}"


def choose_cluster(settings: Settings, node: str | None = None) -> Engine | None:
    """Return the engine that the settings name; None if sessions are recorded nowhere outside of this process.

    Args:
        settings: how the server is set up.
        node: the name of this process among all that use the engine; None for a new one.

    Raises:
        ConfigError: it cannot be one; the operator's fault.
    """
    if settings.engine == WITHIN:
        return None
    if settings.engine == EMBEDDED:
        raise ConfigError("engine", "one is embedded for several workers: give some, or the URL of an engine")
    if settings.sessions in RECORDED and settings.bind != "off":
        raise ConfigError(
            "sessions", "what sessions are bound to (bind) is known to one process, so none can outlive it"
        )
    try:
        from cometary.cluster.redis.engine import RedisEngine  # noqa: PLC0415 - see above
        from cometary.cluster.redis.keys import Keys  # noqa: PLC0415 - see above
    except ImportError:
        raise ConfigError("engine", "it needs the extra: pip install 'cometary[cluster]'") from None
    try:
        name, keys = node or new_node_name(), Keys(settings.engine_prefix)
        replicas = settings.engine_replicas
        return RedisEngine(settings.engine, name, lease=settings.lease, keys=keys, replicas=replicas)
    except EngineError as error:
        raise ConfigError("engine", str(error)) from None


def new_recording(
    engine: Engine, manager: SessionManager, start_soon: Callable[..., None], *, mirrors: bool
) -> Recording:
    """Return what records sessions, and takes over those of servers that are gone.

    Args:
        engine: where they are recorded.
        manager: knows the sessions that are here.
        start_soon: runs an async function beside everything else.
        mirrors: whether sessions are recorded whose clients know of no positions.
    """
    from cometary.cluster.recording import Recording  # noqa: PLC0415 - see above

    return Recording(engine, manager, start_soon, mirrors=mirrors)


def cluster_children(engine: Engine | None) -> list[ChildSpec]:
    """Return what keeps up the connection to the engine, and this node's lease."""
    return [] if engine is None else [with_pauses("cluster", [ChildSpec("engine", engine.run)])]
