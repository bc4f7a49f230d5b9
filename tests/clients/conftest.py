"""What the tests in a browser share: a website with a back-end, a server, a page with the client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page

from cometary import Connector
from cometary.errors import ConnectorError, UnknownSessionError
from tests.clients.website import running_site
from tests.servers import ECHO, RunningServer, running_server


class Site:
    """A page's own back-end: it lets pages have the paths that are no secrets."""

    def __init__(self) -> None:
        self.control = ""
        self.origin = ""

    def answer(self, path: str, body: Any) -> int:
        if path not in {"/connect", "/disconnect"} or "secret" in body["paths"]:
            return 403
        with Connector(self.control) as connector:
            asked = connector.connect if path == "/connect" else connector.disconnect
            try:
                asked(body["sid"], body["paths"])
            except UnknownSessionError:
                return 404
            except ConnectorError:
                return 503  # the server is not there
        return 200


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    with running_site(site.answer) as origin:
        site.origin = origin
        yield site


@pytest.fixture
def server(site: Site) -> Iterator[RunningServer]:
    with running_server(ECHO, "--origins", site.origin) as server:
        site.control = server.control
        yield server


@pytest.fixture
def page(browser_page: Page, site: Site) -> Page:
    browser_page.goto(f"{site.origin}/tests/clients/page.html")
    browser_page.wait_for_function("'Comet' in window")
    return browser_page
