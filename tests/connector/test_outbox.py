"""The outbox, against a stand-in server: real sockets, and threads that wait for what happens, not for time."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import cbor2
import pytest

from cometary.connector import Connector, Outbox
from cometary.errors import UsageError
from tests.connector.stand_in import StandIn, standing_in
from tests.servers import free_port

WAIT = 10
"""Seconds that a test waits for what has to happen."""


@pytest.fixture
def outbox(stand_in: StandIn) -> Iterator[Outbox]:
    stand_in.answers({"updates": 1})
    with Connector(stand_in.url, timeout=5) as connector, Outbox(connector) as outbox:
        yield outbox


def updates(stand_in: StandIn) -> list[Any]:
    """All that has come, in order."""
    found: list[Any] = []
    for each in stand_in.received:
        body: Any = (cbor2 if "cbor" in each.headers["content-type"] else json).loads(each.body)
        found += body if isinstance(body, list) else [body]
    return found


def test_updates_go_in_order_and_many_in_one_request(outbox: Outbox, stand_in: StandIn) -> None:
    for number in range(1200):
        outbox.update("numbers", number)
    assert outbox.flush(WAIT)
    assert [update["message"] for update in updates(stand_in)] == list(range(1200))
    assert len(stand_in.received) < 600
    assert max(len(json.loads(each.body)) for each in stand_in.received) <= 500


def test_a_message_is_sent_as_it_was_when_it_was_put_in(outbox: Outbox, stand_in: StandIn) -> None:
    message = {"state": "saved"}
    outbox.update("todos/7", message, ttl=5)
    message["state"] = "changed since"
    assert outbox.flush(WAIT)
    assert updates(stand_in) == [{"path": "todos/7", "message": {"state": "saved"}, "ttl": 5}]


def test_what_holds_bytes_goes_in_a_request_of_its_own(outbox: Outbox, stand_in: StandIn) -> None:
    for message in (1, b"\x00", 2):
        outbox.update("a", message)
    assert outbox.flush(WAIT)
    assert [update["message"] for update in updates(stand_in)] == [1, b"\x00", 2]


def test_what_is_wrong_with_an_update_is_raised_where_it_is_made(outbox: Outbox, stand_in: StandIn) -> None:
    with pytest.raises(UsageError):
        outbox.update("", 1)
    with pytest.raises(TypeError):
        outbox.update("a", object())
    assert outbox.flush(WAIT)
    assert stand_in.received == []


def test_while_the_server_is_away_updates_wait_and_the_oldest_go_when_there_are_too_many() -> None:
    port = free_port()
    with (
        Connector(f"http://127.0.0.1:{port}", timeout=5) as connector,
        Outbox(connector, limit=3) as outbox,
    ):
        outbox.update("a", "under way")
        while len(outbox):
            pass  # until the thread has taken it
        for number in range(5):
            outbox.update("a", number)
        assert outbox.given_up == 2
        stand_in = StandIn()
        stand_in.answers({"updates": 1})
        with standing_in(stand_in, port):
            assert outbox.flush(WAIT)
    assert [update["message"] for update in updates(stand_in)] == ["under way", 2, 3, 4]


def test_a_server_that_stays_away_costs_the_updates_and_one_line_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with (
        Connector(f"http://127.0.0.1:{free_port()}", timeout=5) as connector,
        Outbox(connector, patience=0) as outbox,
    ):
        for number in range(10):
            outbox.update("a", number)
        assert outbox.flush(WAIT)
        assert outbox.given_up == 10
    assert len([record for record in caplog.records if record.levelno >= logging.WARNING]) == 1


def test_what_may_have_taken_effect_is_not_sent_again(stand_in: StandIn) -> None:
    stand_in.silent = True
    with Connector(stand_in.url, timeout=0.05) as connector, Outbox(connector) as outbox:
        outbox.update("a", 1)
        assert outbox.flush(WAIT)
        assert outbox.given_up == 1
    assert len(stand_in.received) == 1


def test_what_has_an_idempotency_key_is_sent_again_all_the_same(stand_in: StandIn) -> None:
    stand_in.silent = True
    with Connector(stand_in.url, timeout=0.2) as connector, Outbox(connector) as outbox:
        outbox.update("a", "under way while the others come")
        while not stand_in.received:
            pass  # until it is
        outbox.update("a", 1, idempotency_key="one")
        outbox.update("a", 2)
        stand_in.answers("no control listener")
        stand_in.silent = False
        while len(stand_in.received) < 3:
            pass  # until what has a key is sent again
        stand_in.answers({"updates": 1})
        assert outbox.flush(WAIT)
        assert outbox.given_up == 2
    assert updates(stand_in)[-1] == {"path": "a", "message": 1, "idempotency_key": "one"}


def test_of_a_request_that_is_refused_only_the_update_at_fault_is_given_up() -> None:
    port = free_port()
    stand_in = StandIn()
    stand_in.answers({"error": "bad-request", "detail": "No."}, status=400)
    with Connector(f"http://127.0.0.1:{port}", timeout=5) as connector, Outbox(connector) as outbox:
        for number in range(3):
            outbox.update("a", number)
        with standing_in(stand_in, port):
            assert outbox.flush(WAIT)
        assert outbox.given_up == 3
    requests = [json.loads(each.body) for each in stand_in.received]
    single = [body[0]["message"] for body in requests if len(body) == 1]
    assert sorted(single) == [0, 1, 2], "each was tried by itself"


def test_closing_does_not_wait_for_a_server_that_is_away() -> None:
    with Connector(f"http://127.0.0.1:{free_port()}", timeout=5) as connector:
        outbox = Outbox(connector, patience=3600)
        outbox.update("a", 1)
        outbox.close(timeout=WAIT)
        assert outbox.given_up == 1
        with pytest.raises(UsageError):
            outbox.update("a", 2)
