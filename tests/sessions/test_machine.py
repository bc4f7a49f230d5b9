"""The machine of a session, by protocol.md: its table, its ends, its ids, and that errors change nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from cometary.errors import ProtocolError
from cometary.fsm import CancelTimer, StartTimer, Stopped
from cometary.sessions import End, Packet, Request, RequestDropped, SessionSettings
from cometary.sessions.events import Answer, HandOver, Refuse
from tests.sessions.bench import Bench

SETTINGS = SessionSettings(wait=60, die=45, requests=2)
NEWS = Packet("news", 1)


@pytest.fixture
def bench() -> Bench:
    return Bench(SETTINGS)


def in_waiting(_: Bench) -> None:
    """As it begins."""


def in_have_request(bench: Bench) -> None:
    bench.request(2)


def in_have_packet(bench: Bench) -> None:
    bench.push(NEWS)


STATES: dict[str, Callable[[Bench], None]] = {
    "waiting": in_waiting,
    "have_request": in_have_request,
    "have_packet": in_have_packet,
}


@pytest.mark.parametrize("name", STATES)
def test_each_state_can_be_reached(bench: Bench, name: str) -> None:
    STATES[name](bench)
    assert bench.state == name


# -- the table: a request arrives ------------------------------------------------------------------


def test_waiting_holds_a_request_and_stops_the_die_timer(bench: Bench) -> None:
    request = bench.request(2)
    assert bench.state == "have_request"
    assert bench.timers == {"hold or die": 60}
    assert not request.answered


def test_have_request_answers_the_older_one_empty_and_holds_the_newer(bench: Bench) -> None:
    older = bench.request(2)
    newer = bench.request(3)
    assert older.got == (0, ())
    assert not newer.answered
    assert bench.state == "have_request"
    bench.push(NEWS)
    assert newer.got == (1, (NEWS,))


def test_the_wait_begins_anew_with_the_newer_request(bench: Bench) -> None:
    bench.request(2)
    bench.pass_time(59)
    newer = bench.request(3)
    bench.pass_time(59)
    assert not newer.answered
    bench.pass_time(1)
    assert newer.got == (0, ())


def test_have_packet_answers_with_all_that_is_queued(bench: Bench) -> None:
    packets = [Packet("a", number) for number in range(3)]
    for packet in packets:
        bench.push(packet)
    request = bench.request(2)
    assert request.got == (1, tuple(packets))
    assert bench.state == "waiting"
    assert bench.timers == {"hold or die": 45}


# -- a packet arrives ------------------------------------------------------------------------------


def test_waiting_queues_a_packet(bench: Bench) -> None:
    bench.push(NEWS)
    assert bench.state == "have_packet"
    assert bench.timers == {"hold or die": 45}


def test_have_request_answers_with_the_packet_and_starts_the_die_timer(bench: Bench) -> None:
    request = bench.request(2)
    bench.push(NEWS)
    assert request.got == (1, (NEWS,))
    assert bench.state == "waiting"
    assert bench.timers == {"hold or die": 45}


def test_have_packet_queues_another(bench: Bench) -> None:
    bench.push(NEWS)
    bench.pass_time(44)
    bench.push(NEWS)
    assert bench.state == "have_packet"
    assert bench.timers == {"hold or die": 1}  # a packet is no sign of life of the client


# -- the held request's connection breaks ----------------------------------------------------------


def test_have_request_forgets_a_request_whose_connection_broke(bench: Bench) -> None:
    request = bench.request(2)
    bench.drop(request)
    assert bench.state == "waiting"
    assert bench.timers == {"hold or die": 45}
    bench.push(NEWS)
    assert not request.answered
    assert bench.request(3).got == (1, (NEWS,))


@pytest.mark.parametrize("name", STATES)
def test_the_drop_of_a_request_that_is_not_held_means_nothing(bench: Bench, name: str) -> None:
    STATES[name](bench)
    before = (bench.state, bench.machine.held, bench.timers)
    bench.step(RequestDropped(bench.new_request(1)))
    assert (bench.state, bench.machine.held, bench.timers) == before


def test_the_drop_of_the_released_request_leaves_the_held_one(bench: Bench) -> None:
    older = bench.request(2)
    newer = bench.request(3)
    bench.step(RequestDropped(older))
    bench.push(NEWS)
    assert newer.got == (1, (NEWS,))


# -- time runs out ---------------------------------------------------------------------------------


def test_have_request_answers_empty_when_the_wait_runs_out(bench: Bench) -> None:
    request = bench.request(2)
    bench.pass_time(59.9)
    assert not request.answered
    bench.pass_time(0.1)
    assert request.got == (0, ())
    assert bench.state == "waiting"
    assert bench.timers == {"hold or die": 45}


@pytest.mark.parametrize("name", ["waiting", "have_packet"])
def test_without_a_request_the_session_ends_when_die_runs_out(bench: Bench, name: str) -> None:
    STATES[name](bench)
    bench.pass_time(44.9)
    assert bench.ended is None
    bench.pass_time(0.1)
    assert bench.ended == "timeout"


def test_a_client_may_want_to_wait_less_but_not_more() -> None:
    assert Bench(SETTINGS, wait=5).machine.wait == 5
    assert Bench(SETTINGS, wait=600).machine.wait == 60
    assert Bench(SETTINGS).machine.wait == 60


def test_a_client_that_does_not_want_to_wait_is_answered_at_once() -> None:
    bench = Bench(SETTINGS, wait=0)
    assert bench.request(2).got == (0, ())
    assert bench.timers == {"hold or die": 45}


@pytest.mark.parametrize("name", STATES)
def test_every_state_has_a_timer_that_ends_it(bench: Bench, name: str) -> None:
    STATES[name](bench)
    bench.pass_time(60 + 45)
    assert bench.ended == "timeout"


# -- acknowledgements ------------------------------------------------------------------------------


def test_what_was_sent_and_not_acknowledged_is_sent_again(bench: Bench) -> None:
    bench.request(2)
    bench.push(NEWS)
    assert bench.request(3).got == (1, (NEWS,))
    assert bench.request(4, ack=1).answered is False
    assert bench.state == "have_request"


def test_an_answer_begins_behind_what_was_acknowledged(bench: Bench) -> None:
    bench.request(2)
    bench.push(NEWS)
    bench.push(NEWS)
    assert bench.request(3, ack=1).got == (2, (NEWS,))


def test_a_lower_ack_is_ignored(bench: Bench) -> None:
    bench.request(2)
    bench.push(NEWS)
    bench.request(3, ack=1)
    assert not bench.request(4, ack=0).answered


def test_leftovers_of_the_response_limit_wait_for_the_next_request() -> None:
    bench = Bench(SessionSettings(max_response_bytes=2 * NEWS.size))
    for _ in range(5):
        bench.push(NEWS)
    assert bench.request(2).got == (1, (NEWS, NEWS))
    assert bench.state == "have_packet"
    assert bench.timers == {"hold or die": 45}
    assert bench.request(3, ack=2).got == (3, (NEWS, NEWS))
    assert bench.state == "have_packet"
    assert bench.request(4, ack=4).got == (5, (NEWS,))
    assert bench.state == "waiting"


def test_an_answer_with_leftovers_restarts_the_die_timer() -> None:
    bench = Bench(SessionSettings(max_response_bytes=1))
    bench.push(NEWS)
    bench.push(NEWS)
    bench.pass_time(44)
    bench.request(2)
    assert bench.timers == {"hold or die": 45}


# -- request ids -----------------------------------------------------------------------------------


OUTSIDE: dict[str, Callable[[int], int]] = {
    "before the first": lambda _: 0,
    "beyond the window": lambda expected: expected + 2,
    "far beyond": lambda _: 2**53 - 1,
}


@pytest.mark.parametrize("name", STATES)
@pytest.mark.parametrize("outside", OUTSIDE)
def test_a_rid_outside_the_window_changes_nothing(bench: Bench, name: str, outside: str) -> None:
    STATES[name](bench)
    before = bench.snapshot()
    request = bench.request(OUTSIDE[outside](bench.machine.window.expected), packets=[NEWS], close=True)
    assert request.refused == "rid-out-of-window"
    assert bench.snapshot() == before
    assert bench.handed_over == []


def test_an_early_request_waits_for_the_one_before_it(bench: Bench) -> None:
    early = bench.request(3, packets=[Packet("a", "third")])
    assert not early.answered
    assert bench.handed_over == []
    second = bench.request(2, packets=[Packet("a", "second")])
    assert [packet.message for packet in bench.handed_over] == ["second", "third"]
    assert second.got == (0, ())
    assert bench.machine.held is early
    assert bench.timers == {"hold or die": 60}


def test_an_early_request_is_given_up_after_wait_with_nothing_of_it_processed(bench: Bench) -> None:
    early = bench.request(3, packets=[NEWS])
    bench.pass_time(44)
    bench.request(1)
    bench.pass_time(15.9)
    assert not early.answered
    bench.pass_time(0.1)
    assert early.refused == "rid-out-of-window"
    assert bench.handed_over == []
    bench.request(2)
    assert bench.request(3, packets=[NEWS]).answered is False
    assert bench.handed_over == [NEWS]


def test_an_early_request_whose_connection_broke_is_forgotten(bench: Bench) -> None:
    early = bench.request(3, packets=[NEWS])
    bench.drop(early)
    bench.request(2)
    assert bench.handed_over == []
    assert bench.machine.window.expected == 3
    assert not early.answered


def test_an_early_request_sent_again_releases_the_older_one(bench: Bench) -> None:
    older = bench.request(3, packets=[NEWS])
    newer = bench.request(3, packets=[NEWS])
    assert older.refused == "rid-out-of-window"
    bench.request(2)
    assert bench.handed_over == [NEWS]
    assert bench.machine.held is newer


def test_the_drop_of_the_older_early_request_leaves_the_newer(bench: Bench) -> None:
    older = bench.request(3)
    newer = bench.request(3)
    bench.step(RequestDropped(older))
    bench.request(2)
    assert bench.machine.held is newer


def test_a_bad_ack_in_an_early_request_is_found_when_its_turn_comes(bench: Bench) -> None:
    early = bench.request(3, ack=9, packets=[NEWS])
    second = bench.request(2)
    assert early.refused == "bad-ack"
    assert bench.handed_over == []
    assert bench.machine.held is second
    assert bench.machine.window.expected == 3


def test_several_early_requests_are_processed_in_order() -> None:
    bench = Bench(SessionSettings(requests=4))
    requests = [bench.request(rid, packets=[Packet("a", rid)]) for rid in (5, 3, 4, 2)]
    assert [packet.message for packet in bench.handed_over] == [2, 3, 4, 5]
    assert [request.answered for request in requests] == [False, True, True, True]
    assert bench.timers == {"hold or die": 60}


def test_no_early_request_waits_longer_because_another_one_came() -> None:
    bench = Bench(SessionSettings(requests=4, die=300))
    first = bench.request(5)
    bench.pass_time(59)
    bench.request(4)
    bench.pass_time(1)
    assert first.refused == "rid-out-of-window"


def test_one_gap_that_is_left_keeps_the_timer_of_early_requests_running() -> None:
    bench = Bench(SessionSettings(requests=4, die=45))
    bench.request(3)
    late = bench.request(5)
    bench.request(2)
    assert bench.timers == {"hold or die": 60, "early": 60}
    bench.pass_time(60)
    assert late.refused == "rid-out-of-window"


def test_a_retry_hands_nothing_over_again(bench: Bench) -> None:
    bench.request(2, packets=[NEWS])
    bench.request(2, packets=[NEWS])
    bench.request(2, packets=[NEWS])
    assert bench.handed_over == [NEWS]
    assert bench.machine.window.expected == 3


def test_a_retry_is_otherwise_answered_as_a_request_is(bench: Bench) -> None:
    lost = bench.request(2)
    bench.push(NEWS)
    assert lost.answered
    assert bench.request(2).got == (1, (NEWS,))


def test_a_retry_of_the_held_request_takes_its_place(bench: Bench) -> None:
    older = bench.request(2)
    newer = bench.request(2)
    assert older.got == (0, ())
    assert bench.machine.held is newer


def test_a_retry_acknowledges_too(bench: Bench) -> None:
    bench.request(2)
    bench.push(NEWS)
    assert not bench.request(2, ack=1).answered
    assert bench.machine.outbox.undelivered() == []


@pytest.mark.parametrize("rid", [1, 2], ids=["a retry", "a new one"])
@pytest.mark.parametrize("name", STATES)
def test_a_bad_ack_changes_nothing(bench: Bench, name: str, rid: int) -> None:
    STATES[name](bench)
    before = bench.snapshot()
    rid = bench.machine.window.expected - 2 + rid
    request = bench.request(rid, ack=1, packets=[NEWS], close=True)
    assert request.refused == "bad-ack"
    assert bench.snapshot() == before
    assert bench.handed_over == []


# -- packets of the client -------------------------------------------------------------------------


def test_packets_are_handed_over_before_the_request_is_answered(bench: Bench) -> None:
    request = bench.new_request(2, packets=[NEWS])
    [action] = bench.machine.step(request)
    assert isinstance(action, HandOver)
    assert bench.machine.held is None
    assert bench.machine.step(action.ready)[-1].__class__ is StartTimer
    assert bench.machine.held is request


def test_what_the_application_answers_at_once_goes_with_the_held_request(bench: Bench) -> None:
    held = bench.request(2)
    bench.on_packet = lambda _: bench.push(NEWS)
    sender = bench.request(3, packets=[Packet("question")])
    assert held.got == (1, (NEWS,))
    assert sender.replies == []  # it came before that was sent, so its `ack: 0` asks for nothing
    assert bench.machine.held is sender


def test_a_request_with_packets_gets_again_what_it_does_not_acknowledge(bench: Bench) -> None:
    bench.request(2)
    bench.push(NEWS)
    assert bench.request(3, ack=0, packets=[Packet("a")]).got == (1, (NEWS,))


# -- the end ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", ["kicked", "shutdown", "failed"])
@pytest.mark.parametrize("name", STATES)
def test_the_application_and_the_server_can_end_it_in_any_state(bench: Bench, name: str, reason: str) -> None:
    STATES[name](bench)
    held = bench.machine.held
    bench.step(End(reason))
    assert bench.ended == reason
    assert bench.timers == {}
    if held is not None:
        known = {} if reason == "failed" else {"processed": bench.machine.window.last}
        assert bench.refusal_of(held) == ("session-ended", {"reason": reason, **known})


def test_the_end_refuses_all_that_waits() -> None:
    bench = Bench(SessionSettings(requests=4))
    held = bench.request(2)
    early = [bench.request(rid) for rid in (5, 4)]
    bench.step(End("kicked"))
    assert [request.refused for request in (held, *early)] == ["session-ended"] * 3


def test_a_close_is_answered_with_what_is_left_which_stays_undelivered(bench: Bench) -> None:
    bench.push(NEWS)
    bench.push(NEWS)
    request = bench.request(2, close=True)
    assert request.got == (1, (NEWS, NEWS))
    assert bench.ended == "closed"
    assert bench.machine.outbox.undelivered() == [NEWS, NEWS]


def test_a_close_with_nothing_left_is_answered_empty(bench: Bench) -> None:
    assert bench.request(2, close=True).got[1] == ()
    assert bench.ended == "closed"


def test_a_close_ends_the_session_after_the_packets_of_its_request(bench: Bench) -> None:
    bench.on_packet = lambda _: bench.push(Packet("answer"))
    request = bench.request(2, packets=[NEWS], close=True)
    assert bench.handed_over == [NEWS]
    assert [packet.path for packet in request.got[1]] == ["answer"]


def test_a_close_refuses_the_held_request(bench: Bench) -> None:
    held = bench.request(2)
    bench.request(3, close=True)
    assert bench.refusal_of(held) == (
        "session-ended",
        {"reason": "closed", "processed": bench.machine.window.last},
    )


def test_a_close_acknowledges_too(bench: Bench) -> None:
    bench.request(2)
    bench.push(NEWS)
    bench.request(3, ack=1, close=True)
    assert bench.machine.outbox.undelivered() == []


def test_a_retry_may_close(bench: Bench) -> None:
    bench.request(2)
    bench.request(2, close=True)
    assert bench.ended == "closed"


def test_an_early_close_waits_for_its_turn(bench: Bench) -> None:
    close = bench.request(3, close=True)
    assert bench.ended is None
    second = bench.request(2, packets=[NEWS])
    assert bench.handed_over == [NEWS]
    assert bench.ended == "closed"
    assert close.got[1] == ()
    assert bench.refusal_of(second) == (
        "session-ended",
        {"reason": "closed", "processed": bench.machine.window.last},
    )


@pytest.mark.parametrize("limit", ["packets", "bytes"])
def test_a_queue_beyond_its_limit_ends_the_session(limit: str) -> None:
    settings = (
        SessionSettings(max_queued_packets=3)
        if limit == "packets"
        else SessionSettings(max_queued_bytes=4 * NEWS.size - 1)
    )
    bench = Bench(settings)
    for _ in range(3):
        bench.push(NEWS)
    assert bench.ended is None
    bench.push(NEWS)
    assert bench.ended == "overflow"
    assert bench.machine.outbox.undelivered() == [NEWS] * 4  # with the one that was too much


def test_a_packet_that_fits_no_queue_ends_the_session_even_while_a_request_is_held() -> None:
    bench = Bench(SessionSettings(max_queued_bytes=50))
    held = bench.request(2)
    bench.push(Packet("a", "x" * 100))
    assert bench.ended == "overflow"
    assert bench.refusal_of(held) == (
        "session-ended",
        {"reason": "overflow", "processed": bench.machine.window.last},
    )


def test_what_was_sent_and_never_acknowledged_counts_against_the_queue() -> None:
    bench = Bench(SessionSettings(max_queued_packets=2))
    bench.push(NEWS)
    bench.push(NEWS)
    bench.request(2)
    assert bench.state == "waiting"
    bench.push(NEWS)
    assert bench.ended == "overflow"


@pytest.mark.parametrize("name", ["waiting", "have_packet"])
def test_a_timer_that_was_stopped_too_late_does_nothing(bench: Bench, name: str) -> None:
    STATES[name](bench)
    [die] = bench.machine.running_timers
    bench.request(2)
    assert bench.machine.step(die.timed_out()) == []
    assert bench.ended is None


def test_the_machine_says_what_it_does_in_actions_only(bench: Bench) -> None:
    actions: Sequence[object] = bench.machine.step(bench.new_request(2))
    kinds = (Answer, CancelTimer, HandOver, Refuse, StartTimer, Stopped)
    assert actions
    assert all(isinstance(action, kinds) for action in actions)


def test_a_request_and_a_refusal_show_no_message() -> None:
    request = Request(2, packets=[Packet("a", "secret")])
    answer = Answer(request, 1, [Packet("a", "secret")])
    refusal = Refuse(request, ProtocolError("bad-ack", "secret"))
    assert "secret" not in f"{request!r} {answer!r} {refusal!r}"
