"""The real clients of BOSH, unmodified, against the real server with a real XMPP server behind it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Page

from tests.clients.test_javascript_client_in_node import printed_by
from tests.doors.bosh.ejabberd import xmpp_server
from tests.doors.bosh.prosody import ACCOUNTS
from tests.servers import ROOT, RunningServer, running_server

HERE: Final = Path(__file__).parent
STROPHE: Final = ROOT / "node_modules/strophe.js/dist/strophe.umd.min.js"
SEEN: Final = {"inOrder": True, "pinged": True, "statuses": dict.fromkeys(ACCOUNTS, "disconnected")}

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with xmpp_server(tmp_path_factory.mktemp("xmpp")) as xmpp:
        options = ("--bosh", "/http-bind", "--xmpp", f"127.0.0.1:{xmpp.port}", "--xmpp-hosts", "localhost")
        with running_server("", *options) as server:
            yield server


def test_b22_strophe_in_node(server: RunningServer) -> None:
    told = json.loads(printed_by(HERE / "in_node.mjs", f"{server.origin}/http-bind", *ACCOUNTS))
    assert told == SEEN


def test_b22_stanza_in_node(server: RunningServer) -> None:
    told = json.loads(printed_by(HERE / "stanza.mjs", f"{server.origin}/http-bind", *ACCOUNTS))
    assert told == {"inOrder": True}


def test_b22_strophe_in_chromium(server: RunningServer, browser_page: Page) -> None:
    browser_page.goto(f"{server.origin}/")
    browser_page.add_script_tag(path=STROPHE)
    browser_page.add_script_tag(path=HERE / "script.js")
    told = browser_page.evaluate(
        "([url, names]) => script(globalThis, url, names)", [f"{server.origin}/http-bind", [*ACCOUNTS]]
    )
    assert told == SEEN
