"""The rules of a session's owner one by one: what it says, when, and to whom it says it no more."""

from __future__ import annotations

from cometary.cluster.change import NOTHING, Change, Verdict
from cometary.cluster.client_position import ClientPosition
from cometary.cluster.owner import MOST_WAITING, OwnerMachine
from cometary.cluster.owner_events import (
    Close,
    Commit,
    Committed,
    Deliver,
    Dismiss,
    Drain,
    End,
    Forget,
    Invoke,
    Meet,
    PutBack,
    Renewed,
    RequestBroken,
    Restored,
    Returned,
    Sent,
    Yielded,
)
from cometary.cluster.record import Record
from tests.cluster.test_owner import OK, asks, does, owner

OVER = End("timeout", b"off")


def waiting(machine: OwnerMachine) -> list[int]:
    return [each.rid for each in machine.waiting]


def test_a_request_that_is_refused_since_too_many_wait_waits_no_more_and_all_others_do() -> None:
    machine = owner()
    does(machine, asks(2, packets=(b"packet",)))
    for rid in range(3, 4 + MOST_WAITING):
        does(machine, asks(rid))
    assert waiting(machine) == [*range(4, 4 + MOST_WAITING)]


def test_a_request_that_is_broken_waits_no_more_and_all_others_do() -> None:
    machine = owner()
    does(machine, asks(2, packets=(b"packet",)))
    later = [asks(rid) for rid in (3, 4, 5)]
    for request in later:
        does(machine, request)
    assert not does(machine, RequestBroken(later[1]))
    assert waiting(machine) == [3, 5]


def test_a_request_without_packets_is_met_while_the_handler_of_the_one_before_runs() -> None:
    machine = owner()
    does(machine, asks(2, packets=(b"one",)))
    assert does(machine, OK) == [Invoke(b"one")]
    assert does(machine, asks(3)) == [Meet(asks(3), counts=True)]


def test_what_a_client_of_an_older_generation_acknowledges_is_ignored() -> None:
    machine = owner(generation=2)
    empty, full = asks(2), asks(3, packets=(b"one",))
    assert does(machine, empty) == [Meet(empty, counts=False)]
    does(machine, full)
    assert does(machine, OK) == [Invoke(b"one")]
    assert does(machine, Yielded()) == [Meet(full, counts=False)]


def test_a_request_is_met_once_when_its_handler_begins_to_wait() -> None:
    machine, request = owner(), asks(2, packets=(b"one",))
    does(machine, request)
    assert does(machine, OK) == [Invoke(b"one")]
    assert does(machine, Yielded()) == [Meet(request, counts=True)]
    assert does(machine, Sent((b"news",))) == [Commit(1, 1, Change(out=(b"news",)))]
    assert does(machine, OK) == [Deliver((b"news",))]


def test_a_request_whose_handler_is_still_to_be_called_waits_though_the_one_before_waited() -> None:
    machine, later = owner(), asks(3, packets=(b"two",))
    does(machine, asks(2, packets=(b"one",)))
    does(machine, OK)
    does(machine, Yielded())
    assert does(machine, later) == [Commit(1, 1, Change(3, accepted=(b"two",)))]
    assert not does(machine, Returned())
    assert does(machine, OK) == [Commit(1, 2, Change(settled=1, begun=True))]
    assert does(machine, OK) == [Invoke(b"two")]
    assert does(machine, Returned()) == [Commit(1, 3, Change(settled=1))]
    assert does(machine, OK) == [Meet(later, counts=True)]


def test_calls_that_are_made_again_are_unfinished_and_each_request_has_what_its_own_have_sent() -> None:
    machine = OwnerMachine(Record(1, 0, "a", 1), adopted=False, handling="redo")
    machine.start()
    does(machine, asks(2, packets=(b"one", b"two")))
    assert machine.unfinished == 2
    for text in (b"first", b"second"):
        does(machine, Returned(Change(out=(text,))))
    does(machine, OK)
    assert machine.unfinished == 0
    does(machine, asks(3, packets=(b"three",)))
    [commit] = does(machine, Returned(Change(out=(b"third",))))
    assert commit == Commit(1, 1, Change(rid=3, out=(b"third",)))


def test_what_was_never_delivered_is_what_came_when_nobody_was_there_or_the_session_had_ended() -> None:
    machine = owner(adopted=True, base=1, out=(b"two", b"three", b"four"))
    assert [*machine.unnumbered] == [b"two", b"three", b"four"]
    does(machine, asks(2)._replace(position=ClientPosition(2)))
    assert not [*machine.unnumbered]
    does(machine, Sent((b"five",)))
    does(machine, OVER)
    does(machine, OK)
    assert [*machine.unnumbered] == [b"five"]


def test_whatever_is_held_is_closed_when_the_end_is_recorded_and_then_the_application_is_told() -> None:
    machine = owner()
    assert does(machine, OVER) == [Commit(1, 0, Change(accepted=(b"off",), begun=True, end="timeout"))]
    assert does(machine, OK) == [Close("timeout"), Invoke(b"off")]


def test_whoever_is_doubted_when_a_session_is_gone_is_told_that_it_has_ended() -> None:
    machine, forged = owner(), asks(2, generation=2)
    does(machine, OVER)
    does(machine, OK)
    assert does(machine, Returned()) == [Commit(1, 1, Change(settled=1))]
    assert not does(machine, forged)
    assert does(machine, OK)[:2] == [Dismiss(forged, "session-ended"), Forget(())]


def test_a_change_is_sent_again_when_the_record_is_put_back() -> None:
    machine = owner()
    [commit] = does(machine, Sent((b"news",)))
    assert does(machine, Committed(Verdict.BEHIND)) == [PutBack(machine.record)]
    assert does(machine, Restored(Verdict.OK)) == [commit]
    assert does(machine, OK) == [Deliver((b"news",))]


def test_no_call_begins_while_the_lease_has_run_out_nor_before_the_generation_is_confirmed_after_that() -> (
    None
):
    machine = owner()
    does(machine, asks(2, packets=(b"one",)))
    machine.leased = False
    assert not does(machine, OK)
    machine.leased = True
    assert does(machine, Renewed()) == [Commit(1, 1, NOTHING)]
    assert does(machine, OK) == [Invoke(b"one")]


def test_an_owner_in_a_hurry_begins_no_call_not_even_that_of_an_end() -> None:
    machine = owner()
    does(machine, asks(2, packets=(b"one",)))
    assert not does(machine, Drain(hurry=True))
    assert does(machine, OK)[0] == Forget((asks(2, packets=(b"one",)),), hand_on=True)
    ends = owner()
    does(ends, Sent((b"news",)))
    assert not does(ends, Drain(hurry=True))
    assert not does(ends, OVER)
    assert does(ends, OK)[0] == Commit(1, 1, Change(accepted=(b"off",), end="timeout"))
    assert does(ends, OK)[:2] == [Close("timeout"), Forget((), hand_on=True)]
