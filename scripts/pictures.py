"""Take the pictures of the inspector that the docs show: a server with a crowd of sessions, and a real browser.

python scripts/pictures.py      writes docs/images/inspector-*.png
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Final

import trio
from playwright.sync_api import Page, ViewportSize, expect, sync_playwright

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from cometary.app import App  # noqa: E402
from cometary.config.kinds import Address  # noqa: E402
from cometary.server import BackgroundServer, Running  # noqa: E402
from cometary.sessions import Session  # noqa: E402
from cometary.settings import Settings  # noqa: E402
from tests.conftest import CHROMIUM_OPTIONS, find_chromium  # noqa: E402

IMAGES: Final = ROOT / "docs/images"
SESSIONS: Final = 5_000
WIDE: Final[ViewportSize] = {"width": 1120, "height": 720}
CHOSEN: Final = "lovelace"
USERS: Final = ("ada", "grace", "barbara", "joe", "robert", "edsger", "tony", "alan")


class Crowd:
    """Sessions that are sent something now and then, of which some end."""

    def __init__(self) -> None:
        self.app = App()
        self.sessions: list[Session] = []
        self.app.signon(self.join)
        self.app.task(self.live)

    def join(self, session: Session) -> None:
        """Give a session a user, and paths."""
        number = len(self.sessions)
        self.sessions.append(session)
        session.data["user"] = CHOSEN if number == 33 else f"{USERS[number % len(USERS)]}{number}"  # noqa: PLR2004
        session.connect("news", f"jobs/{number}")

    async def live(self, running: Running) -> None:
        """Open the sessions, and send them something."""
        for _ in range(SESSIONS):
            running._manager.open(1)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - thousands of clients take long
            await trio.lowlevel.checkpoint()
        await trio.sleep(1)
        for number in range(12):
            self.sessions[number * 7].kick()
        for count in range(1_000_000):
            for number in range(30, 40):
                self.sessions[number].send(f"jobs/{number}", {"progress": count / 1000})
            await trio.sleep(0.4)


def take(page: Page, name: str, fragment: str, choose: str = "") -> None:
    """Take one picture."""
    page.evaluate("(fragment) => { location.hash = fragment }", fragment)
    expect(page.locator(".row").first).to_be_visible()
    if choose:
        page.fill("#search", choose)
        expect(page.locator(".row")).to_have_count(1)
        page.locator(".row").click()
        expect(page.locator("#detail .facts")).to_be_visible()
        page.fill("#search", "")
    time.sleep(3)  # two looks, for rates
    page.screenshot(path=IMAGES / f"inspector-{name}.png")


def main() -> None:
    """Take all."""
    settings = Settings(port=0, control=Address("127.0.0.1", 0), die=3600)
    with BackgroundServer(settings, Crowd().app) as running, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find_chromium(), args=CHROMIUM_OPTIONS)
        page = chromium.new_context(viewport=WIDE).new_page()
        page.goto(f"{running.control}/inspector/")
        expect(page.locator("#connection")).to_have_attribute("data-state", "open")
        take(page, "tree", "at=tree")
        take(page, "session", "at=sessions", CHOSEN)
        chromium.close()


if __name__ == "__main__":
    main()
