"""The client for old browsers: ECMAScript 5 and XMLHttpRequest, in a browser that has not forgotten them."""

from __future__ import annotations

import subprocess

import pytest
from playwright.sync_api import Page

from cometary import Connector
from tests.clients.conftest import Site
from tests.clients.cutting_proxy import CuttingProxy
from tests.clients.test_javascript_client_in_chromium import endpoint, send_until_cut
from tests.servers import ECHO, ROOT, RunningServer, running_server

pytestmark = pytest.mark.browser

COLLECT = """
(endpoint) => {
  for (const name of ["fetch", "WebSocket", "AbortController"]) delete window[name];
  window.seen = [];
  window.events = [];
  window.comet = new Cometary.Comet(endpoint, { connectUrl: "/connect", disconnectUrl: "/disconnect" });
  comet.on("**", (message, path) => { seen.push([path, message]); });
  for (const type of ["open", "reopened", "error", "close"]) {
    comet.addEventListener(type, ({ detail }) => events.push([type, detail.reason || detail.condition || ""]));
  }
  comet.open();
}
"""


@pytest.fixture
def old_page(browser_page: Page, site: Site) -> Page:
    """A page with this client and no other."""
    browser_page.goto(f"{site.origin}/tests/clients/old_page.html")
    return browser_page


def test_it_has_no_syntax_that_is_newer_than_ecmascript_5() -> None:
    esbuild = [str(ROOT / "node_modules/.bin/esbuild"), "--target=es5"]
    client = (ROOT / "clients/javascript/old/comet.js").read_text()
    done = subprocess.run(esbuild, input=client, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    newer = subprocess.run(esbuild, input="let a = () => 1", capture_output=True, text=True, check=False)
    assert newer.returncode != 0, "the check finds nothing"


def test_each_packet_arrives_once_and_in_order_whatever_connections_break(
    old_page: Page, server: RunningServer
) -> None:
    with CuttingProxy(server.port, seed=3, cut=0.2) as proxy:
        old_page.evaluate(COLLECT, endpoint(proxy.port))
        old_page.evaluate("comet.send('count', 100)")
        last = send_until_cut(old_page, proxy, at_least=120)
        old_page.wait_for_function("(count) => seen.length >= count", arg=100 + last)
        proxy.cut = 0
        old_page.evaluate("comet.close()")
        old_page.wait_for_function("comet.state === 'closed'")
    seen = old_page.evaluate("seen")
    assert [message for path, message in seen if path == "echo"] == list(range(1, last + 1))
    assert [message for path, message in seen if path == "counted"] == list(range(1, 101))
    assert old_page.evaluate("events") == [["open", ""], ["close", "closed"]]


def test_a_server_that_was_started_again_gets_the_page_and_its_paths_back(old_page: Page, site: Site) -> None:
    with running_server(ECHO, "--origins", site.origin) as first:
        site.control = first.control
        old_page.evaluate(COLLECT, first.comet)
        old_page.evaluate("comet.connect('news').then(() => { window.connected = true; })")
        old_page.wait_for_function("window.connected")
        port = first.port
        first.stop()
    with running_server(ECHO, "--origins", site.origin, port=port) as second:
        site.control = second.control  # until now the back-end could not reach any
        old_page.wait_for_function("events.length >= 2")
        with Connector(second.control) as connector:
            connector.update("news", "again")
        old_page.wait_for_function("seen.length >= 1")
    assert old_page.evaluate("seen") == [["news", "again"]]
    assert old_page.evaluate("events[1][0]") == "reopened"
