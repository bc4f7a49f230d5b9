"""The Django tutorial, followed from `django-admin startproject` on: its blocks, in their order, and then browsers."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.examples.code_blocks import BLOCKS, INDENTED, Block
from tests.servers import ENVIRONMENT, READY, ROOT

PAGE = "docs/tutorial/django.md"
EXAMPLE = "examples/todos/"
PASSWORD = "correct horse battery staple"
FREE_PORTS = """
import os

COMETARY = {"URL": os.environ["PUSH_URL"], "ENDPOINT": os.environ["PUSH_ENDPOINT"]}
"""
"""What the tests add to the settings, for they must not all use the same ports."""

Variables = dict[str, str]
ANY_PORT = {"PUSH_URL": "http://127.0.0.1:0", "PUSH_ENDPOINT": "http://127.0.0.1:0/comet"}


class Reader:
    """Does what the page says, in a directory of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.serving: list[str] = []

    def follow(self, block: Block) -> None:
        """Do what a block says."""
        if block.language == INDENTED:
            for line in block.lines:
                self.run(line)
            return
        kind, _, file = block.source.rpartition(" ")
        target = self.directory / file.removeprefix(EXAMPLE)
        target.parent.mkdir(parents=True, exist_ok=True)
        if kind == "file":
            target.write_text(block.text)
        else:
            assert target.name == "settings.py"
            target.write_text(target.read_text() + "\n" + block.text + FREE_PORTS)

    def run(self, line: str) -> None:
        """Run a command, but those that set up the environment, which the tests have, and those that serve."""
        program, *arguments = shlex.split(line)
        if program == "cd":
            self.directory /= arguments[0]
        elif arguments[0] == "manage.py" and arguments[1] in {"runserver", "comet"}:
            self.serving.append(arguments[1])
        elif arguments[:2] == ["manage.py", "createsuperuser"]:
            for user in (arguments, [each.replace("ada", "grace") for each in arguments]):
                self.call([sys.executable, *user, "--noinput"])
        elif program.endswith("/django-admin"):
            self.call([sys.executable, "-m", "django", *arguments])
        elif arguments[0] == "manage.py":
            self.call([sys.executable, *arguments])
        else:
            assert arguments[0] in {"-m", "install"}, f"nobody does {line}"

    def call(self, command: list[str]) -> None:
        environment = {**ENVIRONMENT, **ANY_PORT, "DJANGO_SUPERUSER_PASSWORD": PASSWORD}
        subprocess.run(command, cwd=self.directory, env=environment, check=True, stdout=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one has at the end of the page."""
    reader = Reader(tmp_path_factory.mktemp("tutorial"))
    for block in BLOCKS:
        if block.page == PAGE:
            reader.follow(block)
    assert reader.serving == ["runserver", "comet"]
    return reader.directory


@contextmanager
def managed(project: Path, *arguments: str, ready: str, **variables: str) -> Generator[str]:
    """Run a command of manage.py that serves until the end of the block; gives the line that says it is ready."""
    command = [sys.executable, "-u", "manage.py", *arguments]
    environment = {**ENVIRONMENT, **variables}
    with subprocess.Popen(
        command, cwd=project, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield next(line for line in iter(process.stdout.readline, "") if ready in line)
        finally:
            process.terminate()


@dataclass
class Site:
    """The project, served, and the push server beside it."""

    project: Path
    url: str
    variables: Variables

    @contextmanager
    def push_server(self) -> Generator[None]:
        """Run it again, where it was, until the end of the block."""
        with pushing(self.project, self.url, self.variables):
            yield


@contextmanager
def pushing(project: Path, site: str, variables: Variables) -> Generator[Variables]:
    """Run the push server for the pages of `site`; gives where it is."""
    options = ("comet", "--origins", site)
    with managed(project, *options, ready="cometary:", **variables) as line:
        found = READY.fullmatch(line)
        assert found
        yield {"PUSH_URL": found[3], "PUSH_ENDPOINT": found[1]}


@pytest.fixture
def site(project: Path, tmp_path: Path) -> Iterator[Site]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pushing(project, url, ANY_PORT) as variables:
        pass  # only to know which ports are free
    options = ("runserver", "--noreload", url.removeprefix("http://"))
    with managed(project, *options, ready="Quit the server", **variables):
        yield Site(project, url, variables)


def log_in(page: Page, site: Site, user: str) -> None:
    page.goto(site.url)
    page.fill("#id_username", user)
    page.fill("#id_password", PASSWORD)
    page.click("[type=submit]")
    expect(page.locator("#text")).to_be_visible()


def add(page: Page, text: str) -> None:
    page.fill("#text", text)
    page.click("text=Add")
    expect(page.locator("#text")).to_have_value("")


def todos(page: Page) -> Locator:
    return page.locator("#todos li > input:not([type=checkbox])")


def shows(page: Page, *texts: str) -> None:
    expect(todos(page)).to_have_count(len(texts))
    for number, text in enumerate(texts):
        expect(todos(page).nth(number)).to_have_value(text)


def is_open(page: Page) -> None:
    expect(page.locator("#state")).to_have_text("open")


@pytest.mark.browser
def test_r24_all_windows_of_a_user_show_one_list_whatever_becomes_of_the_push_server(
    browser_page: Page, browser: Browser, site: Site
) -> None:
    ada, at_home, grace = browser_page, browser.new_context().new_page(), browser.new_context().new_page()
    with site.push_server():
        for page, user in ((ada, "ada"), (at_home, "ada"), (grace, "grace")):
            log_in(page, site, user)
            is_open(page)
        add(ada, "Buy milk")
        add(ada, "Walk the dog")
        shows(at_home, "Buy milk", "Walk the dog")
        at_home.locator("li input").first.check()
        expect(ada.locator("li input").first).to_be_checked()
        todos(at_home).first.fill("Buy oat milk")
        todos(at_home).first.blur()
        shows(ada, "Buy oat milk", "Walk the dog")
        ada.click("text=Delete >> nth=0")
        shows(at_home, "Walk the dog")
    expect(ada.locator("#state")).to_have_text("reconnecting")
    add(ada, "Repair the push server")
    shows(ada, "Walk the dog", "Repair the push server")
    with site.push_server():
        shows(at_home, "Walk the dog", "Repair the push server")
        is_open(ada)
        ada.click("text=Delete >> nth=0")
        for page in (ada, at_home):
            shows(page, "Repair the push server")
        shows(grace)


def test_the_example_is_a_project_that_django_finds_nothing_wrong_with(tmp_path: Path) -> None:
    copy = tmp_path / "todos"
    shutil.copytree(ROOT / EXAMPLE, copy, ignore=shutil.ignore_patterns("*.sqlite3", "__pycache__"))
    subprocess.run(
        [sys.executable, "manage.py", "check", "--fail-level", "WARNING"],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
        stdout=subprocess.DEVNULL,
    )
