"""What the journal tells of sessions, and where it counts instead; `tests/protocol` has what is told of a server's."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from cometary.sessions import Packet, SessionKeeper, SessionMachine, SessionSettings
from cometary.sessions.journal import LONGEST_USER, NAMED, PER_SECOND, Journal


class Clock:
    """One that a test sets, in seconds."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def journal(clock: Clock, caplog: pytest.LogCaptureFixture) -> Journal:
    caplog.set_level(logging.INFO, "cometary.sessions")
    return Journal(clock, addresses=True)


def session(number: int = 1, reason: str | None = None, user: object = None) -> SessionKeeper:
    keeper = SessionKeeper(f"sid{number}", f"s{number}", SessionMachine(SessionSettings()), 0.0)
    keeper.ended = reason
    if user is not None:
        keeper.data["user"] = user
    return keeper


def told(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """The fields of all lines since this was asked last."""
    fields = [vars(record)["structured"] for record in caplog.records]
    caplog.clear()
    return fields


@pytest.mark.parametrize(("user", "shown"), [("a" * LONGEST_USER, "a" * LONGEST_USER), (7, 7), (None, None)])
def test_whose_session_it_is_is_told_as_the_application_says(
    user: object, shown: object, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    journal.opened(session(user=user), "json", "::1")
    [line] = told(caplog)
    assert line["user"] == shown


def test_addresses_are_told_as_long_as_the_operator_says_so(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    journal.opened(session(), "json", "::1")
    journal.addresses = False
    journal.opened(session(), "json", "::1")
    assert [line.get("address") for line in told(caplog)] == ["::1", None]


def test_the_age_of_a_session_is_told_in_milliseconds(
    journal: Journal, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = session(reason="closed")
    keeper.opened, clock.now = 10.0, 12.34567
    journal.ended(keeper, 0)
    [line] = told(caplog)
    assert line["age"] == 2.346


def test_a_long_name_of_a_user_is_shortened(journal: Journal, caplog: pytest.LogCaptureFixture) -> None:
    journal.opened(session(user="a" * 10_000), "json", "::1")
    [line] = told(caplog)
    assert len(line["user"]) < 2 * LONGEST_USER


def test_openings_and_ends_are_counted_by_wire_and_reason_even_if_none_is_told(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "cometary.sessions")
    for wire in ("json", "cbor", "json"):
        journal.opened(session(), wire, "::1")
    for reason in ("kicked", "failed", "kicked"):
        journal.ended(session(reason=reason), 0)
    assert (journal.opens, journal.ends) == ({"json": 2, "cbor": 1}, {"kicked": 2, "failed": 1})
    assert told(caplog) == []


def test_only_ends_that_are_somebody_s_trouble_are_warnings(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    for reason in ("kicked", "overflow", "failed", "timeout"):
        journal.ended(session(reason=reason), 0)
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING", "WARNING", "INFO"]
    caplog.clear()
    caplog.set_level(logging.WARNING, "cometary.sessions")
    for reason in ("kicked", "overflow"):
        journal.ended(session(reason=reason), 0)
    assert [line["reason"] for line in told(caplog)] == ["overflow"]


def test_openings_and_ends_have_each_their_lines_in_each_second(
    journal: Journal, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(PER_SECOND + 2):
        journal.opened(session(number), "json", "::1")
        journal.ended(session(number, "closed" if number % 2 else "kicked"), 0)
    assert len(told(caplog)) == 2 * PER_SECOND
    clock.now = 0.9
    journal.opened(session(), "json", "::1")
    assert told(caplog) == []
    clock.now = 1.0
    journal.opened(session(), "json", "::1")
    more, line = told(caplog)
    assert more == {"event": "more sessions", "closed": 1, "kicked": 1, "opened": 3}
    assert [*more][:3] == ["closed", "kicked", "opened"], "the same order each time"
    assert line["event"] == "session opened"
    clock.now = 2.0
    for number in range(PER_SECOND + 1):
        journal.opened(session(number), "json", "::1")
    assert [line["event"] for line in told(caplog)] == ["session opened"] * PER_SECOND, (
        "nothing is told twice"
    )


def test_what_has_been_counted_is_told_at_the_end_if_anything_was(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    journal.close()
    assert told(caplog) == []
    for number in range(PER_SECOND + 1):
        journal.opened(session(number), "json", "::1")
    told(caplog)
    journal.close()
    journal.close()
    assert told(caplog) == [{"event": "more sessions", "opened": 1}]


def test_what_is_counted_is_not_told_where_nobody_wants_it(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(PER_SECOND + 1):
        journal.opened(session(number), "json", "::1")
    told(caplog)
    caplog.set_level(logging.WARNING, "cometary.sessions")
    journal.close()
    assert told(caplog) == []


def test_a_packet_that_is_too_much_is_told_of_with_what_was_queued_before_it(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    keeper, packets = session(), [Packet("a", "x" * size) for size in (10, 20, 30)]
    journal.overflowed(keeper)
    assert told(caplog) == [], "there is none"
    for packet in packets:
        keeper.machine.outbox.append(packet)
    for _ in range(PER_SECOND + 1):
        journal.overflowed(keeper)
    line, *others = told(caplog)
    assert len(others) == PER_SECOND - 1
    before = packets[0].size + packets[1].size
    assert (line["path"], line["size"], line["queued"], line["queued_bytes"]) == (
        "a",
        packets[2].size,
        2,
        before,
    )
    journal.close()
    assert told(caplog) == [{"event": "more sessions", "overflow": 1}]


def test_a_packet_that_is_too_much_is_not_told_of_where_nobody_wants_it(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = session()
    keeper.machine.outbox.append(Packet("a"))
    caplog.set_level(logging.ERROR, "cometary.sessions")
    journal.overflowed(keeper)
    assert told(caplog) == []
    assert not journal._untold


@pytest.mark.parametrize("count", [1, NAMED, NAMED + 1])
def test_of_sessions_that_have_not_signed_off_some_are_named(
    count: int, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    journal.abandoned([session(number) for number in range(count)], 1, 5)
    names = [f"s{number}" for number in range(min(count, NAMED))]
    [record] = caplog.records
    assert f"({', '.join(names)}{', …' if count > NAMED else ''})" in record.getMessage()
    assert told(caplog) == [
        {"event": "sessions abandoned", "sessions": count, "named": names, "untold": 1, "undelivered": 5}
    ]
