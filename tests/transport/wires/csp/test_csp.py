"""What all sessions by CSP have in common: which there are, and how much and how long each may take."""

from __future__ import annotations

from typing import Any, cast

import pytest
import trio
import trio.testing

from cometary.errors import ProtocolError
from cometary.gate.gate import Gate
from cometary.packets.packet import Packet
from cometary.sessions.policy import Policy
from cometary.transport.wires.csp.csp import Csp
from cometary.transport.wires.csp.messages import NOTHING, Unfinished
from cometary.transport.wires.csp.session import CspSession
from cometary.transport.wires.csp.variables import DEFAULTS

WAIT = 20.0
PACKET = Packet("a", 1)


class Knowing:
    """A gate, as far as it is asked."""

    def __init__(self) -> None:
        self.sids: set[str] = set()
        self.asked: list[str] = []
        self.living: dict[str, object] = {}

    def knows(self, sid: str) -> bool:
        return sid in self.sids

    def look_elsewhere(self, sid: str) -> None:
        self.asked.append(sid)


@pytest.fixture
def gate() -> Knowing:
    return Knowing()


def start_nothing(_: object) -> None: ...


def csp_of(gate: Knowing, start_soon: Any = start_nothing, most: tuple[int, int] = (3, 1_000)) -> Csp:
    policy = Policy(wait=WAIT)
    return Csp(cast("Gate", gate), policy, longest_message=100, most_unheard=most, start_soon=start_soon)


def session_of(sid: str) -> CspSession:
    return CspSession(sid, DEFAULTS, lambda _: None)


def test_a_session_is_found_by_its_key_until_it_is_forgotten(gate: Knowing) -> None:
    csp, session = csp_of(gate), session_of("key")
    gate.sids.add("key")
    csp.remember(session)
    assert csp.session_of({"s": "key"}) is session
    assert gate.asked == []
    csp.rests.keep(session, Unfinished(b"half"))
    csp.forget(session)
    assert (csp.rests.size, session.rest) == (0, NOTHING)
    with pytest.raises(ProtocolError, match="unknown-session"):
        csp.session_of({"s": "key"})
    assert gate.asked == ["key"], "another process may have it"
    with pytest.raises(ProtocolError, match="has to name the session"):
        csp.session_of({})
    csp.forget(session)


def test_with_each_new_one_two_old_ones_are_looked_at_and_forgotten_if_the_server_has_forgotten_them(
    gate: Knowing,
) -> None:
    csp = csp_of(gate)
    sessions = [session_of(str(number)) for number in range(5)]
    for session in sessions[:4]:
        gate.sids.add(session.sid)
        csp.remember(session)
        csp.rests.keep(session, Unfinished(b"half"))
    gate.sids = {"4"}
    csp.remember(sessions[4])
    assert len(csp._sessions) == 3
    assert csp.rests.size == 2 * len(b"half")
    for _ in range(2):
        gate.sids.add("5")
        csp.remember(session_of("5"))
    assert set(csp._sessions) == {"4", "5"}
    assert csp.rests.size == 0


@pytest.mark.parametrize(
    ("packets", "size", "much"), [(2, 0, False), (3, 0, True), (2, 1, False), (2, 2, True)]
)
def test_a_stream_is_completed_when_so_many_packets_or_bytes_are_not_acknowledged(
    gate: Knowing, packets: int, size: int, much: bool
) -> None:
    most = 2 * PACKET.size + 2 - size if size else 1_000_000
    session = session_of("key")
    session.note_sent(1, [PACKET] * packets)
    assert csp_of(gate, most=(3, most)).is_much(session) is much


async def test_nothing_is_held_for_longer_than_the_policy_says(
    gate: Knowing, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    csp = csp_of(gate, nursery.start_soon)
    due: list[tuple[str, float]] = []

    def short() -> None:
        due.append(("short", trio.current_time()))

    def long() -> None:
        due.append(("long", trio.current_time()))

    def never() -> None:
        due.append(("never", trio.current_time()))

    csp.after(5, short)
    csp.after(3_600, long)
    csp.after(3_600, never)
    csp.not_after(3_600, never)
    await trio.sleep(100)
    assert due == [("short", 5.0), ("long", WAIT)]


def test_for_want_of_room_what_ended_sessions_had_is_let_go_and_nothing_of_others(gate: Knowing) -> None:
    csp = csp_of(gate)
    rest = Unfinished(b"x" * 2_000)
    csp.rests._most = 2 * len(rest.text)
    sessions = [session_of(sid) for sid in ("1", "2", "3")]
    gate.living = {"1": None, "2": None, "3": None}
    for session in sessions[:2]:
        csp.rests.keep(session, rest)
    with pytest.raises(ProtocolError, match="too-many-requests"):
        csp.rests.keep(sessions[2], rest)
    del gate.living["1"]
    csp.rests.keep(sessions[2], rest)
    assert [session.rest for session in sessions] == [NOTHING, rest, rest]
