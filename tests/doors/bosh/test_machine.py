"""The rules of a BOSH session, one after the other. B and a number is a rule of XEP-0124 or XEP-0206 to be kept to."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, Final
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cometary.doors.bosh.answers import MOST_BYTES
from cometary.doors.bosh.bodies import read_body
from cometary.doors.bosh.names import HTTPBIND
from cometary.doors.bosh.terms import Offer
from cometary.doors.bosh.waiting import MOST_WAITING
from tests.doors.bosh.driver import FIRST, OFFER, Driver, Request

A, B, C = b"<a/>", b"<b/>", b"<c/>"
RESTART: Final[dict[str, Any]] = {"urn:xmpp:xbosh__restart": "true"}


# -- the beginning ----------------------------------------------------------------------------------


def test_b1_a_client_is_told_what_was_agreed_with_the_first_answer() -> None:
    driver = Driver(opened=False, wait="600", hold="9", ver="2.0", xmpp__x="", route="xmpp:evil.example:22")
    assert driver.first.held
    driver.arrive(b"<features/>")
    assert driver.first.got == ["{http://jabber.org/protocol/httpbind}features"]
    said = driver.first.said
    assert {
        name: said[name] for name in ("sid", "wait", "hold", "requests", "inactivity", "polling", "maxpause")
    } == {
        "sid": "the-sid",
        "wait": "60",
        "hold": "1",
        "requests": "2",
        "inactivity": "30",
        "polling": "5",
        "maxpause": "120",
    }
    assert said["from"] == "localhost"
    assert said["ver"] == "1.11"
    assert "ack" not in said
    assert driver.ask(A).held


@pytest.mark.parametrize(
    ("asked", "spoken"), [("1.6", "1.6"), ("1.11", "1.11"), ("1.12", "1.11"), ("0.9", "0.9")]
)
def test_b1_the_version_is_the_lesser_one_by_its_two_numbers(asked: str, spoken: str) -> None:
    assert Driver(ver=asked).first.said["ver"] == spoken


def test_b1_a_client_may_ask_for_less() -> None:
    said = Driver(wait="10", hold="1").first.said
    assert (said["wait"], said["hold"], said["requests"]) == ("10", "1", "2")


def test_b1_a_server_that_does_not_answer_keeps_a_client_waiting_no_longer_than_it_wants() -> None:
    driver = Driver(opened=False, wait="20")
    driver.wait(19.9)
    assert driver.first.held
    driver.wait(0.2)
    assert driver.first.said["sid"] == "the-sid"
    assert not driver.first.got
    driver.arrive(b"<features/>")
    assert driver.ask().got


# -- holding ------------------------------------------------------------------------------------------


def test_b2_one_request_is_held_and_a_second_one_releases_it() -> None:
    driver = Driver()
    first = driver.ask()
    second = driver.ask(A)
    assert first.raw == b"<body xmlns='http://jabber.org/protocol/httpbind'/>"
    assert second.held
    driver.arrive(B, C)
    assert len(second.got) == 2
    assert driver.forwarded == [A]


def test_b2_two_are_held_where_two_may_be() -> None:
    driver = Driver(Offer(OFFER.hosts, hold=2), hold="2")
    assert driver.first.said["requests"] == "3"
    held = [driver.ask(A) for _ in range(3)]
    assert [request.held for request in held] == [False, True, True]
    driver.arrive(B)
    assert [request.held for request in held] == [False, False, True]


def test_b3_a_request_is_held_as_long_as_was_agreed_and_no_longer() -> None:
    driver = Driver(wait="20")
    request = driver.ask()
    driver.wait(19.9)
    assert request.held
    driver.wait(0.2)
    assert not request.got


def test_b4_requests_that_come_out_of_order_are_processed_and_answered_in_order() -> None:
    driver = Driver()
    later = driver.ask(B, rid=FIRST + 2)
    assert not driver.forwarded
    sooner = driver.ask(A, rid=FIRST + 1)
    assert driver.forwarded == [A, B]
    assert not sooner.held
    driver.arrive(C)
    assert (len(sooner.got), len(later.got)) == (0, 1)


def test_b4_one_that_came_early_and_comes_again_is_answered_on_its_new_connection() -> None:
    driver = Driver()
    early = driver.ask(B, rid=FIRST + 2)
    again = driver.ask(B, rid=FIRST + 2)
    assert early.said["type"] == "error"
    driver.ask(A, rid=FIRST + 1)
    driver.arrive(C)
    assert again.got
    assert driver.forwarded == [A, B]


def test_b4_early_ones_whose_gap_is_never_filled_end_with_the_session() -> None:
    driver = Driver()
    early = driver.ask(B, rid=FIRST + 2)
    driver.wait(31)
    assert driver.ended
    assert early.condition == "item-not-found"


# -- the window, and what comes again -------------------------------------------------------------------


@pytest.mark.parametrize("rid", [FIRST + 5, FIRST - 1, FIRST, FIRST + 1, 1])
def test_b5_b8_what_is_beyond_the_window_or_not_kept_any_more_is_not_found(rid: int) -> None:
    driver = Driver()
    for _ in range(2):
        driver.ask(A)
        driver.arrive(B)
    culprit = driver.ask(C, rid=rid) if rid != FIRST + 1 else driver.ask(C, rid=FIRST)
    assert culprit.raw == (
        b"<body xmlns='http://jabber.org/protocol/httpbind' type='terminate' condition='item-not-found'/>"
    )
    assert driver.ended
    assert C not in driver.forwarded


@pytest.mark.parametrize("rid", [FIRST + 1, FIRST + 2])
def test_b6_b8_a_request_that_was_answered_gets_the_same_answer_and_says_nothing_twice(rid: int) -> None:
    driver = Driver()
    answered: dict[int, Request] = {}
    for number in (1, 2):
        answered[FIRST + number] = driver.ask(A)
        driver.arrive(B)
    again = driver.ask(A, rid=rid)
    assert again.raw == answered[rid].raw
    assert driver.forwarded == [A, A]


def test_b7_a_request_that_is_held_and_comes_again_is_held_on_its_new_connection() -> None:
    driver = Driver()
    old = driver.ask(A)
    new = driver.ask(A, rid=driver.last)
    assert old.said == {"type": "error"}
    driver.arrive(B)
    assert new.got
    assert driver.forwarded == [A]


def test_b8_with_acknowledgements_an_answer_is_kept_until_it_is_acknowledged() -> None:
    driver = Driver(ack="1")
    answers: dict[int, Request] = {}
    for _ in range(6):
        request = driver.ask(A, ack=str(FIRST))
        driver.arrive(B)
        answers[driver.last] = request
    assert driver.ask(A, rid=FIRST + 1).raw == answers[FIRST + 1].raw
    request = driver.ask(A, ack=str(FIRST + 4))
    driver.arrive(B)
    assert driver.ask(A, rid=FIRST + 5).raw == answers[FIRST + 5].raw
    assert driver.ask(A, rid=FIRST + 4).condition == "item-not-found"


def test_b8_a_client_that_acknowledges_nothing_has_no_more_kept_for_it_than_is_bounded() -> None:
    driver = Driver(ack="1")
    big = b"<a>" + b"x" * (MOST_BYTES // 4) + b"</a>"
    for _ in range(4):
        driver.ask(A, ack=str(FIRST))
        driver.arrive(big)
    assert driver.ask(A, ack=str(FIRST)).condition == "policy-violation"


def test_b8_nor_are_more_of_its_keys_kept_than_is_bounded() -> None:
    driver = Driver(ack="1")
    long = "k" * (MOST_BYTES // 4)
    for _ in range(4):
        driver.ask(A, ack=str(FIRST), key=long)
        driver.arrive(B)
    assert driver.ask(A, ack=str(FIRST)).condition == "policy-violation"


def test_b9_acknowledgements_of_requests_are_left_out_where_they_say_nothing() -> None:
    driver = Driver(ack="1")
    assert driver.first.said["ack"] == str(FIRST)
    first, second = driver.ask(A), driver.ask(B)
    assert first.said == {"ack": str(FIRST + 2)}
    driver.arrive(C)
    assert "ack" not in second.said


def test_b9_a_client_is_told_which_answer_it_seems_to_lack() -> None:
    driver = Driver(ack="1")
    driver.ask(A)
    driver.arrive(B)
    driver.wait(0.5)
    on_its_way = driver.ask(A, ack=str(FIRST))
    assert on_its_way.held
    driver.arrive(C)
    driver.wait(3)
    lacking = driver.ask(A, ack=str(FIRST))
    assert lacking.said == {"report": str(FIRST + 1), "time": "3500"}


# -- clients that go, pause, come too often ------------------------------------------------------------------


def test_b10_a_session_ends_in_silence_when_no_request_has_been_there_for_too_long() -> None:
    driver = Driver()
    request = driver.ask()
    driver.wait(60)
    assert not request.held
    driver.arrive(B)
    driver.wait(29.9)
    assert not driver.ended
    driver.wait(0.2)
    assert driver.ended
    assert driver.undelivered == (B,)


def test_b10_not_while_one_is_held_and_packets_do_not_keep_it_alive() -> None:
    driver = Driver(wait="60")
    driver.ask()
    driver.wait(59)
    assert not driver.ended
    driver.arrive(A)
    for _ in range(6):
        driver.wait(4.9)
        driver.arrive(B)
    assert not driver.ended
    driver.wait(1)
    assert driver.ended


def test_b11_a_client_may_pause_and_is_back_to_normal_with_its_next_request() -> None:
    driver = Driver()
    held = driver.ask()
    pausing = driver.ask(pause="100")
    assert (held.got, pausing.got) == ([], [])
    driver.arrive(B)
    driver.wait(99)
    assert not driver.ended
    assert driver.ask().got
    driver.wait(31)
    assert driver.ended


def test_b11_no_longer_than_is_offered_and_not_twice() -> None:
    driver = Driver()
    assert driver.ask(pause="121").condition == "bad-request"
    driver = Driver()
    driver.ask(pause="120")
    assert driver.ask(pause="120", rid=driver.last).condition == "item-not-found"


def test_b12_more_requests_than_were_agreed_are_too_many() -> None:
    driver = Driver(Offer(OFFER.hosts, hold=2), hold="2")
    held = [driver.ask(A), driver.ask(A)]
    early = driver.ask(A, rid=driver.last + 2)
    culprit = driver.ask(A)
    assert culprit.condition == "policy-violation"
    assert held[0].condition == "policy-violation"
    assert (held[1].raw, early.raw) == (b"<body xmlns='http://jabber.org/protocol/httpbind'/>",) * 2


@pytest.mark.parametrize("said", [{"pause": "10"}, {"type": "terminate"}])
def test_b12_one_more_may_pause_or_end_the_session(said: dict[str, Any]) -> None:
    driver = Driver(Offer(OFFER.hosts, hold=2), hold="2")
    driver.ask(A)
    driver.ask(A)
    driver.ask(A, rid=driver.last + 2)
    last = driver.ask(**said)
    assert last.said.get("condition") is None


def test_b12_empty_requests_that_fill_what_was_agreed_come_no_faster_than_was_agreed() -> None:
    driver = Driver()
    driver.ask()
    driver.wait(5)
    driver.ask()
    driver.wait(4.9)
    assert driver.ask().condition == "policy-violation"


def test_b12_an_empty_one_that_one_has_overtaken_is_not_the_last() -> None:
    driver = Driver()
    behind = driver.ask(A, rid=FIRST + 2)
    overtaken = driver.ask(rid=FIRST + 1)
    assert overtaken.said == {}
    assert behind.held
    assert (driver.forwarded, driver.ended) == ([A], False)


def test_b12_one_that_says_something_may_come_at_any_time_and_so_may_one_that_comes_again() -> None:
    driver = Driver()
    driver.ask()
    for _ in range(5):
        driver.ask(A)
        driver.ask(A, rid=driver.last)
    assert not driver.ended
    driver.arrive(B)
    assert driver.ask(**RESTART).held
    assert driver.restarts == 1


@pytest.mark.parametrize("said", [{"hold": "0"}, {"wait": "0"}])
def test_b12_who_polls_is_never_held_is_given_longer_and_asks_no_faster_than_was_agreed(
    said: dict[str, Any],
) -> None:
    driver = Driver(**said)
    told = driver.first.said
    assert (told["requests"], told["hold"]) == ("1", "0")
    assert int(told["inactivity"]) > 30 + int(told["polling"])
    assert driver.ask().got, "what has come by then"
    assert not driver.ask().got, "the one before had something"
    driver.wait(5)
    assert not driver.ask().got
    driver.wait(4.9)
    assert driver.ask().condition == "policy-violation"


# -- the end ----------------------------------------------------------------------------------------------


def test_b13_what_comes_with_the_end_is_passed_on_and_all_are_answered() -> None:
    driver = Driver()
    held = driver.ask()
    driver.arrive()
    last = driver.ask(A, B, type="terminate")
    assert driver.forwarded == [A, B]
    assert held.said == {"type": "terminate"}
    assert last.said == {}
    assert driver.ended


@pytest.mark.parametrize(
    ("status", "rid", "said"),
    [(404, FIRST + 9, {}), (400, FIRST + 1, {"pause": "999"}), (403, FIRST + 1, {})],
)
def test_b14_a_client_that_does_not_say_its_version_is_told_by_the_status(
    status: int, rid: int, said: dict[str, Any]
) -> None:
    driver = Driver(ver="1.6")
    driver.machine.terms = driver.terms._replace(version=None)
    if status == 403:
        driver.ask()
        rid += 1
    culprit = driver.ask(rid=rid, **said)
    assert (culprit.status, culprit.raw) == (status, b"")


def test_b16_there_is_one_stream_and_what_is_of_another_one_is_not_found() -> None:
    driver = Driver()
    assert "stream" not in driver.first.said
    adding = driver.ask(to="other.example")  # which is for servers that have said that there may be several
    assert adding.held
    driver.arrive(A)
    assert "stream" not in adding.said
    last = driver.ask(B, stream="another", type="terminate")
    assert last.condition == "item-not-found"
    assert (driver.forwarded, driver.ended) == ([], True)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_b21_json_in_an_element_goes_by_the_same_rules(value: object) -> None:
    element = b"<json xmlns='urn:xmpp:json:0'>%b</json>" % escape(json.dumps(value)).encode()
    driver = Driver(ack="1", hold="1")
    request = driver.ask(
        *read_body(b"<body xmlns='%b' rid='1'>%b</body>" % (HTTPBIND.encode(), element)).children
    )
    assert driver.forwarded == [element]
    driver.arrive(element)
    again = driver.ask(element, rid=driver.last)
    assert again.raw == request.raw
    assert driver.forwarded == [element]
    [child] = ET.fromstring(again.raw)  # noqa: S314 - it is ours
    assert json.loads(child.text or "") == value
    assert driver.ask(type="terminate").said["type"] == "terminate"


def test_b20_when_the_server_stops_the_client_is_told() -> None:
    driver = Driver()
    held = driver.ask()
    driver.end("system-shutdown")
    assert held.condition == "system-shutdown"
    assert driver.ended


def test_a_client_is_told_how_the_xmpp_server_has_ended_the_stream_with_what_came_before() -> None:
    driver = Driver()
    held = driver.ask()
    driver.server_ends("remote-stream-error", A, b"<error/>")
    assert held.condition == "remote-stream-error"
    assert len(held.got) == 2


def test_or_with_its_next_request() -> None:
    driver = Driver()
    answered = driver.ask(A)
    driver.arrive(B)
    driver.server_ends("remote-connection-failed")
    assert driver.ask(A, rid=driver.last).raw == answered.raw
    assert driver.ask(A).condition == "remote-connection-failed"
    assert driver.forwarded == [A]


# -- keys ---------------------------------------------------------------------------------------------------


def sequence(seed: str, count: int) -> list[str]:
    """Return keys as a client uses them: the last hash first."""
    keys = [seed]
    for _ in range(count):
        keys.append(hashlib.sha1(keys[-1].encode()).hexdigest())  # noqa: S324 - XEP-0124's
    return keys[:0:-1]


def test_b15_each_request_proves_whose_it_is_and_a_sequence_goes_over_into_another() -> None:
    one, other = sequence("one", 3), sequence("other", 3)
    driver = Driver(newkey=one[0])
    assert driver.ask(A, key=one[1].upper()).held
    assert driver.ask(A, key=one[2], newkey=other[0].upper()).held
    request = driver.ask(B, key=other[1])
    assert request.held
    driver.arrive(C)
    assert driver.ask(B, rid=driver.last, key=other[1]).raw == request.raw


@pytest.mark.parametrize("key", ["", "0" * 40, "é", None])
def test_b15_without_the_right_key_nothing_is_done(key: str | None) -> None:
    driver = Driver(newkey=sequence("one", 3)[0])
    said: dict[str, Any] = {} if key is None else {"key": key}
    request = driver.ask(A, **said)
    assert request.condition == "item-not-found"
    assert not driver.forwarded
    assert driver.ended


def test_b15_an_answer_that_is_kept_is_for_who_has_the_key() -> None:
    keys = sequence("one", 3)
    driver = Driver(newkey=keys[0])
    driver.ask(A, key=keys[1])
    driver.arrive(B)
    assert driver.ask(A, rid=driver.last).condition == "item-not-found"


def test_b15_a_request_that_is_held_goes_over_to_a_connection_that_has_the_key() -> None:
    keys = sequence("one", 3)
    driver = Driver(newkey=keys[0])
    held = driver.ask(A, key=keys[1])
    assert driver.ask(A, rid=driver.last, key=keys[2]).condition == "item-not-found"
    assert not held.got


# -- connections that break -----------------------------------------------------------------------------------


def test_b19_a_connection_that_breaks_loses_nothing() -> None:
    driver = Driver()
    lost = driver.ask(A)
    driver.gone(lost)
    driver.arrive(B)
    again = driver.ask(A, rid=driver.last)
    assert again.got
    assert driver.forwarded == [A]


def test_b19_not_even_if_the_client_goes_on_with_another_request() -> None:
    driver = Driver()
    lost = driver.ask(A)
    driver.gone(lost)
    driver.arrive(B)
    assert driver.ask().got
    assert not driver.ask(A, rid=FIRST + 1).got


def test_b10_b19_a_client_whose_connection_broke_is_away() -> None:
    driver = Driver()
    driver.gone(driver.ask(A))
    driver.wait(29.9)
    assert not driver.ended
    driver.wait(0.2)
    assert driver.ended


def test_what_waits_is_bounded_by_not_reading_on() -> None:
    driver = Driver()
    driver.arrive(b"x" * MOST_WAITING)
    assert driver.reading
    driver.arrive(A)
    assert not driver.reading
    assert len(driver.ask().raw) > MOST_WAITING
    assert driver.reading


# -- whatever happens -------------------------------------------------------------------------------------------


class Life:
    """What a client and an XMPP server may do, and what has come of it."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self.asked = [driver.first]
        self.arrived = self.said = 0

    def ask(self, _: int) -> None:
        self.asked.append(self._driver.ask())

    def say(self, _: int) -> None:
        self.said += 1
        self.asked.append(self._driver.ask(b"<s%d/>" % self.said))

    def say_two_in_reverse(self, _: int) -> None:
        driver, said, rid = self._driver, self.said, self._driver.last
        self.said += 2
        driver.last += 2
        self.asked.append(driver.ask(b"<s%d/>" % (said + 2), rid=rid + 2))
        if not driver.ended:
            self.asked.append(driver.ask(b"<s%d/>" % (said + 1), rid=rid + 1))

    def ask_again(self, _: int) -> None:
        self.asked.append(self._driver.ask(rid=self._driver.last))

    def lose(self, number: int) -> None:
        held = [request for request in self.asked if request.held]
        if held:
            self._driver.gone(held[number % len(held)])

    def arrive(self, _: int) -> None:
        self.arrived += 1
        self._driver.arrive(b"<e%d/>" % self.arrived)

    def wait(self, number: int) -> None:
        self._driver.wait(number * 11)

    def pause(self, _: int) -> None:
        self.asked.append(self._driver.ask(pause="30"))

    def told(self) -> list[int]:
        """The elements that have arrived at the client, in the order of the answers, each answer once."""
        answers = {
            request.body.rid: request.raw
            for request in self.asked
            if request.answers and b"'error'" not in request.raw
        }
        told = b"".join(raw for _, raw in sorted(answers.items()))
        return [int(number) for number in re.findall(rb"<e(\d+)/>", told)]


MOVES: Final = [name for name in vars(Life) if not name.startswith("_") and name != "told"]


@given(
    moves=st.lists(st.tuples(st.sampled_from(MOVES), st.integers(0, 3)), max_size=40),
    acks=st.booleans(),
    hold=st.integers(0, 3),
)
def test_b4_b6_whatever_happens_no_request_has_two_answers_and_no_element_is_lost_doubled_or_out_of_order(
    moves: list[tuple[str, int]], *, acks: bool, hold: int
) -> None:
    said: dict[str, Any] = {"ack": "1"} if acks else {}
    driver = Driver(Offer(OFFER.hosts, hold=hold), hold=str(hold), **said)
    life = Life(driver)
    for move, number in moves:
        if not driver.ended:
            getattr(life, move)(number)
    assert all(len(request.answers) <= 1 for request in life.asked)
    assert driver.forwarded == [b"<s%d/>" % number for number in range(1, len(driver.forwarded) + 1)]
    assert life.told() == [*range(1, len(life.told()) + 1)]
