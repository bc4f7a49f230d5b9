"""Logging blocks nobody: not when nobody reads, not when too much comes, not at the end."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import IO

import pytest

from cometary.background_log import LONGEST, BackgroundHandler, DescriptorHandler
from cometary.log import get_logger

RECORDS = 2_000
LINE = "x" * 1_000


class Pipe:
    """A pipe, and a logger that writes to it."""

    def __init__(self, most_bytes: int) -> None:
        self.reader, self.writer = os.pipe()
        self.handler = BackgroundHandler(DescriptorHandler(self.writer), most_bytes)
        self.logger = logging.Logger("test")  # noqa: LOG001 - of nobody else's
        self.logger.addHandler(self.handler)
        self._read: IO[str] | None = None

    def lines(self) -> Iterator[str]:
        """Read on."""
        if self._read is None:
            self._read = os.fdopen(self.reader, encoding="utf-8")
        return (line.rstrip("\n") for line in self._read)

    def read_until(self, text: str) -> list[str]:
        """Read lines, up to the first one that has `text`."""
        found: list[str] = []
        for line in self.lines():
            found.append(line)
            if text in line:
                break
        return found

    def close(self) -> None:
        """Read what is left."""
        rest = threading.Thread(target=lambda: [*self.lines()])
        rest.start()
        while self.handler._records or self.handler._writing:
            self.handler.flush()
        os.close(self.writer)
        rest.join()
        assert self._read is not None
        self._read.close()


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe(most_bytes=200_000)
    yield made
    made.close()


def test_nobody_waits_for_a_pipe_that_nobody_reads_and_what_is_missing_is_said_in_its_place(
    pipe: Pipe,
) -> None:
    for number in range(RECORDS):
        pipe.logger.warning("%d %s", number, LINE)
    assert pipe.handler.dropped
    missing = expected = 0
    for line in pipe.lines():
        notice = re.match(r"(\d+) records are missing here", line)
        if notice:
            missing += int(notice[1])
            expected += int(notice[1])
        else:
            assert int(line.split()[0]) == expected
            expected += 1
        if expected == RECORDS:
            break
    assert missing > 1_000


def test_what_is_missing_is_said_before_what_comes_next(pipe: Pipe) -> None:
    for number in range(RECORDS):
        pipe.logger.warning("%d %s", number, LINE)
    lines = pipe.lines()
    read = [next(lines) for _ in range(120)]  # now there is room again, and more to write as well
    pipe.logger.warning("next")
    read += pipe.read_until("next")
    assert "missing here" in read[-2]


def test_memory_is_bounded(pipe: Pipe) -> None:
    for _ in range(RECORDS):
        pipe.logger.warning(LINE * 50)
    assert pipe.handler._bytes <= 200_000
    assert sum(len(record.msg) for record, _ in pipe.handler._records) <= 200_000


def test_records_are_written_in_order_by_one_other_thread() -> None:
    class Target(logging.Handler):
        seen: list[tuple[str, int]] = []  # noqa: RUF012 - of one test

        def emit(self, record: logging.LogRecord) -> None:
            self.seen.append((self.format(record), threading.get_ident()))

    target = Target()
    handler = BackgroundHandler(target)
    logger = logging.Logger("test")  # noqa: LOG001 - of nobody else's
    logger.addHandler(handler)
    for number in range(100):
        logger.warning("%d", number)
    handler.flush()
    assert [text for text, _ in target.seen] == [str(number) for number in range(100)]
    assert len({thread for _, thread in target.seen} - {threading.get_ident()}) == 1


def test_the_end_is_not_held_up_by_a_log_that_is_stuck(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cometary.background_log.GRACE", 0.01)
    for number in range(RECORDS):
        pipe.logger.warning("%d %s", number, LINE)
    pipe.handler.flush()
    assert pipe.handler._records


def test_a_long_record_loses_its_middle(pipe: Pipe) -> None:
    pipe.logger.warning("begin%send", "x" * 1_000_000)
    pipe.logger.warning("next")
    text = "\n".join(pipe.read_until("next"))
    assert len(text) < LONGEST + 200
    assert text.startswith("begin")
    assert "characters left out" in text
    assert text.endswith("end\nnext")


def test_a_record_that_cannot_be_formatted_is_told_of_in_the_log(
    pipe: Pipe, capfd: pytest.CaptureFixture[str]
) -> None:
    pipe.logger.warning("%d", "no number")
    pipe.logger.warning("next")
    lines = pipe.read_until("next")
    assert lines[0].startswith("a record of test could not be logged")
    assert any("TypeError" in line for line in lines)
    assert capfd.readouterr().err == ""


def test_a_reader_that_has_gone_harms_nobody(capfd: pytest.CaptureFixture[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    handler = BackgroundHandler(DescriptorHandler(writer))
    logger = logging.Logger("test")  # noqa: LOG001 - of nobody else's
    logger.addHandler(handler)
    logger.warning("to nobody")
    handler.flush()
    os.close(writer)
    assert capfd.readouterr().err == ""


def test_a_program_of_its_own_logging_takes_it_and_all_is_written_at_its_end() -> None:
    program = """
import logging
from cometary.background_log import BackgroundHandler
from cometary.log import get_logger
target = logging.StreamHandler()
target.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
logging.basicConfig(handlers=[BackgroundHandler(target)])
for number in range(1000):
    get_logger("cometary.actors").warning("mailbox full", dropped=number)
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stderr.splitlines() == [f"WARNING mailbox full dropped={number}" for number in range(1000)]


def test_the_fields_of_an_event_are_still_there(pipe: Pipe) -> None:
    get_logger("cometary.test")  # what makes such records
    record = logging.makeLogRecord({"msg": "full", "structured": {"event": "full", "dropped": 3}})
    assert vars(pipe.handler.prepare(record))["structured"] == {"event": "full", "dropped": 3}
