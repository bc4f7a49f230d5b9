"""A WebSocket as a browser's pages have it, with nothing but what browsers have."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.servers import ECHO, RunningServer, running_server

pytestmark = pytest.mark.browser

TALK = """
async ([url, protocol]) => {
  const socket = new WebSocket(url, protocol);
  const said = [];
  socket.binaryType = "arraybuffer";
  socket.onmessage = ({ data }) => said.push(data);
  const closed = new Promise((resolve) => (socket.onclose = ({ code, wasClean }) => resolve([code, wasClean])));
  await new Promise((resolve, reject) => ((socket.onopen = resolve), (socket.onerror = reject)));
  const until = async (count) => {
    while (said.length < count) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  const send = (body) => socket.send(JSON.stringify(body));
  send({ probe: "ü" });
  send({ rid: 1 });
  await until(3);
  send({ rid: 2, packets: [{ path: "echo", message: "x".repeat(70000) }] });
  await until(4);
  send({ rid: 3, ack: 1, close: true });
  return { closed: await closed, said: said.map((data) => JSON.parse(data)), protocol: socket.protocol };
}
"""

TRY = """
([url, protocol]) =>
  new Promise((resolve) => {
    const socket = new WebSocket(url, protocol);
    socket.onopen = () => resolve("open");
    socket.onclose = ({ code }) => resolve(code);
  })
"""


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with running_server(ECHO) as server:
        yield server


def test_a_page_talks_to_its_session(browser_page: Page, server: RunningServer) -> None:
    browser_page.goto(f"{server.origin}/nothing-there")
    url = server.comet.replace("http", "ws")
    talk = browser_page.evaluate(TALK, [url, "cometary.1"])
    probe, welcome, hello, echo, *_ = talk["said"]
    assert probe == {"probe": "ü"}
    assert welcome["version"] == 1
    assert hello == {"seq": 1, "packets": []}
    assert echo["packets"] == [{"path": "echo", "message": "x" * 70_000}]
    assert talk["protocol"] == "cometary.1"
    assert talk["closed"] == [1000, True]


def test_a_page_of_a_foreign_origin_gets_nothing(browser_page: Page, server: RunningServer) -> None:
    browser_page.goto(server.origin.replace("127.0.0.1", "localhost") + "/nothing-there")
    assert browser_page.evaluate(TRY, [server.comet.replace("http", "ws"), "cometary.1"]) == 1006
