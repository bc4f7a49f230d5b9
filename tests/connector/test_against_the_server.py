"""Both connectors against the server itself: every call of the control interface, and its refusals."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import trio

from cometary import server
from cometary.config import Address, Settings
from cometary.connector import AsyncConnector, Connector
from cometary.errors import ControlError, UnknownSessionError

SECRET = "the-secret-of-this-test"


@pytest.fixture
async def running() -> AsyncIterator[server.Running]:
    """A server without an application, on free ports, with a secret."""
    settings = Settings(port=0, control=Address("127.0.0.1", 0), secret=SECRET)
    async with trio.open_nursery() as nursery:
        running = await nursery.start(server.serve, settings, None)
        yield running
        running.stop()


@pytest.fixture
async def connector(running: server.Running) -> AsyncIterator[AsyncConnector]:
    async with AsyncConnector(running.control, SECRET) as connector:
        yield connector


class Browser:
    """A client of the comet endpoint, as small as can be."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._http = httpx.AsyncClient(trust_env=False)
        self._rid = 1
        self._ack = 0
        self.sid = ""

    async def open(self) -> None:
        self.sid = (await self._post({"rid": self._rid}))["sid"]

    async def poll(self) -> list[Any]:
        """Ask for packets once, and return what came."""
        self._rid += 1
        answer = await self._post({"sid": self.sid, "rid": self._rid, "ack": self._ack})
        packets = answer["packets"]
        self._ack += len(packets)
        return [(packet["path"], packet["message"]) for packet in packets]

    async def ask(self, path: str, message: object) -> Any:
        """Ask something, and return the answer."""
        self._rid += 1
        packets = [{"path": path, "message": message, "ask": "q"}]
        answer = await self._post({"sid": self.sid, "rid": self._rid, "ack": self._ack, "packets": packets})
        came = answer["packets"]
        self._ack += len(came)
        return came[-1]["message"]["value"]

    async def ended(self) -> str:
        """Ask for packets once, and return why there is no session."""
        self._rid += 1
        return str((await self._post({"sid": self.sid, "rid": self._rid, "ack": self._ack}))["reason"])

    async def _post(self, body: dict[str, object]) -> Any:
        return (await self._http.post(self._url, json=body)).json()

    async def close(self) -> None:
        await self._http.aclose()


@pytest.fixture
async def browser(running: server.Running) -> AsyncIterator[Browser]:
    """A browser with an open session."""
    browser = Browser(running.comet)
    await browser.open()
    yield browser
    await browser.close()


async def test_updates_reach_the_session_that_was_connected(
    connector: AsyncConnector, browser: Browser
) -> None:
    assert await connector.connect(browser.sid, ["news", "jobs/7"]) == ["news", "jobs/7"]
    assert await connector.update("news", {"title": "Comet sighted"}) == 1
    assert await browser.poll() == [("news", {"title": "Comet sighted"})]
    assert await connector.updates([("sport", 1), ("jobs/7", 2), ("news", 3)]) == 3
    assert await browser.poll() == [("jobs/7", 2), ("news", 3)]


async def test_a_disconnected_path_is_over(connector: AsyncConnector, browser: Browser) -> None:
    await connector.connect(browser.sid, ["news", "jobs/7"])
    assert await connector.disconnect(browser.sid, ["news", "never"]) == ["jobs/7"]
    await connector.updates([("news", 1), ("jobs/7", 2)])
    assert await browser.poll() == [("jobs/7", 2)]


async def test_packets_are_sent_to_one_session(connector: AsyncConnector, browser: Browser) -> None:
    assert await connector.send(browser.sid, [("hello", {"you": "Ada"}), ("hello", None)]) == 2
    assert await browser.poll() == [("hello", {"you": "Ada"}), ("hello", None)]


async def test_a_kicked_session_is_unknown_to_back_ends(connector: AsyncConnector, browser: Browser) -> None:
    await connector.kick(browser.sid)
    assert await browser.ended() == "kicked"
    for call in (
        connector.kick(browser.sid),
        connector.send(browser.sid, []),
        connector.connect(browser.sid, []),
    ):
        with pytest.raises(UnknownSessionError):
            await call


async def test_questions_are_answered_without_sids(connector: AsyncConnector, browser: Browser) -> None:
    await connector.connect(browser.sid, ["news"])
    [session] = await connector.sessions()
    assert session["paths"] == ["news"]
    assert browser.sid not in str(session)
    assert "children" in await connector.tree()
    assert await connector.healthz() == "ok"


async def test_bytes_can_be_sent(connector: AsyncConnector, browser: Browser) -> None:
    assert await connector.send(browser.sid, [("picture", b"\x89PNG")]) == 1


async def test_a_bad_path_changes_nothing(connector: AsyncConnector, browser: Browser) -> None:
    await connector.connect(browser.sid, ["news"])
    with pytest.raises(ControlError) as caught:
        await connector.updates([("news", 1), ("", 2)])
    assert (caught.value.condition, caught.value.status) == ("bad-request", 400)
    await connector.update("news", 3)
    assert await browser.poll() == [("news", 3)]


@pytest.mark.parametrize("secret", [None, "another"])
async def test_without_the_secret_every_call_is_refused(running: server.Running, secret: str | None) -> None:
    async with AsyncConnector(running.control, secret) as connector:
        for call in (connector.update("a", 1), connector.sessions(), connector.tree()):
            with pytest.raises(ControlError) as caught:
                await call
            assert (caught.value.condition, caught.value.status) == ("unauthorized", 401)


async def test_a_blocking_program_does_the_same(running: server.Running, browser: Browser) -> None:
    def back_end() -> None:
        with Connector(running.control, SECRET) as connector:
            assert connector.connect(browser.sid, ["news"]) == ["news"]
            assert connector.update("news", 1) == 1
            assert [session["paths"] for session in connector.sessions()] == [["news"]]
            with pytest.raises(UnknownSessionError):
                connector.kick("nobody")

    await trio.to_thread.run_sync(back_end)
    assert await browser.poll() == [("news", 1)]
