"""Several nodes are one server to whoever speaks with them; with real processes and a real Redis."""

from __future__ import annotations

import json
import socket
from collections.abc import Generator
from contextlib import closing
from typing import Any

import pytest

from cometary.sessions.ids import tag_of, tag_of_node
from cometary.transport.wires.websocket.client_frames import NO_MASK, masked
from cometary.transport.wires.websocket.frames import TEXT
from tests.nodes.house import JSON, House, Node, running_house, wait_until
from tests.nodes.two_way import TwoWay
from tests.workers.test_serving import UPGRADE, more, posted


@pytest.fixture(scope="module")
def house() -> Generator[House]:
    """Two nodes, the same for all tests."""
    with running_house("a", "b") as running:
        yield running


@pytest.fixture
def nodes(house: House) -> list[Node]:
    return house.nodes


def test_an_id_names_the_node_of_its_birth(nodes: list[Node]) -> None:
    for node in nodes:
        sid = node.open().sid
        assert tag_of(sid) == tag_of_node(node.name)


def test_any_node_answers_for_the_node_that_has_the_session(nodes: list[Node]) -> None:
    for owner in nodes:
        page = owner.open()
        for node in nodes:
            answer = node.ask(page.request(("who", None)))
            assert page.take(answer) == [owner.server.process.pid]


def test_one_connection_asks_for_the_sessions_of_all(nodes: list[Node]) -> None:
    pages = [(node.open(), node.server.process.pid) for node in nodes]
    with closing(nodes[0].connect()) as connection:
        for _ in range(2):
            for page, process in pages:
                connection.request("POST", "/comet", page.request(("who", None)), JSON)
                assert page.take(json.loads(connection.getresponse().read())) == [process]


def test_requests_that_come_together_are_answered_in_their_order(nodes: list[Node]) -> None:
    pages = [node.open() for node in nodes]
    with closing(nodes[0].connect()) as connection:
        connection.connect()
        assert isinstance(connection.sock, socket.socket)
        bodies = [page.request(("echo", number)) for number, page in enumerate(pages)]
        connection.sock.sendall(b"".join(posted(body) for body in bodies))
        come = b""
        while come.count(b'"message"') < 2:
            come += more(connection.sock)
    places = [come.index(b'"message":%d' % number) for number in range(2)]
    assert places == sorted(places)


def test_two_connections_on_two_nodes_lose_double_and_reorder_nothing(nodes: list[Node]) -> None:
    client = TwoWay([node.connect for node in nodes])
    client.exchange((("echo", number) for number in range(300)), 300)
    assert client.received == [*range(300)]
    assert client.gaps == 0
    assert set(client.statuses) == {200}


def test_a_request_is_held_at_another_node_and_answered_there(nodes: list[Node]) -> None:
    first, second = nodes
    page = first.open()
    with closing(second.connect()) as holding:
        holding.request("POST", "/comet", page.request(), JSON)
        wait_until(lambda: state_of(first) == "have_request")
        first.control.post("/send", json={"sid": page.sid, "packets": [{"path": "p", "message": 7}]})
        assert page.take(json.loads(holding.getresponse().read())) == [7]


def test_a_client_that_goes_is_seen_at_the_node_of_its_session(nodes: list[Node]) -> None:
    first, second = nodes
    page = first.open()
    holding = second.connect()
    holding.request("POST", "/comet", page.request(), JSON)
    wait_until(lambda: state_of(first) == "have_request")
    holding.close()
    wait_until(lambda: state_of(first) == "waiting")
    assert "cometary_forwarded_requests 0.0" in second.control.get("/metrics").text


def state_of(node: Node) -> str:
    """Return the state of the latest session of a node."""
    sessions = node.control.get("/sessions").json()["sessions"]
    state: str = min(sessions, key=lambda each: each["age"])["state"]
    return state


def test_an_update_at_any_node_reaches_the_sessions_of_all(nodes: list[Node]) -> None:
    pages = [node.open() for node in nodes]
    for number, node in enumerate(nodes):
        assert node.control.post("/update", json={"path": "news", "message": number}).json() == {"updates": 1}
        for page in pages:
            assert page.take(node.ask(page.request())) == [number]


def test_what_one_publishes_arrives_in_its_order_everywhere(nodes: list[Node]) -> None:
    pages = [node.open() for node in nodes]
    updates = [{"path": "news", "message": number} for number in range(200)]
    for part in range(0, 200, 20):
        nodes[0].control.post("/update", json=updates[part : part + 20])
    for page, node in zip(pages, nodes, strict=True):
        received: list[Any] = []
        while len(received) < 200:
            received += page.take(node.ask(page.request()))
        assert received == [*range(200)]


def test_calls_about_a_session_go_to_its_node(nodes: list[Node]) -> None:
    first, second = nodes
    page, call = first.open(), second.control.post
    assert call("/connect", json={"sid": page.sid, "paths": ["x"]}).json() == {"paths": ["news", "x"]}
    assert call("/disconnect", json={"sid": page.sid, "paths": ["x"]}).json() == {"paths": ["news"]}
    two = [{"path": "p", "message": 1}, {"path": "p", "message": 2}]
    assert call("/send", json={"sid": page.sid, "packets": two}).json() == {"packets": 2}
    assert page.take(first.ask(page.request())) == [1, 2]
    question = {"sid": page.sid, "path": "q", "message": 1, "timeout": 0.05}
    assert call("/ask", json=question).json()["error"] == "timeout"
    assert call("/kick", json={"sid": page.sid}).json() == {}
    assert second.ask(page.request())["reason"] == "kicked"
    assert call("/kick", json={"sid": "x" * 24 + tag_of_node("a")}).status_code == 404


@pytest.mark.parametrize("accept", ["text/event-stream", "application/x-ndjson"])
def test_a_stream_attaches_from_another_node(nodes: list[Node], accept: str) -> None:
    first, second = nodes
    page = first.open()
    with closing(second.connect()) as connection:
        attach = json.dumps({"sid": page.sid, "ack": 0})
        headers = {"Accept": accept, "X-Comet-Session": page.sid}
        if accept == "text/event-stream":
            connection.request("GET", "/comet", headers=headers)
        else:
            connection.request("POST", "/comet", attach, {**JSON, "Accept": accept})
        stream = connection.getresponse()
        assert stream.status == 200
        for number in range(50):
            send = {"sid": page.sid, "packets": [{"path": "p", "message": "x" * 4000 + str(number)}]}
            first.control.post("/send", json=send)
        for number in range(50):
            while b'x%d"' % number not in (line := stream.readline()):
                assert line
    wait_until(lambda: state_of(first) != "have_request")


def test_a_websocket_attaches_from_another_node(nodes: list[Node]) -> None:
    first, second = nodes
    page = first.open()
    with closing(second.connect()) as connection:
        connection.connect()
        assert isinstance(connection.sock, socket.socket)
        attach = b'{"sid": "%b", "ack": 0}' % page.sid.encode()
        packet = b'{"rid": 2, "packets": [{"path": "who", "message": null}]}'
        connection.sock.sendall(UPGRADE + masked(TEXT, attach, NO_MASK) + masked(TEXT, packet, NO_MASK))
        come = b""
        while b'"path":"who"' not in come:
            come += more(connection.sock)
        assert str(first.server.process.pid).encode() in come
        big = json.dumps({"rid": 3, "packets": [{"path": "echo", "message": "y" * 200_000}]}).encode()
        connection.sock.sendall(masked(TEXT, big, NO_MASK))
        while come.count(b"y") < 200_000:
            come += more(connection.sock)
    head, _, frames = come.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101")
    assert b"HTTP/1.1" not in frames
    wait_until(lambda: state_of(first) == "waiting")


def test_operators_see_all_nodes_at_each(nodes: list[Node]) -> None:
    for node in nodes:
        assert node.others() == {other.name: "there" for other in nodes if other is not node}
    text = nodes[1].control.get("/metrics").text
    assert "cometary_nodes 2.0" in text
    assert "cometary_node_links 2.0" in text


def test_who_had_no_session_is_told_so(nodes: list[Node]) -> None:
    for ending in ("", tag_of_node("a"), tag_of_node("nobody")):
        body = json.dumps({"sid": "x" * 24 + ending, "rid": 2, "ack": 0}).encode()
        assert nodes[1].ask(body)["error"] == "unknown-session"
