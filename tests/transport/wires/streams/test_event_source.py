"""The names of sessions that plain EventSources have: as many as there are sessions, or a few more."""

from __future__ import annotations

from typing import cast

from cometary.gate.gate import Gate
from cometary.sessions.policy import Policy
from cometary.transport.wires.streams.event_source import EventSources


class Knowing:
    """A gate, as far as it is asked."""

    def __init__(self) -> None:
        self.sids: set[str] = set()

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
