"""Carriers that stay: what a stream is sent, when it is no carrier, and how it is found to be silent."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from cometary.errors import ProtocolError
from cometary.fsm import Stopped
from cometary.sessions import End, Packet, SessionMachine, SessionSettings
from cometary.sessions.carriers import HOLD_OR_DIE
from cometary.sessions.events import (
    Answer,
    Attach,
    Beat,
    Full,
    HandOver,
    Heard,
    Refuse,
    Release,
    Stream,
    StreamDropped,
    Writable,
    Write,
    WriteMore,
)
from cometary.sessions.policy import Policy
from cometary.testing import MachineDriver
from tests.sessions.bench import Asked

SETTINGS = SessionSettings(wait=60, die=45)
NEWS = tuple([Packet("news", number) for number in range(10)])


class Send(Asked):
    """A request that does not want to be held."""

    holds = False


class Line(Stream):
    """A stream that says nothing: the machine is looked at from outside."""

    def write(self, first_seq: int, packets: Sequence[Packet]) -> bool:
        raise AssertionError("the test is the shell")


def driven(
    settings: SessionSettings = SETTINGS, policy: Policy | None = None
) -> MachineDriver[SessionMachine]:
    return MachineDriver(SessionMachine(settings, policy=policy))


def written(actions: Sequence[object]) -> list[tuple[int, tuple[Packet, ...]]]:
    """What is written, in order: the number of the first packet, and the packets."""
    return [(one.first_seq, tuple(one.packets)) for one in actions if isinstance(one, Write)]


def kinds(actions: Sequence[object]) -> list[type]:
    return [type(action) for action in actions]


@pytest.fixture
def session() -> MachineDriver[SessionMachine]:
    return driven()


@pytest.fixture
def stream(session: MachineDriver[SessionMachine]) -> Line:
    """One that is attached and has nothing to carry."""
    line = Line()
    assert session.send(Attach(line, 0)) == []
    return line


def state(session: MachineDriver[SessionMachine]) -> str:
    return session.state.name


@pytest.mark.usefixtures("stream")
def test_a_stream_is_written_each_packet_once_and_no_timer_moves(
    session: MachineDriver[SessionMachine],
) -> None:
    session.advance(3)
    assert written(session.send(NEWS[0])) == [(1, (NEWS[0],))]
    assert written(session.send(NEWS[1])) == [(2, (NEWS[1],))]
    assert state(session) == "have_request"
    assert session.timers == {HOLD_OR_DIE: 22}
    assert session.machine.outbox.packets == [NEWS[0], NEWS[1]], "until the client has said that it has them"


def test_requests_that_are_not_acknowledged_get_all_of_it_again_and_a_stream_does_not(
    session: MachineDriver[SessionMachine],
) -> None:
    session.send(NEWS[0])
    for rid in (2, 3, 4, 5):
        [answer] = session.send(Asked(rid))
        assert isinstance(answer, Answer)
        assert answer.first_seq == 1
    assert written(session.send(Attach(Line(), 0))) == [(1, (NEWS[0],))]
    assert written(session.send(NEWS[1])) == [(2, (NEWS[1],))]


def test_a_stream_that_comes_new_begins_behind_what_its_client_has(
    session: MachineDriver[SessionMachine], stream: Line
) -> None:
    session.send(*NEWS[:3])
    session.send(StreamDropped(stream))
    assert written(session.send(Attach(Line(), 1))) == [(2, (NEWS[1], NEWS[2]))]
    assert session.machine.outbox.acknowledged == 1


def test_a_wire_that_resends_nothing_begins_at_what_was_never_sent() -> None:
    session, stream = driven(policy=Policy(resends=False)), Line()
    session.send(Attach(stream, 0), NEWS[0], StreamDropped(stream))
    poll = Asked(2)
    assert session.send(poll) == []
    assert session.machine.held is poll, "there is nothing new"
    [answer] = session.send(NEWS[1])
    assert isinstance(answer, Answer)
    assert (answer.first_seq, answer.packets) == (2, [NEWS[1]])
    session.send(NEWS[2])
    assert written(session.send(Attach(Line(), 0))) == [(3, (NEWS[2],))]


def test_a_wire_may_take_one_packet_at_a_time() -> None:
    session = driven(policy=Policy(bundling=False))
    session.send(*NEWS[:3])
    [answer] = session.send(Asked(2))
    assert isinstance(answer, Answer)
    assert (answer.first_seq, len(answer.packets)) == (1, 1)
    assert state(session) == "have_packet"
    stream = Line()
    actions = session.send(Attach(stream, 1), Writable(stream))
    assert written(actions) == [(2, (NEWS[1],)), (3, (NEWS[2],))]


def test_all_but_the_last_packets_that_were_sent_are_presumed_to_have_arrived() -> None:
    session, stream = driven(policy=Policy(window=2)), Line()
    session.send(Attach(stream, 0), *NEWS[:5])
    outbox = session.machine.outbox
    assert (outbox.limit_packets, outbox.limit_bytes) == (
        SETTINGS.max_queued_packets,
        SETTINGS.max_queued_bytes,
    )
    assert (outbox.packets, outbox.presumed, outbox.delivered) == ([NEWS[3], NEWS[4]], 3, 0)
    assert outbox.size == NEWS[3].size + NEWS[4].size
    session.send(Heard(stream, 2), Heard(stream, 4))
    assert (outbox.presumed, outbox.delivered) == (3, 1)
    session.send(StreamDropped(stream))
    assert written(session.send(Attach(Line(), 1))) == [(5, (NEWS[4],))], (
        "the numbers say how many are missing"
    )


def test_a_request_that_completes_another_is_answered_with_what_went_out_with_that() -> None:
    session = driven(policy=Policy(second_request="completes"))
    session.send(Asked(2))
    [hand_over] = session.send(Asked(3, packets=[Packet("say")]))
    assert isinstance(hand_over, HandOver)
    [first] = session.send(NEWS[0])
    [second] = session.send(hand_over.ready)
    assert isinstance(first, Answer)
    assert isinstance(second, Answer)
    assert (first.request.rid, second.request.rid) == (2, 3)
    assert list(first.packets) == list(second.packets) == [NEWS[0]]


def test_attaching_releases_the_held_request_and_an_older_stream(
    session: MachineDriver[SessionMachine],
) -> None:
    request, older = Asked(2), Line()
    session.send(request)
    [answer] = session.send(Attach(older, 0))
    assert isinstance(answer, Answer)
    assert (answer.request, answer.packets) == (request, ())
    [release] = session.send(Attach(Line(), 0))
    assert isinstance(release, Release)
    assert release.stream is older
    assert session.send(StreamDropped(older), Writable(older)) == [], "it is none of the session's any more"
    assert state(session) == "have_request"


def test_a_poll_releases_the_stream(session: MachineDriver[SessionMachine], stream: Line) -> None:
    request = Asked(2)
    [release] = session.send(request)
    assert isinstance(release, Release)
    assert session.machine.held is request
    assert session.timers == {HOLD_OR_DIE: 60}
    assert session.machine.stream is not stream


def test_a_poll_releases_a_stream_that_is_full(session: MachineDriver[SessionMachine], stream: Line) -> None:
    session.send(NEWS[0], Full(stream))
    assert kinds(session.send(Asked(2, ack=1))) == [Release]
    assert session.machine.stream is None
    assert kinds(session.send(NEWS[1])) == [Answer]


def test_a_send_is_answered_at_once_and_leaves_what_is_held(
    session: MachineDriver[SessionMachine], stream: Line
) -> None:
    [hand_over] = session.send(Send(2, packets=[Packet("say")]))
    assert isinstance(hand_over, HandOver)
    [answer] = session.send(hand_over.ready)
    assert isinstance(answer, Answer)
    assert (answer.request.rid, answer.first_seq, answer.packets) == (2, 0, ())
    assert session.machine.stream is stream
    session.send(StreamDropped(stream))
    poll = Asked(3)
    session.send(poll)
    assert kinds(session.send(Send(4))) == [Answer]
    assert session.machine.held is poll


def test_a_full_stream_is_no_carrier_until_it_is_writable(
    session: MachineDriver[SessionMachine], stream: Line
) -> None:
    session.send(NEWS[0], Full(stream))
    assert state(session) == "waiting"
    assert session.timers == {HOLD_OR_DIE: 45}, "the die timer"
    assert session.send(NEWS[1], NEWS[2]) == []
    assert state(session) == "have_packet"
    assert written(session.send(Writable(stream))) == [(2, (NEWS[1], NEWS[2]))]
    assert state(session) == "have_request"
    assert session.timers == {HOLD_OR_DIE: 25}


def test_a_full_stream_that_stays_full_ends_the_session(
    session: MachineDriver[SessionMachine], stream: Line
) -> None:
    session.send(NEWS[0], Full(stream))
    refuse, _ = session.advance(45)
    assert isinstance(refuse, Refuse)
    assert refuse.carrier is stream


def test_what_is_more_than_one_batch_goes_out_in_several_turns() -> None:
    session = driven(SessionSettings(max_response_bytes=2 * NEWS[0].size))
    session.send(*NEWS[:5])
    stream = Line()
    actions = session.send(Attach(stream, 0))
    assert kinds(actions) == [Write, WriteMore]
    assert state(session) == "have_packet"
    actions += session.send(Writable(stream))
    assert state(session) == "have_packet"
    actions += session.send(Writable(stream))
    assert state(session) == "have_request"
    assert written(actions) == [(1, NEWS[0:2]), (3, NEWS[2:4]), (5, NEWS[4:5])]


def test_a_silent_stream_is_asked_and_then_released(session: MachineDriver[SessionMachine]) -> None:
    stream = Line()
    session.send(Attach(stream, 0))
    assert kinds(session.advance(25)) == [Beat]
    assert session.timers == {HOLD_OR_DIE: 20}
    assert session.machine.has_carrier
    assert kinds(session.advance(20)) == [Release]
    assert (state(session), session.timers) == ("waiting", {HOLD_OR_DIE: 45})
    assert session.machine.stream is None
    assert not session.machine.has_carrier


def test_a_stream_that_is_heard_stays(session: MachineDriver[SessionMachine], stream: Line) -> None:
    session.send(NEWS[0])
    for _ in range(10):
        session.advance(24)
        session.send(Heard(stream, 1))
    assert session.machine.stream is stream
    assert session.machine.outbox.packets == []


def test_a_wrong_acknowledgement_costs_the_stream_and_nothing_else(
    session: MachineDriver[SessionMachine], stream: Line
) -> None:
    session.send(NEWS[0])
    [refuse] = session.send(Heard(stream, 2))
    assert isinstance(refuse, Refuse)
    assert refuse.error.condition == "bad-ack"
    assert (state(session), session.machine.stream) == ("waiting", None)
    assert session.send(Heard(stream, 9)) == [], "it is finished"
    other = Line()
    [refuse] = session.send(Attach(other, 2))
    assert isinstance(refuse, Refuse)
    assert (refuse.carrier, refuse.error.condition) == (other, "bad-ack")
    assert session.machine.stream is None
    assert written(session.send(Attach(other, 0))) == [(1, (NEWS[0],))]
    session.send(NEWS[1], Full(other))
    assert kinds(session.send(Heard(other, 7))) == [Refuse], "a full one as well"
    assert (state(session), session.machine.stream) == ("waiting", None)


@pytest.mark.usefixtures("stream")
def test_the_end_is_told_to_the_stream(session: MachineDriver[SessionMachine]) -> None:
    refuse, _ = session.send(End("kicked"))
    assert isinstance(refuse, Refuse)
    assert (refuse.error.condition, refuse.error.members) == (
        "session-ended",
        {"reason": "kicked", "processed": 1},
    )
    assert session.machine.stream is None


def test_a_policy_may_end_the_session_with_its_carrier() -> None:
    session = driven(policy=Policy(drop_ends=True))
    stream = Line()
    session.send(Attach(stream, 0), NEWS[0], Full(stream))
    assert kinds(session.send(StreamDropped(stream))) == [Stopped]


def test_a_stream_that_takes_more_when_there_is_no_more_is_a_carrier_again(
    session: MachineDriver[SessionMachine], stream: Line
) -> None:
    session.send(NEWS[0], Full(stream))
    assert session.send(Writable(Line())) == []
    assert not session.machine.has_carrier
    assert session.send(Writable(stream)) == []
    assert (session.machine.has_carrier, session.timers) == (True, {HOLD_OR_DIE: 25})


@pytest.mark.parametrize(("more", "after"), [(0, "waiting"), (1, "have_packet")])
def test_when_a_full_stream_breaks_what_waits_for_it_waits_on(
    session: MachineDriver[SessionMachine], stream: Line, more: int, after: str
) -> None:
    session.send(NEWS[0], Full(stream), *NEWS[1 : 1 + more])
    assert session.send(StreamDropped(Line())) == []
    assert session.send(StreamDropped(stream)) == []
    assert (state(session), session.machine.stream) == (after, None)


def test_a_send_is_a_sign_of_life_of_the_stream_as_well(
    session: MachineDriver[SessionMachine], stream: Line
) -> None:
    assert session.advance(24) == []
    assert kinds(session.send(Send(2))) == [Answer]
    assert session.advance(1) == [], "it has been heard"
    assert kinds(session.advance(25)) == [Beat]


def test_an_outbox_that_presumes_has_the_limits_of_any() -> None:
    settings = SessionSettings(max_queued_packets=7, max_queued_bytes=2_000)
    for policy in (Policy(), Policy(window=3)):
        outbox = driven(settings, policy).machine.outbox
        assert (outbox.max_packets, outbox.max_bytes) == (7, 2_000)


def test_a_policy_may_end_the_session_at_a_second_carrier() -> None:
    session = driven(policy=Policy(second_request="ends"))
    session.send(Asked(2))
    errors = [one.error for one in session.send(Asked(3)) if isinstance(one, Refuse)]
    assert [error.members for error in errors] == [{"reason": "closed", "processed": 3}] * 2
    assert all(isinstance(error, ProtocolError) for error in errors)


def test_a_stream_shows_no_message() -> None:
    stream = Line()
    shown = f"{stream!r} {Write(stream, 1, [Packet('a', 'secret')])!r}"
    assert shown == "<Stream, up to 0> <Write: 1 from 1>"


# -- sends ---------------------------------------------------------------------------------------


def test_a_send_whose_turn_an_early_request_has_waited_for_gives_it_its_own() -> None:
    driver = driven()
    early, sent = Asked(3), Send(2)
    driver.send(early)
    driver.send(sent)
    assert driver.machine.held is early
    assert "early" not in driver.timers


def test_a_send_is_no_second_carrier_on_a_wire_that_may_have_one() -> None:
    driver = driven(policy=Policy(second_request="ends"))
    held = Asked(2)
    driver.send(held)
    actions = driver.send(Send(3))
    assert kinds(actions) == [Answer]
    assert driver.machine.held is held
