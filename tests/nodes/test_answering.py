"""Requests that another node has taken: how they are answered, and what becomes of those who hold them."""

from __future__ import annotations

from collections import Counter
from typing import cast

from cometary.errors import ProtocolError
from cometary.nodes.answering import WINDOW, Answering
from cometary.nodes.link import Link
from cometary.nodes.messages import (
    Aborted,
    Answered,
    Dropped,
    Finished,
    Forwarded,
    Granted,
    Left,
    Piece,
    Streaming,
)
from cometary.sessions import Request
from cometary.transport.http.exchange import Exchange
from cometary.transport.http.service import Service
from tests.nodes.wires import LinkWire


class Held:
    """Answers nothing by itself."""

    def __init__(self) -> None:
        self.asked: list[Exchange] = []
        self.link = LinkWire()
        self.refused: Counter[str] = Counter()
        self.answering = Answering(cast("Link", self.link), Service(self.asked.append), None, self.refused)

    def ask(self, number: int = 7) -> Exchange:
        """Have a request come."""
        headers = {b"host": b"somewhere.else", b"origin": b"http://a.third"}
        self.answering.answer(
            Forwarded(number, False, "POST", "/comet", b"a=b", headers, b"body", "192.0.2.7")
        )
        return self.asked[-1]


def test_it_is_as_if_it_had_come_here_but_for_what_was_judged_there() -> None:
    held = Held()
    exchange = held.ask()
    assert (exchange.method, exchange.path, exchange.query, exchange.body) == (
        "POST",
        "/comet",
        b"a=b",
        b"body",
    )
    assert exchange.peer == "192.0.2.7"  # not that of the node
    assert exchange.extra_headers == ()
    exchange.respond(200, b"{}")
    assert held.link.sent == [Answered(7, 200, b"{}", b"application/json", ())]
    assert held.answering.under_way == {}


class HeldRequest(Request):
    """Waits for a packet, until it is hurried."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__(1)
        self._exchange = exchange
        exchange.on_drop = self

    def dropped(self) -> None:
        """Do nothing (`Holder`)."""

    def hurry(self) -> None:
        """Answer."""
        self._exchange.respond(200, b"{}")


def test_what_is_only_held_is_answered_when_the_node_that_has_its_clients_is_about_to_stop() -> None:
    held = Held()
    held.ask(6).on_drop = lambda: None  # it is not held: its session is being looked for
    HeldRequest(held.ask(7))
    held.answering.hurry()
    assert held.link.sent == [Answered(7, 200, b"{}", b"application/json", ())]
    assert [*held.answering.under_way] == [6]


def test_what_is_refused_is_counted_here() -> None:
    held = Held()
    held.ask().refuse(ProtocolError("bad-ack", "no"))
    assert held.refused == {"bad-ack": 1}
    assert held.link.sent[0].status == 400


def test_who_holds_a_request_whose_client_goes_is_told_and_that_no_answer_comes_is() -> None:
    held, told = Held(), list[str]()
    exchange = held.ask()

    def dropped() -> None:
        told.append("dropped")
        exchange.leave_unanswered()

    exchange.on_drop = dropped
    held.answering.drop(Dropped(7))
    assert told == ["dropped"]
    assert held.link.sent == [Left(7)]
    assert held.answering.under_way == {}


def test_who_can_still_answer_then_does() -> None:
    held = Held()
    exchange = held.ask()
    exchange.on_drop = lambda: None
    held.answering.drop(Dropped(7))
    exchange.respond(200, b"late")
    assert [type(each) for each in held.link.sent] == [Answered]


def test_when_the_link_ends_the_clients_have_gone() -> None:
    held, told = Held(), list[str]()
    exchange = held.ask()
    exchange.on_drop = lambda: told.append("dropped")
    held.answering.close()
    assert told == ["dropped"]
    exchange.respond(200)
    assert held.link.sent == []


def test_no_more_of_a_stream_is_on_its_way_than_the_window() -> None:
    held, again = Held(), list[str]()
    stream = held.ask().stream(200, b"text/plain")
    stream.on_writable = lambda: again.append("writable")
    assert stream.write(b"x" * (WINDOW - 1))
    assert not stream.write(b"x")
    held.answering.grant(Granted(7, WINDOW // 4))
    assert again == ["writable"]
    stream.finish(b"end")
    assert [type(each) for each in held.link.sent] == [Streaming, Piece, Piece, Finished]


def test_a_stream_that_is_broken_off_is_broken_off_there() -> None:
    held = Held()
    held.ask().stream(200, b"text/plain").abort()
    assert held.link.sent[-1] == Aborted(7)
    assert held.answering.under_way == {}


def test_a_call_of_a_back_end_is_refused_where_nothing_answers_such() -> None:
    held = Held()
    held.answering.answer(Forwarded(8, True, "POST", "/kick", b"", {b"host": b"h"}, b"{}", "192.0.2.7"))
    assert [(each.number, each.status) for each in held.link.sent] == [(8, 404)]
    assert held.answering.under_way == {}
