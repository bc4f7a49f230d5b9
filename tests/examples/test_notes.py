"""The Flask and FastAPI tutorials: the real frameworks, the real push server, and two browsers."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.servers import ENVIRONMENT, ROOT, running_server

COMMANDS = {
    "flask": (["flask", "--app", "flask_app", "run", "--port"], "Running on"),
    "fastapi": (["uvicorn", "fastapi_app:app", "--port"], "Uvicorn running"),
}
PASSWORDS = {"ada": "lovelace", "grace": "hopper"}


@contextmanager
def site(framework: str) -> Generator[str]:
    """Serve the notes, with a push server beside them; gives their URL."""
    command, ready = COMMANDS[framework]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with running_server("", "--origins", url) as push:
        variables = {**ENVIRONMENT, "PUSH_URL": push.control, "PUSH_ENDPOINT": push.comet}
        with subprocess.Popen(
            [sys.executable, "-u", "-m", *command, str(port)],
            cwd=ROOT / "examples/notes",
            env=variables,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                assert process.stderr is not None
                assert any(ready in line for line in iter(process.stderr.readline, ""))
                yield url
            finally:
                process.kill()


@pytest.fixture(params=COMMANDS)
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    with site(request.param) as url:
        yield url


def visit(browser: Browser, url: str, user: str) -> Page:
    context = browser.new_context(http_credentials={"username": user, "password": PASSWORDS[user]})
    page = context.new_page()
    page.goto(url)
    return page


def add(page: Page, text: str) -> None:
    page.fill("#text", text)
    page.click("text=Add")


@pytest.mark.browser
def test_all_windows_of_a_user_show_the_same_notes(browser: Browser, url: str) -> None:
    ada, at_home, grace = (visit(browser, url, user) for user in ("ada", "ada", "grace"))
    add(ada, "Buy milk")
    expect(at_home.locator("li")).to_have_text(["Buy milk"])
    add(at_home, "Walk the dog")
    for page in (ada, at_home):
        expect(page.locator("li")).to_have_text(["Buy milk", "Walk the dog"])
    expect(grace.locator("li")).to_have_count(0)
    for page in (ada, at_home, grace):
        page.context.close()
