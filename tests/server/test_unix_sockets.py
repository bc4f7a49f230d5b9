"""A server at Unix sockets: sessions by way of a proxy, back-ends, and whose address is whose."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from cometary.app import App
from cometary.config import Settings
from cometary.config.kinds import UnixAddress
from cometary.connector import AsyncConnector
from cometary.errors import ConfigError
from cometary.server import Running, serve
from cometary.sessions import Session
from tests.protocol.client import Connection


@asynccontextmanager
async def running(folder: Path, app: App | None = None, **settings: Any) -> AsyncGenerator[Running]:
    listen, control = UnixAddress(str(folder / "a.sock")), UnixAddress(str(folder / "b.sock"))
    async with trio.open_nursery() as nursery:
        whole = Settings(listen=listen, control=control, **settings)
        server: Running = await nursery.start(serve, whole, app)
        yield server
        server.stop()


@pytest.fixture
def app() -> App:
    app = App()

    @app.signon
    def joined(session: Session) -> None:
        session.connect("news")

    return app


def client_at(folder: Path) -> httpx.AsyncClient:
    transport = httpx.AsyncHTTPTransport(uds=str(folder / "a.sock"))
    return httpx.AsyncClient(transport=transport, base_url="http://push.example.org", timeout=20)


async def test_a_back_end_reaches_a_client_by_two_sockets(tmp_path: Path, app: App) -> None:
    async with running(tmp_path, app) as server, client_at(tmp_path) as client:
        assert server.comet == f"http://unix:{tmp_path}/a.sock:/comet"
        sid = (await client.post("/comet", json={"rid": 1})).json()["sid"]
        async with (
            AsyncConnector(server.control) as connector,
            AsyncConnector(f"unix:{tmp_path}/b.sock") as same,
        ):
            assert await connector.update("news", "one") == 1
            assert await same.update("news", "two") == 1
        answer = (await client.post("/comet", json={"sid": sid, "rid": 2, "ack": 0})).json()
        assert [packet["message"] for packet in answer["packets"]] == ["one", "two"]
    assert [*tmp_path.iterdir()] == []  # noqa: ASYNC240 - nobody else waits


async def test_a_websocket_is_had_there_as_anywhere(tmp_path: Path, app: App) -> None:
    async with running(tmp_path, app):
        connection = Connection(await trio.open_unix_socket(tmp_path / "a.sock"))
        await connection.request(
            "GET",
            "/comet",
            b"Upgrade: websocket",
            b"Connection: Upgrade",
            b"Sec-WebSocket-Version: 13",
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            b"Sec-WebSocket-Protocol: cometary.1",
        )
        assert (await connection.wire.response()).status == 101
        await connection.wire.stream.aclose()


@pytest.mark.parametrize(
    ("trusted", "address"), [(("unix",), "203.0.113.9"), ((), "unix"), (("10.0.0.0/8",), "unix")]
)
async def test_the_word_of_a_proxy_there_is_taken_if_it_is_trusted(
    tmp_path: Path, trusted: tuple[str, ...], address: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "cometary.access")
    async with (
        running(tmp_path, trusted_proxies=trusted, forwarded="forwarded", access_log="on"),
        client_at(tmp_path) as client,
    ):
        headers = {"Forwarded": "for=198.51.100.1, for=203.0.113.9", "X-Forwarded-For": "192.0.2.1"}
        await client.post("/comet", json={"rid": 1}, headers=headers)
    [record] = [record for record in caplog.records if record.name == "cometary.access"]
    assert record.structured["address"] == address  # type: ignore[attr-defined]


async def test_clients_of_a_trusted_proxy_are_counted_one_by_one(tmp_path: Path) -> None:
    async with (
        running(tmp_path, trusted_proxies=("unix",), opens_per_minute=1),
        client_at(tmp_path) as client,
    ):

        async def opens(address: str) -> int:
            headers = {"X-Forwarded-For": address}
            return (await client.post("/comet", json={"rid": 1}, headers=headers)).status_code

        assert [await opens(address) for address in ("192.0.2.1", "192.0.2.2", "192.0.2.1")] == [
            200,
            200,
            429,
        ]


async def test_an_address_in_use_is_named(tmp_path: Path) -> None:
    again = Settings(port=0, control=UnixAddress(str(tmp_path / "b.sock")))
    async with running(tmp_path), trio.open_nursery() as nursery:
        with pytest.raises(OSError, match="in use") as error:
            await nursery.start(serve, again, None)
    assert error.value.filename == f"unix:{tmp_path}/b.sock"


@pytest.mark.parametrize(
    "value", ["unix:", "unix:relative", "unix:/a,mode=9", "unix:/a,mode=0660", "unix:/" + "x" * 101]
)
def test_what_is_no_path_of_a_socket_is_refused(value: str) -> None:
    with pytest.raises(ConfigError, match="unix:PATH"):
        Settings(listen=value)  # type: ignore[arg-type]
