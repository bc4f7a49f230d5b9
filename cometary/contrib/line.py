"""What a process of a web application talks to the push server with."""

from __future__ import annotations

import atexit
import os
from threading import Lock

from cometary.connector import Connector, Outbox


class Line:
    """A connector and an outbox for each process, made on first use: after the fork, where a server forks its workers.

    Args:
        url: Where the control interface is.
        secret: Its secret, if it has one.
        timeout: Seconds that a call takes at most.
    """

    def __init__(
        self, url: str = "http://127.0.0.1:8081", secret: str | None = None, *, timeout: float = 1
    ) -> None:
        self._made_with = url, secret, timeout
        self._lock = Lock()
        self._process = 0
        self._ends: tuple[Connector, Outbox] | None = None

    @property
    def connector(self) -> Connector:
        """For calls that are waited for."""
        return self._of_this_process()[0]

    @property
    def outbox(self) -> Outbox:
        """For updates that nobody waits for."""
        return self._of_this_process()[1]

    def _of_this_process(self) -> tuple[Connector, Outbox]:
        with self._lock:
            if self._ends is None or self._process != os.getpid():
                url, secret, timeout = self._made_with
                connector = Connector(url, secret, timeout=timeout)
                self._ends, self._process = (connector, Outbox(connector)), os.getpid()
                atexit.register(self._ends[1].close)
            return self._ends
