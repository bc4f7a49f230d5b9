"""What a session by CSP keeps for its client after the end."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import cast

from cometary.errors import ProtocolError
from cometary.packets.packet import Packet
from cometary.transport.wires.csp.sends import Send
from cometary.transport.wires.csp.session import MOST_WAITING, CspSession
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


def test_what_a_client_says_it_has_counts_as_far_as_it_was_sent_and_never_backwards() -> None:
    session = CspSession("key", DEFAULTS, lambda _: None)
    session.note_sent(1, PACKETS)
    for ack, left in ((0, 4), (1, 3), (0, 3), (3, 1), (2, 1), (9, 0), (1, 0)):
        session.change(DEFAULTS, ack)
        assert session.unheard == left
    assert session.unheard_bytes == 0
    session.note_sent(5, PACKETS[:1])
    assert (session.unheard, session.unheard_bytes) == (1, PACKETS[0].size)


def test_a_session_that_goes_on_is_not_forgotten_whatever_its_client_says_it_has() -> None:
    forgotten: list[CspSession] = []
    session = CspSession("key", DEFAULTS, forgotten.append)
    session.change(DEFAULTS, 0)
    session.change(DEFAULTS, 5)
    assert forgotten == []


def test_one_that_ends_before_anything_was_sent_says_so_by_the_first_number() -> None:
    forgotten: list[CspSession] = []
    session = CspSession("key", DEFAULTS, forgotten.append)
    session.end()
    assert (session.null, session.last_batch()) == (1, b"[[1,0,null]]")
    session.change(DEFAULTS, 0)
    assert forgotten == []
    session.change(DEFAULTS, 1)
    assert forgotten == [session]


def test_of_a_new_one_nothing_has_come_but_the_request_that_opened_it() -> None:
    session = CspSession("key", DEFAULTS, lambda _: None)
    assert (session.rid, session.received, session.taken, session.null) == (1, 0, 0, 0)


class Asked:
    """What a client sends, as far as its session knows of it."""

    def __init__(self) -> None:
        self.submitted = 0
        self.refused: list[ProtocolError] = []

    def submit(self) -> None:
        self.submitted += 1

    def turn_away(self, error: ProtocolError) -> None:
        self.refused.append(error)


def test_one_request_to_send_is_under_way_a_few_wait_and_more_are_refused() -> None:
    session = CspSession("key", DEFAULTS, lambda _: None)
    asked = [Asked() for _ in range(MOST_WAITING + 2)]
    for each in asked:
        session.send(cast("Send", each))
    assert [each.submitted for each in asked] == [1, 0, 0, 0]
    assert [len(each.refused) for each in asked] == [0, 0, 0, 1]
    (error,) = asked[-1].refused
    assert (error.condition, error.retry_after) == ("too-many-requests", 1)
    session.settled()
    assert [each.submitted for each in asked] == [1, 1, 0, 0]
    session.settled()
    session.settled()
    assert [each.submitted for each in asked] == [1, 1, 1, 0]
    last = Asked()
    session.send(cast("Send", last))
    assert last.submitted == 1


class Waiting:
    """An answer that is waited for."""

    completed = 0

    def complete(self) -> None:
        self.completed += 1


def test_who_asks_for_another_compression_gets_it_from_the_next_answer_on() -> None:
    session, comet = CspSession("key", DEFAULTS, lambda _: None), Waiting()
    zipped = replace(DEFAULTS, gzip="1")
    session.change(zipped, 0)
    session.comet = comet
    session.change(zipped, 0)
    assert comet.completed == 0
    session.change(DEFAULTS, 0)
    assert comet.completed == 1
    assert session.variables is DEFAULTS
