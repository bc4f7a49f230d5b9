"""The page of a server that has none of its own: what it says works, in a real browser."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from cometary.app import App
from cometary.config import Address
from cometary.config.kinds import UnixAddress
from cometary.doors.files.door import welcome_page
from tests.doors.files.test_client import asking
from tests.servers import ENVIRONMENT, ROOT, RunningServer, running_server

TITLE = "A Cometary server"


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with running_server("examples/hello.py:app") as server:
        yield server


@pytest.fixture
def page(browser_page: Page, server: RunningServer) -> Page:
    browser_page.goto(server.origin)
    expect(browser_page.locator("#state")).to_have_text("open")
    return browser_page


@pytest.mark.browser
def test_what_one_window_sends_each_window_hears(page: Page, server: RunningServer) -> None:
    other = page.context.new_page()
    other.goto(server.origin)
    expect(other.locator("#state")).to_have_text("open")
    page.fill("input[name=message]", "Is anybody <b>there</b>?")
    page.click("button")
    for each in (page, other):
        expect(each.locator("#packets li")).to_contain_text(['"text":"Is anybody <b>there</b>?"'])


@pytest.mark.browser
def test_the_command_that_it_shows_pushes_to_it(page: Page) -> None:
    program, *words = shlex.split(page.inner_text("#command"))
    assert program == "cometary"
    subprocess.run([sys.executable, "-m", "cometary", *words], env=ENVIRONMENT, cwd=ROOT, check=True)
    expect(page.locator("#packets li")).to_contain_text(['hello "It works"'])


@pytest.mark.browser
def test_it_says_why_nothing_comes_of_what_is_sent(page: Page) -> None:
    page.fill("input[name=path]", "nowhere")
    page.click("button")
    expect(page.locator("#problem")).to_have_text("The application takes nothing at this path.")


async def test_it_is_shown_where_nothing_else_is() -> None:
    async with asking(comet="/push/comet") as client:
        text = (await client.get("/")).text
        assert TITLE in text
        assert 'new Comet("/push/comet")' in text
        assert "{" not in httpx.URL(text.partition('import { Comet } from "')[2].partition('"')[0]).path


@pytest.mark.parametrize(
    ("control", "more"),
    [
        (None, ""),
        (Address("127.0.0.1", 8081), ""),
        (Address("127.0.0.1", 8099), " --control 127.0.0.1:8099"),
        (UnixAddress("/run/</script>.sock"), " --control 'unix:/run/\\u003c/script>.sock'"),
    ],
)
def test_the_command_is_for_this_server_wherever_it_takes_commands(
    control: Address | UnixAddress | None, more: str
) -> None:
    text = welcome_page("/comet", control, secret=False)._body.decode()
    assert f'const more = "{more}";' in text
    assert '"" !== "needed"' in text


async def test_it_says_if_the_command_needs_a_secret_and_not_which() -> None:
    async with asking(secret="confidential") as client:
        text = (await client.get("/")).text
        assert '"needed" !== "needed"' in text
        assert "confidential" not in text


async def test_an_application_with_a_page_shows_that(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("of the application")
    app = App()
    app.files("/", tmp_path)
    async with asking(app) as client:
        assert (await client.get("/")).text == "of the application"


async def test_a_site_beside_the_sessions_is_asked() -> None:
    async with asking(wsgi="tests.doors.hosting.sites:site") as client:
        assert TITLE not in (await client.get("/")).text


async def test_it_can_be_done_without() -> None:
    async with asking(welcome_page="off") as client:
        assert (await client.get("/")).status_code == 404
