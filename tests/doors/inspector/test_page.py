"""The inspector's page in a real browser, on a server with a thousand sessions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import trio
from playwright.sync_api import Browser, Page, expect

from cometary.app import App
from cometary.config.kinds import Address
from cometary.server import Running
from cometary.server.background import BackgroundServer
from cometary.sessions import Session
from cometary.sessions.lease import EXPIRED
from cometary.settings import Settings
from tests.doors.inspector.tab import log_in, opened
from tests.servers import ROOT

pytestmark = pytest.mark.browser

MANY = 1_000
SECRET = "known-to-the-operator"
USER = "<img src=x onerror=alert(1)>"


class Crowd:
    """An application with many sessions, one of which belongs to whoever is `USER`."""

    def __init__(self) -> None:
        self.app = App()
        self.sessions: list[Session] = []
        self.app.signon(self.join)
        self.app.task(self.gather)

    def join(self, session: Session) -> None:
        session.data["user"] = USER if len(self.sessions) == MANY // 2 else f"user {len(self.sessions)}"
        session.connect("news")
        self.sessions.append(session)

    async def gather(self, running: Running) -> None:
        for _ in range(MANY):
            running._manager.open(1)
        await trio.sleep_forever()


@pytest.fixture(scope="module")
def crowd() -> Crowd:
    return Crowd()


@pytest.fixture(scope="module")
def server(crowd: Crowd) -> Iterator[Running]:
    settings = Settings(port=0, control=Address("127.0.0.1", 0), secret=SECRET, die=3600)
    with BackgroundServer(settings, crowd.app) as running:
        yield running


@pytest.fixture(scope="module")
def tab(browser: Browser, server: Running) -> Iterator[Page]:
    """One tab for all tests here, to which the secret was given; it fails them with what the browser complains of."""
    with opened(browser, f"{server.control}/inspector/") as page:
        log_in(page, "wrong")
        expect(page.locator("#refused")).to_have_text("This secret does not have the right to read.")
        log_in(page, SECRET)
        expect(page.locator("#connection")).to_have_attribute("data-state", "open")
        yield page


def show(page: Page, fragment: str) -> None:
    page.evaluate("(fragment) => { location.hash = fragment }", fragment)


def sure(page: Page, what: str) -> None:
    """Press a button, and say that it is meant."""
    page.click(f"#detail button:text-is('{what}')")
    page.click("#sure")
    expect(page.locator("#told")).to_have_text(f"{what}: done.")


def test_the_tree_is_opened_and_only_what_is_in_view_is_there(tab: Page) -> None:
    show(tab, "at=tree")
    tab.click("button[aria-label='Open sessions']")
    expect(tab.locator("#total")).to_have_text(re.compile(r"1,0\d\d"))
    assert tab.locator(".row").count() < 100
    tab.evaluate("document.querySelector('#rows').scrollTop = 1e9")
    expect(tab.locator(".row").last).to_contain_text("gather")
    assert tab.locator(".row").count() < 100
    tab.fill("#search", "dispatch")
    expect(tab.locator(".row")).to_have_count(1)


def test_an_address_that_names_no_list_shows_the_tree(tab: Page) -> None:
    show(tab, "at=ended")
    expect(tab.locator("#lists [aria-current]")).to_have_text("Ended")
    for name in ("nothing", "constructor"):  # each object of JavaScript has one of these
        show(tab, f"at={name}")
        expect(tab.locator("#lists [aria-current]")).to_have_text("Tree")


def test_a_session_is_found_by_its_user_followed_and_kicked(tab: Page, crowd: Crowd) -> None:
    show(tab, "at=sessions")
    expect(tab.locator("#total")).to_have_text(f"{MANY:,}")
    tab.fill("#search", "ONERROR")
    expect(tab.locator(".row")).to_have_count(1)
    expect(tab.locator(".row")).to_contain_text(USER)
    tab.click(".row")
    expect(tab.locator("#detail .lit")).to_contain_text("waiting")
    session: Any = next(one for one in crowd.sessions if one.user == USER)
    session.send("jobs/7", "confidential")
    expect(tab.locator("#detail .lit")).to_contain_text("have packet")
    expect(tab.locator(".steps li")).to_contain_text("jobs/7")
    assert "confidential" not in tab.content()
    tab.click("#detail button:text-is('Kick')")
    tab.press("#confirm", "Escape")
    assert session.sid not in tab.content()
    expect(tab.locator("#detail .lit")).to_contain_text("have packet")
    sure(tab, "Kick")
    expect(tab.locator("#detail .badge").first).to_have_text("kicked")
    expect(tab.locator(".steps li").first).to_contain_text("Stopped reason=kicked")
    show(tab, "at=ended")
    expect(tab.locator(".row")).to_contain_text(["kicked"])
    tab.select_option("#choice", "timeout")
    expect(tab.locator("#empty")).to_be_visible()
    tab.select_option("#choice", "kicked")
    expect(tab.locator(".row")).to_contain_text(["kicked"])


def test_every_reason_for_an_end_can_be_chosen_and_is_explained(tab: Page) -> None:
    protocol = (ROOT / "docs/protocol.md").read_text()
    section = protocol.partition("## How a session ends")[2].partition("\n## ")[0]
    reasons = {EXPIRED, *re.findall(r"^\| `([a-z]+)` \|", section, re.MULTILINE)}
    show(tab, "at=ended")
    assert set(tab.locator("#choice option").all_inner_texts()) == {"any reason", *reasons}


def test_an_actor_is_suspended_resumed_and_killed(tab: Page) -> None:
    show(tab, "at=tree")
    tab.locator(".row", has_text="dispatcher").click()
    expect(tab.locator("#detail .badge").first).to_have_text("waiting")
    sure(tab, "Suspend")
    expect(tab.locator("#detail .badge").first).to_have_text("suspended")
    sure(tab, "Resume")
    expect(tab.locator("#detail .badge").first).to_have_text("waiting")
    sure(tab, "Kill")
    expect(tab.locator(".row", has_text="dispatcher").locator("span").nth(4)).to_have_text("1")
    show(tab, "at=crashes")
    tab.locator(".row", has_text="dispatcher").click()
    expect(tab.locator("#detail")).to_contain_text("killed")


def test_it_fits_a_narrow_screen_and_the_dark(tab: Page) -> None:
    tab.set_viewport_size({"width": 390, "height": 700})
    tab.emulate_media(color_scheme="dark")
    for fragment in ("at=tree", "at=ended", "at=busiest", "at=sessions"):
        show(tab, fragment)
        expect(tab.locator("nav [aria-current]")).to_be_visible()
        assert tab.evaluate("document.documentElement.scrollWidth") == 390
    for told in (tab.locator(".row b").first.locator("xpath=.."), tab.locator(".row .under").first):
        assert told.evaluate("told => told.scrollWidth <= told.clientWidth"), "a name or a user is cut off"
        assert told.evaluate("told => told.clientWidth") > 90
    show(tab, "at=tree")
    tab.locator(".row", has_text="dispatcher").click()
    expect(tab.locator("#list")).to_be_hidden()
    tab.click("#detail .back")
    expect(tab.locator("#list")).to_be_visible()
    red, green, blue = map(
        int, re.findall(r"\d+", tab.evaluate("getComputedStyle(document.body).backgroundColor"))
    )
    assert red + green + blue < 150
    tab.set_viewport_size({"width": 1280, "height": 800})
