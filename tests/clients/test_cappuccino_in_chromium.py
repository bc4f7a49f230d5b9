"""Cappuccino's runtime and AppKit in a real browser, with the wrapper over the JavaScript client."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from playwright.sync_api import Page

from cometary import Connector
from tests.clients.conftest import Site
from tests.servers import RunningServer

pytestmark = pytest.mark.browser


@pytest.fixture
def window(browser_page: Page, site: Site, server: RunningServer) -> Page:
    """The window of the example, connected to its path."""
    browser_page.goto(f"{site.origin}/examples/cappuccino/index.html?comet={quote(server.comet)}")
    browser_page.get_by_text("Say", exact=True).first.wait_for(state="attached")
    with Connector(server.control) as connector:
        while not any(session["paths"] for session in connector.sessions()):
            browser_page.evaluate("new Promise(requestAnimationFrame)")
    return browser_page


def test_a_window_of_appkit_shows_pushes(window: Page, server: RunningServer) -> None:
    with Connector(server.control) as connector:
        connector.update("last words", "from the server")
    window.get_by_text("from the server", exact=True).first.wait_for(state="attached")


def test_a_button_of_appkit_sends_what_was_typed(window: Page) -> None:
    window.mouse.click(200, 100)
    window.keyboard.type("typed in a window")
    box = window.get_by_text("Say", exact=True).last.bounding_box()
    assert box
    window.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    window.get_by_text("typed in a window", exact=True).first.wait_for(state="attached")


def test_a_path_is_wanted_until_the_last_target_of_it_has_gone(window: Page, server: RunningServer) -> None:
    call = """(verb) => objj_msgSend(CPApp._delegate.comet, `${verb}:target:action:`,
        "last words", CPApp, "path:message:")"""
    own = call.replace("CPApp, ", "CPApp._delegate, ")
    with Connector(server.control) as connector:
        window.evaluate(call, "connect")
        window.evaluate(own, "connect")
        window.evaluate(own, "disconnect")
        assert [session["paths"] for session in connector.sessions()] == [["last words"]]
        window.evaluate(call, "disconnect")
        while any(session["paths"] for session in connector.sessions()):
            window.evaluate("new Promise(requestAnimationFrame)")
