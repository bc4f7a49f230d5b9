"""The lines of the log."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator

import pytest

from cometary.cli.logs import set_up_logging
from cometary.log import get_logger

SetUp = Callable[[str, str], None]


@pytest.fixture
def set_up() -> Iterator[SetUp]:
    """`set_up_logging`, as in a process in which nothing is set up yet."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def set_up(level: str, form: str) -> None:
        # In the test itself: pytest adds a handler of its own after the fixtures.
        root.handlers.clear()
        set_up_logging(level, form)

    yield set_up
    root.handlers[:] = handlers
    root.setLevel(level)


def written(capfd: pytest.CaptureFixture[str]) -> str:
    """All that has been logged, once it is written."""
    for handler in logging.getLogger().handlers:
        handler.flush()
    return capfd.readouterr().err


def test_text_is_for_people(capfd: pytest.CaptureFixture[str], set_up: SetUp) -> None:
    set_up("info", "text")
    logging.getLogger("cometary.test").info("ready in %d ms", 5)
    assert written(capfd).endswith(" INFO cometary.test: ready in 5 ms\n")


def test_json_is_one_object_a_line_whatever_is_logged(
    capfd: pytest.CaptureFixture[str], set_up: SetUp
) -> None:
    set_up("info", "json")
    try:
        int("two\nlines")
    except ValueError:
        logging.getLogger("cometary.test").exception("it failed for %s", "you")
    [line] = written(capfd).splitlines()
    logged = json.loads(line)
    assert logged.pop("time").endswith("+00:00")
    assert logged.pop("exception").endswith(
        r"ValueError: invalid literal for int() with base 10: 'two\nlines'"
    )
    assert logged == {"level": "error", "logger": "cometary.test", "message": "it failed for you"}


def test_json_has_the_fields_of_an_event(capfd: pytest.CaptureFixture[str], set_up: SetUp) -> None:
    set_up("info", "json")
    get_logger("cometary.test").warning("mailbox full", text="It is full", dropped=3, bound=object)
    logged = json.loads(written(capfd))
    del logged["time"]
    assert logged == {
        "level": "warning",
        "logger": "cometary.test",
        "event": "mailbox full",
        "message": "It is full",
        "dropped": 3,
        "bound": "<class 'object'>",
    }


def test_what_is_less_serious_than_the_level_is_left_out(
    capfd: pytest.CaptureFixture[str], set_up: SetUp
) -> None:
    set_up("error", "text")
    logging.getLogger("cometary.test").warning("hm")
    assert written(capfd) == ""


def test_an_application_that_has_set_up_logging_keeps_its_own(
    capfd: pytest.CaptureFixture[str], set_up: SetUp
) -> None:
    set_up("error", "json")
    set_up_logging("debug", "text")
    logging.getLogger("cometary.test").error("once")
    assert json.loads(written(capfd))["message"] == "once"


def test_an_object_stays_one_however_much_there_is_to_log(
    capfd: pytest.CaptureFixture[str], set_up: SetUp
) -> None:
    set_up("info", "json")
    long = "\0" * 1_000_000
    try:
        raise ValueError(long)  # noqa: TRY301 - there is nothing else to it
    except ValueError:
        get_logger("cometary.test").exception("it failed", text=long, of=long)
    [line] = written(capfd).splitlines()
    assert len(line) < 70_000
    logged = json.loads(line)
    assert (logged["event"], logged["shortened"]) == ("it failed", True)
    assert "characters left out" in logged["exception"]
    assert "characters left out" in logged["message"]
