"""What the checker, whose client is honest, does not come to; and what is bounded."""

from __future__ import annotations

from typing import Any

from cometary.cluster.change import NOTHING, Change, Verdict
from cometary.cluster.client_position import ClientPosition
from cometary.cluster.owner import MOST_WAITING, OwnerMachine
from cometary.cluster.owner_events import (
    ClientRequest,
    ClientSign,
    Commit,
    Committed,
    Deliver,
    Dismiss,
    Drain,
    Forget,
    Heed,
    Invoke,
    Meet,
    Number,
    Published,
    ReportDeath,
    Restored,
    Returned,
    Sent,
)
from cometary.cluster.record import Record

OK = Committed(Verdict.OK)


def owner(*, adopted: bool = False, **record: Any) -> OwnerMachine:
    machine = OwnerMachine(Record(1, 0, "a", 1)._replace(**record), adopted=adopted)
    machine.start()
    return machine


def does(machine: OwnerMachine, event: object) -> list[object]:
    return list(machine.step(event))


def asks(rid: int, ack: int = 0, **more: Any) -> ClientRequest:
    return ClientRequest(rid, 1, ack, rid - 1, ClientPosition(ack))._replace(**more)


def test_what_was_never_sent_is_refused_when_the_engine_has_confirmed_the_generation() -> None:
    machine, wrong = owner(), asks(2, ack=1)
    assert does(machine, wrong) == [Commit(1, 0, NOTHING)]
    assert does(machine, OK) == [Dismiss(wrong, "bad-ack")]


def test_a_doubt_that_comes_while_a_change_is_under_way_is_confirmed_by_the_next() -> None:
    machine, wrong = owner(), asks(2, ack=1)
    assert does(machine, Sent((b"news",))) == [Commit(1, 0, Change(out=(b"news",)))]
    assert not does(machine, wrong._replace(ack=2))
    assert does(machine, OK) == [Deliver((b"news",)), Commit(1, 1, NOTHING)]
    assert does(machine, OK) == [Dismiss(wrong._replace(ack=2), "bad-ack")]


def test_an_owner_that_was_taken_for_dead_refuses_nobody() -> None:
    machine, wrong = owner(), asks(9)._replace(done=0)
    assert does(machine, wrong) == [Commit(1, 0, NOTHING)]
    assert does(machine, Committed(Verdict.FENCED))[0] == Forget((wrong,))


def test_a_later_generation_is_a_client_s_word_and_the_engine_s_counts() -> None:
    machine, forged = owner(), asks(2, generation=2)
    assert does(machine, forged) == [Commit(1, 0, NOTHING)]
    assert does(machine, OK) == [Dismiss(forged, "bad-request")]
    assert does(machine, asks(2)) == [Meet(asks(2), counts=True)], "the session is here as before"
    assert does(machine, forged._replace(rid=3)) == [Commit(1, 1, NOTHING)]
    assert does(machine, Committed(Verdict.FENCED))[0] == Forget((forged._replace(rid=3),))


def test_requests_that_the_engine_is_asked_about_are_bounded() -> None:
    machine = owner()
    assert does(machine, asks(2, generation=2)) == [Commit(1, 0, NOTHING)]
    forged = [asks(rid, generation=2) for rid in range(3, 4 + MOST_WAITING)]
    actions = [does(machine, each) for each in forged]
    assert [each for each in actions if each] == [[Dismiss(forged[-1], "unavailable")]]


def test_a_client_that_has_what_the_record_has_not_is_told_that_its_session_is_not_known() -> None:
    ahead = asks(2)._replace(position=ClientPosition(3))
    behind = asks(2)._replace(position=ClientPosition(0))
    for request in (ahead, behind):
        machine = owner(adopted=True, base=1, out=(b"news",))
        assert does(machine, request) == [Commit(1, 0, NOTHING)]
        assert does(machine, OK) == [Dismiss(request, "unknown-session")]


def test_what_one_request_says_of_answers_holds_for_one_that_was_written_before() -> None:
    machine = owner(adopted=True)
    earlier, later = asks(12)._replace(done=10), asks(13)._replace(done=11)
    assert not does(machine, earlier)
    met = does(machine, later)
    assert [each.request.rid for each in met if isinstance(each, Meet)] == [12, 13]


def test_a_client_goes_on_at_the_next_owner_where_it_is() -> None:
    machine = owner(adopted=True, base=1, out=(b"two", b"three"))
    request = asks(2, ack=9)._replace(position=ClientPosition(2))
    assert does(machine, request) == [Number(9, ()), Deliver((b"three",)), Meet(request, counts=True)]
    assert machine.state is machine.owned
    assert does(machine, Sent((b"four",), accounted=2)) == [
        Commit(1, 0, Change(out=(b"four",), acknowledged=1))
    ]


def test_the_record_keeps_a_packet_that_its_client_has_until_its_receipt_is_in_the_same_change() -> None:
    machine = owner(adopted=True, out=(b"one", b"two"))
    does(machine, asks(2, ack=2)._replace(position=ClientPosition(2), packets=(b"packet",)))
    taken = machine.record.with_change(Change(2, accepted=(b"packet",), begun=True))
    does(machine, OK)
    assert machine.record == taken, "the client has both, and nobody has accounted for them"
    one = (("receipts", b"of one"),)
    assert not does(machine, Sent((), one, accounted=1))[1:]
    does(machine, OK)
    assert (machine.record.base, machine.record.out, machine.record.fields) == (1, (b"two",), one)
    [returned] = does(machine, Returned(accounted=2))
    assert returned == Commit(1, 2, Change(settled=1, acknowledged=1))


def test_requests_that_wait_are_few_and_the_first_may_try_again() -> None:
    machine = owner()
    does(machine, asks(2, packets=(b"packet",)))
    actions = [does(machine, asks(rid)) for rid in range(3, 4 + MOST_WAITING)]
    assert [each for each in actions if each] == [[Dismiss(asks(3), "unavailable")]]


def test_an_item_that_nobody_has_begun_is_begun_by_the_next_owner() -> None:
    machine = owner(inbox=(b"one", b"two"), begun=True)
    [forgotten, *_] = [*does(machine, Drain()), *does(machine, Returned())]
    assert forgotten == Commit(1, 0, Change(settled=1))
    assert does(machine, OK)[0] == Forget((), hand_on=True)
    heir = OwnerMachine(machine.record._replace(generation=2), adopted=True)
    assert list(heir.start()) == [Commit(2, 1, Change(begun=True))]
    assert does(heir, OK) == [Invoke(b"two")]


def test_a_call_that_the_record_has_as_begun_is_made_before_the_session_is_handed_on() -> None:
    machine = owner()
    [recorded] = does(machine, asks(2, packets=(b"one",)))
    assert isinstance(recorded, Commit)
    assert recorded.change.begun
    assert not does(machine, Drain())
    assert does(machine, OK) == [Invoke(b"one")]
    assert not [each for each in does(machine, Returned()) if isinstance(each, Forget)]
    assert [each for each in does(machine, OK) if isinstance(each, Forget)]


def test_a_death_is_reported_before_that_is_recorded_so_that_it_is_not_lost_with_the_next_owner() -> None:
    machine = OwnerMachine(owner(inbox=(b"one", b"two"), begun=True).record, adopted=True)
    assert list(machine.start()) == [Commit(1, 0, NOTHING)], "whether this is the owner is confirmed first"
    assert does(machine, OK) == [ReportDeath(b"one")]
    assert does(machine, Returned()) == [Commit(1, 1, Change(settled=1, begun=True))], "it was told"
    assert does(machine, OK) == [Invoke(b"two")]


def test_an_owner_that_leaves_tells_of_a_death_first() -> None:
    machine = OwnerMachine(owner(inbox=(b"one", b"two"), begun=True).record, adopted=True)
    machine.start()
    assert not does(machine, Drain())
    assert does(machine, OK) == [ReportDeath(b"one")]
    assert does(machine, Returned()) == [Commit(1, 1, Change(settled=1))]
    assert does(machine, OK)[0] == Forget((), hand_on=True)


def test_a_session_that_has_ended_ends_here_unless_somebody_is_in_a_hurry() -> None:
    for hurry in (False, True):
        machine = owner(inbox=(b"off",), begun=True, ended="timeout")
        gone = [each for each in does(machine, Drain(hurry)) if isinstance(each, Forget)]
        assert gone == [Forget((), hand_on=True)] * hurry
    machine = owner(inbox=(b"off",), begun=True, ended="timeout")
    assert does(machine, Sent((), (("told", b"1"),)))
    assert not does(machine, Drain(hurry=True)), "what is under way is waited for"
    assert does(machine, OK)[0] == Forget((), hand_on=True)


def test_an_owner_in_a_hurry_leaves_a_handler_behind() -> None:
    machine = owner(inbox=(b"one",), begun=True)
    assert does(machine, Drain(hurry=True))[0] == Forget((), hand_on=True)


def test_an_owner_forgets_a_session_whose_record_is_not_to_be_put_back() -> None:
    machine = owner()
    does(machine, Sent((b"news",)))
    does(machine, Committed(Verdict.BEHIND))
    assert does(machine, Restored(Verdict.FENCED))[0] == Forget(())


def test_calls_made_again_after_a_death_are_one_change_with_what_they_send() -> None:
    machine = OwnerMachine(Record(1, 0, "a", 1), adopted=False, handling="redo")
    machine.start()
    request = asks(2, packets=(b"one", b"two"))
    assert does(machine, request) == [Invoke(b"one")]
    assert does(machine, Returned(Change(out=(b"first",)))) == [Invoke(b"two")]
    [commit] = does(machine, Returned(Change(out=(b"second",))))
    assert commit == Commit(1, 0, Change(rid=2, out=(b"first", b"second")))
    assert does(machine, OK) == [Deliver((b"first", b"second")), Meet(request, counts=True)]


def test_a_packet_that_no_log_keeps_is_numbered_and_moves_no_position() -> None:
    machine = owner()
    assert does(machine, Published(None, None, "passing")) == [Deliver(("passing",))]
    does(machine, Sent((b"own",)))
    does(machine, OK)
    assert machine.deliveries is not None
    assert machine.deliveries.position_at(1) == ClientPosition()
    assert machine.deliveries.position_at(2) == ClientPosition(1)


def signs(ack: int = 0, **more: Any) -> ClientSign:
    return ClientSign(1, ack, ClientPosition(ack), "stream")._replace(**more)


def test_a_sign_waits_for_nothing_that_is_to_be_recorded() -> None:
    machine = owner()
    does(machine, Sent((b"news",)))
    does(machine, OK)
    does(machine, asks(2, packets=(b"packet",)))
    assert does(machine, signs(ack=1)) == [Heed(signs(ack=1), counts=True)]
    assert machine.deliveries is not None
    assert machine.deliveries.acknowledged == 1


def test_a_sign_tells_the_next_owner_where_its_client_is_and_an_older_one_does_not() -> None:
    machine = owner(adopted=True, generation=2, out=(b"one", b"two"))
    assert does(machine, signs(ack=1)) == [Heed(signs(ack=1), counts=False)]
    sign = signs(ack=1, generation=2)
    assert does(machine, sign) == [Number(1, ()), Deliver((b"two",)), Heed(sign, counts=True)]


def test_a_sign_is_refused_as_a_request_is_when_the_engine_has_confirmed_the_generation() -> None:
    for wrong, condition in (
        (signs(generation=2), "bad-request"),
        (signs(ack=1), "bad-ack"),
    ):
        machine = owner()
        assert does(machine, wrong) == [Commit(1, 0, NOTHING)]
        assert does(machine, OK) == [Dismiss(wrong, condition)]
        assert does(machine, wrong) == [Commit(1, 1, NOTHING)]
        assert does(machine, Committed(Verdict.FENCED))[0] == Forget((wrong,))


def test_a_sign_counts_for_nothing_where_its_session_leaves_and_is_refused_where_that_has_ended() -> None:
    machine = owner(inbox=(b"one",), begun=True)
    does(machine, Drain())
    assert does(machine, signs()) == [Heed(signs(), counts=False)]
    ended = owner(inbox=(b"off",), ended="timeout")
    assert does(ended, signs()) == [Dismiss(signs(), "session-ended")]


def test_a_shell_is_told_what_waits() -> None:
    machine = owner()
    assert machine.expected == 2
    does(machine, asks(2, packets=(b"one", b"two")))
    does(machine, asks(3))
    assert (machine.expected, machine.unfinished, [each.rid for each in machine.waiting]) == (3, 2, [3])
    does(machine, Sent((b"news",)))
    assert machine.unacknowledged == (b"news",)
    does(machine, OK)
    assert (machine.unfinished, machine.unacknowledged) == (2, (b"news",))
