"""Updates that are kept until they have been sent, in the example's SQLite, against a stand-in and the real server."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from cometary import Connector
from cometary.contrib.kept import Sender, send, written
from cometary.errors import ConnectorError, ControlError, UsageError
from examples.kept_orders import Waiting, order
from tests.connector.stand_in import StandIn, stand_in
from tests.examples.sessions import ClientSession
from tests.servers import running_server

__all__ = ["stand_in"]


@pytest.fixture
def waiting(tmp_path: Path) -> Waiting:
    file = str(tmp_path / "orders.sqlite3")
    for item in ("tea", "milk"):
        order(file, item)
    return Waiting(file)


def sent(stand_in: StandIn) -> list[list[Any]]:
    return [[update["message"]["item"] for update in json.loads(each.body)] for each in stand_in.received]


def test_what_waits_is_sent_in_order_and_once_whoever_sends_it(waiting: Waiting) -> None:
    with (
        running_server("") as server,
        ClientSession(server.comet) as session,
        Connector(server.control) as connector,
    ):
        connector.connect(session.sid, ["orders"])
        read = waiting.oldest(10)
        assert send(connector, waiting) == 2
        assert send(connector, waiting) == 0
        connector.batch([json.loads(each.body) for each in read])  # as one does that had read before
        order(waiting.file, "sugar")
        assert send(connector, waiting) == 1
        assert session.hear() == [("orders", {"item": item}) for item in ("tea", "milk", "sugar")]


def test_what_the_server_is_too_busy_for_waits(waiting: Waiting, stand_in: StandIn) -> None:
    stand_in.answers({"results": [{}, {"error": "too-many-requests", "detail": "later"}]})
    with Connector(stand_in.url) as connector:
        with pytest.raises(ConnectorError):
            send(connector, waiting)
        stand_in.answers({"results": [{}]})
        assert send(connector, waiting) == 1
    assert sent(stand_in) == [["tea", "milk"], ["milk"]]


def test_a_server_that_takes_no_call_at_all_costs_nothing(waiting: Waiting, stand_in: StandIn) -> None:
    stand_in.answers({"error": "unauthorized", "detail": "the secret is wrong"}, 401)
    with Connector(stand_in.url) as connector, pytest.raises(ControlError):
        send(connector, waiting)
    assert len(waiting.oldest(10)) == 2


def test_a_sender_tries_again_until_the_server_is_there(
    waiting: Waiting, stand_in: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    stand_in.answers({"results": [{}, {}]})
    stand_in.failing = 1
    rested = Event()
    with Connector(stand_in.url) as connector:
        sender = Sender(lambda: connector, rest=rested.set)
        sender.wake(waiting)
        while waiting.oldest(1) or not rested.wait(0.01):
            pass
    assert sent(stand_in) == [["tea", "milk"], ["tea", "milk"]]
    assert caplog.text.count("Updates wait") == 1


def test_what_is_written_down_is_checked_at_once() -> None:
    with pytest.raises(UsageError):
        written("")
    with pytest.raises(TypeError):
        written("a", object())
    assert json.loads(written("a", 1))["idempotency_key"] != json.loads(written("a", 1))["idempotency_key"]
    assert json.loads(written("a", b"\0"))["cbor"] == "QQA="
