"""Several workers are one server to whoever speaks with them; with real processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest

from cometary.transport.wires.websocket.client_frames import NO_MASK, ServersFrames, masked
from cometary.transport.wires.websocket.frames import TEXT
from cometary.workers.part import VARIABLE, Part
from tests.servers import ENVIRONMENT, ROOT, started
from tests.workers.house import APP, Page, Workers, asked_again, running_workers, said


@pytest.fixture(scope="module")
def workers() -> Generator[Workers]:
    """Two workers, the same for all tests, in their order: the last ones do them harm."""
    with running_workers() as running:
        yield running


UPGRADE = (
    b"GET /comet HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    b"Sec-WebSocket-Protocol: cometary.1\r\n\r\n"
)


def test_workers_are_told_that_nobody_accepts_callers_when_they_stop(workers: Workers) -> None:
    for process in workers.processes():
        environment = Path(f"/proc/{process}/environ").read_text().split("\0")
        [told] = [each for each in environment if each.startswith(VARIABLE)]
        assert '"successor": "none"' in told


def test_one_connection_asks_for_the_sessions_of_all_workers(workers: Workers) -> None:
    pages = workers.one_of_each()
    told: dict[int | None, set[int]] = {1: set(), 2: set()}
    with closing(workers.connect()) as connection:
        for _ in range(3):
            for page in pages:
                answer = said(connection, page.request(("who", None), ("tell", "x" * 40_000)))
                told[page.worker].update(each for each in page.take(answer) if isinstance(each, int))
    assert all(len(who) == 1 for who in told.values())
    assert sorted(told[1] | told[2]) == sorted(workers.processes())


def test_who_connects_is_served_by_each_in_its_turn(workers: Workers) -> None:
    pages = [workers.open() for _ in range(8)]
    assert {sum(page.worker == worker for page in pages) for worker in (1, 2)} <= {3, 4, 5}


def test_the_welcome_page_shows_the_control_interface_of_all(workers: Workers) -> None:
    with closing(workers.connect()) as connection:
        connection.request("GET", "/")
        page = connection.getresponse().read().decode()
    assert f'const more = " --control {workers.control.base_url.netloc.decode()}";' in page


def test_a_request_is_held_by_the_worker_of_its_session_and_answered_there(workers: Workers) -> None:
    first, second = workers.one_of_each()
    with closing(workers.connection_at(first)) as holding, closing(workers.connect()) as sending:
        holding.request("POST", "/comet", second.request(), {"Content-Type": "application/json"})
        said(sending, first.request(("tell", "hello"), hold=False))
        answer = httpx.Response(200, content=holding.getresponse().read()).json()
        assert second.take(answer) == ["hello"]


def test_requests_that_come_together_for_two_workers_are_all_answered(workers: Workers) -> None:
    first, second = workers.one_of_each()
    with closing(workers.connection_at(first)) as connection:
        bodies = [page.request(("who", None)) for page in (second, first, second)]
        assert connection.sock is not None
        connection.sock.sendall(b"".join(posted(body) for body in bodies))
        come = b""
        while come.count(b"HTTP/1.1 200") < 3:
            come += more(connection.sock)


def more(sock: socket.socket) -> bytes:
    come = sock.recv(65536)
    assert come, "the connection was closed"
    return come


def posted(body: bytes) -> bytes:
    head = b"POST /comet HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return b"%bContent-Length: %d\r\n\r\n%b" % (head, len(body), body)


def test_a_stream_attaches_at_the_worker_of_its_session(workers: Workers) -> None:
    first, second = workers.one_of_each()
    with closing(workers.connection_at(first)) as connection:
        headers = {"Accept": "text/event-stream", "X-Comet-Session": second.sid}
        connection.request("GET", "/comet", headers=headers)
        stream = connection.getresponse()
        assert stream.status == 200
        workers.control.post("/send", json={"sid": second.sid, "packets": [{"path": "p", "message": 7}]})
        while b'"message":7' not in (line := stream.readline()):
            assert line


def test_a_websocket_attaches_at_the_worker_of_its_session(workers: Workers) -> None:
    first, second = workers.one_of_each()
    with closing(workers.connection_at(first)) as connection:
        assert connection.sock is not None
        attach = b'{"sid": "%b", "ack": 0}' % second.sid.encode()
        packet = b'{"rid": 2, "packets": [{"path": "who", "message": null}]}'
        connection.sock.sendall(UPGRADE + masked(TEXT, attach, NO_MASK) + masked(TEXT, packet, NO_MASK))
        come = b""
        while b'"path":"who"' not in come:
            come += more(connection.sock)
    head, _, frames = come.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101")
    assert b"HTTP/1.1" not in frames
    assert next(iter(ServersFrames().feed(frames))).payload.startswith(b"{")


def test_updates_of_a_back_end_come_to_all_sessions_in_their_order(workers: Workers) -> None:
    pages = workers.one_of_each()
    for number in range(20):
        assert workers.control.post("/update", json={"path": "news", "message": number}).status_code == 200
    for page in pages:
        assert until(workers, page, 19) == list(range(20))


def until(workers: Workers, page: Page, last: Any) -> list[Any]:
    """Poll until there is a certain message; returns all."""
    come: list[Any] = []
    with closing(workers.connect()) as connection:
        while last not in come:
            answer = said(connection, page.request())
            assert "error" not in answer, answer
            come += page.take(answer)
    return come


def test_an_update_that_is_repeated_with_its_key_is_sent_once(workers: Workers) -> None:
    pages = workers.one_of_each()
    update = {"path": "news", "message": "once", "idempotency_key": "key"}
    for _ in range(2):
        assert workers.control.post("/update", json=update).status_code == 200
    workers.control.post("/update", json={"path": "news", "message": "end"})
    for page in pages:
        assert until(workers, page, "end") == ["once", "end"]


def test_a_call_about_one_session_is_made_where_that_is(workers: Workers) -> None:
    for page in workers.one_of_each():
        body = {"sid": page.sid, "packets": [{"path": "p", "message": page.worker}]}
        assert workers.control.post("/send", json=body).json() == {"packets": 1}
        assert page.worker in until(workers, page, page.worker)
        name = next(each["name"] for each in sessions(workers) if each["worker"] == page.worker)
        assert workers.control.get("/session", params={"name": name}).json()["name"] == name
        assert workers.control.post("/kick", json={"sid": page.sid}).status_code == 200
        assert workers.control.post("/send", json=body).json()["error"] == "unknown-session"


def sessions(workers: Workers) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = workers.control.get("/sessions").json()["sessions"]
    return listed


def test_what_tells_of_the_server_tells_of_all_workers(workers: Workers) -> None:
    workers.one_of_each()
    control = workers.control
    assert control.get("/readyz").json() == {"status": "ready"}
    assert {each["worker"] for each in sessions(workers)} == {1, 2}
    in_cbor = control.get("/sessions", headers={"Accept": "application/cbor"})
    assert in_cbor.headers["content-type"] == "application/json"
    assert control.get("/statistics").json()["sessions"] == len(sessions(workers))
    [below, _] = control.get("/tree").json()["children"]
    assert [each["id"] for each in below["children"]] == ["worker-1", "worker-2"]
    assert all(each["children"][0]["id"] == "cometary" for each in below["children"])
    metrics = control.get("/metrics").text
    assert 'cometary_sessions_limit{worker="1"} 100000.0' in metrics
    assert 'cometary_sessions_limit{worker="2"} 100000.0' in metrics


def test_receipts_are_those_of_all_workers_behind_one_cursor(workers: Workers) -> None:
    pages, control = workers.one_of_each(), workers.control
    begin = control.get("/receipts").json()["cursor"]
    for page in pages:
        packet = {"path": "p", "message": 1, "receipt": f"of {page.worker}"}
        control.post("/send", json={"sid": page.sid, "packets": [packet]})
        until(workers, page, 1)
        with closing(workers.connect()) as connection:
            said(connection, page.request(hold=False))
    come, told = set[tuple[str, str]](), dict[str, Any]()
    while len(come) < 2:
        told = control.get("/receipts", params={"after": begin, "wait": "10"}).json()
        come |= {(each["id"], each["outcome"]) for each in told["receipts"]}
    assert come == {("of 1", "delivered"), ("of 2", "delivered")}
    assert control.get("/receipts", params={"after": told["cursor"]}).json()["receipts"] == []
    assert control.get("/receipts", params={"wait": "x"}).status_code == 400


def test_a_session_is_traced_wherever_it_is(workers: Workers) -> None:
    control = workers.control
    for page in workers.one_of_each():
        name = next(each["name"] for each in sessions(workers) if sid_is(workers, page, each["name"]))
        with control.stream("GET", "/trace", params={"name": name}) as trace:
            assert trace.headers["connection"] == "close"
            lines = trace.iter_lines()
            control.post("/kick", json={"sid": page.sid})
            assert any('"stop' in line or "kicked" in line for line in lines)
    assert control.get("/trace", params={"name": "nobody"}).json()["error"] == "unknown-session"
    assert sessions(workers) is not None


def sid_is(workers: Workers, page: Page, name: str) -> bool:
    """Whether the session of a page has this name: a marked path says so."""
    path = f"marked/{page.sid[:8]}"
    workers.control.post("/connect", json={"sid": page.sid, "paths": [path]})
    return path in str(workers.control.get("/session", params={"name": name}).json())


def test_an_actor_is_found_wherever_it_is(workers: Workers) -> None:
    order = {"urn": "urn:uuid:00000000-0000-0000-0000-000000000000", "order": "kill"}
    unknown = workers.control.post("/actor", json=order)
    assert unknown.status_code == 404
    for page in workers.one_of_each():
        urn = urn_of(workers, page)
        assert workers.control.post("/actor", json={**order, "urn": urn}).status_code == 200


def urn_of(workers: Workers, page: Page) -> str:
    """Return the actor of a worker's dispatcher."""
    [below, _] = workers.control.get("/tree").json()["children"]
    of_it = next(each for each in below["children"] if each["id"] == f"worker-{page.worker}")
    dispatcher = next(each for each in of_it["children"][0]["children"] if each["id"] == "dispatcher")
    return str(dispatcher["urn"])


def test_what_is_not_answered_for_several_workers_says_where_one_answers(workers: Workers) -> None:
    refused = workers.control.get("/else").json()
    path = refused["detail"].split("unix:")[1].split(",")[0]
    transport = httpx.HTTPTransport(uds=path)
    with httpx.Client(transport=transport, base_url="http://localhost") as one:
        assert one.get("/statistics").status_code == 200
        assert Path(path).parent.stat().st_mode & 0o077 == 0


def test_a_killed_worker_is_started_again_and_the_others_keep_their_sessions(workers: Workers) -> None:
    first, second = workers.one_of_each()
    victim = worker_process(workers, first)
    with closing(workers.connection_at(second)) as connection:
        os.kill(victim, signal.SIGKILL)
        while workers.control.get("/readyz").json() == {"status": "ready"}:
            told(workers, "while it starts")
        assert asked_again(connection, first)["error"] == "unknown-session"
    assert until(workers, second, told(workers, "still here"))[-1] == "still here"
    while workers.control.get("/readyz").json() == {"status": "starting"}:
        told(workers, "while it starts")
    assert victim not in workers.processes()
    workers.one_of_each()


def told(workers: Workers, message: str) -> str:
    workers.control.post("/update", json={"path": "news", "message": message})
    return message


def worker_process(workers: Workers, page: Page) -> int:
    with closing(workers.connect()) as connection:
        [process] = [
            each for each in page.take(said(connection, page.request(("who", None)))) if isinstance(each, int)
        ]
    return int(process)


def test_a_worker_stops_when_the_process_above_it_has_gone() -> None:
    here, there = socket.socketpair()
    with socket.create_server(("127.0.0.1", 0)) as clients, TemporaryDirectory() as folder, here:
        with there:
            part = Part(1, 1, there.fileno(), [clients.fileno()], f"{folder}/control")
            command = [sys.executable, "-m", "cometary", "serve", APP, "--workers", "2", "--drain", "0"]
            passed = [there.fileno(), clients.fileno()]
            environment = {**ENVIRONMENT, VARIABLE: part.written()}
            worker = subprocess.Popen(command, pass_fds=passed, env=environment, cwd=ROOT)
        with worker:
            here.sendall(here.recv(100))  # it is about to listen, and is told that this is known
            assert here.recv(100)  # it is ready
            here.close()
            assert worker.wait(timeout=60) == 0


def test_workers_stop_while_they_start() -> None:
    arguments = ["serve", APP, "--port", "0", "--control", "127.0.0.1:0", "--workers", "2"]
    with started(arguments, ENVIRONMENT) as above:
        try:
            worker = first_child(above.pid)
            os.kill(worker, signal.SIGSTOP)  # so it will not begin
            above.terminate()
            while not is_told_to_end(worker):
                pass
            above.terminate()  # the second time: at once
            assert above.wait(timeout=60) == 0
        finally:
            above.kill()


def first_child(pid: int) -> int:
    """Return the first child of a process, once it has one that runs its own program."""
    while True:
        for each in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in each.read_text().split():
                with suppress(OSError):  # it was another, and has ended
                    if b"\0cometary\0serve\0" in Path(f"/proc/{child}/cmdline").read_bytes():
                        return int(child)


def is_told_to_end(pid: int) -> bool:
    """Whether a process that is stopped has SIGTERM coming."""
    status = Path(f"/proc/{pid}/status").read_text()
    [pending] = [int(line.split()[1], 16) for line in status.splitlines() if line.startswith("ShdPnd:")]
    return bool(pending & 1 << signal.SIGTERM - 1)


def test_workers_stop_gracefully_and_at_once(workers: Workers) -> None:
    page, _ = workers.one_of_each()
    with closing(workers.connection_at(page)) as connection:
        connection.request("POST", "/comet", page.request(), {"Content-Type": "application/json"})
        workers.server.stop()
        with suppress(ConnectionError):
            assert b"shutdown" in connection.getresponse().read()
