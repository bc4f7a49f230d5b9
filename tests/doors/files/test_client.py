"""The JavaScript client as the server gives it to browsers: whoever has installed the server has it."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from cometary.app import App
from cometary.browser import CLIENT, TYPES, hashed_name
from tests.protocol.client import World, serving

HASHED = f"/{hashed_name()}"


@asynccontextmanager
async def asking(app: App | None = None, **settings: Any) -> AsyncGenerator[httpx.AsyncClient]:
    """Ask a server that runs."""
    async with serving(app, **settings) as world, client_of(world) as client:
        yield client


def client_of(world: World) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=world.running.urls["clients"], timeout=20)


async def test_it_is_beside_the_endpoint_and_may_be_kept_for_some_minutes() -> None:
    async with asking() as client:
        response = await client.get("/comet.js")
        assert (response.status_code, response.content) == (200, CLIENT.read_bytes())
        assert response.headers["content-type"] == "text/javascript; charset=utf-8"
        assert response.headers["cache-control"] == "public, max-age=300"
        assert response.headers["content-location"] == HASHED
        again = await client.get("/comet.js", headers={"If-None-Match": response.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == response.headers["etag"]


async def test_the_name_of_this_version_may_be_kept_for_ever() -> None:
    async with asking() as client:
        response = await client.get(HASHED)
        assert response.content == CLIENT.read_bytes()
        assert hashlib.sha256(response.content).hexdigest()[:16] in HASHED
        assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert (await client.get("/comet.0123456789abcdef.js")).status_code == 404


@pytest.mark.parametrize("endpoint", ["/push/comet", "/push/", "/push/a"])
async def test_it_is_where_the_endpoint_is(endpoint: str) -> None:
    async with asking(comet=endpoint) as client:
        response = await client.get("/push/comet.js")
        assert response.content == CLIENT.read_bytes()
        assert (await client.get(response.headers["content-location"])).status_code == 200
        assert (await client.get("/comet.js")).status_code == 404


async def test_its_types_are_beside_it() -> None:
    async with asking() as client:
        assert (await client.get("/comet.d.ts")).text == TYPES.read_text()


@pytest.mark.parametrize("taken", ["gzip", "deflate, GZIP;q=0.5", "br;q=1, gzip ; q=1.0"])
async def test_it_travels_packed_to_who_takes_that(taken: str) -> None:
    async with asking() as client:
        response = await client.get("/comet.js", headers={"Accept-Encoding": taken})
        assert response.headers["content-encoding"] == "gzip"
        assert response.content == CLIENT.read_bytes()
        assert int(response.headers["content-length"]) < len(response.content) / 2
        assert "Accept-Encoding" in response.headers.get_list("vary", split_commas=True)
        plain = await client.get("/comet.js", headers={"Accept-Encoding": "identity"})
        assert plain.headers["etag"] != response.headers["etag"]


@pytest.mark.parametrize("taken", ["", "br", "gzip;q=0", "gzip;q=0.000, br", "x-gzip"])
async def test_it_travels_as_it_is_to_who_does_not(taken: str) -> None:
    async with asking() as client:
        response = await client.get("/comet.js", headers={"Accept-Encoding": taken})
        assert "content-encoding" not in response.headers
        assert response.content == CLIENT.read_bytes()


async def test_a_part_of_it_is_a_part_of_what_it_is() -> None:
    async with asking() as client:
        response = await client.get("/comet.js", headers={"Range": "bytes=0-9"})
        assert (response.status_code, response.content) == (206, CLIENT.read_bytes()[:10])
        assert "content-encoding" not in response.headers


async def test_pages_of_origins_that_may_connect_may_import_it() -> None:
    async with asking(origins=("https://www.example.org",)) as client:
        response = await client.get("/comet.js", headers={"Origin": "https://www.example.org"})
        assert response.headers["access-control-allow-origin"] == "https://www.example.org"
        other = await client.get(
            "/comet.js"
        )  # and what is kept of that is not taken for what the page may import
        assert "Origin" in other.headers.get_list("vary", split_commas=True)


async def test_what_the_application_has_at_its_path_comes_first(tmp_path: Path) -> None:
    (tmp_path / "comet.js").write_text("// of the application")
    app = App()
    app.files("/", tmp_path)
    async with asking(app) as client:
        assert (await client.get("/comet.js")).text == "// of the application"
        assert (await client.get(HASHED)).content == CLIENT.read_bytes()


async def test_a_site_beside_the_sessions_leaves_it_its_place() -> None:
    async with asking(wsgi="tests.doors.hosting.sites:site") as client:
        assert (await client.get("/comet.js")).content == CLIENT.read_bytes()
