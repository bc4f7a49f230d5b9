"""A client with two connections, each of whose requests goes to another node than the one before it."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any

from tests.nodes.house import JSON

Connect = Callable[[], http.client.HTTPConnection]


PATIENCE = 60.0
"""Seconds."""


class RefusedError(Exception):
    """An answer was an error."""


class TwoWay:
    """It holds a request and sends meanwhile, and puts what comes into its order.

    Args:
        ways: where to ask, by turns.
    """

    def __init__(self, ways: list[Connect]) -> None:
        self._ways = cycle(ways)
        self._lock = threading.Lock()
        self._rid = 1
        self._seen = 0
        self.received: list[Any] = []
        self.gaps = 0
        self.statuses: dict[int, int] = {}
        self.sid = self._ask({"rid": 1})["sid"]
        self._failure: Exception | None = None

    def _next_way(self) -> http.client.HTTPConnection:
        with self._lock:
            return next(self._ways)()

    def _ask(self, body: dict[str, Any]) -> dict[str, Any]:
        """Ask until there is an answer, each time at the next node."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            connection = self._next_way()
            try:
                connection.request("POST", "/comet", json.dumps(body), JSON)
                response = connection.getresponse()
                answer: dict[str, Any] = json.loads(response.read())
            except (OSError, http.client.HTTPException, ValueError):
                self.statuses[0] = self.statuses.get(0, 0) + 1
                continue
            finally:
                connection.close()
            self.statuses[response.status] = self.statuses.get(response.status, 0) + 1
            if response.status not in {502, 503}:
                return answer
        raise AssertionError(f"no answer in {PATIENCE} seconds; statuses {self.statuses}")

    def _request(self, **members: Any) -> dict[str, Any]:
        with self._lock:
            self._rid += 1
            return {"sid": self.sid, "rid": self._rid, "ack": self._seen, **members}

    def _take(self, answer: dict[str, Any]) -> None:
        if "error" in answer:
            raise RefusedError(answer["error"])
        with self._lock:
            for seq, packet in enumerate(answer.get("packets", []), answer.get("seq", 1)):
                if seq > self._seen:
                    self.gaps += seq != self._seen + 1
                    self._seen = seq
                    self.received.append(packet["message"])

    def hold(self, until: int) -> None:
        """Hold a request, again and again, until so many packets have come."""
        try:
            while len(self.received) < until:
                self._take(self._ask(self._request()))
        except (RefusedError, AssertionError) as error:
            self._failure = error

    def send(self, packets: Iterator[tuple[str, Any]], at_a_time: int) -> None:
        """Send packets, some in each request."""
        waiting = [*packets]
        while waiting:
            part, waiting = waiting[:at_a_time], waiting[at_a_time:]
            sent = [{"path": path, "message": message} for path, message in part]
            self._take(self._ask(self._request(packets=sent, hold=False)))

    def exchange(self, packets: Iterator[tuple[str, Any]], expected: int, at_a_time: int = 3) -> None:
        """Do both at a time, until so many packets have come."""
        holding = threading.Thread(target=self.hold, args=(expected,), daemon=True)
        holding.start()
        self.send(packets, at_a_time)
        holding.join(PATIENCE)
        if self._failure is not None:
            raise self._failure
        assert not holding.is_alive(), f"{len(self.received)} of {expected} have come"
