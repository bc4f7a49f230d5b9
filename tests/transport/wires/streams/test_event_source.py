"""The names of sessions that plain EventSources have: as many as there are sessions, or a few more."""

from __future__ import annotations

from typing import Any, cast

from cometary.errors import ElsewhereError
from cometary.gate.gate import Gate
from cometary.sessions.events import Stream
from cometary.sessions.ids import WORKERS, worker_of
from cometary.sessions.policy import Policy
from cometary.transport.http.exchange import Exchange
from cometary.transport.wires.streams.event_source import EventSources
from tests.transport.wire import WholeAnswers


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
