"""What else is spoken with several workers: a connection goes to the worker that has what it asks for."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Generator
from contextlib import ExitStack, closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from playwright.sync_api import Browser, expect
from websockets.sync.client import ClientConnection, connect

from cometary.doors.bosh.endpoint import BoshEndpoint
from cometary.errors import ElsewhereError
from cometary.sessions.ids import worker_of
from cometary.transport.http.exchange import Exchange
from tests.workers.house import Workers, running_workers

POLLING = "/socket.io/?EIO=4&transport=polling"


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Generator[Workers]:
    prompt = str(tmp_path_factory.mktemp("prompt") / "prompt")
    with running_workers("--socketio", "/socket.io/", "--csp", "/csp", "--manhole", prompt) as running:
        running.prompt = prompt
        yield running


def asked(connection: http.client.HTTPConnection, url: str, body: str | None = None) -> str:
    connection.request("GET" if body is None else "POST", url, body)
    answer = connection.getresponse()
    text = answer.read().decode()
    assert answer.status == 200, text
    return text


def elsewhere(workers: Workers, worker: int | None) -> http.client.HTTPConnection:
    """Connect to another worker."""
    return workers.connection_at(next(page for page in workers.one_of_each() if page.worker != worker))


def test_socket_io_goes_on_at_the_worker_of_its_connection(workers: Workers) -> None:
    with closing(workers.connect()) as connection:
        sid = json.loads(asked(connection, POLLING)[1:])["sid"]
    with closing(elsewhere(workers, worker_of(sid))) as other:
        assert asked(other, f"{POLLING}&sid={sid}", "40") == "ok"
    with closing(elsewhere(workers, worker_of(sid))) as other:
        assert asked(other, f"{POLLING}&sid={sid}").startswith('40{"sid":')


def test_so_does_the_websocket_that_it_upgrades_to(workers: Workers) -> None:
    sids = set[int | None]()
    while len(sids) < 2:
        with closing(workers.connect()) as connection:
            sid = json.loads(asked(connection, POLLING)[1:])["sid"]
        sids.add(worker_of(sid))
        for _ in range(2):  # each worker accepts one of the two
            url = f"ws://127.0.0.1:{workers.server.port}/socket.io/?EIO=4&transport=websocket&sid={sid}"
            with connect(url) as websocket:
                websocket.send("2probe")
                assert websocket.recv() == "3probe"


def test_g6_what_a_socket_broadcasts_is_heard_at_both_workers_but_not_by_itself(workers: Workers) -> None:
    url = f"ws://127.0.0.1:{workers.server.port}/socket.io/?EIO=4&transport=websocket"
    with ExitStack() as until:
        sockets = dict[int | None, ClientConnection]()
        while len(sockets) < 2:  # as each worker accepts one of them
            websocket = until.enter_context(connect(url))
            sockets[worker_of(json.loads(str(websocket.recv())[1:])["sid"])] = websocket
        for websocket in sockets.values():
            websocket.send("40/chat,")
            assert str(websocket.recv()).startswith("40/chat,")
        first, second = sockets.values()
        first.send('42/chat,["message","one"]')
        assert second.recv() == '42/chat,["message","one"]'
        second.send('42/chat,["message","two"]')
        assert first.recv() == '42/chat,["message","two"]'


def test_csp_goes_on_at_the_worker_of_its_session(workers: Workers) -> None:
    with closing(workers.connect()) as connection:
        told = asked(connection, "/csp/handshake?d={}")
        key = json.loads(told[told.index("(") + 1 : told.rindex(")")])["session"]
    with closing(elsewhere(workers, worker_of(key))) as other:
        assert "OK" in asked(other, f"/csp/send?s={key}", json.dumps([[1, 0, '{"path":"who"}']]))


def test_a_body_of_bosh_goes_to_the_worker_of_its_session() -> None:
    def look(sid: str) -> None:
        raise ElsewhereError(sid)

    none = dict[str, Any]()
    sessions: Any = SimpleNamespace(find=none.get)
    anything: Any = None
    endpoint = BoshEndpoint(sessions, anything, anything, ready=bool, now=lambda: 0.0, look_elsewhere=look)
    body = b"<body xmlns='http://jabber.org/protocol/httpbind' rid='2' sid='there'/>"
    exchange = Exchange("POST", "/bosh", b"", {}, body=body)
    with pytest.raises(ElsewhereError):
        endpoint(exchange)
    assert exchange.body == body, "it cannot be handed over any more"


def test_each_worker_has_a_prompt_of_its_own(workers: Workers) -> None:
    for worker in (1, 2):
        path = f"{workers.prompt}.{worker}"
        with socket.socket(socket.AF_UNIX) as prompt:
            prompt.connect(path)
        assert Path(path).stat().st_mode & 0o077 == 0


@pytest.mark.browser
def test_the_inspector_looks_at_each_worker(workers: Workers, browser: Browser) -> None:
    pages = workers.one_of_each()
    named = {each["name"]: each["worker"] for each in workers.control.get("/sessions").json()["sessions"]}
    with closing(browser.new_context()) as context:
        tab = context.new_page()
        tab.goto(f"{workers.server.control}/inspector/?worker={pages[1].worker}#at=sessions")
        for worker in (2, 1):
            expect(tab.locator("#workers [aria-current]")).to_have_text(f"worker {worker}")
            ours = [name for name, whose in named.items() if whose == worker]
            expect(tab.locator("#total")).to_have_text(str(len(ours)))
            for name in ours:
                expect(tab.locator("#rows")).to_contain_text(name)
            expect(tab.locator("#connection .state")).to_have_text("open")
            tab.click(f"#workers >> text=worker {3 - worker}")
