"""A server that stands in for the control listener: real sockets, canned answers."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import socket
from threading import Event, Thread
from typing import Any

import pytest


@dataclass
class Received:
    """One request, as it came over the wire."""

    peer: tuple[str, int]
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class StandIn:
    """Remembers what it is asked, and answers what a test has told it to.

    It is no control listener: what a real one does is tested where that is.
    """

    status: int = 200
    content_type: str = "application/json"
    body: bytes = b"{}"
    url: str = ""
    received: list[Received] = field(default_factory=list[Received])
    failing: int = 0
    """How many more requests fail, before the next one is answered."""
    silent: bool = False
    drip: bool = False
    close_after_answer: bool = False
    has_closed_one: Event = field(default_factory=Event)
    closing: Event = field(default_factory=Event)

    def answers(self, body: Any, status: int = 200) -> None:
        """Give this JSON body from now on."""
        self.body, self.status = json.dumps(body).encode(), status

    def next_answer(self) -> tuple[int, bytes]:
        """Return the status and the body of the answer to the next request."""
        if not self.failing:
            return self.status, self.body
        self.failing -= 1
        return 500, b'{"error": "internal-error", "detail": "for now"}'


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    @property
    def stand_in(self) -> StandIn:
        assert isinstance(self.server, _Server)
        return self.server.stand_in

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.stand_in.received.append(Received(self.client_address, self.command, self.path, headers, body))
        if self.stand_in.silent or self.stand_in.drip:
            self._never_answer()
            return
        status, answer = self.stand_in.next_answer()
        self.send_response(status)
        self.send_header("Content-Type", self.stand_in.content_type)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
        self.close_connection = self.stand_in.close_after_answer

    def _never_answer(self) -> None:
        """Until the test is over: say nothing, or always a little less than an answer."""
        while not self.stand_in.closing.wait(0.02):
            if self.stand_in.drip:
                self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.close_connection = True

    do_GET = do_POST = _answer  # noqa: N815 (the base class's names)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, stand_in: StandIn, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.stand_in = stand_in
        stand_in.url = f"http://127.0.0.1:{self.server_port}"

    def shutdown_request(self, request: socket | tuple[bytes, socket]) -> None:
        super().shutdown_request(request)
        self.stand_in.has_closed_one.set()


@contextmanager
def standing_in(stand_in: StandIn, port: int = 0) -> Generator[StandIn]:
    """Have it listen on the loopback interface until the end of the block; `port` 0 is any free one."""
    with _Server(stand_in, port) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield stand_in
        stand_in.closing.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    """One on a free port of the loopback interface."""
    with standing_in(StandIn()) as stand_in:
        yield stand_in
