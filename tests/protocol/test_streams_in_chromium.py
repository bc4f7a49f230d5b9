"""Streams as a browser's pages have them, with nothing but what browsers have: EventSource and fetch."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.servers import ECHO, RunningServer, running_server

pytestmark = pytest.mark.browser

EVENT_SOURCE = """
async () => {
  document.cookie = "login=me";
  const source = new EventSource("/comet");
  const said = [], told = [];
  let opened = 0;
  source.onopen = () => (opened += 1);
  source.onmessage = ({ data }) => said.push(JSON.parse(data).message);
  source.addEventListener("comet", ({ data }) => told.push(JSON.parse(data)));
  const until = async (come) => {
    while (!come()) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  const post = async (body) => {
    const response = await fetch("/comet", { method: "POST", body: JSON.stringify(body) });
    return response.json();
  };
  await until(() => told.length > 1);
  const { sid } = told[0];
  const packets = (message) => [{ path: "echo", message }];
  await post({ sid, rid: 2, hold: false, packets: packets("one") });
  await until(() => said.length === 1);
  const poll = post({ sid, rid: 3, ack: 1 }); // takes the stream away; the browser comes back, and takes the poll away
  await until(() => opened === 2);
  const polled = await poll;
  await post({ sid, rid: 4, hold: false, packets: packets("two") });
  await until(() => said.length === 2);
  source.close();
  return { said, polled, told };
}
"""

FETCH = """
async (accept) => {
  document.cookie = "login=me";
  const post = (body, headers = {}) => fetch("/comet", { method: "POST", headers, body: JSON.stringify(body) });
  const { sid } = await (await post({ rid: 1 })).json();
  const response = accept.startsWith("text/")
    ? await fetch("/comet", { headers: { Accept: accept, "X-Comet-Session": sid } })
    : await post({ sid, ack: 0 }, { Accept: accept });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = (await reader.read()).value; // the hello, at once
  await post({ sid, rid: 2, hold: false, packets: [{ path: "echo", message: "one" }] });
  while (!text.includes("one")) text += (await reader.read()).value;
  await post({ sid, rid: 3, close: true });
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) text += piece.value;
  return text;
}
"""


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with running_server(ECHO, "--bind", "cookie:login") as server:
        yield server


def test_an_event_source_comes_back_by_itself_and_gets_each_packet_once(
    browser_page: Page, server: RunningServer
) -> None:
    browser_page.goto(f"{server.origin}/nothing-there")
    talk = browser_page.evaluate(EVENT_SOURCE)
    assert talk["said"] == ["one", "two"]
    assert talk["polled"] == {"packets": []}
    welcome, *hellos = talk["told"]
    assert welcome["bind"] == "cookie"
    assert hellos == [{"seq": 1, "packets": []}, {"seq": 2, "packets": []}]


@pytest.mark.parametrize("accept", ["text/event-stream", "application/x-ndjson"])
def test_a_page_reads_a_stream_by_fetch(browser_page: Page, server: RunningServer, accept: str) -> None:
    browser_page.goto(f"{server.origin}/nothing-there")
    text = browser_page.evaluate(FETCH, accept)
    assert '{"seq":1,"packets":[]}' in text
    assert text.count('{"path":"echo","message":"one"}') == 1
    assert '"reason":"closed"' in text
