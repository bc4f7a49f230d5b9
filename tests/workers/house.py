"""Two workers in processes of their own, and what a client says to them on one connection."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from cometary.packets.contract_table import Contracts
from cometary.sessions.ids import worker_of
from cometary.workers.common import Common
from tests.servers import RunningServer, running_server

APP = "tests/workers/application.py:app"


class Page:
    """One session, and a connection on which any may ask.

    Args:
        sid: its id.
    """

    def __init__(self, sid: str) -> None:
        self.sid = sid
        self.rid = 1
        self.ack = 0
        self.come: list[tuple[str, Any]] = []

    @property
    def worker(self) -> int | None:
        """Which worker has it."""
        return worker_of(self.sid)

    def request(self, *packets: tuple[str, Any], **members: Any) -> bytes:
        """Return the body of its next request."""
        self.rid += 1
        sent = [{"path": path, "message": message} for path, message in packets]
        return json.dumps(
            {"sid": self.sid, "rid": self.rid, "ack": self.ack, "packets": sent, **members}
        ).encode()

    def take(self, answer: dict[str, Any]) -> list[Any]:
        """Take the packets of an answer; returns what is in them."""
        packets = answer.get("packets", [])
        if packets:
            self.ack = answer["seq"] + len(packets) - 1
        return [packet["message"] for packet in packets]


class Workers:
    """Them.

    Args:
        server: the process above them.
    """

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        self.trusts: ssl.SSLContext | None = None
        self.prompt = ""
        self.control = httpx.Client(base_url=server.control, trust_env=False)

    def connect(self) -> http.client.HTTPConnection:
        """Connect, to whichever worker."""
        where = ("127.0.0.1", self.server.port)
        if self.trusts is None:
            return http.client.HTTPConnection(*where, timeout=60)
        return http.client.HTTPSConnection(*where, timeout=60, context=self.trusts)

    def open(self) -> Page:
        """Open a session, on a connection of its own."""
        with closing(self.connect()) as connection:
            return Page(said(connection, b'{"rid": 1}')["sid"])

    def one_of_each(self) -> tuple[Page, Page]:
        """Open a session at each worker."""
        pages: dict[int | None, Page] = {}
        while len(pages) < 2:
            page = self.open()
            pages[page.worker] = page
        return pages[1], pages[2]

    def connection_at(self, page: Page) -> http.client.HTTPConnection:
        """Connect to the worker of a session: it has answered a request of that."""
        connection = self.connect()
        said(connection, page.request(hold=False))
        return connection

    def process_of(self, page: Page) -> int:
        """Return the process that has a session."""
        with closing(self.connect()) as connection:
            come = page.take(said(connection, page.request(("who", None))))
        [process] = [each for each in come if isinstance(each, int) and each > 1_000]
        return int(process)

    def processes(self) -> list[int]:
        """Return their process ids."""
        tasks = Path(f"/proc/{self.server.process.pid}/task").glob("*/children")
        return [int(each) for task in tasks for each in task.read_text().split()]


def said(connection: http.client.HTTPConnection, body: bytes) -> dict[str, Any]:
    """Post a request, and return the answer."""
    connection.request("POST", "/comet", body, {"Content-Type": "application/json"})
    answer: dict[str, Any] = json.loads(connection.getresponse().read())
    return answer


def asked_again(connection: http.client.HTTPConnection, page: Page) -> dict[str, Any]:
    """Ask until there is an answer: the connection may have been on its way to the worker that was killed."""
    while True:
        with suppress(http.client.HTTPException, ConnectionError):
            return said(connection, page.request())
        connection.close()


@contextmanager
def running_workers(*options: str) -> Generator[Workers]:
    """Run two workers until the end of the block."""
    with running_server(APP, "--workers", "2", "--drain", "0", *options) as server:
        workers = Workers(server)
        with workers.control:
            yield workers


def nothing_in_common() -> Common:
    """Return what workers have in common that keep nothing yet."""
    return Common(Contracts(), "epoch", lambda: 0.0)
