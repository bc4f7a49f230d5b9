"""Tabs of a real browser that share a session, and lose the one that leads in every way there is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Error, Page

from cometary import Connector
from tests.servers import RunningServer

pytestmark = pytest.mark.browser

JOIN = """
(endpoint) => {
  window.seen = [];
  window.events = [];
  window.comet = new Comet(endpoint, {
    connectUrl: "/connect", disconnectUrl: "/disconnect", share: allTabs(), backoff: { base: 20, cap: 200 },
  });
  comet.on("**", (message, path) => seen.push([path, message]));
  comet.on("last words", (sent) => { window.delay = Date.now() - sent; });
  for (const type of ["open", "reopened", "error", "close"]) {
    comet.addEventListener(type, ({ detail }) => events.push([type, detail.reason ?? detail.condition ?? ""]));
  }
  return comet.open();
}
"""


class Tabs:
    """Opens tabs, one after the other; the first one leads."""

    def __init__(self, page: Page, server: RunningServer) -> None:
        self._page = page
        self._server = server

    def __call__(self, count: int) -> list[Page]:
        pages = [self._page, *[self._page.context.new_page() for _ in range(count - 1)]]
        for each in pages:
            each.set_default_timeout(30_000)
            each.goto(self._page.url)
            each.wait_for_function("'Comet' in window")
            each.evaluate(JOIN, self._server.comet)
        return pages


@pytest.fixture
def tabs(page: Page, server: RunningServer) -> Tabs:
    """What opens tabs."""
    return Tabs(page, server)


def sessions(server: RunningServer) -> int:
    with Connector(server.control) as connector:
        return len(connector.sessions())


def echoed(page: Page) -> list[int]:
    return [message for path, message in page.evaluate("seen") if path == "echo"]


def crash(page: Page) -> None:
    with pytest.raises(Error):
        page.goto("chrome://crash")


def close(page: Page) -> None:
    page.close()


def navigate(page: Page) -> None:
    page.goto("about:blank")


def freeze(page: Page) -> None:
    """Tell it what a browser tells a tab that it freezes; a browser that is driven freezes none by itself."""
    page.evaluate("document.dispatchEvent(new Event('freeze'))")


def test_twelve_tabs_on_plain_http_hear_a_message_to_all_in_under_a_second(
    tabs: Tabs, server: RunningServer
) -> None:
    pages = tabs(12)
    assert sessions(server) == 1
    pages[3].evaluate("comet.connect('last words')")
    pages[7].evaluate("comet.send('say', Date.now())")
    for each in pages:
        each.wait_for_function("'delay' in window")
    assert max(each.evaluate("delay") for each in pages) < 1000
    assert [each.evaluate("events") for each in pages] == [[["open", ""]]] * 12


@pytest.mark.parametrize("go", [crash, close, navigate, freeze])
def test_the_others_go_on_with_the_same_session_when_the_tab_that_leads_has_gone(
    tabs: Tabs, server: RunningServer, go: Callable[[Page], None]
) -> None:
    first, second, third = tabs(3)
    sid = second.evaluate("comet.sid")
    third.evaluate("comet.connect('news')")
    for number in range(40):
        second.evaluate("(number) => comet.send('echo', number)", number)
        if number == 20:
            go(first)
    with Connector(server.control) as connector:
        connector.update("news", "after it had gone")
    for each in (second, third):
        each.wait_for_function("seen.length >= 41")
        assert echoed(each) == list(range(40))
        assert ["news", "after it had gone"] in each.evaluate("seen")
        assert each.evaluate("events") == [["open", ""]]
        assert each.evaluate("comet.sid") == sid
    second.wait_for_function("comet.state === 'open'")
    assert sessions(server) == 1


def test_a_tab_that_has_thawed_hears_again_and_knows_that_it_missed_something(
    tabs: Tabs, server: RunningServer
) -> None:
    first, second = tabs(2)
    first.evaluate("comet.connect('news')")
    freeze(first)
    second.evaluate("comet.send('echo', 'asleep')")
    second.wait_for_function("seen.length > 0")
    first.evaluate("document.dispatchEvent(new Event('resume'))")
    first.wait_for_function("events.length > 1")
    assert first.evaluate("events") == [["open", ""], ["reopened", "asleep"]]
    with Connector(server.control) as connector:
        connector.update("news", "awake")
    first.wait_for_function("seen.length > 0")
    assert first.evaluate("seen") == [["news", "awake"]]
    assert sessions(server) == 1


def test_a_path_is_the_sessions_as_long_as_one_tab_wants_it(tabs: Tabs, server: RunningServer) -> None:
    first, second, third = tabs(3)
    for each in (first, second, third):
        each.evaluate("comet.connect('news')")
    first.evaluate("comet.disconnect('news')")
    crash(second)
    with Connector(server.control) as connector:
        connector.update("news", "for the third")
        third.wait_for_function("seen.length > 0")
        third.evaluate("comet.disconnect('news')")
        for _ in range(1000):  # until the browser has let go of the crashed tab's lock
            if not any(session["paths"] for session in connector.sessions()):
                break
            third.wait_for_timeout(10)
        assert [session["paths"] for session in connector.sessions()] == [[]]


def test_the_last_tab_ends_the_session_and_no_other_does(tabs: Tabs, server: RunningServer) -> None:
    first, second = tabs(2)
    first.evaluate("comet.send('echo', 1); comet.close()")
    first.wait_for_function("comet.state === 'closed'")
    assert sessions(server) == 1
    second.evaluate("comet.close()")
    second.wait_for_function("comet.state === 'closed'")
    assert sessions(server) == 0
    assert second.evaluate("events") == [["open", ""], ["close", "closed"]]
    assert echoed(second) == [1]
