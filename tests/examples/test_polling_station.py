"""The polling station: each person's vote counts once, whatever is unplugged and cut meanwhile."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing
from playwright.sync_api import Page, expect
from trio.testing import MockClock

from cometary import App
from cometary.sessions import Session
from examples.polling_station.app import CITIES, QUESTIONS
from examples.polling_station.ballot import Ballot, Question, Vote
from examples.polling_station.box import Box
from examples.polling_station.network import Network
from examples.polling_station.reader import EVERY
from examples.polling_station.serial_port import SELECT_TAG, SerialPort, tag_in
from examples.polling_station.station import Station
from tests.protocol.client import World, serving
from tests.servers import running_server

PERSONS = {f"{number:08x}": f"person {number}" for number in range(40)}
LOOKS = 2 * EVERY
WHERE, DRINK = QUESTIONS


FEW = (
    Question("where", WHERE.text, ["Ghent", "Porto", "Split"]),
    Question("drink", DRINK.text, ["Tea", "Water"]),
)


@asynccontextmanager
async def station(
    questions: tuple[Question, ...] = FEW, **options: Any
) -> AsyncGenerator[tuple[Station, World]]:
    """Have a station whose pages hear of all questions."""
    app = App()
    app.path("polls/*", when_full="conflate", history=1)

    @app.signon
    def show(session: Session) -> None:
        for question in questions:
            session.connect(f"polls/{question.name}", last=1)

    station = Station(app, questions, PERSONS, **options)
    for child in station.children():
        app.child(child)
    async with serving(app) as world:
        yield station, world


async def put(station: Station, reader: str, tag: str, seconds: float = LOOKS) -> None:
    """Hold a tag to a reader for a while."""
    station.ports[reader].tag = tag
    await trio.sleep(seconds)
    station.ports[reader].tag = None
    await trio.sleep(LOOKS)


async def emptied(station: Station) -> None:
    """Wait until the site has all votes."""
    with trio.fail_after(60):
        while len(station.box):  # noqa: ASYNC110 - an example has no event for tests
            await trio.sleep(0.1)
    await trio.sleep(0.5)


def votes(station: Station, question: Question) -> dict[str, int]:
    return {answer: count for answer, count in station.ballot.tally(question) if count}


@pytest.fixture
def autojump_clock() -> MockClock:
    return MockClock(autojump_threshold=0.002)  # the votes travel by real sockets


async def test_p1_fifty_answers_several_readers_and_questions(autojump_clock: MockClock) -> None:
    async with station(QUESTIONS) as (poll, _):
        assert (len(CITIES), len(poll.ports)) == (50, 2 * (50 + 4))
        for reader, tag in (
            ("where/Split/1", 0),
            ("where/Split/2", 1),
            ("drink/Tea/1", 0),
            ("where/Ulm/1", 2),
        ):
            await put(poll, reader, f"{tag:08x}")
        await emptied(poll)
        assert votes(poll, WHERE) == {"Split": 2, "Ulm": 1}
        assert votes(poll, DRINK) == {"Tea": 1}


@pytest.mark.parametrize(("may_change", "counted"), [(False, {"Ghent": 1}), (True, {"Porto": 1})])
async def test_p2_one_person_has_one_vote(
    autojump_clock: MockClock, may_change: bool, counted: dict[str, int]
) -> None:
    async with station(may_change=may_change) as (poll, _):
        for reader in ("where/Ghent/1", "where/Porto/1"):
            await put(poll, reader, "00000001")
        await emptied(poll)
        assert votes(poll, WHERE) == counted


async def test_p3_a_tag_that_nobody_has_does_not_count(autojump_clock: MockClock) -> None:
    async with station() as (poll, _):
        await put(poll, "where/Ghent/1", "deadbeef")
        await emptied(poll)
        assert votes(poll, WHERE) == {}
        assert list(poll.state()["log"]) == [("deadbeef", "Ghent", "unknown")]


async def test_p4_a_tag_that_stays_counts_once_also_across_a_crash(autojump_clock: MockClock) -> None:
    async with station(may_change=True) as (poll, _):
        port = poll.ports["where/Ghent/1"]
        port.tag = "00000001"
        await trio.sleep(2)
        assert len(poll.state()["log"]) == 1
        port.plugged = False
        await trio.sleep(1)
        port.plugged = True
        await trio.sleep(5)
        await emptied(poll)
        assert [outcome for _, _, outcome in poll.state()["log"]] == ["again", "counted"]
        assert votes(poll, WHERE) == {"Ghent": 1}


async def test_p5_a_reader_that_is_unplugged_is_one_that_is_unplugged(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with station() as (poll, world):
        poll.ports["where/Ghent/1"].plugged = False
        await trio.sleep(10)
        await put(poll, "where/Ghent/2", "00000001")
        await emptied(poll)
        assert votes(poll, WHERE) == {"Ghent": 1}
        assert poll.state()["unplugged"] == ["where/Ghent/1"]
        poll.ports["where/Ghent/1"].plugged = True
        await trio.sleep(5)
        await put(poll, "where/Ghent/1", "00000002")
        await emptied(poll)
        assert votes(poll, WHERE) == {"Ghent": 2}
        assert (await world.sessions()) == []  # and the server is the same one
    assert "is it plugged in?" in caplog.text


async def test_p5_votes_wait_while_the_network_is_lost(autojump_clock: MockClock) -> None:
    async with station() as (poll, _):
        await put(poll, "where/Ghent/1", "00000001")
        await poll.network.cut()
        for tag in (2, 3):
            await put(poll, "where/Porto/1", f"{tag:08x}")
        assert len(poll.box) == 2
        assert votes(poll, WHERE) == {"Ghent": 1}
        poll.network.mend()
        await emptied(poll)
        assert votes(poll, WHERE) == {"Porto": 2, "Ghent": 1}


async def test_p6_pages_are_told_within_a_second(autojump_clock: MockClock) -> None:
    async with station() as (poll, world):
        await trio.sleep(1)
        page = await world.open()
        before = {told["text"]: told["total"] for told in await page.poll() if "text" in told}
        assert before == {question.text: 0 for question in QUESTIONS}
        began = trio.current_time()
        poll.ports["where/Ghent/1"].tag = "00000001"
        [told] = await page.poll()
        assert trio.current_time() - began < 1
        assert (told["total"], told["answers"][0]) == (1, ["Ghent", 1])


def test_p7_the_port_speaks_as_the_readers_do() -> None:
    port = SerialPort()
    assert trio.run(port.ask, SELECT_TAG) == bytes.fromhex("FF0002834ED3")
    assert tag_in(trio.run(port.ask, SELECT_TAG)) is None
    port.tag = "04a1b2c3"
    assert tag_in(trio.run(port.ask, SELECT_TAG)) == "04a1b2c3"
    port.plugged = False
    with pytest.raises(OSError, match="plugged"):
        trio.run(port.ask, SELECT_TAG)


async def test_p8_what_is_counted_is_what_was_cast_under_random_faults(autojump_clock: MockClock) -> None:
    chance = random.Random(1)  # noqa: S311 - no secret
    first: dict[tuple[str, str], str] = {}
    async with station(readers=1) as (poll, _), trio.open_nursery() as nursery:
        nursery.start_soon(break_at_random, poll, chance)
        for _ in range(30):
            reader = chance.choice([*poll.ports])
            question, answer, _ = reader.split("/")
            tag = chance.choice([*list(PERSONS)[:30], "deadbeef"])
            while not poll.ports[reader].plugged:  # also if it is unplugged once more before anybody is there
                poll.ports[reader].plugged = True
                await trio.sleep(3)  # until it is there again
            await put(poll, reader, tag)
            if tag in PERSONS:
                first.setdefault((question, tag), answer)
        poll.network.mend()
        await emptied(poll)
        nursery.cancel_scope.cancel()
    for asked in FEW:
        cast = Counter(answer for (name, _), answer in first.items() if name == asked.name)
        assert votes(poll, asked) == cast


async def break_at_random(poll: Station, chance: random.Random) -> None:
    """Cut the network again and again, and unplug readers on which there is no tag."""
    while True:
        await trio.sleep(chance.uniform(0, 2))
        await poll.network.cut()
        port = chance.choice(list(poll.ports.values()))
        port.plugged = port.tag is not None
        await trio.sleep(chance.uniform(0, 4))
        poll.network.mend()


async def test_p8_a_vote_whose_answer_is_lost_is_sent_again_and_counts_once() -> None:
    ballot = Ballot(PERSONS)
    told = list[str]()
    network = Network()
    box = Box(network, lambda _, outcome: told.append(outcome))
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    network.port = listener.socket.getsockname()[1]
    async with listener, trio.open_nursery() as nursery:
        nursery.start_soon(box.send_all)
        box.put(Vote("id", "where", "Ghent", "00000001"))
        async with await listener.accept() as stream:
            await stream.receive_some()
            ballot.cast(Vote("id", "where", "Ghent", "00000001"))  # it has come, and nobody is told
        async with await listener.accept() as stream:
            assert b'"id"' in await stream.receive_some()
            await stream.send_all(ballot.cast(Vote("id", "where", "Ghent", "00000001")).encode() + b"\n")
            await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert told == ["counted"]
    assert dict(ballot.tally(Question("where", "", ["Ghent"]))) == {"Ghent": 1}


@pytest.mark.browser
def test_p6_the_page_shows_it_live_and_fits(browser_page: Page) -> None:
    page = browser_page
    page.set_viewport_size({"width": 390, "height": 844})
    with running_server("examples.polling_station.app:app") as server:
        page.goto(f"{server.origin}/")
        expect(page.locator(".poll.wide li")).to_have_count(50)
        expect(page.locator("#connection")).to_have_text("live")
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        expect(page.locator("#latest li").first).to_be_visible()
        page.click("#plug")
        expect(page.locator("#readers")).to_have_text("107 of 108")
        page.click("#cut")
        expect(page.locator("#network")).to_have_text("down")
        expect(page.locator("#waiting")).not_to_have_text("0")
