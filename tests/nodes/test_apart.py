"""Nodes that do not go together, that die, and that come back; with real processes."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Generator
from contextlib import closing, suppress
from tempfile import TemporaryFile
from threading import Thread
from typing import IO, Any

import pytest

from cometary.cluster.redis import arguments
from cometary.cluster.redis.keys import MEMBER_KEYS, Keys
from cometary.nodes.handshake import Hello, Identity, Proof, Refused
from cometary.nodes.handshake import _decode as decode
from cometary.nodes.handshake import _encode as encode
from cometary.sessions.ids import tag_of, tag_of_node
from tests.nodes.house import JSON, LEASE, SECRET, House, Node, options_of, running_house, wait_until
from tests.nodes.two_way import TwoWay
from tests.servers import ENVIRONMENT, started


@pytest.fixture(scope="module")
def house() -> Generator[House]:
    """Two nodes; the tests are in their order: the last ones do them harm."""
    with running_house("a", "b", cuttable=True) as running:
        yield running


def refused(*arguments: str, **environment: str) -> tuple[int, str]:
    """Start a node that does not start; returns its exit status and what it says."""
    words = ["serve", "tests/nodes/application.py:app", "--port", "0", "--control", "127.0.0.1:0"]
    words += ["--log-level", "error", *arguments]
    with TemporaryFile() as said:
        variables = {**ENVIRONMENT, "COMETARY_NODE_SECRET": SECRET, **environment}
        with started(words, variables, stderr=said.fileno()) as process:
            status = process.wait(timeout=30)
        return status, text_of(said)


def text_of(log: IO[bytes]) -> str:
    log.seek(0)
    return log.read().decode()


def test_two_nodes_of_one_name_are_one_line(house: House) -> None:
    status, said = refused(*options_of("a", house.engine.url), "--lease", "0.5")
    assert (status, said.count("\n")) == (1, 1)
    assert said.startswith("cometary: there is another node 'a'")


def test_another_secret_is_one_line(house: House) -> None:
    status, said = refused(*options_of("x", house.engine.url), COMETARY_NODE_SECRET="another-secret-0")
    assert (status, said.count("\n")) == (2, 1)
    assert said.startswith("cometary: node: node '")
    assert "the two have different values of node-secret" in said


def test_a_server_that_is_no_node_and_one_at_a_wrong_address_harm_nobody(house: House) -> None:
    command = ("FCALL", arguments.function("renew"), MEMBER_KEYS, *Keys().members)
    for name, address in (("no-node", ""), ("nowhere", "10.0.0.1")):
        house.engine.say(*command, name, "1", address, 3000, 3000)
    second = house.nodes[1]
    wait_until(lambda: second.others().get("nowhere") == "unreached")
    assert "no-node" not in second.others()
    wait_until(lambda: second.others()["nowhere"] == "gone")
    assert second.others()["a"] == "there"


def test_what_does_not_work_is_refused_at_the_start() -> None:
    status, said = refused(*options_of("a", "redis://localhost"), "--csp", "/csp")
    assert (status, said.count("\n")) == (2, 1)
    assert said.startswith("cometary: node: the option csp does not work with several nodes yet")


def node_port(node: Node) -> int:
    """Return where a node listens for others."""
    own = node.control.get("/nodes").json()["nodes"][0]
    return int(own["address"].rpartition(":")[2])


def say(stranger: socket.socket, step: Hello | Proof) -> bytes:
    said: bytes = encode(step)
    stranger.sendall(len(said).to_bytes(2, "big") + said)
    return said


def hear(stranger: socket.socket) -> bytes:
    length = int.from_bytes(stranger.recv(2, socket.MSG_WAITALL), "big")
    return stranger.recv(length, socket.MSG_WAITALL)


def test_a_stranger_who_forges_a_forward_is_refused(house: House) -> None:
    page = house.nodes[0].open()
    identity = Identity("c", "1", "127.0.0.1:1", b"not the secret")
    with socket.create_connection(("127.0.0.1", node_port(house.nodes[0]))) as stranger:
        told = say(stranger, identity.hello()) + hear(stranger)
        say(stranger, Proof(identity.proof(b"dialer", told)))
        stranger.sendall(b"\0\0\0\x08" + page.request(("echo", 1)))
        assert decode(hear(stranger)) == Refused("the two have different values of node-secret")
        with suppress(ConnectionResetError):  # closed, in either way
            assert stranger.recv(1) == b""
    assert "c" not in house.nodes[0].others()


def test_a_proof_that_was_overheard_is_good_for_nothing(house: House) -> None:
    good = Identity("c", "1", "127.0.0.1:1", SECRET.encode())
    port, hello = node_port(house.nodes[0]), good.hello()
    with socket.create_connection(("127.0.0.1", port)) as first:
        proof = Proof(good.proof(b"dialer", say(first, hello) + hear(first)))
    with socket.create_connection(("127.0.0.1", port)) as again:
        say(again, hello)
        hear(again)
        say(again, proof)
        assert isinstance(decode(hear(again)), Refused)


def test_another_version_is_refused_and_said(house: House) -> None:
    hello = Identity("c", "1", "127.0.0.1:1", SECRET.encode()).hello()
    other = Hello(99, "9.9", "c", "1", hello.address, hello.time, hello.nonce)
    with socket.create_connection(("127.0.0.1", node_port(house.nodes[0]))) as stranger:
        say(stranger, other)
        answer = decode(hear(stranger))
    assert isinstance(answer, Refused)
    assert "'c' is cometary 9.9, which speaks version 99 of the link" in answer.why


def test_a_node_whose_clock_differs_joins_and_is_told_of(house: House) -> None:
    identity = Identity("late", "1", "127.0.0.1:1", SECRET.encode())
    hello = identity.hello()
    other = Hello(
        hello.link_version, hello.version, "late", "1", hello.address, hello.time - 3600, hello.nonce
    )
    with socket.create_connection(("127.0.0.1", node_port(house.nodes[0]))) as late:
        told = say(late, other) + hear(late)
        say(late, Proof(identity.proof(b"dialer", told)))
        assert isinstance(decode(hear(late)), Proof)
        wait_until(lambda: "late" in house.nodes[0].others())
    wait_until(lambda: house.nodes[0].others()["late"] == "gone")
    said = re.search(r"the clock of node late is (\d+) seconds behind this one's", text_of(house.log))
    assert said is not None
    assert 3600 <= int(said[1]) < 3630, "as long as the machine took besides"


def test_links_that_are_cut_lose_and_double_nothing(house: House) -> None:
    first, second = house.nodes
    cut = house.cuts[0].cut
    client = TwoWay([second.connect])
    assert tag_of(client.sid) == tag_of_node(second.name)
    client = TwoWay([first.connect, second.connect, second.connect])
    listening = second.open()
    for part in range(3):
        numbers = range(part * 20, part * 20 + 20)
        sending = Thread(target=client.exchange, args=((("tell", n) for n in numbers), part * 20 + 20))
        sending.start()
        for _ in range(4):
            cut()
        sending.join()
    assert client.received == [*range(60)]
    assert client.gaps == 0
    received = list[Any]()
    while len(received) < 60:
        received += listening.take(second.ask(listening.request()))
    assert received == [*range(60)]


def test_the_sessions_of_a_killed_node_are_unknown_at_once_and_others_notice_nothing(house: House) -> None:
    third, second = house.start("c"), house.nodes[1]
    theirs, ours = third.open(), second.open()
    with closing(second.connect()) as holding:
        holding.request("POST", "/comet", theirs.request(), JSON)
        wait_until(lambda: "cometary_forwarded_requests 1.0" in second.control.get("/metrics").text)
        third.server.process.kill()
        began = time.monotonic()
        assert json.loads(holding.getresponse().read())["error"] == "unknown-session"
        assert time.monotonic() - began < LEASE, "it has waited for the lease to run out"
    assert second.ask(theirs.request())["error"] == "unknown-session"
    assert ours.take(second.ask(ours.request(("echo", 1)))) == [1]
    assert second.others()["c"] == "gone"


def test_a_node_comes_back_under_its_name(house: House) -> None:
    second, again = house.nodes[1], house.start("c")
    wait_until(lambda: second.others()["c"] == "there")
    page = again.open()
    assert page.take(second.ask(page.request(("echo", 2)))) == [2]
    again.server.stop()
    assert second.ask(page.request())["error"] == "unknown-session"


def test_what_another_node_holds_for_the_clients_of_one_that_stops_is_answered_first(house: House) -> None:
    second, stops = house.nodes[1], house.start("d")
    page = second.open()
    with closing(stops.connect()) as holding:
        holding.request("POST", "/comet", page.request(), JSON)
        wait_until(lambda: "cometary_forwarded_requests 1.0" in stops.control.get("/metrics").text)
        stops.server.stop()
        answer = holding.getresponse()
        assert (answer.status, answer.headers["Connection"]) == (200, "close")
        assert page.take(json.loads(answer.read())) == []
    assert page.take(second.ask(page.request(("echo", 3)))) == [3], "the session has not noticed"
