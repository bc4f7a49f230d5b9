"""The demo's page in a real browser: what it promises a visitor is what a visitor gets."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.clients.cutting_proxy import CuttingProxy
from tests.demo.processes import Demo, running_demo

pytestmark = pytest.mark.browser

Complaints = list[str]
OpenTab = Callable[..., Page]


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    """One demo for all tests here, which leave it as they found it."""
    with running_demo() as demo:
        yield demo


@pytest.fixture
def complaints() -> Complaints:
    """What browsers have complained of in the tabs of a test; it fails unless that is cleared."""
    return []


@pytest.fixture
def tab(browser: Browser, demo: Demo, complaints: Complaints) -> Iterator[OpenTab]:
    """Open the page in another tab, with an empty storage, and wait until it has a session."""
    contexts: list[Any] = []

    def open_tab(url: str = demo.page, **options: Any) -> Page:
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(url)
        expect(page.locator("#connection")).to_have_attribute("data-state", "open")
        expect(page.locator("#present .own")).to_have_count(1)
        return page

    yield open_tab
    for context in contexts:
        context.close()
    assert complaints == []


def own_name(page: Page) -> str:
    return page.locator("#present .own").inner_text()


def say(page: Page, text: str) -> None:
    page.fill("#text", text)
    page.press("#text", "Enter")


def count(page: Page, stream: str, what: str) -> int:
    return int(page.locator(f"#{stream} [data-count={what}]").inner_text())


def expect_more(page: Page, stream: str, *, by: int) -> None:
    """Wait until more of a stream has come, and see that nothing of it is missing or came twice."""
    received = count(page, stream, "received")
    page.wait_for_function(
        "([selector, least]) => Number(document.querySelector(selector).textContent) >= least",
        arg=[f"#{stream} [data-count=received]", received + by],
    )
    assert (count(page, stream, "lost"), count(page, stream, "doubled")) == (0, 0)


def expect_all_arrives(page: Page) -> None:
    """Wait until another tick has come, and see that what was sent and what was received are the same count."""
    expect_more(page, "ticks", by=1)
    page.wait_for_function(
        """() => document.querySelector("#sent").textContent
                 === document.querySelector("#ticks [data-count=received]").textContent"""
    )


def forgive(complaints: Complaints, *expected: str) -> None:
    """Clear the complaints that the test has provoked; there must have been some."""
    others = [each for each in complaints if not any(text in each for text in expected)]
    assert len(others) < len(complaints)
    complaints[:] = others


def test_two_tabs_chat(tab: OpenTab) -> None:
    one, other = tab(), tab()
    say(one, "Is anybody <b>there</b>?")
    expect(other.locator("#said li").last).to_contain_text(f"{own_name(one)} Is anybody <b>there</b>?")
    other.fill("#name", "Caroline")
    say(other, "Yes.")
    expect(one.locator("#said li").last).to_contain_text("Caroline Yes.")
    expect(one.locator("#present")).to_contain_text("Caroline")
    other.context.close()
    expect(tab().locator("#said li").last).to_contain_text("Caroline Yes.")  # who comes later sees it, too
    expect(one.locator("#present")).not_to_contain_text("Caroline")


def test_a_job_runs_to_its_end_before_the_eyes_of_all_who_may_see_it(tab: OpenTab) -> None:
    one, other = tab(), tab()
    one.click("#private")
    one.click("#shared")
    for page, jobs in ((one, 2), (other, 1)):
        expect(page.locator("#jobs progress")).to_have_count(jobs)
        expect(page.locator("#jobs .done")).to_have_count(jobs, timeout=60_000)
        values = page.eval_on_selector_all("#jobs progress", "bars => bars.map((bar) => bar.value)")
        assert values == [1] * jobs
    expect(other.locator("#jobs li")).to_contain_text(f"started by {own_name(one)}")


def test_the_back_end_refuses_a_job_too_many(tab: OpenTab) -> None:
    page = tab()
    for _ in range(4):
        page.click("#private")
    expect(page.locator("#refused")).to_have_text("You have 3 jobs running.")
    expect(page.locator("#jobs li")).to_have_count(3)


def test_a_crash_of_the_actor_loses_nothing(tab: OpenTab, demo: Demo) -> None:
    page, witness = tab(), tab()
    name = own_name(page)
    page.evaluate(
        """() => {
          const say = (text) => { document.querySelector("#text").value = text;
                                  document.querySelector("#say").requestSubmit(); };
          say("before the crash");
          document.querySelector("#crash").click();
          say("behind it, in the same request");
        }"""
    )
    expect(page.locator("#incident")).to_contain_text("restarted")
    for each in (page, witness):
        expect(each.locator("#tree")).to_contain_text(re.compile(f"{name}worker↻ 1"))
        expect(each.locator("#reports li").first).to_contain_text(f"{name} pressed the button")
        expect(each.locator("#said li").last).to_contain_text("behind it, in the same request")
    expect_more(page, "beats", by=1)
    expect_more(page, "ticks", by=1)
    assert own_name(page) == name, "it is another session"


def test_whoever_presses_the_button_again_and_again_keeps_the_session(tab: OpenTab) -> None:
    page = tab()
    name = own_name(page)
    page.evaluate("for (let crash = 1; crash <= 5; crash += 1) document.querySelector('#crash').click()")
    expect(page.locator("#incident")).to_contain_text("puts up with 3 crashes")
    expect(page.locator("#tree")).to_contain_text(re.compile(f"{name}worker↻ 3"))
    expect_all_arrives(page)
    expect(page.locator("#incident")).to_contain_text(
        "puts up with 3 crashes"
    )  # whatever is reported meanwhile


def test_a_session_that_is_lost_is_followed_by_one_that_is_counted_anew(
    tab: OpenTab, demo: Demo, complaints: Complaints
) -> None:
    with CuttingProxy(demo.port, seed=1, cut=0) as network:
        page = tab(f"http://127.0.0.1:{network.port}/")
        expect_more(page, "ticks", by=1)
        lost = json.dumps({"error": "unknown-session", "detail": "as after a restart of the server"})
        page.route(
            "**/comet",
            lambda route: route.fulfill(status=404, content_type="application/json", body=lost),
            times=1,
        )
        network.cut_all()
        expect(page.locator("#incident")).to_contain_text("Your session ended (unknown-session)")
        expect_all_arrives(page)
        expect_more(page, "beats", by=1)
        page.context.close()
    forgive(complaints, "404 (Not Found)", "net::ERR", "WebSocket connection")


def test_a_network_that_is_gone_for_a_while_costs_nothing_but_time(
    tab: OpenTab, demo: Demo, complaints: Complaints
) -> None:
    with CuttingProxy(demo.port, seed=1, cut=0) as network:
        page, witness = tab(f"http://127.0.0.1:{network.port}/"), tab()
        expect_more(page, "beats", by=1)
        network.cut = 2  # every chunk is the last one of its connection
        network.cut_all()
        expect(page.locator("#connection")).to_have_attribute("data-state", "reconnecting")
        waiting = witness.locator("#machine .state", has_text="have_packet")
        expect(waiting).to_contain_text(
            re.compile(r"[1-9]\d* session")
        )  # those of earlier tests may wait, too
        say(page, "from where there is no network")
        say(witness, "to where there is none")
        network.cut = 0
        expect(page.locator("#connection")).to_have_attribute("data-state", "open")
        expect(page.locator("#said")).to_contain_text("to where there is none")
        expect(witness.locator("#said")).to_contain_text("from where there is no network")
        expect_more(page, "beats", by=1)
        expect_more(page, "ticks", by=1)
        page.context.close()
    forgive(complaints, "net::ERR", "WebSocket connection")  # as a browser says of such a network


def test_the_cable_that_the_page_pulls_itself_breaks_connections_like_a_real_one(tab: OpenTab) -> None:
    page, witness = tab(), tab()
    page.click("#cable")
    expect(page.locator("#connection")).to_have_attribute("data-state", "reconnecting")
    waiting = witness.locator("#machine .state", has_text="have_packet")
    expect(waiting).to_contain_text(re.compile(r"[1-9]\d* session"))  # those of earlier tests may wait, too


def test_the_drawing_shows_each_session_and_marks_the_own_one(tab: OpenTab) -> None:
    one, other = tab(), tab()
    for page, stranger in ((one, other), (other, one)):
        expect(page.locator("#machine .disc.own title")).to_have_text(own_name(page))
        # The tabs of earlier tests may be there too, until their sessions have died.
        other_titles = page.locator("#machine .disc:not(.own) title")
        expect(other_titles.filter(has_text=own_name(stranger))).to_have_count(1)


def test_what_the_server_does_not_move_any_more_says_since_when(
    tab: OpenTab, demo: Demo, complaints: Complaints
) -> None:
    with CuttingProxy(demo.port, seed=1, cut=0) as network:
        page = tab(f"http://127.0.0.1:{network.port}/")
        marks = page.locator(".stale .as-of")
        expect(marks).to_have_count(0)
        network.cut = 2
        network.cut_all()
        expect(marks).to_have_text([re.compile(r"as of \d\d:\d\d:\d\d")] * 4)
        network.cut = 0
        expect(marks).to_have_count(0)
        expect(page.locator(".as-of")).to_have_text([""] * 4)
        page.context.close()
    forgive(complaints, "net::ERR", "WebSocket connection")


def test_nothing_of_the_drawing_is_cut_off(tab: OpenTab) -> None:
    page = tab()
    for width, narrow in ((1280, False), (1081, True), (390, True)):
        page.set_viewport_size({"width": width, "height": 800})
        page.wait_for_function(
            "(narrow) => (document.querySelector('#machine svg').viewBox.baseVal.width < 400) === narrow",
            arg=narrow,
        )
        assert page.evaluate(CUT_OFF) == []


CUT_OFF = """() => {
  const frame = document.querySelector("#machine svg").getBoundingClientRect();
  const parts = [...document.querySelectorAll("#machine :is(.state *, svg > text, .way)")];
  return parts.filter((part) => {
    const { left, right, top, bottom } = part.getBoundingClientRect();
    return left < frame.left || right > frame.right || top < frame.top || bottom > frame.bottom;
  }).map((part) => part.textContent);
}"""


def test_the_page_fits_into_any_window(tab: OpenTab) -> None:
    page = tab()
    for width in (1280, 768, 360):
        page.set_viewport_size({"width": width, "height": 800})
        page.wait_for_function("(width) => document.documentElement.scrollWidth === width", arg=width)


def test_the_monitor_draws_what_the_machine_does_while_people_talk(browser: Browser, demo: Demo) -> None:
    pages: list[Page] = []
    for _ in range(2):
        page = browser.new_context().new_page()
        page.goto(demo.page)
        page.click("a[href='monitor.html']")
        expect(page.locator("body")).to_have_attribute("data-state", "open", timeout=30_000)
        pages.append(page)
    one, other = pages
    say(one, "Is anybody <b>there</b>?")
    expect(one.locator("#said li").last).to_contain_text("you Is anybody <b>there</b>?")
    expect(other.locator("#said li").last).to_contain_text("Is anybody <b>there</b>?")
    for line in ("cpu", "used", "cached", "buffers", "free"):
        expect(other.locator(f"polyline.{line}")).to_have_attribute("points", re.compile(r"\d,\d.* 99,\d"))
    one.goto(f"{demo.page}chat.html")
    expect(one.locator("body")).to_have_attribute("data-state", "open", timeout=30_000)
    for page in pages:
        page.context.close()
