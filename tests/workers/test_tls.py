"""Several workers whose clients speak TLS: each with what is asked of it, and with what is asked of another."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from contextlib import closing, suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest
from websockets import Subprotocol
from websockets.sync.client import connect

from tests.certificates import make_files, trusting
from tests.workers.house import Page, Workers, running_workers, said


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Generator[Workers]:
    """Two workers, the same for all tests, in their order: the last one does them harm."""
    cert, key = make_files(Path(tmp_path_factory.mktemp("tls")))
    with running_workers("--tls-cert", cert, "--tls-key", key) as running:
        running.trusts = trusting()
        assert running.server.comet.startswith("https://")
        running.one_of_each()  # it is ready when the first of them is
        yield running


def test_who_connects_is_served_by_each_in_its_turn(workers: Workers) -> None:
    assert {workers.open().worker for _ in range(4)} == {1, 2}


def test_one_connection_asks_for_the_sessions_of_all_workers_with_long_bodies(workers: Workers) -> None:
    pages = workers.one_of_each()
    with closing(workers.connect()) as connection:
        for _ in range(2):
            for page in pages:
                come = page.take(said(connection, page.request(("tell", "x" * 200_000), ("who", None))))
                while not any(isinstance(each, int) for each in come):
                    come += page.take(said(connection, page.request()))


def test_a_websocket_attaches_at_the_worker_of_its_session(workers: Workers) -> None:
    for page in workers.one_of_each():
        for _ in range(2):  # by a connection to each of them
            with connect(
                workers.server.comet.replace("https", "wss"),
                ssl=trusting(),
                subprotocols=[Subprotocol("cometary.1")],
            ) as socket:
                socket.send(f'{{"sid": "{page.sid}", "ack": 0}}')
                page.rid += 1
                socket.send(f'{{"rid": {page.rid}, "packets": [{{"path": "who", "message": null}}]}}')
                while '"path":"who"' not in str(socket.recv()):
                    pass


def test_a_connection_by_way_of_a_worker_that_is_killed_is_closed(workers: Workers) -> None:
    with closing(workers.connect()) as connection:
        here = Page(said(connection, b'{"rid": 1}')["sid"])
        there = next(page for page in workers.one_of_each() if page.worker != here.worker)
        said(connection, there.request(hold=False))
        connection.request("POST", "/comet", there.request(), {"Content-Type": "application/json"})
        os.kill(workers.process_of(here), signal.SIGKILL)
        with pytest.raises((HTTPException, OSError)):
            connection.getresponse()
    assert "error" not in answer_of(workers, there)


def answer_of(workers: Workers, page: Page) -> dict[str, Any]:
    """Repeat the last request of a page until it is answered: a connection may be on its way to the dead worker."""
    while True:
        page.rid -= 1
        with closing(workers.connect()) as connection, suppress(HTTPException, OSError):
            return said(connection, page.request(hold=False))
