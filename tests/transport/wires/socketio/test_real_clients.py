"""The real clients of Socket.IO, unmodified, against the real server: npm's in Node and Chromium, and PyPI's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from typing import Any, Final, cast

import pytest
import socketio  # type: ignore[import-untyped]
from playwright.sync_api import Page

from tests.clients.test_javascript_client_in_node import printed_by
from tests.servers import ROOT, RunningServer, running_server

HERE: Final = Path(__file__).parent
APP: Final = "tests/transport/wires/socketio/real_application.py:app"
BUNDLE: Final = ROOT / "node_modules/socket.io-client/dist/socket.io.min.js"
CHOICES: Final = {"polling": "polling", "websocket": "websocket", "polling,websocket": "websocket"}
"""The transports that a client is told, and the one that it ends with."""

SEEN: Final[dict[str, Any]] = {
    "echoed": 1,
    "bytes": [1, 2, 3],
    "answered": ["why", "because"],
    "chat": "hello",
    "refused": ["the authenticator does not accept this token", "unauthorized"],
    "random": "Invalid namespace",
    "heard": ["other 1", "socket 2"],
    "inOrder": True,
    "kicked": "io server disconnect",
}
"""What each of them sees; of several arguments of an acknowledgement a promise has the first."""


NotLetInError: type[Exception] = cast("Any", socketio).exceptions.ConnectionError


def new_client() -> Any:
    """Return a client of PyPI's, which has no types."""
    return cast("Any", socketio).Client()


pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with running_server(APP) as server:
        yield server


@pytest.fixture(scope="module")
def recovering() -> Iterator[RunningServer]:
    with running_server(APP, "--socketio-recovery", "on") as server:
        yield server


def test_s7_npm_s_client_in_node(server: RunningServer) -> None:
    lines = printed_by(HERE / "in_node.mjs", server.origin, "false", *CHOICES).splitlines()
    for line, transport in zip(lines, CHOICES.values(), strict=True):
        assert json.loads(line) == {**SEEN, "recovered": [False, True], "transport": transport}


def test_s3_s7_npm_s_client_loses_nothing_when_its_connection_breaks(recovering: RunningServer) -> None:
    lines = printed_by(HERE / "in_node.mjs", recovering.origin, "true", *CHOICES).splitlines()
    for line, transport in zip(lines, CHOICES.values(), strict=True):
        told = json.loads(line)
        assert told.pop("transport") in {transport, "polling"}  # it may not have gone on yet
        assert told == {**SEEN, "recovered": [True, True]}


def test_s7_npm_s_client_in_chromium(server: RunningServer, browser_page: Page) -> None:
    browser_page.goto(f"{server.origin}/")
    browser_page.add_script_tag(path=BUNDLE)
    browser_page.add_script_tag(path=HERE / "script.js")
    for choice, transport in CHOICES.items():
        told = browser_page.evaluate(
            "([url, transports]) => script(io, url, transports, false)", [server.origin, choice.split(",")]
        )
        assert told == {**SEEN, "recovered": [False, True], "transport": transport}


@pytest.mark.parametrize("choice", CHOICES)
def test_s7_pypi_s_client(server: RunningServer, choice: str) -> None:
    heard: Queue[object] = Queue()
    client = new_client()
    client.on("back", heard.put)
    client.on("question", "{}?".format)
    client.on("answered", heard.put)
    client.on("message", heard.put, namespace="/chat")
    client.on("disconnect", heard.put)
    client.connect(server.origin, namespaces=["/", "/chat"], transports=choice.split(","))
    assert client.call("echo", (1, "2", {"3": [True]})) == (1, "2", {"3": [True]})
    assert client.call("echo", {"a": [b"\1\2\3"]}) == {"a": [b"\1\2\3"]}
    client.emit("back", b"\4")
    assert heard.get(timeout=10) == b"\4"
    client.emit("ask-me", "why")
    assert heard.get(timeout=10) == "why?"
    client.send("hello", namespace="/chat")
    assert heard.get(timeout=10) == "hello"
    assert client.transport() == CHOICES[choice]
    client.emit("kick")
    assert heard.get(timeout=10) == client.reason.SERVER_DISCONNECT
    client.disconnect()


def test_s7_pypi_s_client_is_told_that_it_is_not_let_in(server: RunningServer) -> None:
    client = new_client()
    with pytest.raises(NotLetInError, match="/admin"):
        client.connect(server.origin, namespaces=["/admin"], auth={"token": "guest"})
    client.connect(server.origin, namespaces=["/admin"], auth={"token": "root"})
    client.disconnect()
