"""Logging that never blocks whoever logs: records are written by a thread of their own.

A pipe that nobody reads, a disk that is full, or a terminal that was stopped would otherwise stop the
event loop, and with it everybody, at the next thing that is logged.

1.  A record is formatted where it is logged, and written in the order in which it came.
2.  At most `most_bytes` wait. Beyond that further ones are dropped and counted; when there is room again, the
    log says how many are missing, at the place where they are.
3.  The thread is a daemon, started with the first record. At the program's end what waits has `GRACE` seconds
    to be written, and is lost after that: a log that is stuck must not hold up the end either.
4.  The lock is held for a few operations on the queue and never while anything is written.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
import traceback
from collections import deque
from contextlib import suppress
from logging.handlers import QueueHandler
from typing import Final

MOST_BYTES: Final = 8 * 1024 * 1024
OF_A_RECORD: Final = 1024
"""Bytes that a record takes besides its text."""

LONGEST: Final = 64 * 1024
"""Characters of one record; of a longer one the middle is left out."""

GRACE: Final = 2.0
"""Seconds that records have to be written when they are waited for."""


class BackgroundHandler(QueueHandler):
    """A handler that has another handler write, in a thread of its own.

    It takes the other one's place, its formatter and its level; the other one gets text that is to be written as it is.

    Args:
        target: the other one, which nobody else uses; None: one that writes to standard error. A stream's own handler
            is no good for a stream that may get stuck, since its lock is waited for at the program's end without
            bounds: for these there is `DescriptorHandler`.
        most_bytes: what waits at most, of text and records.

    Attributes:
        dropped: how many records were not let in and not told of yet.
    """

    def __init__(self, target: logging.Handler | None = None, most_bytes: int = MOST_BYTES) -> None:
        super().__init__(None)  # type: ignore[arg-type] # the queue is our own
        target = standard_error() if target is None else target
        self.setLevel(target.level)
        self.setFormatter(target.formatter)
        target.setFormatter(_AsItIs())
        self._target = target
        self._most_bytes = most_bytes
        self._records: deque[tuple[logging.LogRecord, int]] = deque()
        self._bytes = 0
        self._writing = False
        self._changed = threading.Condition(threading.Lock())
        self._thread: threading.Thread | None = None
        self.dropped = 0

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """Return a copy of `record` that is only text, and not too long."""
        prepared: logging.LogRecord = super().prepare(record)
        prepared.msg = prepared.message = shortened(prepared.msg)
        return prepared

    def enqueue(self, record: logging.LogRecord) -> None:
        """Have `record` written, unless too much waits already."""
        size = OF_A_RECORD + len(record.msg)
        with self._changed:
            if self._bytes + size > self._most_bytes:
                self.dropped += 1
                return
            self._tell_of_dropped()
            self._append(record, size)
            self._changed.notify_all()
            if self._thread is None or not self._thread.is_alive():  # the latter in a child that was forked
                self._thread = threading.Thread(target=self._write, name="cometary log", daemon=True)
                self._thread.start()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - it is logging's
        """Log that `record` could not be formatted; the standard library writes that in the caller's thread."""
        text = f"a record of {record.name} could not be logged: {traceback.format_exc(limit=-5)}"
        with suppress(Exception):  # a formatter that fails with any record
            self.enqueue(self.prepare(_record(logging.ERROR, text, event="not logged", of=record.name)))

    def flush(self) -> None:
        """Wait until all is written that was logged before, for `GRACE` seconds at most."""
        deadline = time.monotonic() + GRACE
        with self._changed:
            while (self._records or self._writing) and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(left)

    def _append(self, record: logging.LogRecord, size: int) -> None:
        self._records.append((record, size))
        self._bytes += size

    def _tell_of_dropped(self) -> None:
        if not self.dropped:
            return
        text = f"{self.dropped} records are missing here: the log could not be written as fast as they came"
        record = _record(logging.WARNING, text, event="log records dropped", dropped=self.dropped)
        self.dropped = 0
        self._append(self.prepare(record), OF_A_RECORD)

    def _write(self) -> None:
        while True:
            with self._changed:
                if not self._records:
                    self._tell_of_dropped()
                while not self._records:
                    self._changed.wait()
                record, size = self._records.popleft()
                self._writing = True
            try:
                self._emit(record)
            finally:
                with self._changed:
                    # Only now: what is being written takes room as well.
                    self._bytes -= size
                    self._writing = False
                    self._changed.notify_all()

    def _emit(self, record: logging.LogRecord) -> None:
        # Without its lock, which at the program's end logging waits for, however long.
        if self._target.filter(record):
            self._target.emit(record)


class _AsItIs(logging.Formatter):
    """For what has been formatted."""

    def format(self, record: logging.LogRecord) -> str:
        return str(record.msg)


class DescriptorHandler(logging.Handler):
    """Writes lines to a file descriptor, past all buffers and their locks.

    A thread that is stuck in writing to `sys.stderr` has its lock, and an interpreter that finds it
    locked at its end aborts. What cannot be written is lost: there is nowhere else to say so.

    Args:
        descriptor: where to write.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        left = f"{self.format(record)}\n".encode(errors="backslashreplace")
        with suppress(OSError):
            while left:
                left = left[os.write(self._descriptor, left) :]


def standard_error() -> logging.Handler:
    """Return a handler that writes to standard error."""
    try:
        return DescriptorHandler(sys.stderr.fileno())
    except (AttributeError, OSError, ValueError):  # no stream at all, or one that is not the system's
        return logging.StreamHandler()


def _record(level: int, text: str, **structured: object) -> logging.LogRecord:
    record = logging.LogRecord("cometary.log", level, __file__, 0, text, None, None)
    record.__dict__["structured"] = structured
    return record


def shortened(text: str, longest: int = LONGEST) -> str:
    """Return `text`, without its middle if it is long: of a traceback both ends tell most."""
    if len(text) <= longest:
        return text
    half = longest // 2
    return f"{text[:half]}\n… {len(text) - longest} characters left out …\n{text[-half:]}"
