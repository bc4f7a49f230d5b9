"""The JavaScript client in a real browser takes the best wire that works, and changes it unnoticed."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from cometary import Connector
from tests.clients.conftest import Site
from tests.clients.cutting_proxy import CuttingProxy
from tests.clients.test_javascript_client_in_chromium import COLLECT, endpoint
from tests.servers import ECHO, RunningServer, running_server

pytestmark = pytest.mark.browser

ON_WEBSOCKET = "comet.wire === 'websocket'"

SOON = (
    "(callback, pause) => setTimeout(callback,"
    " [30_000, 60_000, 120_000, 240_000, 300_000].includes(pause) ? 300 : pause)"
)
"""For the client, in place of `setTimeout`: what it would try again after half a minute, or a minute, and so on, it
tries in a moment."""

COLLECT_AND_HURRY = COLLECT.replace("connectUrl:", f"environment: {{ setTimeout: {SOON} }}, connectUrl:")


def echoed(page: Page) -> list[int]:
    return [message for path, message in page.evaluate("seen") if path == "echo"]


def test_a_session_changes_to_a_websocket_and_stays_the_same(page: Page, server: RunningServer) -> None:
    sid = page.evaluate(COLLECT, server.comet)
    page.evaluate("comet.send('echo', 1)")
    page.wait_for_function(ON_WEBSOCKET)
    page.evaluate("comet.send('echo', 2)")
    page.wait_for_function("seen.length >= 2")
    page.wait_for_function("comet.unanswered === 0")
    assert echoed(page) == [1, 2]
    assert page.evaluate("comet.sid") == sid
    with Connector(server.control) as connector:
        assert len(connector.sessions()) == 1


def test_connections_that_break_change_the_wire_and_nothing_else(page: Page, server: RunningServer) -> None:
    with CuttingProxy(server.port, seed=1, cut=0) as proxy:
        sid = page.evaluate(COLLECT_AND_HURRY, endpoint(proxy.port))
        page.wait_for_function(ON_WEBSOCKET)
        for number in range(30):
            page.evaluate("(number) => comet.send('echo', number)", number)
            if number == 10:
                proxy.cut_all()
        page.wait_for_function("seen.length >= 30")
        page.wait_for_function(ON_WEBSOCKET)
        assert echoed(page) == list(range(30))
        assert page.evaluate("[comet.sid, events]") == [sid, [["open", ""]]]


def test_where_there_are_no_websockets_the_session_goes_by_a_stream(page: Page, site: Site) -> None:
    with (
        running_server(ECHO, "--origins", site.origin, "--wires", "streams") as server,
        CuttingProxy(server.port, seed=1, cut=0) as proxy,
    ):
        sid = page.evaluate(COLLECT, endpoint(proxy.port))
        for number in range(30):
            if number in {10, 20}:
                page.wait_for_function("comet.wire === 'stream'")
            if number == 20:
                proxy.cut_all()
            page.evaluate("(number) => comet.send('echo', number)", number)
        page.wait_for_function("seen.length >= 30")
        page.wait_for_function("comet.wire === 'stream'")
        assert echoed(page) == list(range(30))
        assert page.evaluate("[comet.sid, events]") == [sid, [["open", ""]]]


def test_where_there_is_nothing_else_the_session_goes_by_requests(page: Page, site: Site) -> None:
    with running_server(ECHO, "--origins", site.origin, "--wires", "") as server:
        page.evaluate(COLLECT, server.comet)
        for number in range(3):
            page.evaluate("(number) => comet.send('echo', number)", number)
        page.wait_for_function("seen.length >= 3")
        assert echoed(page) == [0, 1, 2]
        assert page.evaluate("[comet.wire, events]") == ["requests", [["open", ""]]]


BYTES = """
async ([endpoint, wires]) => {
  const { cbor } = await import("/clients/javascript/src/cbor.js");
  const comet = new Comet(endpoint, { codec: cbor(), wires });
  const echoed = new Promise((resolve) => comet.on("echo", resolve));
  await comet.open();
  while (comet.wire !== (wires[0] ?? "requests")) await new Promise((resolve) => setTimeout(resolve, 10));
  comet.send("echo", { icon: Uint8Array.of(0, 255), of: [1, "\u6c34"] });
  const { icon, of } = await echoed;
  await comet.close();
  return [icon instanceof Uint8Array, [...icon], of];
}
"""


@pytest.mark.parametrize("wires", [[], ["stream"], ["websocket"]])
def test_bytes_travel_on_every_wire(page: Page, server: RunningServer, wires: list[str]) -> None:
    assert page.evaluate(BYTES, [server.comet, wires]) == [True, [0, 255], [1, "\u6c34"]]


def test_a_page_that_is_on_a_websocket_says_its_last_words(page: Page, server: RunningServer) -> None:
    watcher = page.context.new_page()
    watcher.goto(page.url)
    watcher.wait_for_function("'Comet' in window")
    watcher.evaluate(COLLECT, server.comet)
    watcher.evaluate("comet.connect(['left', 'last words'])")
    page.evaluate("addEventListener('pagehide', () => comet.send('say', 'goodbye'))")
    page.evaluate(COLLECT, server.comet)
    page.wait_for_function(ON_WEBSOCKET)
    page.goto("about:blank")
    watcher.wait_for_function("seen.length >= 2")
    assert watcher.evaluate("seen") == [["last words", "goodbye"], ["left", "closed"]]
