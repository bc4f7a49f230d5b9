"""The smallest examples of the documentation, against the real server."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import msgspec
import pytest

from cometary import Connector
from examples import publishing
from tests.examples.sessions import ClientSession
from tests.servers import ENVIRONMENT, ROOT, running_server


def test_what_one_session_says_all_sessions_hear() -> None:
    with (
        running_server("examples/hello.py:app") as server,
        ClientSession(server.comet) as ada,
        ClientSession(server.comet) as grace,
        Connector(server.control) as connector,
    ):
        [name, _] = [session["name"] for session in connector.sessions()]
        said = ("chat/lobby", {"from": name, "text": "hello"})
        assert ada.hear(("chat/lobby", "hello")) == [said]
        assert grace.hear() == [said]


def test_a_client_connects_itself_to_the_room_that_its_user_may_enter() -> None:
    with (
        running_server("examples/rooms.py:app") as server,
        Connector(server.control) as connector,
        ClientSession(server.comet) as session,
    ):
        [(path, refusal)] = session.hear(("::connect", {"paths": ["room/kitchen", "room/office"]}))
        assert path == "::refused"
        assert isinstance(refusal, dict)
        assert refusal["paths"] == ["room/office"]
        session.exchange(("::connect", {"paths": ["room/kitchen"]}), hold=False)
        visitor = [sys.executable, "examples/room_visitor.py", server.comet]
        with subprocess.Popen(visitor, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT, cwd=ROOT) as visit:
            assert visit.stdout is not None
            assert visit.stdout.readline() == "['ada', 'grace']\n"
            connector.update("room/kitchen", "Tea is ready.")
            assert visit.stdout.readline() == "room/kitchen Tea is ready.\n"
            visit.kill()
        assert session.hear() == [("room/kitchen", "Tea is ready.")]


def test_an_order_is_paid_once_and_a_batch_has_a_result_for_each(capsys: pytest.CaptureFixture[str]) -> None:
    with (
        running_server("examples/hello.py:app") as server,
        ClientSession(server.comet) as session,
        Connector(server.control) as connector,
    ):
        connector.connect(session.sid, ["orders"])
        publishing.main(server.control)
        assert capsys.readouterr().out == "['taken', 'bad-request', 'taken']\n"
        assert session.hear() == [("orders", {"paid": 7}), ("orders", 1), ("orders", {"total": 19.9})]


def test_an_order_is_placed_when_its_client_is_sure() -> None:
    with running_server("examples/asking.py:app") as server, ClientSession(server.comet) as session:
        [question] = session.exchange(packets=[{"path": "order", "message": "tea", "ask": "1"}])["packets"]
        sure = {"ask": question["ask"], "value": True}
        [answer] = session.exchange(("::answer", sure))["packets"]
        assert answer["message"] == {"ask": "1", "value": {"ordered": "tea", "left": 2}}
        [refusal] = session.exchange(packets=[{"path": "order", "message": "gold", "ask": "2"}])["packets"]
        assert (refusal["message"]["ask"], refusal["message"]["error"]) == ("2", "sold-out")


def test_whoever_enters_the_meeting_is_there() -> None:
    with running_server("examples/meeting.py:app") as server, ClientSession(server.comet) as session:
        [answer] = session.exchange(packets=[{"path": "enter", "message": "Ada", "ask": "1"}])["packets"]
        assert answer["message"]["value"] == 1
        [(path, told)] = session.hear()
        assert path == "::presence"
        assert msgspec.convert(told, dict[str, Any])["joined"][0]["shown"] == {"nick": "Ada"}


def test_who_comes_later_gets_the_headlines_that_are_kept() -> None:
    with running_server("examples/headlines.py:app") as server, Connector(server.control) as connector:
        connector.updates([("headlines/world", number) for number in range(12)])
        with ClientSession(server.comet) as session:
            [(place, _), *heard] = session.hear()
        assert place == "::at"
        assert heard == [("headlines/world", number) for number in range(2, 12)]
        assert connector.history("headlines/world", 1).packets[0]["message"] == 11


def test_a_handler_that_raises_ends_neither_the_session_nor_the_request() -> None:
    with running_server("examples/crashing.py:app") as server, ClientSession(server.comet) as session:
        order = {"count": 2, "price": 3}
        assert session.hear(("order", {}), ("order", order)) == [("total", 6)]
        with Connector(server.control) as connector:
            parts = {part["id"]: part for part in connector.tree()["children"]}
        assert [child["restarts"] for child in parts["sessions"]["children"]] == [1]


def test_a_handler_that_blocks_is_named_and_one_that_was_mended_is_not(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with running_server("examples/blocking.py:app") as server, ClientSession(server.comet) as session:
        assert session.hear(("question", {"password": "hunter2"})) == [("answer", "forty-two")]
        log = capfd.readouterr().err
        assert "SessionActor" in log
        assert "has held up the event loop for 0." in log
        assert "with a message of type CometRequest" in log
        assert "in ask_the_database" in log
        assert "hunter2" not in log
        assert session.hear(("question/mended", {})) == [("answer", "forty-two")]
        assert "ask_the_database" not in capfd.readouterr().err


def test_the_watchdog_can_be_switched_off(capfd: pytest.CaptureFixture[str]) -> None:
    with (
        running_server("examples/blocking.py:app", "--watchdog", "0") as server,
        ClientSession(server.comet) as session,
    ):
        assert session.hear(("question", {})) == [("answer", "forty-two")]
        assert "held up" not in capfd.readouterr().err
