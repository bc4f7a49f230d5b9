"""What Revolved did, row by row: V and a number is a row to be kept to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio

from cometary import App, Session
from examples.revolved import app
from tests.protocol.client import Comet, World, serving

ADA = {"user": "ada", "password": "lovelace"}
GRACE = {"user": "grace", "password": "hopper"}


class Talker:
    """A client that asks, and hears."""

    def __init__(self, comet: Comet) -> None:
        self.comet = comet
        self.heard: list[tuple[str, Any]] = []

    async def ask(self, path: str, message: Any, name: str = "q") -> Any:
        """Ask, and return the value that is answered, or the condition of an error."""
        packets: list[dict[str, Any]] = [{"path": path, "message": message, "ask": name}]
        answers = await self.answers(packets, 1)
        return answers[name]

    async def answers(self, packets: list[dict[str, Any]], count: int) -> dict[str, Any]:
        """Send packets, and return so many answers, by the names of the questions."""
        found: dict[str, Any] = {}
        while len(found) < count:
            for path, message in await self.poll(packets):
                if path == "::answer":
                    found[message["ask"]] = message.get("error", message.get("value"))
            packets = []
        return found

    async def poll(self, packets: list[dict[str, Any]] | None = None) -> list[tuple[str, Any]]:
        """Send packets, and wait for what comes."""
        answer = await self.comet.ask(packets=packets or [])
        new = [(packet["path"], packet["message"]) for packet in answer.body["packets"]]
        self.comet.ack += len(new)
        self.heard += [packet for packet in new if packet[0] != "::answer"]
        return new

    async def hears(self, *expected: tuple[str, Any]) -> None:
        """Wait until this has been heard, and see that nothing else was."""
        while len(self.heard) < len(expected):
            await self.poll()
        assert self.heard == [*expected]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with serving(app) as world:
        yield world


async def talker(world: World, token: Any = None) -> Talker:
    return Talker(await world.open(token=token))


def subscribe(channel: str) -> tuple[str, Any]:
    return "::connect", {"paths": [channel]}


def said(user: str, payload: Any, channel: str = "channel/chat") -> tuple[str, Any]:
    return channel, {"from": user, "payload": payload}


@pytest.mark.parametrize(
    "token", [{"user": "ada", "password": "wrong"}, {"user": "nobody", "password": ""}, 7]
)
async def test_v1_nothing_is_to_be_had_before_one_is_let_in(world: World, token: Any) -> None:
    connection = await world.connect()
    assert (await connection.ask({"rid": 1, "token": token})).error == (401, "unauthorized")
    assert (await connection.ask({"sid": "none", "rid": 2})).error == (404, "unknown-session")


async def test_v2_who_is_anonymous_hears_what_is_public_and_says_nothing(world: World) -> None:
    anybody = await talker(world)
    assert await anybody.ask(*subscribe("channel/news")) == {"paths": ["channel/news"]}
    assert await anybody.ask(*subscribe("channel/chat")) == "forbidden"
    assert await anybody.ask("channel/news", "x") == "forbidden"
    assert await anybody.ask("::peer", {"to": "x", "path": "a"}) == "forbidden"


@pytest.mark.parametrize(
    ("token", "channel", "may_publish", "may_subscribe"),
    [
        (ADA, "channel/news", True, False),
        (ADA, "channel/chat", True, True),
        (GRACE, "channel/news", False, True),
        (GRACE, "channel/chat", True, True),
        (GRACE, "channel/other", False, False),
        (GRACE, "channel/*", False, False),
    ],
)
async def test_v3_each_user_publishes_and_hears_what_it_may(
    world: World, *, token: Any, channel: str, may_publish: bool, may_subscribe: bool
) -> None:
    user = await talker(world, token)
    assert (await user.ask(channel, 1) != "forbidden") is may_publish
    assert (await user.ask(*subscribe(channel)) != "forbidden") is may_subscribe


async def test_v4_users_write_to_one_another_and_to_nobody_who_is_not_there(world: World) -> None:
    ada, grace = await talker(world, ADA), await talker(world, GRACE)
    names = [session["name"] for session in await world.sessions()]
    assert await ada.ask("::peer", {"to": names[1], "path": "mail", "message": "hi"}) is None
    await grace.hears(("::peer", {"from": names[0], "path": "mail", "message": "hi"}))
    assert await ada.ask("::peer", {"to": "absent", "path": "mail"}) == "not-found"


async def test_v5_it_is_done_when_the_back_end_says_so() -> None:
    slow, confirmed = App(), trio.Event()

    @slow.packet("channel/*")
    async def publish(_session: Session, _path: str, _message: object) -> str:
        await confirmed.wait()
        return "OK"

    async with serving(slow) as world:
        user = await talker(world)
        user.comet.connection, waiting = await world.connect(), user.comet.connection
        await waiting.send(user.comet.body(packets=[{"path": "channel/a", "ask": "q"}]))
        await world.settle()
        confirmed.set()
        answer = await waiting.answer()
        assert [packet["message"] for packet in answer.body["packets"]] == [{"ask": "q", "value": "OK"}]


async def test_v7_a_rule_that_fails_or_has_no_answer_lets_nobody_in() -> None:
    strict = App()

    @strict.authorize("channel/*")
    async def ask_elsewhere(_session: Session, path: str) -> bool:
        with trio.fail_after(0.01):  # as a rule does that asks a back-end by HTTP
            await trio.sleep(1 if path == "channel/slow" else 0)
        raise ConnectionError

    async with serving(strict) as world:
        user = await talker(world)
        for channel in ("channel/slow", "channel/away"):
            assert await user.ask(*subscribe(channel), name=channel) == "internal-error"
        assert await user.ask(*subscribe("other")) == "forbidden"
        assert [session["paths"] for session in await world.sessions()] == [[]]


async def test_v8_who_leaves_is_connected_to_nothing(world: World) -> None:
    ada, grace = await talker(world, ADA), await talker(world, GRACE)
    for user in (ada, grace):
        await user.ask(*subscribe("channel/chat"))
    await ada.comet.ask(close=True)
    assert await grace.ask("channel/chat", 1) is None
    await grace.hears(said("grace", 1))
    assert [session["paths"] for session in await world.sessions()] == [["channel/chat"]]


async def test_v9_each_answer_names_its_question(world: World) -> None:
    ada = await talker(world, ADA)
    asked: list[dict[str, Any]] = [
        {"path": "channel/chat", "message": 1, "ask": "allowed"},
        {"path": "channel/other", "message": 1, "ask": "refused"},
        {"path": "::connect", "message": {"paths": ["channel/chat"]}, "ask": "subscribed"},
    ]
    assert await ada.answers(asked, 3) == {
        "allowed": None,
        "refused": "forbidden",
        "subscribed": {"paths": ["channel/chat"]},
    }


async def test_v10_a_poll_that_is_dropped_loses_nothing_and_doubles_nothing(world: World) -> None:
    ada, grace = await talker(world, ADA), await talker(world, GRACE)
    await ada.ask(*subscribe("channel/chat"))
    held = await ada.comet.hold()
    for number in range(3):
        await grace.ask("channel/chat", number)
    held.wire.stream.socket.close()  # with the answer in it
    await ada.hears(*(said("grace", number) for number in range(3)))
