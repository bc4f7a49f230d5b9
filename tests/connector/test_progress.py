"""Progress of a job, against a stand-in server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import anyio
import pytest
import trio

from cometary.connector import AsyncConnector, Connector
from cometary.errors import UsageError
from tests.connector.stand_in import StandIn


def sent(stand_in: StandIn) -> list[Any]:
    return [json.loads(each.body) for each in stand_in.received]


def until_something_came(stand_in: StandIn) -> None:
    while not stand_in.received:
        pass


def test_r27_of_what_a_job_says_the_newest_is_sent_and_then_that_it_is_done(stand_in: StandIn) -> None:
    stand_in.answers({"updates": 1})
    with Connector(stand_in.url) as connector, connector.progress("process/7", every=60) as job:
        until_something_came(stand_in)
        for percent in range(100):
            job.update(percent / 100, text=f"{percent} %")
    messages = [each["message"] for each in sent(stand_in)]
    assert {each["path"] for each in sent(stand_in)} == {"process/7"}
    assert messages == [{"progress": 0}, {"progress": 1, "text": "99 %", "done": True}]


def test_a_job_that_fails_says_so(stand_in: StandIn) -> None:
    stand_in.answers({"updates": 1})

    def fail(connector: Connector) -> None:
        with connector.progress("a") as job:
            job.update(0.5)
            raise LookupError

    with Connector(stand_in.url) as connector, pytest.raises(LookupError):
        fail(connector)
    assert sent(stand_in)[-1]["message"] == {"progress": 0.5, "failed": True}


def test_a_job_does_not_fail_because_the_push_server_is_away(caplog: pytest.LogCaptureFixture) -> None:
    with Connector("http://127.0.0.1:9") as connector, connector.progress("a", every=0) as job:
        job.update(0.5)
    assert "progress was not sent" in caplog.text


def on_trio(function: Callable[[], Awaitable[None]]) -> None:
    trio.run(function)


def on_asyncio(function: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(function())


loops = pytest.mark.parametrize("run", [on_trio, on_asyncio])


@loops
def test_r27_a_task_says_it_in_the_same_way(stand_in: StandIn, run: Callable[..., None]) -> None:
    stand_in.answers({"updates": 1})

    async def work() -> None:
        async with AsyncConnector(stand_in.url) as connector, connector.progress("a", every=60) as job:
            await anyio.to_thread.run_sync(until_something_came, stand_in)
            for percent in range(100):
                job.update(percent / 100, text=f"{percent} %")

    run(work)
    messages = [each["message"] for each in sent(stand_in)]
    assert messages == [{"progress": 0}, {"progress": 1, "text": "99 %", "done": True}]


@loops
def test_a_task_that_fails_or_is_cancelled_says_so(stand_in: StandIn, run: Callable[..., None]) -> None:
    stand_in.answers({"updates": 1})

    async def fail(connector: AsyncConnector) -> None:
        async with connector.progress("a") as job:
            job.update(0.5)
            raise LookupError

    async def work() -> None:
        async with AsyncConnector(stand_in.url) as connector:
            with pytest.raises(LookupError):
                await fail(connector)
            with anyio.CancelScope() as scope:
                async with connector.progress("b") as job:
                    job.update(0.7)
                    scope.cancel()
                    await anyio.sleep_forever()
            assert scope.cancelled_caught

    run(work)
    last = {each["path"]: each["message"] for each in sent(stand_in)}
    assert last == {"a": {"progress": 0.5, "failed": True}, "b": {"progress": 0.7, "failed": True}}


@loops
def test_a_task_does_not_fail_because_the_push_server_is_away(
    caplog: pytest.LogCaptureFixture, run: Callable[..., None]
) -> None:
    async def work() -> None:
        async with AsyncConnector("http://127.0.0.1:9") as connector, connector.progress("a") as job:
            job.update(0.5)

    run(work)
    assert "progress was not sent" in caplog.text


def test_what_nothing_can_carry_is_refused_where_it_is_said(stand_in: StandIn) -> None:
    stand_in.answers({"updates": 1})
    with Connector(stand_in.url) as connector, connector.progress("a") as job:
        with pytest.raises(TypeError):
            job.update(0.5, text=object())
        job.update(0.6)
    assert sent(stand_in)[-1]["message"] == {"progress": 1, "done": True}


def test_what_is_not_a_path_is_refused_at_once() -> None:
    with Connector("http://127.0.0.1:9") as connector, pytest.raises(UsageError):
        connector.progress("")
