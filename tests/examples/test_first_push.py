"""The first tutorial, step by step: the server, two pages in a real browser, the back-end."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.servers import ENVIRONMENT, ROOT, RunningServer, running_server

pytestmark = pytest.mark.browser


@pytest.fixture
def server() -> Iterator[RunningServer]:
    with running_server("examples/first_push/app.py:app") as server:
        yield server


@pytest.fixture
def page(browser_page: Page, server: RunningServer) -> Page:
    browser_page.goto(f"{server.origin}/")
    expect(browser_page.locator("#hello")).to_contain_text("You are ")
    return browser_page


def test_what_one_page_says_both_pages_hear(page: Page, server: RunningServer) -> None:
    other = page.context.new_page()
    other.goto(f"{server.origin}/")
    expect(other.locator("#hello")).to_contain_text("You are ")
    page.fill("#text", "Good morning")
    page.click("button")
    me = page.inner_text("#hello").removeprefix("You are ").removesuffix(".")
    for one in (page, other):
        expect(one.locator("#news li")).to_have_text([f"{me}: Good morning"])


def test_what_is_said_while_the_server_is_away_arrives_when_it_is_back(
    browser_page: Page,
) -> None:
    other = browser_page.context.new_page()
    with running_server("examples/first_push/app.py:app") as server:
        for one in (browser_page, other):
            one.goto(f"{server.origin}/")
            expect(one.locator("#hello")).to_contain_text("You are ")
        before = other.inner_text("#hello")
        server.stop()
    browser_page.fill("#text", "Anybody there?")
    browser_page.click("button")
    with running_server("examples/first_push/app.py:app", port=server.port):
        expect(browser_page.locator("#news li")).to_contain_text(["Anybody there?"], timeout=60_000)
        expect(other.locator("#hello")).not_to_have_text(before, timeout=60_000)


def test_a_window_that_comes_back_late_does_not_hear_what_was_said_before(browser_page: Page) -> None:
    other = browser_page.context.new_page()
    with running_server("examples/first_push/app.py:app") as server:
        for one in (browser_page, other):
            one.goto(f"{server.origin}/")
            expect(one.locator("#hello")).to_contain_text("You are ")
        before = other.inner_text("#hello")
        other.route("**/comet", lambda route: route.abort())  # its network is away, too
        server.stop()
    browser_page.fill("#text", "Anybody there?")
    browser_page.click("button")
    with running_server("examples/first_push/app.py:app", port=server.port):
        expect(browser_page.locator("#news li")).to_contain_text(["Anybody there?"], timeout=60_000)
        other.unroute("**/comet")
        expect(other.locator("#hello")).not_to_have_text(before, timeout=60_000)
        browser_page.fill("#text", "Welcome back")
        browser_page.click("button")
        expect(other.locator("#news li")).to_have_count(1)
        expect(other.locator("#news li")).to_contain_text(["Welcome back"])


def test_the_back_end_reaches_the_page(page: Page, server: RunningServer) -> None:
    command = [sys.executable, str(ROOT / "examples/first_push/backend.py"), server.control]
    with subprocess.Popen(command, env=ENVIRONMENT) as backend:
        try:
            expect(page.locator("#news li").first).to_contain_text("the clock: ")
        finally:
            backend.kill()
