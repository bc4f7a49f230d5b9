"""What a session by CSP keeps for its client after the end."""

from __future__ import annotations

import json

from cometary.packets.packet import Packet
from cometary.transport.wires.csp.session import CspSession
from cometary.transport.wires.csp.variables import DEFAULTS

PACKETS = [Packet("a", number) for number in range(1, 5)]


def test_what_was_sent_again_in_part_is_kept_once_and_the_end_is_behind_all_of_it() -> None:
    forgotten: list[CspSession] = []
    session = CspSession("key", DEFAULTS, forgotten.append)
    session.note_sent(1, PACKETS[:3])
    session.note_sent(1, PACKETS[:1])
    session.note_sent(3, PACKETS[2:])
    session.change(DEFAULTS, 2)
    assert (session.unheard, session.unheard_bytes) == (2, sum(packet.size for packet in PACKETS[2:]))
    session.end()
    session.end()
    assert [number for number, _, _ in json.loads(session.last_batch())] == [3, 4, 5]
    session.change(DEFAULTS, 4)
    assert (session.last_batch(), session.unheard_bytes, forgotten) == (b"[[5,0,null]]", 0, [])
    session.change(DEFAULTS, 5)
    assert forgotten == [session]
