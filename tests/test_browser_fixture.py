"""The browser that the tests drive is a real one."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

pytestmark = pytest.mark.browser


def test_a_page_runs_scripts(browser_page: Page) -> None:
    browser_page.set_content(
        "<output></output><script>document.querySelector('output').value = 6 * 7</script>"
    )
    assert browser_page.locator("output").inner_text() == "42"


def test_a_page_keeps_time(browser_page: Page) -> None:
    assert browser_page.evaluate("new Promise((resolve) => setTimeout(() => resolve('later'), 1))") == "later"
