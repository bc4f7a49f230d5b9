"""The machine of a mirrored session's owner, step by step."""

from __future__ import annotations

from typing import Any

from cometary.cluster.change import NOTHING, Change, Verdict
from cometary.cluster.client_position import ClientPosition
from cometary.cluster.mirrored import MirroredMachine
from cometary.cluster.owner_events import (
    ClientRequest,
    ClientSign,
    Commit,
    Committed,
    Deliver,
    Dismiss,
    Forget,
    Heed,
    Invoke,
    Meet,
    ReportDeath,
    Returned,
    Sent,
    TakeForSent,
)
from cometary.cluster.record import Record

OK = Committed(Verdict.OK)
ALL = 100
"""Packets accounted for: no receipt is wanted."""


def owner(*, adopted: bool = False, **of_record: Any) -> MirroredMachine:
    record = Record(1, 0, "a", 1)._replace(generation=1 + adopted, **of_record)
    machine = MirroredMachine(record, adopted=adopted)
    machine.start()
    return machine


def does(machine: MirroredMachine, event: object) -> list[Any]:
    return list(machine.step(event))


def asks(rid: int, ack: int = 0, *packets: bytes) -> ClientRequest:
    return ClientRequest(rid, 0, ack, 0, ClientPosition(), packets)


def met(actions: list[Any]) -> list[int]:
    return [each.request.rid for each in actions if isinstance(each, Meet) and each.counts]


def test_that_a_request_was_processed_is_recorded_before_it_is_met() -> None:
    machine = owner()
    assert does(machine, asks(2)) == [Commit(1, 0, Change(rid=2))]
    assert met(does(machine, OK)) == [2]
    assert met(does(machine, asks(2))) == [2], "a repeated one is recorded already"


def test_a_packet_is_numbered_on_by_whoever_adopts_the_session_and_taken_for_sent() -> None:
    machine = MirroredMachine(Record(2, 5, "b", 7, 3, (b"four", b"five")), adopted=True)
    assert list(machine.start()) == [TakeForSent(3, (b"four", b"five"), 5)]
    assert machine.state is machine.owned
    assert does(machine, Sent((b"six",), (), ALL)) == [Commit(2, 5, Change(out=(b"six",)))]
    assert does(machine, OK) == [Deliver((b"six",))]
    assert met(does(machine, asks(7, 5))) == [7], "it may have been sent by the owner before"
    assert does(machine, asks(8, 5)) == [Commit(2, 6, Change(rid=8, acknowledged=2))]


def test_what_this_owner_has_not_sent_is_refused_once_it_is_confirmed_that_nobody_else_has() -> None:
    machine = owner()
    does(machine, Sent((b"one",), (), ALL))
    does(machine, OK)
    machine.sent = 0  # it waits for a request
    wrong = asks(2, 1)._replace(generation=1)
    assert does(machine, asks(2, 1)) == [Commit(1, 1, NOTHING)]
    assert does(machine, OK) == [Dismiss(wrong, "bad-ack")]
    assert does(machine, asks(2, 1)) == [Commit(1, 2, NOTHING)]
    assert does(machine, Committed(Verdict.FENCED))[0] == Forget((wrong,))


def test_an_id_that_is_out_of_the_window_is_refused_in_the_same_way() -> None:
    machine = owner()
    assert does(machine, asks(9)) == [Commit(1, 0, NOTHING)]
    assert does(machine, OK) == [Dismiss(asks(9)._replace(generation=1), "rid-out-of-window")]


def test_a_packet_of_the_client_is_in_the_record_before_it_is_handled_and_its_reply_before_the_answer() -> (
    None
):
    machine = owner()
    recorded = Change(rid=2, accepted=(b"packet",), begun=True)
    assert does(machine, asks(2, 0, b"packet")) == [Commit(1, 0, recorded)]
    assert does(machine, OK) == [Invoke(b"packet")]
    assert does(machine, Returned(Change(out=(b"reply",)))) == [
        Commit(1, 1, Change(settled=1, out=(b"reply",)))
    ]
    delivered, *rest = does(machine, OK)
    assert delivered == Deliver((b"reply",))
    assert met(rest) == [2]


def test_the_death_of_the_node_in_a_handler_is_reported_by_the_next() -> None:
    machine = MirroredMachine(Record(2, 5, "b", 7, inbox=(b"packet",), begun=True), adopted=True)
    assert list(machine.start()) == [TakeForSent(0, (), 0), Commit(2, 5, NOTHING)]
    assert does(machine, OK) == [ReportDeath(b"packet")]
    assert does(machine, Returned(Change(), ALL)) == [Commit(2, 6, Change(settled=1))]


def test_a_session_that_has_ended_has_its_packets_left_for_whoever_tells_of_that() -> None:
    machine = owner(adopted=True, out=(b"one",), inbox=(b"-timeout",), ended="timeout")
    assert machine.state is machine.ending
    assert machine.unnumbered == (b"one",)


def test_a_sign_on_a_stream_counts_whichever_node_has_the_session() -> None:
    machine = owner(adopted=True, out=(b"one",))
    sign = ClientSign(0, 1, ClientPosition(), "stream")
    assert does(machine, sign) == [Heed(sign._replace(generation=2), counts=True)]
    wrong = sign._replace(ack=2)
    assert does(machine, wrong) == [Commit(2, 0, NOTHING)]
    assert does(machine, OK) == [Dismiss(wrong._replace(generation=2), "bad-ack")]


def test_a_poll_is_recorded_where_handlers_are_called_again_after_a_death() -> None:
    machine = MirroredMachine(Record(1, 0, "a", 1), adopted=False, handling="redo")
    machine.start()
    assert does(machine, asks(2)) == [Commit(1, 0, Change(rid=2))]
    assert met(does(machine, OK)) == [2]
