"""The examples of the ASGI door."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest
import trio

from cometary.config import Address
from examples.asgi import mounted, site
from tests.asgi.servers import hypercorn


@pytest.fixture(autouse=True)
def on_free_ports() -> None:
    for comet in (site.application, mounted.comet):
        comet._settings = replace(comet._settings, control=Address("127.0.0.1", 0))


async def test_a_site_tells_the_sessions_before_it() -> None:
    async with hypercorn(site.application) as url, httpx.AsyncClient(base_url=url, timeout=20) as client:
        sid = (await client.post("/comet", json={"rid": 1})).json()["sid"]
        async with trio.open_nursery() as nursery:
            answers: list[httpx.Response] = []

            async def poll() -> None:
                answers.append(await client.post("/comet", json={"sid": sid, "rid": 2}))

            nursery.start_soon(poll)
            await trio.testing.wait_all_tasks_blocked(0.05)
            assert (await client.get("/")).text == "hello"
        assert answers[0].json()["packets"] == [{"path": "visits", "message": "somebody was here"}]


async def test_sessions_are_mounted() -> None:
    async with hypercorn(mounted.application) as url, httpx.AsyncClient(base_url=url, timeout=20) as client:
        assert "sid" in (await client.post("/comet/", json={"rid": 1})).json()
