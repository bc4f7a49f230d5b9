"""See converse.js, unmodified, speak XMPP by our BOSH, in Chromium, with a real Prosody behind: `make converse`.

It is a client with a screen, a database in the browser and 30 MB of files, which npm installs, once, into
`.cache/converse`; too much for each run of the tests. Alice and Bob have a page each, and do what people do: they
write, answer, lose their connection, load the page again, and leave. It fails if one does not see what the other says.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import httpx
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from tests.conftest import CHROMIUM_OPTIONS, find_chromium
from tests.doors.bosh.prosody import ACCOUNTS, prosody
from tests.servers import ROOT, RunningServer, running_server

PLACE: Final = ROOT / ".cache" / "converse"
PACKAGE: Final = "converse.js@^12.0.0"
HERE: Final = Path(__file__).parent
TYPES: Final = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".html": "text/html",
    ".json": "application/json",
}
MODULES: Final = ("blocklist", "carbons", "pep", "vcard4")
"""Of Prosody: what the client waits for, or would rather have."""

PATIENCE: Final = 30_000
"""Milliseconds."""


def install() -> Path:
    """Have converse.js; returns where its files are."""
    files = PLACE / "node_modules/converse.js/dist"
    if not files.exists():
        PLACE.mkdir(parents=True, exist_ok=True)
        (PLACE / "package.json").write_text(json.dumps({"private": True}))
        command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", PACKAGE]
        if subprocess.run(command, cwd=PLACE, check=False).returncode:
            sys.exit("converse.js could not be installed: see above")
    return files


def served_from(files: Path) -> Callable[[Route], None]:
    """Return what answers for a page and its files, as a web server of one's own would."""

    def answer(route: Route) -> None:
        path = route.request.url.partition("://")[2].partition("/")[2].partition("?")[0]
        file = HERE / "page.html" if path == "converse" else files / path.removeprefix("dist/")
        if file.is_file():
            content = TYPES.get(file.suffix, "application/octet-stream")
            route.fulfill(body=file.read_bytes(), content_type=content)
        else:
            route.fulfill(status=404)

    return answer


@contextmanager
def page_of(browser: Browser, name: str, server: RunningServer, files: Path) -> Generator[Page]:
    """Open the page of one of them, in a browser of their own, and wait until they are connected."""
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    for where in ("**/converse*", "**/dist/**"):
        page.route(where, served_from(files))
    page.goto(f"{server.origin}/converse#{name} {server.origin}/http-bind")
    connected(page)
    yield page
    context.close()


def connected(page: Page) -> None:
    """Wait until a page is connected."""
    page.wait_for_function("window.api && api.connection.connected()")


def say(page: Page, to: str, text: str) -> None:
    """Write somebody a message, as a person does."""
    page.evaluate("(jid) => api.chats.open(jid, {}, true)", f"{to}@localhost")
    box = page.locator("textarea.chat-textarea")
    box.fill(text)
    box.press("Enter")


def sees(page: Page, other: str, *texts: str) -> None:
    """Wait until somebody sees messages, each once and in order."""
    page.evaluate("(jid) => api.chats.open(jid, {}, true)", f"{other}@localhost")
    expect(page.locator(".chat-msg__text")).to_have_text([*texts], timeout=PATIENCE)


def converse(browser: Browser, server: RunningServer, files: Path) -> None:
    """Have Alice and Bob talk."""
    alice_name, bob_name = ACCOUNTS
    with (
        page_of(browser, alice_name, server, files) as alice,
        page_of(browser, bob_name, server, files) as bob,
    ):
        said = ["hello <b>Bob</b> & all", "hello Alice ✓", "are you still there?", "I was away"]
        say(alice, bob_name, said[0])
        sees(bob, alice_name, said[0])
        say(bob, alice_name, said[1])
        sees(alice, bob_name, *said[:2])
        print("they hear each other")
        bob.context.set_offline(True)
        say(alice, bob_name, said[2])
        bob.wait_for_timeout(3000)
        bob.context.set_offline(False)
        sees(bob, alice_name, *said[:3])
        print("what was said while a connection was lost has come, once")
        bob.reload()
        connected(bob)
        say(bob, alice_name, said[3])
        sees(alice, bob_name, *said)
        print("a page that was loaded again goes on")
        for page in (alice, bob):
            page.evaluate("api.user.logout()")


def left(server: RunningServer) -> bool:
    """Return whether no session is left: those who have logged out are gone at once."""
    for _ in range(50):
        if httpx.get(f"{server.control}/statistics", trust_env=False).json()["bosh_sessions"] == 0:
            return True
        time.sleep(0.2)
    return False


def main() -> int:
    """Run it; returns the exit status."""
    files = install()
    with (
        TemporaryDirectory() as folder,
        prosody(Path(folder), modules=MODULES) as xmpp,
        sync_playwright() as playwright,
    ):
        options = ("--bosh", "/http-bind", "--xmpp", f"127.0.0.1:{xmpp.port}", "--xmpp-hosts", "localhost")
        with running_server("", *options) as server:
            browser = playwright.chromium.launch(executable_path=find_chromium(), args=CHROMIUM_OPTIONS)
            converse(browser, server, files)
            browser.close()
            gone = left(server)
    print("no session is left" if gone else "sessions are left")
    return 0 if gone else 1


if __name__ == "__main__":
    sys.exit(main())
