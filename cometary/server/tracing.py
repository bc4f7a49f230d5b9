"""Traces for OpenTelemetry: the way of some packets, from being sent to the client's acknowledgement.

1.  The packets are those whose time is taken anyway (`cometary.packets.probes`): the first ones after each reading of
    the metrics, and one in 64. OpenTelemetry's own sampler (`OTEL_TRACES_SAMPLER`) may leave out more.
2.  A trace is written once the packet is acknowledged, after the fact: nothing is added along its way.
3.  A back-end that traces its own work says so with its call (`traceparent`, W3C Trace Context): what the call sends
    is part of the back-end's trace, and traced as long as the back-end traces it.
4.  If the application has set up its own provider, traces go there. Otherwise one is made, which sends them by OTLP
    over HTTP to where the usual variables say (`OTEL_EXPORTER_OTLP_ENDPOINT`), in a thread of its own. When the
    server stops, it has `LAST_SECONDS` to send what is still waiting.
"""

from __future__ import annotations

import time
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import trio

from cometary import __version__
from cometary.errors import ConfigError
from cometary.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

    from cometary.settings import Settings

OPTION: Final = "traces"
EXPORTER: Final = "opentelemetry.exporter.otlp.proto.http.trace_exporter"
LAST_SECONDS: Final = 2.0
NANO: Final = 1_000_000_000

logger = get_logger("cometary.server")


class Tracing:
    """Writes traces.

    Args:
        tracer: makes spans.
        provider: is shut down at the end; None if it is somebody else's.
        now: the clock by which packets are measured, in seconds.
    """

    def __init__(
        self, tracer: Tracer, provider: TracerProvider | None, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._tracer = tracer
        self._provider = provider
        self._now = now
        self._failed = False

    def tell(
        self, path: str, sent: float, answered: float, acknowledged: float, caller: str | None = None
    ) -> None:
        """Write the trace of one packet; never raises.

        Args:
            path: its path.
            sent: when it was sent, by the clock.
            answered: when it was first in an answer, or written to a stream.
            acknowledged: when the client had acknowledged it.
            caller: the `traceparent` of the call that sent it; None for none.
        """
        try:
            self._write(path, sent, answered, acknowledged, caller)
        except Exception:
            if not self._failed:
                self._failed = True
                logger.exception(
                    "traces failed", text="A trace could not be written; further failures are not logged"
                )

    def _write(
        self, path: str, sent: float, answered: float, acknowledged: float, caller: str | None
    ) -> None:
        from opentelemetry.trace import SpanKind, set_span_in_context  # noqa: PLC0415 - it comes with an extra
        from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415
            TraceContextTextMapPropagator,
        )

        offset = time.time_ns() - int(self._now() * NANO)
        begin, middle, end = (offset + int(moment * NANO) for moment in (sent, answered, acknowledged))
        attributes = {"messaging.system": "cometary", "messaging.destination.name": path}
        around = TraceContextTextMapPropagator().extract({"traceparent": caller or ""})
        whole = self._tracer.start_span(
            "deliver", around, kind=SpanKind.PRODUCER, attributes=attributes, start_time=begin
        )
        context = set_span_in_context(whole)
        for name, start, stop in (("answer", begin, middle), ("acknowledge", middle, end)):
            self._tracer.start_span(name, context, start_time=start).end(stop)
        whole.end(end)

    async def aclose(self) -> None:
        """Send what waits, for as long as there is time."""
        if self._provider is not None:
            with trio.move_on_after(LAST_SECONDS):
                await trio.to_thread.run_sync(self._provider.shutdown, abandon_on_cancel=True)


def choose_tracing(settings: Settings) -> Tracing | None:
    """Return what writes traces; None if the settings want none. It takes a moment: the libraries are read here.

    Raises:
        ConfigError: the libraries are not installed; the operator's fault.
    """
    if settings.traces == "off":
        return None
    try:
        from opentelemetry import trace  # noqa: PLC0415 - they come with an extra
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    except ImportError:
        raise missing() from None
    current = trace.get_tracer_provider()
    if isinstance(current, TracerProvider):
        return Tracing(current.get_tracer("cometary", __version__), None)
    made = new_provider()
    return Tracing(made.get_tracer("cometary", __version__), made)


def new_provider() -> TracerProvider:
    """Return a provider that sends traces to where the environment says.

    Raises:
        ConfigError: the library that sends is not installed; the operator's fault.
    """
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    try:
        exporter: Any = import_module(
            EXPORTER
        ).OTLPSpanExporter()  # imported so that checking the types does not need it
    except ImportError:
        raise missing() from None
    # OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES come before this name.
    resource = Resource({"service.name": "cometary"}).merge(Resource.create())
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def missing() -> ConfigError:
    """The error for libraries that are not installed."""
    return ConfigError(OPTION, "it needs the extra: pip install 'cometary[otel]'")
