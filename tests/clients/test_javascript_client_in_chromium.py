"""The JavaScript client in a real browser, on another origin than the server."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from playwright.sync_api import Page

from cometary import Connector
from tests.clients.conftest import Site
from tests.clients.cutting_proxy import CuttingProxy
from tests.servers import ECHO, RunningServer, running_server

pytestmark = pytest.mark.browser

COLLECT = """
(endpoint) => {
  window.seen = [];
  window.events = [];
  window.comet = new Comet(endpoint, { connectUrl: "/connect", backoff: { base: 20, cap: 200 } });
  comet.on("**", (message, path) => seen.push([path, message]));
  for (const type of ["open", "reopened", "error", "close"]) {
    comet.addEventListener(type, ({ detail }) => events.push([type, detail.reason ?? detail.condition ?? ""]));
  }
  return comet.open();
}
"""


CUTS = 5
"""So many connections must break for a test to have tested anything."""


def endpoint(port: int) -> str:
    return f"http://127.0.0.1:{port}/comet"


def send_until_cut(page: Page, proxy: CuttingProxy, *, at_least: int) -> int:
    """Send numbers to be echoed until connections have been cut often enough; return the last one.

    How many packets go in one request, and so how often there is something to cut, depends on the machine.
    """
    number = 0
    while number < at_least or proxy.cuts < CUTS:
        number += 1
        assert number < 50 * at_least, "nothing is cut: the test tests nothing"
        page.evaluate("(number) => comet.send('echo', number)", number)
    return number


def test_each_packet_arrives_once_and_in_order_whatever_connections_break(
    page: Page, server: RunningServer
) -> None:
    with CuttingProxy(server.port, seed=7, cut=0.1) as proxy:
        page.evaluate(COLLECT, endpoint(proxy.port))
        page.evaluate("comet.send('count', 200)")
        last = send_until_cut(page, proxy, at_least=100)
        page.wait_for_function("(count) => seen.length >= count", arg=200 + last, timeout=30_000)
        page.evaluate("comet.close()")
    seen = page.evaluate("seen")
    assert [message for path, message in seen if path == "echo"] == list(range(1, last + 1))
    assert [message for path, message in seen if path == "counted"] == list(range(1, 201))
    assert page.evaluate("events") == [["open", ""], ["close", "closed"]]


def test_updates_reach_the_page_for_the_paths_that_its_back_end_allows(
    page: Page, server: RunningServer
) -> None:
    page.evaluate(COLLECT, endpoint(server.port))
    refused = page.evaluate("comet.connect(['secret']).catch((error) => error.name)")
    assert refused == "ConnectError"
    page.evaluate("comet.connect(['jobs/7'])")
    with Connector(server.control) as connector:
        connector.update("jobs/7", 0.5)
        connector.update("secret", "hidden")
        connector.update("jobs/7", 1)
    page.wait_for_function("seen.length >= 2")
    assert page.evaluate("seen") == [["jobs/7", 0.5], ["jobs/7", 1]]


def test_a_server_that_was_killed_and_started_again_gets_the_page_and_its_paths_back(
    page: Page, site: Site
) -> None:
    with ExitStack() as life:
        first = life.enter_context(running_server(ECHO, "--origins", site.origin))
        site.control = first.control
        page.evaluate(COLLECT, endpoint(first.port))
        page.evaluate("comet.connect(['news'])")
        life.close()
        page.wait_for_function("comet.state === 'reconnecting'")
        page.evaluate("comet.send('echo', 'sent while the server was away')")
        second = life.enter_context(running_server(ECHO, "--origins", site.origin, port=first.port))
        site.control = second.control
        page.wait_for_function("events.length >= 2")
        with Connector(second.control) as connector:
            connector.update("news", "again")
        page.wait_for_function("seen.length >= 2")
    assert page.evaluate("events") == [["open", ""], ["reopened", "unknown-session"]]
    assert sorted(page.evaluate("seen")) == [["echo", "sent while the server was away"], ["news", "again"]]


def test_a_page_that_is_left_ends_its_session_at_once_and_sends_its_last_packets(
    page: Page, server: RunningServer
) -> None:
    watcher = page.context.new_page()
    watcher.goto(page.url)
    watcher.wait_for_function("'Comet' in window")
    watcher.evaluate(COLLECT, endpoint(server.port))
    watcher.evaluate("comet.connect(['left', 'last words'])")
    page.evaluate("addEventListener('pagehide', () => comet.send('say', 'goodbye'))")
    page.evaluate(COLLECT, endpoint(server.port))
    page.goto("about:blank")
    watcher.wait_for_function("seen.length >= 2")
    assert watcher.evaluate("seen") == [["last words", "goodbye"], ["left", "closed"]]


def test_a_page_that_was_offline_goes_on_where_it_was(page: Page, server: RunningServer) -> None:
    # That nothing comes any more shows when the margin is over, which is 10 seconds by itself.
    page.evaluate(COLLECT.replace("connectUrl:", "margin: 2, connectUrl:"), endpoint(server.port))
    page.evaluate("comet.connect(['news'])")
    page.context.set_offline(True)
    page.evaluate("comet.send('echo', 'from a tunnel')")
    page.wait_for_function("comet.state === 'reconnecting'")
    with Connector(server.control) as connector:
        connector.update("news", "while it was away")
    page.context.set_offline(False)
    page.wait_for_function("seen.length >= 2")
    assert sorted(page.evaluate("seen")) == [["echo", "from a tunnel"], ["news", "while it was away"]]
    assert page.evaluate("events") == [["open", ""]]
