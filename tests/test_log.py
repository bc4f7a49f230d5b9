"""Structured events: readable for who sets up nothing, data for programs, nothing shown that should not be."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from structlog.stdlib import ProcessorFormatter

from cometary.log import get_logger, set_redactor, show, structured

logger = get_logger("cometary.test")


@pytest.fixture
def redactor() -> Iterator[None]:
    """Whatever redactor the test sets is gone afterwards."""
    yield
    set_redactor(None)


def test_an_event_is_a_record_with_its_fields(caplog: pytest.LogCaptureFixture) -> None:
    logger.warning("mailbox full", dropped=3, actor="Till")
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("cometary.test", "WARNING")
    assert record.getMessage() == "mailbox full dropped=3 actor=Till"
    assert vars(record)["structured"] == {"event": "mailbox full", "dropped": 3, "actor": "Till"}


def test_an_event_with_a_sentence_reads_as_the_sentence(caplog: pytest.LogCaptureFixture) -> None:
    logger.error("mailbox full", text="100 % full: %s", dropped=3)
    (record,) = caplog.records
    assert record.getMessage() == "100 % full: %s"
    assert vars(record)["structured"] == {"event": "mailbox full", "dropped": 3}


def test_the_record_tells_where_it_was_logged(caplog: pytest.LogCaptureFixture) -> None:
    logger.warning("here")
    try:
        int("gone")
    except ValueError:
        logger.exception("and here")
    assert {record.funcName for record in caplog.records} == {"test_the_record_tells_where_it_was_logged"}
    assert caplog.records[1].exc_info is not None
    assert "literal for int() with base 10: 'gone'" in caplog.text


def test_an_event_may_bring_an_object_along(caplog: pytest.LogCaptureFixture) -> None:
    report = object()
    logger.warning("ended", extra={"report": report})
    (record,) = caplog.records
    assert vars(record)["report"] is report
    assert record.getMessage() == "ended"


def test_what_is_less_serious_than_the_level_costs_no_record(
    caplog: pytest.LogCaptureFixture, redactor: None
) -> None:
    seen: list[Any] = []

    def notice(event: dict[str, Any]) -> dict[str, Any]:
        seen.append(event)
        return event

    caplog.set_level(logging.WARNING, "cometary.test")
    set_redactor(notice)
    logger.info("quiet")
    assert not caplog.records
    assert not seen


def test_who_sets_up_nothing_gets_readable_lines_on_standard_error() -> None:
    program = """
from cometary.log import get_logger
logger = get_logger("cometary.actors")
logger.info("not shown")
logger.warning("mailbox full", dropped=3)
try:
    1 / 0
except ZeroDivisionError:
    logger.exception("actor crashed", text="Till has crashed")
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    lines = ran.stderr.splitlines()
    assert lines[:3] == ["mailbox full dropped=3", "Till has crashed", "Traceback (most recent call last):"]
    assert lines[-1] == "ZeroDivisionError: division by zero"
    assert ran.stdout == ""


def test_long_values_are_shortened_in_the_line(caplog: pytest.LogCaptureFixture) -> None:
    logger.warning("got", message_shown=["x" * 10_000] * 100)
    assert len(caplog.records[0].getMessage()) < 2_000


def test_show_never_fails() -> None:
    class Broken:
        def __repr__(self) -> str:
            raise LookupError

    assert show(Broken()).startswith("<Broken")
    assert show(3) == "3"


def test_who_uses_structlog_gets_the_fields_in_their_own_chain() -> None:
    seen: list[Any] = []

    def keep(_logger: object, _method: str, event: structlog.typing.EventDict) -> str:
        seen.append({name: value for name, value in event.items() if not name.startswith("_")})
        return ""

    formatter = ProcessorFormatter(foreign_pre_chain=[structured], processors=[keep])
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    plain = logging.getLogger("cometary.test")
    plain.addHandler(handler)
    try:
        logger.warning("mailbox full", text="It is full", dropped=3)
        plain.warning("from %s", "elsewhere")
    finally:
        plain.removeHandler(handler)
    assert seen == [
        {"event": "mailbox full", "message": "It is full", "dropped": 3},
        {"event": "from elsewhere"},
    ]


# -- redaction ------------------------------------------------------------------------------


def test_a_redactor_decides_what_is_logged(caplog: pytest.LogCaptureFixture, redactor: None) -> None:
    def hide(event: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in event.items() if name not in {"text", "exc_info", "customer"}}

    set_redactor(hide)
    try:
        int("Smith")
    except ValueError:
        logger.exception("failed", text="It failed for Mr Smith", customer="Smith", till=5)
    assert "Smith" not in caplog.text
    assert caplog.records[0].getMessage() == "failed till=5"


def test_a_redactor_that_fails_hides_everything_but_the_name(
    caplog: pytest.LogCaptureFixture, redactor: None
) -> None:
    def fail(event: dict[str, Any]) -> dict[str, Any]:
        raise ZeroDivisionError("Smith")

    set_redactor(fail)
    logger.warning("failed", text="It failed for Mr Smith", customer="Smith")
    assert caplog.records[0].getMessage() == "failed redactor_failed=ZeroDivisionError"
    assert "Smith" not in caplog.text


def test_a_redactor_changes_a_copy(caplog: pytest.LogCaptureFixture, redactor: None) -> None:
    def clear(event: dict[str, Any]) -> dict[str, Any]:
        name = event["event"]
        event.clear()
        return {"event": name}

    set_redactor(clear)
    fields = {"customer": "Smith"}
    logger.warning("failed", **fields)
    assert fields == {"customer": "Smith"}
