"""Roots without sockets: Thestrals, Dolores, Pig, lines, polling. R and a number is a row to be kept to."""

from __future__ import annotations

import re
from io import StringIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cometary.doors.roots import Dolores, Pig, Writer
from cometary.doors.roots.imperio import LONGEST, LineReader, split
from cometary.doors.roots.polling import BUNDLE, DIE, HOLD, MOST, Polling, Times
from cometary.errors import ProtocolError


class Ear:
    """A Thestral: nothing but an id and `update`."""

    def __init__(self, failing: bool = False) -> None:
        self.id = "--no--id--"
        self.heard: list[tuple[str, Any]] = []
        self.failing = failing

    def update(self, source: Any, path: str, data: Any) -> None:
        self.heard.append((path, data))
        if self.failing:
            raise LookupError(path)


@pytest.fixture
def dolores() -> Dolores:
    return Dolores()


@pytest.fixture
def pig(dolores: Dolores) -> Pig:
    pig = Pig(dolores)
    dolores.delegate(pig)
    return pig


def test_r1_anything_with_an_id_and_update_can_be_delegate_and_subscriber(dolores: Dolores, pig: Pig) -> None:
    delegate, subscriber = Ear(), Ear()
    dolores.delegate(delegate)
    dolores.update(None, "::connect", f"{dolores.register(subscriber)}->a")
    dolores.update(None, "a", 1)
    assert delegate.heard[-1] == ("a", 1)
    assert subscriber.heard == [("a", ""), ("a", 1)]


def test_r2_ids_are_random_and_numbered_and_never_the_same(dolores: Dolores) -> None:
    ids = [dolores.register(Ear()) for _ in range(10_000)]
    assert all(re.fullmatch(rf"{dolores.id}-[A-Za-z0-9]{{32}}-\d+", each) for each in ids)
    assert [int(each.rpartition("-")[2]) for each in ids] == list(range(1, 10_001))
    assert len({each.split("-")[2] for each in ids}) == 10_000


def test_r3_delegates_hear_in_order_and_one_that_fails_stops_none(dolores: Dolores) -> None:
    order: list[int] = []

    class Numbered(Ear):
        def __init__(self, number: int) -> None:
            super().__init__(failing=number == 1)
            self.number = number

        def update(self, source: Any, path: str, data: Any) -> None:
            order.append(self.number)
            super().update(source, path, data)

    for number in range(3):
        dolores.delegate(Numbered(number))
    dolores.update(None, "a", 1)
    dolores.update(None, "a", 2)
    assert order == [0, 1, 2, 0, 1, 2]


def test_r4_a_starter_that_is_added_twice_is_called_once(dolores: Dolores) -> None:
    calls: list[str] = []

    def starter() -> None:
        calls.append("started")

    dolores.add_starter(starter)
    dolores.add_starter(starter)
    dolores.start()
    assert calls == ["started"]


def test_r5_connecting_is_confirmed_once_and_only_exact_paths_are_heard(dolores: Dolores, pig: Pig) -> None:
    ear = Ear()
    name = dolores.register(ear)
    dolores.update(None, "::connect", f"{name}->a/b")
    for path in ("a/b", "a", "a/b/c", "A/B", "a/*"):
        dolores.update(None, path, "x")
    assert ear.heard == [("a/b", ""), ("a/b", "x")]


def test_r6_disconnecting_is_confirmed_and_nothing_is_heard_there_any_more(
    dolores: Dolores, pig: Pig
) -> None:
    ear = Ear()
    name = dolores.register(ear)
    dolores.update(None, "::connect", f"{name}->a")
    dolores.update(None, "::disconnect", f"{name}->a")
    dolores.update(None, "::disconnect", f"{name}->a")
    dolores.update(None, "a", "unheard")
    assert ear.heard == [("a", ""), ("::+::disconnect", "a")]


@pytest.mark.parametrize("message", ["abc", "a->b->c", "nobody->a", "", "->", "->a", None, 7, ["a->b"]])
@pytest.mark.parametrize("control", ["::connect", "::disconnect", "::gone"])
def test_r7_what_is_malformed_changes_nothing(dolores: Dolores, pig: Pig, control: str, message: Any) -> None:
    ear = Ear()
    dolores.update(None, "::connect", f"{dolores.register(ear)}->a")
    dolores.update(None, control, message)
    assert (len(pig), ear.heard) == (1, [("a", "")])


def test_r8_who_subscribes_to_control_messages_hears_them(dolores: Dolores, pig: Pig) -> None:
    ear, other = Ear(), Ear()
    name, gone = dolores.register(ear), dolores.register(other)
    for path in ("::connect", "::gone"):
        dolores.update(None, "::connect", f"{name}->{path}")
    dolores.update(None, "::connect", f"{gone}->a")
    dolores.unregister(other)
    assert ear.heard[-2:] == [("::connect", f"{gone}->a"), ("::gone", gone)]


def test_r9_who_is_unregistered_is_forgotten_with_the_paths_that_nobody_else_hears(dolores: Dolores) -> None:
    changes: list[tuple[str, bool]] = []
    pig = Pig(dolores, lambda path, heard: changes.append((path, heard)))
    dolores.delegate(pig)
    ear, other = Ear(), Ear()
    for thestral, path in ((ear, "a"), (ear, "b"), (other, "b")):
        name = thestral.id if thestral.id.startswith(dolores.id) else dolores.register(thestral)
        dolores.update(None, "::connect", f"{name}->{path}")
    dolores.unregister(ear)
    dolores.unregister(ear)
    assert len(pig) == 1
    assert changes == [("a", True), ("b", True), ("a", False)]
    dolores.update(None, "b", "x")
    assert ear.heard == [("a", ""), ("b", "")]
    assert other.heard == [("b", ""), ("b", "x")]


def test_r10_what_is_written_is_a_line_for_each_message() -> None:
    file = StringIO()
    writer = Writer(file)
    for message in ("text", "", {"a": 1}, "two\nlines"):
        writer.update(None, "a/b", message)
    assert file.getvalue() == 'a/b; text\na/b; \na/b; {"a":1}\na/b; "two\\nlines"\n'


@given(
    st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]))), st.integers(1, 9)
)
def test_r10_lines_are_read_in_whatever_pieces_they_come(lines: list[str], piece: int) -> None:
    data = "".join(f"{line}\n" for line in lines).encode()
    reader, found = LineReader(), list[str]()
    for at in range(0, len(data), piece):
        reader.feed(data[at : at + piece])
        while (line := reader.next()) is not None:
            found.append(line)
    assert found == lines


@pytest.mark.parametrize(
    ("line", "strict", "legacy"),
    [
        ("a; b", ("a", "b"), ("a", " b")),
        ("a;b;c", ("a", "b;c"), ("a", "b")),
        ("a;  b", ("a", " b"), ("a", "  b")),
        ("a", ("a", ""), ("a", "")),
        ("a;", ("a", ""), ("a", "")),
        ("", ("", ""), ("", "")),
    ],
)
def test_r11_lines_are_split_strictly_or_as_roots_did(
    line: str, strict: tuple[str, str], legacy: tuple[str, str]
) -> None:
    assert split(line, legacy=False) == strict
    assert split(line, legacy=True) == legacy


def test_a_line_without_an_end_is_refused_and_not_kept() -> None:
    reader = LineReader()
    reader.feed(b"x" * LONGEST)
    assert reader.next() is None
    reader.feed(b"x")
    with pytest.raises(ProtocolError):
        reader.next()
    other = LineReader()
    other.feed(b"\xff\n")
    with pytest.raises(ProtocolError):
        other.next()


# -- polling, by its rules alone -------------------------------------------------------------------


class Browser:
    """What is done for one browser."""

    def __init__(self, **times: float) -> None:
        self.polling = Polling(self, Times(**times))
        self.answers: list[tuple[object, list[Any], int]] = []
        self.timers: dict[str, float] = {}
        self.is_gone = False

    def answer(self, parked: object, updates: Any, number: int) -> None:
        self.answers.append((parked, [each.message for each in updates], number))

    def start_timer(self, timer: str, seconds: float) -> None:
        self.timers[timer] = seconds

    def stop_timer(self, timer: str) -> None:
        self.timers.pop(timer, None)

    def gone(self) -> None:
        self.is_gone = True

    def expire(self, timer: str, now: float = 0) -> None:
        del self.timers[timer]
        self.polling.expired(timer, now)


def test_r16_what_comes_within_the_delay_goes_in_one_answer() -> None:
    browser = Browser()
    browser.polling.poll("first", 0, 0)
    browser.polling.poll("second", 0, 0)
    browser.polling.update("a", 1, 0)
    browser.polling.update("a", 2, 0.1)
    assert browser.timers[BUNDLE] == 0.25
    browser.expire(BUNDLE)
    assert browser.answers == [("first", [], 0), ("second", [1, 2], 2)]


def test_r16_without_a_delay_the_first_goes_alone() -> None:
    browser = Browser(bundle=0)
    browser.polling.poll("first", 0, 0)
    browser.polling.poll("second", 0, 0)
    browser.polling.update("a", 1, 0)
    browser.polling.update("a", 2, 0)
    assert browser.answers[1:] == [("second", [1], 1)]


def test_r17_a_token_that_comes_again_gets_the_same_and_loses_nothing() -> None:
    browser = Browser(bundle=0)
    browser.polling.poll("first", 0, 0)
    for message in (1, 2):
        browser.polling.update("a", message, 0)
    browser.polling.poll("second", 0, 0)
    browser.polling.update("a", 3, 0)
    browser.polling.poll("again", 0, 0)
    browser.polling.poll("acknowledged", 2, 0)
    browser.polling.poll("and again", 2, 0)
    assert browser.answers[1:] == [
        ("second", [1, 2], 2),
        ("again", [1, 2, 3], 3),
        ("acknowledged", [3], 3),
        ("and again", [3], 3),
    ]


def test_r17_the_token_of_an_empty_answer_acknowledges_nothing_new() -> None:
    browser = Browser()
    browser.polling.poll("first", 0, 0)
    browser.polling.poll("second", 0, 0)
    browser.polling.update("a", 1, 0)
    browser.polling.poll("third", 0, 0)
    assert browser.answers[1:] == [("second", [], 0), ("third", [1], 1)]


def test_r18_a_poll_that_was_dropped_loses_nothing() -> None:
    browser = Browser()
    browser.polling.poll("first", 0, 0)
    browser.polling.poll("second", 0, 0)
    browser.polling.dropped("second")
    assert browser.timers == {DIE: 30}
    browser.polling.update("a", 1, 0)
    browser.expire(BUNDLE)
    browser.polling.poll("third", 0, 0)
    assert browser.answers[1:] == [("third", [1], 1)]


def test_r22_nothing_is_kept_longer_than_it_may_be_nor_without_a_bound() -> None:
    browser = Browser()
    browser.polling.poll("first", 0, 0)
    browser.polling.update("a", "old", 0)
    browser.polling.update("a", "new", 30)
    browser.polling.poll("second", 0, 61)
    assert browser.answers[1:] == [("second", ["new"], 2)]
    for number in range(MOST):
        browser.polling.update("a", number, 61)
    assert browser.is_gone


def test_a_poll_is_held_and_then_answered_with_nothing() -> None:
    browser = Browser()
    browser.polling.poll("first", 0, 0)
    browser.polling.poll("second", 0, 0)
    assert browser.timers == {HOLD: 30}
    browser.expire(HOLD, 30)
    assert browser.answers[1:] == [("second", [], 0)]
    browser.expire(DIE, 60)
    assert browser.is_gone
