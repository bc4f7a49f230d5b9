"""A server that is stopped for longer than `die`, as on a laptop that sleeps: what came meanwhile counts.

In real time, since it is the kernel that stops the process, and whose clock goes on.
"""

from __future__ import annotations

import json
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.servers import ECHO, RunningServer, running_server

SESSIONS = 300
"""More than the front end serves in one go."""

DIE = 3.0
SLACK = 0.5


@pytest.fixture
def server() -> Iterator[RunningServer]:
    with running_server(ECHO, "--die", f"{DIE:g}") as server:
        yield server


class Page:
    """A session's client.

    Args:
        port: where its server is.
        until: closes its connections.
    """

    def __init__(self, port: int, until: ExitStack) -> None:
        self._port = port
        self._until = until
        self._connection = self.connect()
        self.send(rid=1)
        self._sid = self.receive()["sid"]

    def connect(self) -> socket.socket:
        self._connection = self._until.enter_context(socket.create_connection(("127.0.0.1", self._port)))
        return self._connection

    def poll(self, rid: int) -> None:
        self.send(rid=rid, sid=self._sid)

    def send(self, **members: object) -> None:
        body = json.dumps(members).encode()
        head = b"POST /comet HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n"
        self._connection.sendall(head % len(body) + body)

    def receive(self) -> dict[str, Any]:
        received = b""
        while not received.endswith(b"}"):
            data = self._connection.recv(65536)
            assert data, "the connection is closed"
            received += data
        answer: dict[str, Any] = json.loads(received.partition(b"\r\n\r\n")[2])
        return answer


def stall(server: RunningServer, began: float) -> None:
    """Wait, since the server is stopped, until all that was to be waited for from `began` on is over."""
    time.sleep(max(0, began + DIE + SLACK - time.monotonic()))
    server.process.send_signal(signal.SIGCONT)


def test_requests_that_came_while_it_was_stopped_keep_their_sessions(server: RunningServer) -> None:
    with ExitStack() as until:
        pages = [Page(server.port, until) for _ in range(SESSIONS)]
        server.process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        for place, page in enumerate(pages):
            if place % 2:  # the server has still to accept it
                page.connect()
            page.poll(2)
        stall(server, began)
        for page in pages:
            page.poll(3)  # which releases the one before
        assert [page.receive() for page in pages] == [{"packets": []}] * SESSIONS
        server.stop()


def test_a_connection_whose_request_came_while_it_was_stopped_is_not_closed(server: RunningServer) -> None:
    with ExitStack() as until:
        page = Page(server.port, until)
        silent = until.enter_context(socket.create_connection(("127.0.0.1", server.port)))
        page.poll(2)
        page.poll(3)
        assert page.receive() == {"packets": []}  # so the server has accepted the other one, too
        server.process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        silent.sendall(b"GET /nothing HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        stall(server, began)
        assert silent.recv(65536).startswith(b"HTTP/1.1 404 ")
        server.stop()
