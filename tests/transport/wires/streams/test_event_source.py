"""The names of sessions that plain EventSources have: as many as there are sessions, or a few more."""

from __future__ import annotations

from typing import Any, cast

import pytest

from cometary.errors import ElsewhereError, ProtocolError
from cometary.gate.gate import Gate
from cometary.gate.opening import Opening, Welcome
from cometary.sessions.events import Stream
from cometary.sessions.ids import WORKERS, ending_of, nobodys_sid, worker_of
from cometary.sessions.policy import Policy
from cometary.transport.http.exchange import Exchange
from cometary.transport.wires.streams.event_source import (
    LONGEST_NUMBER,
    NAME,
    EventSources,
    EventSourceStream,
    last_event,
)
from cometary.transport.wires.streams.forms import NamedEvents
from tests.transport.wire import WholeAnswers
from tests.transport.wires.streams.test_body_stream import Wire


class Knowing:
    """A gate, as far as it is asked."""

    def __init__(self) -> None:
        self.sids: set[str] = set()

    def attach(self, sid: str, stream: Stream, ack: int, credentials: object) -> None:
        self.sids.add(sid)
        stream.refuse(ElsewhereError(self._pass_on))

    def _pass_on(self, read: bytes) -> Any:
        self.passed_on = read
        return object()

    def knows(self, sid: str) -> bool:
        return sid in self.sids


def test_names_are_forgotten_with_their_sessions_and_no_others_are() -> None:
    gate = Knowing()
    sources = EventSources(cast("Gate", gate), Policy())
    for number in range(1000):
        gate.sids.add(str(number))
        sources.remember(b"%d" % number, str(number))
        gate.sids.discard(str(number - 100))
    assert {sources._sids[b"%d" % number] for number in range(900, 1000)} == gate.sids
    assert len(sources._sids) <= 201


def test_a_name_that_is_forgotten_at_once_harms_nothing() -> None:
    sources = EventSources(cast("Gate", Knowing()), Policy())
    sources.remember(b"a", "gone already")
    assert len(sources._sids) == 0


class Concluding(WholeAnswers):
    """A connection that notes that it is to go on."""

    concluded = 0

    def carry(self, *_: object) -> None:
        raise NotImplementedError

    def conclude(self, exchange: Exchange) -> None:
        assert exchange.successor is not None
        self.concluded += 1


def test_one_who_comes_back_at_another_worker_is_handed_over_to_its_own() -> None:
    gate, wire = Knowing(), Concluding()
    headers = {b"host": b"h", b"last-event-id": b"a-name-of-12" + WORKERS[4].encode() + b".7"}
    exchange = Exchange("GET", "/comet", b"", headers)
    exchange.arrive(cast("Any", wire), "peer")
    EventSources(cast("Gate", gate), Policy())(exchange)
    [sid] = gate.sids
    assert worker_of(sid) == 5
    assert wire.concluded == 1
    assert b"last-event-id: a-name-of-12E.7" in gate.passed_on


class Opens(Knowing):
    """A gate that notes who is to be let in."""

    def __init__(self) -> None:
        super().__init__()
        self.openings: list[Opening] = []

    def open(self, opening: Opening) -> None:
        self.openings.append(opening)


def test_one_that_comes_first_is_named_by_some_characters_and_the_end_of_its_sessions_id() -> None:
    gate, sid = Opens(), nobodys_sid(WORKERS[4])
    exchange = Exchange("GET", "/comet", b"", {b"host": b"h"})
    sources = EventSources(cast("Gate", gate), Policy())
    sources(exchange)
    assert not exchange.headers, "while it is judged nothing is kept of its request"
    gate.sids.add(sid)
    gate.openings[0].opened(Welcome(sid, 30, 60, 2, 10))
    [(name, known)] = sources._sids.items()
    assert known == sid
    assert name[NAME:].decode() == ending_of(sid)


class Held(Wire):
    """An exchange of which something may be kept for long."""

    released = 0

    def release_request(self) -> None:
        self.released += 1


def come_back(wire: Wire) -> tuple[EventSourceStream, list[object]]:
    """Return the stream of one that has come back, and what another session is opened for."""
    opened = list[object]()
    stream = EventSourceStream(cast("Any", wire), NamedEvents(b"n"), cast("Any", wire), opened.append)
    return stream, opened


def test_a_stream_keeps_nothing_of_its_request_once_it_has_begun() -> None:
    wire = Held()
    stream, _ = come_back(wire)
    assert wire.released == 0
    stream.taken()
    assert wire.released == 1


def test_another_session_is_opened_for_one_that_has_no_answer_yet_and_no_other() -> None:
    lost = ProtocolError("unknown-session", "It is not known.")
    begun, answered, waits = Held(), Held(), Held()
    for wire, another in ((begun, []), (answered, []), (waits, [waits])):
        stream, opened = come_back(wire)
        if wire is begun:
            stream.taken()
        if wire is answered:
            wire.refused = lost
        stream.refuse(lost)
        assert opened == another


def test_an_id_is_a_name_and_a_number_of_as_many_digits_as_any_client_counts_to() -> None:
    assert last_event(b"") == (b"", 0)
    assert last_event(b"ada." + b"9" * LONGEST_NUMBER) == (b"ada", 10**LONGEST_NUMBER - 1)
    for wrong in (b"ada." + b"9" * (LONGEST_NUMBER + 1), b"ada", b"ada.", b"ada.x"):
        with pytest.raises(ProtocolError, match="none of this server's events"):
            last_event(wrong)
