"""A server's metrics, which cost nothing until somebody asks for them.

1.  The library is imported when they are first asked for, in a thread: that takes a tenth of a second, which should
    hold up nobody else.
2.  The loop's lag is looked at from then on.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.server.metrics.exposition import Exposition
    from cometary.server.metrics.sources import Sources


class Metrics:
    """Writes the metrics of one server.

    Args:
        sources: where the numbers are.
        start_soon: runs an async function beside everything else.
    """

    def __init__(self, sources: Sources, start_soon: Callable[..., None]) -> None:
        self._sources = sources
        self._start_soon = start_soon
        self._exposition: Exposition | None = None

    async def write(self, accept: str) -> tuple[bytes, bytes]:
        """Return the text, and its media type.

        Args:
            accept: the header, which may ask for OpenMetrics.
        """
        if self._exposition is None:
            module = await trio.to_thread.run_sync(import_module, "cometary.server.metrics.exposition")
            self._begin(cast("type[Exposition]", module.Exposition))
        return await cast("Exposition", self._exposition).write(accept)

    def _begin(self, new: type[Exposition]) -> None:
        if self._exposition is None:  # another call may have been as far meanwhile
            self._exposition = new(self._sources)
            self._start_soon(self._sources.lag.look)
