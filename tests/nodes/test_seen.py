"""Three nodes, looked at from one of them: by its control interface, on the command line, and in a browser."""

from __future__ import annotations

import json
import re
from collections.abc import Generator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect
from playwright.sync_api import Page as Tab

from cometary.cli import main
from tests.doors.inspector.tab import log_in, opened
from tests.nodes.house import House, Node, running_house, wait_until
from tests.workers.house import Page

SECRET = "known-to-the-operator"
BEARER = {"Authorization": f"Bearer {SECRET}"}


@pytest.fixture(scope="module")
def house() -> Generator[House]:
    """Three nodes, the same for all tests; the last test kills one."""
    app = "tests/nodes/seen_application.py:app"
    with running_house("a", "b", "c", app=app, COMETARY_SECRET=SECRET) as running:
        for node in running.nodes:
            node.control.headers.update(BEARER)
        yield running


@pytest.fixture
def command(house: House, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The options with which commands reach the first node."""
    monkeypatch.setenv("COMETARY_SECRET", SECRET)
    return ["--control", str(house.nodes[0].control.base_url)]


def introduced(node: Node, user: str, *packets: tuple[str, Any]) -> str:
    """Open a session of a user at a node; returns its public name."""
    page: Page = node.open()
    node.ask(page.request(("i-am", user), *packets, hold=False))
    (found,) = node.control.get("/sessions", params={"search": user}).json()["sessions"]
    name: str = found["name"]
    return name


def told(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_call_that_names_a_node_is_answered_by_that(house: House) -> None:
    a, b, _ = house.nodes
    name = introduced(b, "ada")
    assert a.control.get("/session", params={"name": name, "node": "b"}).json()["user"] == "ada"
    assert a.control.get("/session", params={"name": name, "node": "a"}).status_code == 404
    assert a.control.get("/sessions", params={"node": "nobody"}).json()["error"] == "not-found"
    refused = a.control.get("/sessions", params={"node": "b"}, headers={"Authorization": "Bearer wrong"})
    assert refused.status_code == 401


def test_a_session_is_found_by_its_name_traced_and_kicked_from_any_node(house: House) -> None:
    a, b, c = house.nodes
    name = introduced(c, "grace")
    for node in (a, b, c):
        assert node.control.get("/session", params={"name": name}).json()["user"] == "grace"
    with a.control.stream("GET", "/trace", params={"name": name}) as trace:
        assert b.control.post("/kick", json={"name": name}).json() == {}
        steps = [json.loads(line) for line in trace.iter_lines()]
    assert steps[-1]["actions"][-1]["kind"] == "Stopped"
    for node in (a, b, c):
        assert node.control.get("/session", params={"name": name}).json()["reason"] == "kicked"
    assert a.control.post("/kick", json={"name": "nobody"}).json()["error"] == "unknown-session"


def test_commands_show_all_nodes(
    house: House, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    _, b, c = house.nodes
    name = introduced(b, "hedy")
    (found,) = told(capsys, "sessions", "rooms/hedy", *command)
    assert (found["name"], found["node"]) == (name, "b")
    assert {each["node"] for each in told(capsys, "sessions", *command)} >= {"b"}
    assert told(capsys, "sessions", "hedy", "--node", "c", *command) == []
    assert told(capsys, "session", name, *command)["user"] == "hedy"
    longest = introduced(c, "radia", ("queue", 50))
    top = told(capsys, "top", "--once", *command)
    assert (top["sessions"][0]["name"], top["sessions"][0]["node"]) == (longest, "c")
    assert [each["node"] for each in top["nodes"]] == ["a", "b", "c"]
    assert top["statistics"]["sessions"] == sum(each["sessions"] for each in top["nodes"])
    assert [each["id"] for each in told(capsys, "tree", *command)["children"]] == ["a", "b", "c"]
    assert told(capsys, "tree", "--node", "b", *command)["id"] == "cometary"
    assert main(["kick", "--name", longest, *command]) == 0
    wait_until(lambda: bool(told(capsys, "ended", "radia", *command)))
    (ended,) = told(capsys, "ended", "radia", *command)
    assert (ended["name"], ended["node"], ended["reason"]) == (longest, "c", "kicked")
    assert main(["sessions", *command]) == 0
    assert capsys.readouterr().out.split()[:2] == ["NAME", "NODE"]
    assert main(["sessions", "--node", "nobody", *command]) == 2


def test_a_crash_is_shown_with_its_node(
    house: House, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    name = introduced(house.nodes[2], "kay", ("crash", "over there"))
    (crash,) = told(capsys, "crashes", *command)
    assert (crash["child"], crash["node"]) == (name, "c")


@pytest.fixture(scope="module")
def tab(browser: Browser, house: House) -> Generator[Tab]:
    """A page of the first node; it fails the tests with what the browser complains of."""
    with opened(browser, f"{house.nodes[0].control.base_url}/inspector/#at=sessions") as page:
        log_in(page, SECRET)
        expect(page.locator("#nodes a")).to_have_text(["all nodes", "a", "b", "c"])
        yield page


@pytest.mark.browser
def test_a_page_shows_the_sessions_of_all_nodes_and_acts_on_them(tab: Tab, house: House) -> None:
    name = introduced(house.nodes[2], "barbara")
    introduced(house.nodes[1], "barbara too")
    tab.fill("#search", "barbara")
    expect(tab.locator("#total")).to_have_text("2")
    expect(tab.locator("#table")).to_have_class("sessions several")
    tab.click(f".row:has-text('{name}')")
    expect(tab.locator("#detail .facts")).to_contain_text(re.compile("node *c"))
    expect(tab.locator("#detail .lit")).to_contain_text("waiting")
    tab.click("#detail button:text-is('Kick')")
    tab.click("#sure")
    expect(tab.locator("#told")).to_have_text("Kick: done.")
    expect(tab.locator("#detail .badge").first).to_have_text("kicked")
    expect(tab.locator("#total")).to_have_text("1")
    tab.click("#nodes a:text-is('c')")
    expect(tab.locator("#total")).to_have_text("0")
    tab.click("#lists a:text-is('Ended')")
    expect(tab.locator(".row")).to_contain_text([name])
    tab.click("#lists a:text-is('Tree')")
    tab.locator(".row", has_text="dispatcher").click()
    expect(tab.locator("#detail .facts")).to_contain_text(re.compile("node *c"))


LATE = """() => {
    const fetched = globalThis.fetch;
    let late = 0;  // answers since the first one with a list, that included
    globalThis.fetch = async (...call) => {
        document.body.dataset.late = late;
        const answer = await fetched(...call);
        const text = await answer.text();
        if (late || text.includes('"at":"sessions"')) late += 1;
        document.body.dataset.late = late;
        return new Response(text.replace('"at":"sessions"', '"at":"sessions","node":"b"'), answer);
    };
    globalThis.inTime = () => { globalThis.fetch = fetched; };
}"""
"""Makes lists of all nodes look as if they had been asked for when the page looked at another one."""


@pytest.mark.browser
def test_a_list_that_comes_after_another_node_was_chosen_is_not_shown(tab: Tab, house: House) -> None:
    tab.evaluate("location.hash = 'at=sessions'")
    tab.fill("#search", "late")
    expect(tab.locator("#total")).to_have_text("0")
    tab.evaluate(LATE)
    introduced(house.nodes[1], "in time")  # of which the request is told that was under way before
    expect(tab.locator("body")).to_have_attribute("data-late", "0")
    introduced(house.nodes[1], "late")
    expect(tab.locator("body")).to_have_attribute("data-late", re.compile("[1-9]"))
    introduced(house.nodes[1], "later")
    expect(tab.locator("body")).to_have_attribute(
        "data-late", re.compile("[2-9]")
    )  # the one before was taken
    expect(tab.locator("#total")).to_have_text("0")
    tab.evaluate("inTime()")
    tab.fill("#search", "late ")
    tab.fill("#search", "late")
    expect(tab.locator("#total")).to_have_text("2")


@pytest.mark.browser
def test_a_node_that_is_killed_is_shown_as_away(
    tab: Tab, house: House, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    introduced(house.nodes[1], "joan")
    tab.evaluate("location.hash = 'at=sessions'")
    tab.fill("#search", "joan")
    expect(tab.locator("#total")).to_have_text("1")
    house.nodes[2].server.process.kill()
    expect(tab.locator("#nodes .away")).to_have_text(["c is away"])
    expect(tab.locator("#overview div", has_text="nodes away")).to_contain_text("1")
    expect(tab.locator("#total")).to_have_text("1, without c")
    wait_until(lambda: house.nodes[0].others()["c"] != "there")
    assert main(["sessions", "joan", *command]) == 0
    assert capsys.readouterr().err == "cometary: the node c is away\n"
    tab.click("#nodes .away")
    expect(tab.locator("#empty")).to_have_text("The node c is away.")
