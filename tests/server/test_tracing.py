"""Traces: what OpenTelemetry is told of a packet's way, and that it harms nobody."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from cometary.app import App
from cometary.config import Settings
from cometary.errors import ConfigError
from cometary.server.serving import serve
from cometary.server.tracing import Tracing
from cometary.sessions import Session
from tests.protocol.client import serving


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """What an application's own provider gets."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    yield exporter
    provider.shutdown()


@pytest.fixture
def app() -> App:
    app = App()

    @app.signon
    def joined(session: Session) -> None:
        session.connect("news")

    return app


async def test_a_packet_is_told_of_from_the_update_to_the_acknowledgement(
    app: App, spans: InMemorySpanExporter
) -> None:
    began = time.time_ns()
    async with serving(app, traces="on") as world:
        client = await world.open()
        app.update("news", "a comet")
        assert await client.poll() == ["a comet"]
        assert spans.get_finished_spans() == ()
        await client.hold()
        await world.settle()
        answer, acknowledge, whole = spans.get_finished_spans()
    assert [span.name for span in (answer, acknowledge, whole)] == ["answer", "acknowledge", "deliver"]
    assert whole.attributes == {"messaging.system": "cometary", "messaging.destination.name": "news"}
    for part in (answer, acknowledge):
        assert part.parent == whole.context
    times: list[Any] = [whole.start_time, answer.start_time, answer.end_time, acknowledge.end_time]
    assert times == sorted(times)
    assert (acknowledge.start_time, acknowledge.end_time) == (answer.end_time, whole.end_time)
    assert began - 10**9 < times[0] <= times[-1] < time.time_ns() + 10**9


TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.mark.parametrize(
    ("traceparent", "traced"),
    [
        (f"00-{TRACE}-{SPAN}-01", True),
        (f"00-{TRACE}-{SPAN}-00", False),
        (f"00-{TRACE}-{SPAN}-01-more", False),
        ("\N{COMET}".encode().decode("latin-1"), False),
    ],
)
async def test_what_a_back_end_sends_is_part_of_its_own_trace(
    traceparent: str, traced: bool, app: App, spans: InMemorySpanExporter
) -> None:
    async with (
        serving(app, traces="on") as world,
        httpx.AsyncClient(base_url=world.running.control) as backend,
    ):
        client = await world.open()
        for number in range(20):  # more than are looked at in any case
            headers = {b"traceparent": traceparent.encode("latin-1")} if number == 19 else {}
            await backend.post("/update", json={"path": "news", "message": number}, headers=headers)
            await client.poll()
        await client.hold()
        await world.settle()
        last = [span for span in spans.get_finished_spans() if span.name == "deliver"][-1]
    assert last.context is not None
    assert (last.context.trace_id == int(TRACE, 16)) == traced
    assert (last.parent is not None and last.parent.span_id == int(SPAN, 16)) == traced


async def test_without_the_option_nothing_is_told(app: App, spans: InMemorySpanExporter) -> None:
    async with serving(app) as world:
        client = await world.open()
        app.update("news", "a comet")
        await client.poll()
        await client.hold()
        await world.settle()
    assert spans.get_finished_spans() == ()


def test_a_tracer_that_fails_is_said_once_and_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    nothing: Any = None
    tracing = Tracing(nothing, None)
    for _ in range(3):
        tracing.tell("news", 1.0, 2.0, 3.0)
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.getMessage().startswith("A trace could not be written")


@pytest.mark.parametrize("library", ["opentelemetry.sdk.trace", "opentelemetry.exporter"])
async def test_without_the_libraries_the_server_says_what_is_to_be_installed(
    library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ConfigError, match=r"cometary\[otel\]"):
        await serve(Settings(port=0, traces="on"))
