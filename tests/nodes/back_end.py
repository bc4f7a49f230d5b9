"""A back-end that is told of sessions by webhooks, or is not there."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


class BackEnd:
    """What it was told.

    Attributes:
        takes: whether it takes events; otherwise it fails.
        told: the events that came, taken or not, each with whether it was.
    """

    def __init__(self) -> None:
        self.takes = True
        self.url = ""
        self.told: list[tuple[dict[str, Any], bool]] = []

    def take(self, body: bytes) -> bool:
        """Take an event, or fail; returns which."""
        takes = self.takes
        self.told.append((json.loads(body), takes))
        return takes

    def taken(self, session: str) -> list[dict[str, Any]]:
        """Return what it has taken of a session."""
        return [event for event, taken in self.told if taken and event["session"] == session]


@contextmanager
def back_end() -> Generator[BackEnd]:
    """Have one until the end of the block."""
    one = BackEnd()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            if len(body) < length:  # who has sent it is dead
                self.close_connection = True
                return
            taken = one.take(body)
            self.send_response(204 if taken else 503)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_request(self, code: object = "-", size: object = "-") -> None:
            """Say nothing of requests."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        one.url = f"http://127.0.0.1:{server.server_port}/"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield one
        finally:
            server.shutdown()
            thread.join()
