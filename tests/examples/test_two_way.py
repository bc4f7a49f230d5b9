"""The example without requests and answers: two pages, and a server that is started again."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from examples.two_way.app import as_item
from tests.examples.sessions import ClientSession
from tests.servers import running_server

APP = "examples/two_way/app.py:app"


@pytest.mark.browser
def test_all_pages_see_the_same_in_the_same_order_whoever_says_it(browser_page: Page) -> None:
    with running_server(APP) as server:
        other = browser_page.context.new_page()
        for page in (browser_page, other):
            page.goto(f"{server.origin}/")
            expect(page.locator("#state")).to_have_text("open")
        for page, text in ((browser_page, "one"), (other, "two")):
            page.fill("#text", text)
            page.click("text=Add")
            expect(page.locator("li")).to_contain_text(["one", text] if text == "two" else ["one"])
        other.locator("li input").first.check()
        expect(browser_page.locator("li input").first).to_be_checked()
        browser_page.click("text=Remove >> nth=0")
        for page in (browser_page, other):
            expect(page.locator("li")).to_have_text([re.compile("two")])
        late = browser_page.context.new_page()
        late.goto(f"{server.origin}/")
        expect(late.locator("li")).to_have_text([re.compile("two")])


def test_what_makes_no_sense_changes_nothing() -> None:
    wrong: list[object] = [{}, {"text": "", "done": True}, {"text": "x" * 201, "done": True}, "text", 7, None]
    assert not any(map(as_item, wrong))
    assert as_item({"text": "a", "done": True, "more": 1}) == {"text": "a", "done": True}
    with running_server(APP) as server, ClientSession(server.comet) as session:
        good = {"text": "a", "done": False}
        assert session.hear(("items/1", {"text": 1}), ("items/2", good)) == [("items/2", good)]
