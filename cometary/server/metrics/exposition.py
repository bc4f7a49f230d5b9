"""The text that Prometheus reads, written when it asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from cometary.server.metrics.census import Rising, take_census
from cometary.server.metrics.readings import read

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client.core import Metric

    from cometary.server.metrics.sources import Sources


class Exposition:
    """Writes the metrics of one server, and those of its process.

    Of the library only the text is used, and a registry of the server's own: an application's metrics in the
    library's registry for the process are the application's.

    Args:
        sources: where the numbers are.
    """

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._rising = Rising()
        self._registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._registry)

    async def write(self, accept: str) -> tuple[bytes, bytes]:
        """Return the text, and its media type.

        Args:
            accept: the header, which may ask for OpenMetrics.
        """
        census = await take_census(self._sources.manager)
        own = list(read(self._sources, census, self._rising.of(census.totals)))
        encode, content_type = choose_encoder(accept)
        return encode(_Both(own, self._registry)), content_type.encode()


class _Both(Collector):
    """The metrics of the server, and behind them those of a registry."""

    def __init__(self, own: Iterable[Metric], registry: CollectorRegistry) -> None:
        self._own = own
        self._registry = registry

    def collect(self) -> Iterable[Metric]:
        yield from self._own
        yield from self._registry.collect()
