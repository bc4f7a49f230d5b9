"""The application whose growth is measured: as `echo`, and it says how long the garbage collector has held it up.

Only the first sessions hear `news`, as many as `BENCH_LISTENERS` says, so that others have the server beside a
broadcast. The longest pause of the collector is written to the file that `BENCH_PAUSES` names, in milliseconds.

    cometary serve benchmarks.apps.growth:app
"""

from __future__ import annotations

import atexit
import gc
import os
from itertools import count
from pathlib import Path
from time import thread_time

from cometary import App, Session

LISTENERS = int(os.environ.get("BENCH_LISTENERS", "1000000"))
PAUSES = os.environ.get("BENCH_PAUSES")

app = App()
opened = count()


@app.signon
def joined(session: Session) -> None:
    """Connects one of the first sessions to the path that they share."""
    number = next(opened)
    if number < LISTENERS:
        session.connect("news")
    if number == 0 and PAUSES:
        gc.callbacks.append(
            Pauses(Path(PAUSES))
        )  # what was collected before there were sessions is none of theirs,
        atexit.register(gc.callbacks.clear)  # nor is what the interpreter collects at its end


@app.packet("echo")
def echo(session: Session, path: str, message: object) -> None:
    """Sends a client's packet back to it."""
    session.send(path, message)


class Pauses:
    """Keeps the longest pause of the collector.

    Args:
        file: where it is written to.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._began = self._longest = 0.0

    def __call__(self, phase: str, _: object) -> None:
        """Take note of the beginning or the end of a pause; the collector's callback."""
        if phase == "start":
            self._began = thread_time()
        elif (pause := (thread_time() - self._began) * 1000) > self._longest:
            self._longest = pause
            self._file.write_text(f"{pause:.3f}")
