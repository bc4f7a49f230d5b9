"""The access log: a line for each answer, if it is asked for; bounded, and without what is secret."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from cometary.transport.http.access_log import LONGEST, PER_SECOND, AccessLog
from cometary.transport.http.exchange import Exchange
from cometary.transport.http.protocol import Http
from tests.protocol.client import serving
from tests.transport import wire
from tests.transport.wire import get


class Events:
    """The fields of what was logged."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (vars(one)["structured"] for one in self._caplog.records if one.name == "cometary.access")


@pytest.fixture
def events(caplog: pytest.LogCaptureFixture) -> Events:
    """What is logged, as it comes."""
    caplog.set_level(logging.INFO, "cometary.access")
    return Events(caplog)


async def test_each_answer_is_an_event_without_query_and_headers(events: Events) -> None:
    async with serving(access_log="on") as world:
        await world.open()
        connection = await world.connect()
        for _ in range(2):  # the second has a head that is remembered
            await connection.get("/nothing?token=hidden", b"Authorization: Bearer hidden")
        await (await world.connect(control=True)).get("/healthz")
    assert list(events) == [
        {"event": "request", "method": "POST", "path": "/comet", "status": 200, "address": "127.0.0.1"},
        *[{"event": "request", "method": "GET", "path": "/nothing", "status": 404, "address": "127.0.0.1"}]
        * 2,
    ]


async def test_without_being_asked_for_there_is_none(events: Events) -> None:
    async with serving() as world:
        await world.open()
    assert not list(events)


async def test_addresses_are_left_out_if_the_operator_says_so(events: Events) -> None:
    async with serving(access_log="on", log_addresses="off") as world:
        await world.open()
    assert [set(event) for event in events] == [{"event", "method", "path", "status"}]


async def test_an_answer_that_is_written_bit_by_bit_is_one_as_well(events: Events) -> None:
    def logged(http: Http) -> Http:
        http.service.access = AccessLog()
        return http

    def stream(exchange: Exchange) -> None:
        exchange.stream(206, b"text/plain").finish(b"all")

    async with wire.serving(stream, around=logged) as server:
        assert (await (await server.connect()).ask(get(b"/piece"))).status == 206
    assert list(events) == [
        {"event": "request", "method": "GET", "path": "/piece", "status": 206, "address": "127.0.0.1"}
    ]


def test_a_flood_is_counted_and_told_of_once(events: Events) -> None:
    time = 1.0
    log = AccessLog(lambda: time)
    for _ in range(10 * PER_SECOND):
        log.note("GET", "/", 200, "192.0.2.1")
    time = 2.0
    log.note("GET", "/", 200, "192.0.2.1")
    told = list(events)
    assert len(told) == PER_SECOND + 2
    assert told[PER_SECOND] == {"event": "more requests", "requests": 9 * PER_SECOND}


def test_a_path_is_shortened(events: Events) -> None:
    AccessLog().note("GET", "/" + "x" * 10_000, 404, "192.0.2.1")
    [event] = events
    assert len(event["path"]) < LONGEST + 100
