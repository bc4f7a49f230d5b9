"""A back-end: a program of its own, which knows of the server nothing but its control interface.

    python -m cometary.demo.backend http://127.0.0.1:8081

Its orders come on standard input, a line of JSON each (`jobs.py` says why), and when that ends, so
does the program: it never outlives a server, however that ended. The secret, if there is one, is in
the environment variable COMETARY_SECRET.

A job estimates π by throwing points at a square, in parts with a pause between them, so that
there is something to see. Its progress goes to `process/shared/…`, or to `process/NAME/…`, which
only the session of that name may hear: it is here that this is decided.
"""

from __future__ import annotations

import json
import os
import random
import secrets
import signal
import sys
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event
from typing import Final

from cometary.connector import Connector
from cometary.errors import ConnectorError, UnknownSessionError

PARTS: Final = 20
POINTS: Final = 10_000
"""Points in one part."""

PAUSE: Final = 0.15
"""Seconds after each part."""

WORKERS: Final = 4
MOST_JOBS: Final = 3
"""Jobs that one session may have at a time; those beyond `WORKERS` in all wait for their turn."""


class BackEnd:
    """Carries out orders.

    Args:
        connector: the way to the server.
    """

    def __init__(self, connector: Connector) -> None:
        self._connector = connector
        self._workers = ThreadPoolExecutor(WORKERS)
        self._jobs: Counter[str] = Counter()
        self._stopping = Event()

    def serve(self, orders: Iterable[str]) -> None:
        """Carry out one order after the other, until there are no more or the server has gone."""
        try:
            for line in orders:
                order = json.loads(line)
                with suppress(UnknownSessionError):  # whoever asked has left meanwhile
                    self._carry_out(order["order"], order["sid"], order["name"])
        finally:
            self._stopping.set()
            self._workers.shutdown(cancel_futures=True)

    def _carry_out(self, order: str, sid: str, name: str) -> None:
        if order == "admit":
            self._connector.connect(sid, ["process/back-end", "process/shared/*", f"process/{name}/*"])
            self._connector.send(sid, [("process/back-end", {"pid": os.getpid()})])
        elif self._jobs[name] >= MOST_JOBS:
            self._connector.send(sid, [("process/refused", f"You have {MOST_JOBS} jobs running.")])
        else:
            room = name if order == "start private" else "shared"
            self._jobs[name] += 1
            self._workers.submit(self._work, f"process/{room}/{secrets.token_hex(4)}", name)

    def _work(self, path: str, owner: str) -> None:
        try:
            self._estimate_pi(path, owner)
        except ConnectorError as error:
            sys.stderr.write(f"{path} is given up: {error}\n")
        finally:
            self._jobs[owner] -= 1

    def _estimate_pi(self, path: str, owner: str) -> None:
        inside = 0
        self._connector.update(path, {"by": owner, "progress": 0})
        for part in range(1, PARTS + 1):
            inside += sum(random.random() ** 2 + random.random() ** 2 < 1 for _ in range(POINTS))  # noqa: S311
            estimate = 4 * inside / (part * POINTS)
            if self._stopping.wait(PAUSE):
                return
            self._connector.update(path, {"by": owner, "progress": part / PARTS, "estimate": estimate})


def main(url: str) -> None:
    """Serve until standard input ends."""
    # Ctrl-C in a terminal reaches every process there; this one leaves when the server lets it go.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Connector(url, os.environ.get("COMETARY_SECRET")) as connector:
        connector.update("process/back-end", {"pid": os.getpid()})
        BackEnd(connector).serve(sys.stdin)


if __name__ == "__main__":
    main(sys.argv[1])
