"""The inspector's page in a tab of its own."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page


@contextmanager
def opened(browser: Browser, url: str) -> Generator[Page]:
    """Open it; what the browser has complained of when the block ends fails it."""
    complaints: list[str] = []
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(url)
    yield page
    context.close()
    assert complaints == []


def log_in(page: Page, secret: str) -> None:
    """Log in."""
    page.fill("#secret", secret)
    page.press("#secret", "Enter")
