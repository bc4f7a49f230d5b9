"""Peers: a client sends another one a message where the rule says so, and passes for nobody else."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from cometary import App, Session
from cometary.errors import UsageError
from cometary.packets.question import Question
from tests.dispatch.house import Guest, at_home


async def send(guest: Guest, message: object) -> Any:
    [(path, told)] = await guest.hear(Question("::peer", message, "1"))
    assert path == "::answer"
    return told.get("error")


@pytest.fixture
def app() -> App:
    app = App()

    @app.peer
    def may(_session: Session, _name: str, path: str, message: object) -> bool:
        return path != "secret" and message != "rude"

    return app


async def test_a_message_comes_with_the_name_of_whoever_sent_it(app: App) -> None:
    async with at_home(app) as house:
        ada, grace = await house.visit(), await house.visit()
        for path, message in (("chat", "hi"), ("secret", 1), ("chat", "rude")):
            refused = await send(ada, {"to": grace.session.name, "path": path, "message": message})
            assert refused == (None if message == "hi" else "forbidden")
        mail = {"from": ada.session.name, "path": "chat", "message": "hi"}
        assert await grace.hear() == [("::peer", mail)]


async def test_a_rule_may_take_its_time() -> None:
    app = App()

    @app.peer
    async def may(_session: Session, _name: str, _path: str, message: object) -> bool:
        await trio.lowlevel.checkpoint()
        return message == "please"

    async with at_home(app) as house:
        ada, grace = await house.visit(), await house.visit()
        to = grace.session.name
        assert await send(ada, {"to": to, "path": "chat"}) == "forbidden"
        assert await send(ada, {"to": to, "path": "chat", "message": "please"}) is None
        assert len(await grace.hear()) == 1


async def test_who_has_left_is_not_found_and_who_may_not_send_is_not_told(app: App) -> None:
    async with at_home(app) as house:
        ada, grace = await house.visit(), await house.visit()
        name = grace.session.name
        grace.keeper.end("closed")
        await wait_all_tasks_blocked()
        assert await send(ada, {"to": name, "path": "chat"}) == "not-found"
        assert await send(ada, {"to": "nobody", "path": "secret"}) == "forbidden"


async def test_without_a_rule_nobody_may() -> None:
    async with at_home(App()) as house:
        ada = await house.visit()
        assert await send(ada, {"to": ada.session.name, "path": "chat"}) == "forbidden"


@pytest.mark.parametrize(
    "message",
    [None, {}, {"to": "x"}, {"to": 7, "path": "a"}, {"to": "x", "path": ""}, {"to": "x", "path": "::answer"}],
)
async def test_what_is_no_mail_is_refused(app: App, message: object) -> None:
    async with at_home(app) as house:
        assert await send(await house.visit(), message) == "bad-request"


def test_there_is_one_rule_and_it_can_be_called(app: App) -> None:
    def yes(_session: Session, _name: str, _path: str, _message: object) -> bool:
        return True

    with pytest.raises(UsageError, match="one rule"):
        app.peer(yes)
    wrong: Any = test_without_a_rule_nobody_may
    with pytest.raises(UsageError):
        App().peer(wrong)
