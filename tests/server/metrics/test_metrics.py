"""What a monitoring system reads of a server that runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from cometary.app import App
from cometary.sessions import Session
from tests.protocol.client import World, serving

ROOT = Path(__file__).resolve().parents[3]

Readings = dict[str, float]
"""By name and labels, as they are written."""


async def scrape(world: World, *headers: bytes) -> str:
    connection = await world.connect(control=True)
    await connection.request("GET", "/metrics", *headers)
    response = await connection.wire.response()
    assert response.status == 200, response.body
    return response.body.decode()


async def read(world: World) -> Readings:
    return dict(samples(await scrape(world)))


def samples(text: str) -> Iterator[tuple[str, float]]:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            yield f"{sample.name}{{{labels}}}" if labels else sample.name, sample.value


def application() -> App:
    app = App()

    @app.signon
    def joined(session: Session) -> None:
        session.connect("news")

    @app.packet("say")
    def say(session: Session, path: str, message: object) -> None:
        app.update("news", message)

    @app.packet("crash")
    async def crash(session: Session, path: str, message: object) -> None:
        raise ValueError

    return app


async def test_all_that_is_documented_is_there_and_nothing_else() -> None:
    async with serving() as world:
        text = await scrape(world)
    families = {
        family.name + ("_total" if family.type == "counter" else ""): family
        for family in text_string_to_metric_families(text)
        if family.name.startswith("cometary")
    }
    page = (ROOT / "docs/reference/metrics.md").read_text()
    rows = re.findall(r"^\| `(cometary_\w+)` \| (\w+) \| (.*?) \|", page, re.MULTILINE)
    assert {name: kind for name, kind, _ in rows} == {name: family.type for name, family in families.items()}
    assert {family.documentation[-1] for family in families.values()} == {"."}


async def test_what_a_packet_does_is_counted() -> None:
    async with serving(application()) as world:
        client = await world.open()
        before = await read(world)
        held = await client.hold()
        world.app.update("news", "hello")
        assert await client.receive(held) == ["hello"]
        await client.hold()
        now = await read(world)
        assert now["cometary_connections"] == len(world.connections)
    for name, more in {
        "cometary_updates_total": 1,
        "cometary_packets_sent_total": 1,
        "cometary_packets_settled_total{outcome=delivered}": 1,
        "cometary_update_answer_seconds_count": 1,
        "cometary_update_acknowledgement_seconds_count": 1,
        "cometary_packets_received_total": 0,
    }.items():
        assert now[name] - before[name] == more, name
    assert now["cometary_sessions{state=have_request,wire=polling}"] == 1
    assert now["cometary_sessions_opened_total{wire=json}"] == 1
    assert now["cometary_update_answer_seconds_sum"] > 0
    assert now["cometary_received_bytes_total"] > before["cometary_received_bytes_total"]
    assert now["cometary_sent_bytes_total"] > before["cometary_sent_bytes_total"]


async def test_what_goes_wrong_is_counted() -> None:
    async with serving(application()) as world:
        client = await world.open()
        await (await world.connect()).ask({"rid": "no number"})
        await client.hold(("crash", None))
        await world.settle()
        now = await read(world)
    assert now["cometary_refused_total{condition=bad-request}"] == 1
    assert now["cometary_crashes_total{action=restart,supervisor=cometary/sessions}"] == 1
    assert now["cometary_handler_seconds_count{hook=packet}"] == 1
    assert now["cometary_handler_seconds_count{hook=signon}"] == 1


async def test_why_sessions_ended_is_counted_and_what_they_did_is_not_lost() -> None:
    async with serving(application()) as world:
        client = await world.open()
        assert await client.poll(("say", "hello")) == ["hello"]
        await client.ask(close=True)
        await world.settle()
        now = await read(world)
    assert now["cometary_sessions_ended_total{reason=closed}"] == 1
    assert now["cometary_packets_received_total"] == 1
    assert not [name for name in now if name.startswith("cometary_sessions{")]


async def test_who_asks_for_open_metrics_gets_them() -> None:
    async with serving() as world:
        text = await scrape(world, b"Accept: application/openmetrics-text; version=1.0.0")
    assert text.endswith("# EOF\n")
