"""What every test may ask for."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import settings
from playwright.sync_api import Browser, Error, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM_OPTIONS = (
    # The tests may run as root in a container and without a network, and open pages of this repository alone.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

# No deadline: how fast the machine happens to be says nothing about the code.
# The same examples each time: who changes one thing is not to be stopped by what is found by chance in another.
# `pytest --hypothesis-profile=searching` looks for what nobody has found yet.
settings.register_profile("cometary", deadline=None, print_blob=True, derandomize=True)
settings.register_profile("searching", deadline=None, print_blob=True)
settings.load_profile("cometary")
expect.set_options(timeout=30_000)

# A shell has what it starts in the background ignore Ctrl-C, and so do its children: tests of it would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

FIRST: Final = frozenset({"test_hour.py", "test_promises.py"})
"""Files that take half a minute and more, which would go on alone at the end if they came in their turn."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest."""
    items.sort(key=lambda item: item.path.name not in FIRST)


@pytest.fixture(autouse=True, scope="session")
def collector_of_the_tests() -> Iterator[None]:
    """Garbage is collected here as pytest has it, also when a server starts that takes the process for its own.

    It would look at all that pytest and the tests before have left, for each of a thousand servers.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cometary.asgi.application.spare_the_collector", lambda: None)
        yield


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium for one module of tests, with a profile of its own.

    It lasts no longer than the module because Playwright's synchronous interface keeps an event loop
    suspended in this thread, which Trio tests elsewhere should not find there.
    """
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find_chromium(), args=CHROMIUM_OPTIONS)
        yield chromium
        chromium.close()


@pytest.fixture
def browser_page(browser: Browser) -> Iterator[Page]:
    """An empty page, for plain (not async) tests; an error that its scripts leave uncaught fails the test."""
    uncaught: list[Error] = []
    context = browser.new_context()
    page = context.new_page()
    page.on("pageerror", lambda error: uncaught.append(error))  # noqa: PLW0108 - a built-in method will not do
    page.set_default_timeout(30_000)
    yield page
    context.close()
    assert not uncaught, f"uncaught in the page: {uncaught}"


def find_chromium() -> str:
    """Find or install a Chromium; a test that needs one fails without."""
    found = subprocess.run([ROOT / "scripts/browser.sh"], stdout=subprocess.PIPE, text=True, check=False)
    if found.returncode != 0:
        pytest.fail("No Chromium: see what scripts/browser.sh says above.", pytrace=False)
    return found.stdout.strip()
