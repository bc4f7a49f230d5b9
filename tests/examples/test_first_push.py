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
    with running_server("examples/first_push/app.py:app") as server:
        browser_page.goto(f"{server.origin}/")
        expect(browser_page.locator("#hello")).to_contain_text("You are ")
        server.stop()
    browser_page.fill("#text", "Anybody there?")
    browser_page.click("button")
    with running_server("examples/first_push/app.py:app", port=server.port):
        expect(browser_page.locator("#news li")).to_contain_text(["Anybody there?"], timeout=60_000)


def test_the_back_end_reaches_the_page(page: Page, server: RunningServer) -> None:
    command = [sys.executable, str(ROOT / "examples/first_push/backend.py"), server.control]
    with subprocess.Popen(command, env=ENVIRONMENT) as backend:
        try:
            expect(page.locator("#news li").first).to_contain_text("the clock: ")
        finally:
            backend.kill()
