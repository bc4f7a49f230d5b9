"""A server with few descriptors, and silent clients who take as many as they get."""

from __future__ import annotations

import json
import resource
import socket
import threading
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests.doors.webhooks.receiver import SECRET
from tests.servers import ECHO, RunningServer, running_server

DESCRIPTORS = 64
SESSIONS = 20


class BackEnd(ThreadingHTTPServer):
    """Is told of sessions."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Hook)
        self.events: list[str] = []


class Hook(BaseHTTPRequestHandler):
    server: BackEnd  # pyright: ignore[reportIncompatibleVariableOverride]
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        event: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.events.append(event["type"])
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the base class has it
        """Say nothing."""


@pytest.fixture
def back_end() -> Iterator[BackEnd]:
    with BackEnd() as back_end:
        thread = threading.Thread(target=back_end.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield back_end
        back_end.shutdown()
        thread.join()


@contextmanager
def starved(back_end: BackEnd, log: Path, *, unawares: bool = False) -> Generator[RunningServer]:
    """A server with sessions, and with more silent clients than it has descriptors.

    Args:
        back_end: is told of the sessions.
        log: the server's.
        unawares: whether they get few only when it runs, as if an application had taken the others.
    """
    descriptors = None if unawares else DESCRIPTORS
    url = f"http://127.0.0.1:{back_end.server_port}/hooks"
    with (
        log.open("wb") as file,
        running_server(
            ECHO, "--webhook-url", url, log=file, descriptors=descriptors, COMETARY_WEBHOOK_SECRET=SECRET
        ) as server,
        ExitStack() as until,
    ):
        address = ("127.0.0.1", server.port)
        for _ in range(SESSIONS):
            with socket.create_connection(address) as connection:
                connection.sendall(b'POST /comet HTTP/1.0\r\nContent-Length: 9\r\n\r\n{"rid":1}')
                assert b"sid" in connection.recv(1000)
        if unawares:
            resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
        for _ in range(2 * DESCRIPTORS):
            until.enter_context(socket.create_connection(address))
        yield server


def test_back_ends_are_answered_while_silent_clients_take_what_they_get(
    back_end: BackEnd, tmp_path: Path
) -> None:
    with starved(back_end, tmp_path / "log") as server:
        for _ in range(20):
            with urlopen(server.control + "/healthz", timeout=60) as answer:  # noqa: S310 - the server's own
                assert json.load(answer) == {"status": "ok"}


@pytest.mark.parametrize("unawares", [False, True])
def test_it_stops_with_all_sign_offs_while_it_accepts_nobody(
    back_end: BackEnd, tmp_path: Path, unawares: bool
) -> None:
    log = tmp_path / "log"
    with starved(back_end, log, unawares=unawares) as server:
        while unawares and "no connection can be accepted" not in log.read_text():
            pass
        server.stop()
    assert back_end.events.count("signoff") == SESSIONS, back_end.events
    assert "Traceback" not in log.read_text()
