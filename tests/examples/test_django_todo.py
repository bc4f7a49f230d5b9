"""The Django example: Django's own server, the real push server, and browsers."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from cometary import Connector
from tests.servers import ENVIRONMENT, ROOT, RunningServer, running_server

PROJECT = ROOT / "examples/django_todo"
SECRET = "known-to-Django-and-to-the-push-server"
PASSWORD = "correct horse battery staple"
pytestmark = pytest.mark.browser


PREPARE = f"""
from django.contrib.auth.models import User
from django.core.management import call_command

call_command("migrate", run_syncdb=True, verbosity=0)
for name in ("ada", "grace"):
    User.objects.create_user(name, password={PASSWORD!r})
"""


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with two users and nothing to do."""
    database = tmp_path_factory.mktemp("django") / "todos.sqlite3"
    command = [sys.executable, "manage.py", "shell", "--command", PREPARE]
    environment = {**ENVIRONMENT, "TODO_DATABASE": str(database)}
    subprocess.run(command, cwd=PROJECT, env=environment, check=True, stdout=subprocess.DEVNULL)
    return database


@dataclass
class Site:
    """The Django site, with the push server beside it."""

    url: str
    push: RunningServer
    stop_pushing: Callable[[], None]


@pytest.fixture
def site(empty_database: Path, tmp_path: Path) -> Iterator[Site]:
    database = shutil.copy(empty_database, tmp_path)
    url = f"http://127.0.0.1:{free_port()}"
    with ExitStack() as pushing:
        push = pushing.enter_context(running_server("", "--origins", url, COMETARY_SECRET=SECRET))
        push_settings = {"PUSH_ENDPOINT": push.comet, "PUSH_CONTROL": push.control, "COMETARY_SECRET": SECRET}
        with running_django(url, {**ENVIRONMENT, **push_settings, "TODO_DATABASE": str(database)}):
            yield Site(url, push, pushing.close)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def running_django(url: str, environment: dict[str, str]) -> Generator[None]:
    """Run Django's development server until the end of the block."""
    address = url.removeprefix("http://")
    command = [sys.executable, "-u", "manage.py", "runserver", "--noreload", address]
    with subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, text=True) as django:
        try:
            assert django.stdout is not None
            assert any("Quit the server" in line for line in iter(django.stdout.readline, ""))
            yield
        finally:
            django.kill()


# -- in a browser --------------------------------------------------------------------------


def log_in(page: Page, site: Site, user: str) -> None:
    page.goto(site.url)
    page.fill("#id_username", user)
    page.fill("#id_password", PASSWORD)
    page.click("button")
    expect(page.locator("#state")).to_have_text("open")


@pytest.fixture
def ada(browser_page: Page, site: Site) -> Page:
    log_in(browser_page, site, "ada")
    return browser_page


def add(page: Page, text: str) -> None:
    page.fill("#text", text)
    page.click("text=Add")
    expect(page.locator("#text")).to_have_value("")


def todos(page: Page) -> Locator:
    return page.locator("#todos li")


def test_all_windows_of_a_user_show_one_list_and_no_other_users_do(
    ada: Page, browser: Browser, site: Site
) -> None:
    at_home, grace = browser.new_context().new_page(), browser.new_context().new_page()
    log_in(at_home, site, "ada")
    log_in(grace, site, "grace")
    add(ada, "Buy milk")
    add(ada, "Walk the dog")
    for page in (ada, at_home):
        expect(todos(page)).to_contain_text(["Buy milk", "Walk the dog"])
    at_home.locator("li input").first.check()
    expect(ada.locator("li input").first).to_be_checked()
    ada.click("text=Delete >> nth=0")
    for page in (ada, at_home):
        expect(todos(page)).to_have_text([" Walk the dog Delete"])
    expect(todos(grace)).to_have_count(0)
    for page in (at_home, grace):
        page.context.close()


def test_a_push_server_that_is_away_keeps_nothing_from_being_saved(ada: Page, site: Site) -> None:
    site.stop_pushing()
    expect(ada.locator("#state")).to_have_text("reconnecting")
    add(ada, "Repair the push server")
    expect(todos(ada)).to_contain_text(["Repair the push server"])
    ada.click("text=Delete >> nth=0")
    expect(todos(ada)).to_have_count(0)


# -- without one ---------------------------------------------------------------------------


class Visitor:
    """A user of the site, and a session with the push server."""

    def __init__(self, site: Site, http: httpx.Client, user: str) -> None:
        self._site, self._http = site, http
        self.sid = self.exchange({"rid": 1})["sid"]
        http.get(f"{site.url}/accounts/login/")
        form = {"username": user, "password": PASSWORD, "csrfmiddlewaretoken": http.cookies["csrftoken"]}
        assert http.post(f"{site.url}/accounts/login/", data=form).is_redirect

    def exchange(self, body: dict[str, object]) -> dict[str, object]:
        """One request to the push server."""
        answer: dict[str, object] = self._http.post(self._site.push.comet, json=body).json()
        return answer

    def connect(self, paths: list[str], sid: object = None) -> int:
        """Ask Django for paths, and return the status of its answer."""
        return self.ask("POST", "/connect/", {"sid": sid or self.sid, "paths": paths}).status_code

    def ask(self, method: str, path: str, body: object = None) -> httpx.Response:
        """One request to Django."""
        headers = {"X-CSRFToken": self._http.cookies["csrftoken"]}
        return self._http.request(method, self._site.url + path, json=body, headers=headers)


@pytest.fixture
def visitor(site: Site) -> Iterator[Visitor]:
    with httpx.Client(trust_env=False) as http:
        yield Visitor(site, http, "ada")


def test_a_user_hears_the_own_list_and_is_refused_any_other(visitor: Visitor, site: Site) -> None:
    assert visitor.connect(["todos/2"]) == 403
    assert visitor.connect(["todos/1", "todos/2"]) == 403
    assert visitor.connect(["todos/*"]) == 403, "a pattern would cover every list there is"
    assert visitor.connect(["todos/1"], sid="nobody") == 404
    assert visitor.connect(["todos/1"]) == 204
    with Connector(site.push.control, SECRET) as connector:
        assert [session["paths"] for session in connector.sessions()] == [["todos/1"]]


def test_what_is_saved_and_deleted_is_pushed(visitor: Visitor) -> None:
    visitor.connect(["todos/1"])
    assert visitor.ask("POST", "/todos/", {"text": "Buy milk"}).status_code == 201
    assert visitor.ask("PUT", "/todos/1/", {"done": True}).status_code == 204
    assert visitor.ask("DELETE", "/todos/1/").status_code == 204
    milk = {"id": 1, "text": "Buy milk"}
    messages = [{**milk, "done": False}, {**milk, "done": True}, {**milk, "done": True, "DELETE": True}]
    assert visitor.exchange({"sid": visitor.sid, "rid": 2, "ack": 0}) == {
        "seq": 1,
        "packets": [{"path": "todos/1", "message": message} for message in messages],
    }


def test_a_push_server_that_is_away_means_that_there_is_no_session_to_connect(
    visitor: Visitor, site: Site
) -> None:
    site.stop_pushing()
    assert visitor.connect(["todos/1"]) == 503
    assert visitor.ask("POST", "/todos/", {"text": "Wait"}).status_code == 201
