"""What workers are made of: packets that travel, connections that go on elsewhere, and what is refused."""

from __future__ import annotations

import socket
from typing import Any, Literal
from unittest.mock import Mock

import pytest

from cometary import encoded_json
from cometary.cli import main
from cometary.config import Settings
from cometary.errors import ConfigError, UsageError
from cometary.packets.contract_table import Contracts
from cometary.packets.packet import Packet
from cometary.packets.published import Published, as_packet, as_published
from cometary.sessions.flow import Flow
from cometary.sessions.ids import SID_LENGTH, WORKERS, new_sid, sid_of_worker, worker_of
from cometary.transport.net.resumed import ResumedSocket
from cometary.transport.wires.socketio.events import Namespace
from cometary.workers.engine import SharedEngine
from cometary.workers.members import SharedMembers
from cometary.workers.messages import decode, encode
from cometary.workers.part import VARIABLE, AsNode, Part, take_part
from cometary.workers.supported import check
from cometary.workers.within import network_of_worker


def test_an_id_says_whose_the_session_is() -> None:
    ids = [sid_of_worker(new_sid(), worker) for worker in range(1, len(WORKERS) + 1)]
    assert [worker_of(sid) for sid in ids] == list(range(1, 65))
    assert {len(sid) for sid in ids} == {SID_LENGTH}
    assert len({sid[:-1] for sid in ids}) == len(ids)


@pytest.mark.parametrize("sid", ["", "A", "A" * 25, "A" * 23 + "é", "A" * 23 + "="])
def test_what_is_no_id_is_nobodys(sid: str) -> None:
    assert worker_of(sid) is None


def travelled(packet: Packet) -> Packet:
    message = decode(encode(as_published(packet)))
    assert isinstance(message, Published)
    return as_packet(message, Contracts())


@pytest.mark.parametrize(
    "message", [None, {"a": [1, 2.5, "é"]}, b"bytes", 1 << 80, encoded_json(b'{"a":1.000}')]
)
def test_a_packet_is_the_same_for_the_clients_of_another_worker(message: Any) -> None:
    packet = Contracts().packet("news", message)
    twin = travelled(packet)
    assert (twin.path, twin.json) == (packet.path, packet.json)
    assert twin.plain_message() == packet.plain_message()


@pytest.mark.parametrize("tracked", [False, True])
@pytest.mark.parametrize(
    "message", [("a", "b"), ["a", "b"], (), ("a",), (b"x", 1), (1 << 80, "a"), [("a", "b")]]
)
def test_several_arguments_of_an_event_are_several_for_the_clients_of_another_worker(
    message: Any, tracked: bool
) -> None:
    encoding = Namespace("/").encoding
    packet = Contracts().tracked("news", message, key="k") if tracked else Packet("news", message)
    assert encoding.write(travelled(packet)) == encoding.write(packet)


def test_the_wishes_of_a_sender_go_along() -> None:
    packet = Contracts().tracked("news", 1, receipt="r", ttl=5, key="k", exclude="s")
    twin: Any = travelled(packet)
    assert (twin.receipt, twin.ttl, twin.key, twin.exclude) == ("r", 5, "k", "s")


def test_a_key_that_cannot_travel_is_refused() -> None:
    with pytest.raises(UsageError, match="with several processes a key is text, a number or bytes"):
        as_published(Contracts().tracked("news", 1, key=(1, 2)))


def test_a_key_that_is_too_long_a_number_is_refused_before_anything_is_sent() -> None:
    local, link = Mock(), Mock(full=False)
    engine = SharedEngine(local, Contracts(), Flow(), link, worker=1, members=SharedMembers(1, link))
    packet = Contracts().tracked("news", 1, key=1 << 64)
    with pytest.raises(UsageError, match="64 bits at most"):
        engine.publish(packet)
    local.publish.assert_not_called()
    link.put.assert_not_called()


def test_a_socket_that_was_handed_over_goes_on_where_it_was() -> None:
    class Floor:
        kept = 0

        def keeps(self, _: int) -> None:
            self.kept += 1

    here, there = socket.socketpair()
    with here, ResumedSocket(there.detach(), b"before", 4) as resumed:
        floor: Any = Floor()
        resumed.floor = floor
        here.sendall(b"behind")
        assert [resumed.recv(4), resumed.recv(4), resumed.recv(10)] == [b"befo", b"re", b"behind"]
        assert floor.kept == 1
        assert [resumed.send(b"sai"), resumed.send(b"d, and on"), resumed.send(b"!")] == [3, 9, 1]
        assert here.recv(20) == b", and on!"


@pytest.mark.parametrize("successor", ["none", "sockets"])
def test_who_accepts_callers_when_all_stop_is_known_to_each(successor: Literal["none", "sockets"]) -> None:
    part = Part(1, 2, -1, [], "/control", successor)
    assert network_of_worker(Settings(), part).successor == successor


def test_what_a_worker_inherits_no_process_inherits_from_it() -> None:
    here, there = socket.socketpair()
    with here, there:
        for sock in (here, there):
            sock.set_inheritable(True)
        environment = {VARIABLE: Part(1, 1, here.fileno(), [there.fileno()], "/control").written()}
        assert take_part(environment) == Part(1, 1, here.fileno(), [there.fileno()], "/control")
        assert environment == {}
        node = AsNode("workers-x.1.2", "workers-x.", "/folder/node-1-2", "secret", "unix:///engine")
        part = Part(1, 1, here.fileno(), [], "/control", node=node)
        assert take_part({VARIABLE: part.written()}) == part
        assert not here.get_inheritable()
        assert not there.get_inheritable()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *[("stomp", "127.0.0.1:0"), ("socketio_recovery", "on"), ("reuse_port", "on")],
        *[("dudley", "127.0.0.1:0"), ("token_once", "on"), ("node", "a")],
        *[("node_listen", "127.0.0.1:7000"), ("node_address", "10.0.0.1:7000")],
    ],
)
def test_an_option_that_does_not_work_with_several_workers_is_refused(option: str, value: str) -> None:
    settings = Settings()
    object.__setattr__(settings, option, value)
    named = option.replace("_", "-")
    with pytest.raises(ConfigError, match=f"workers: the option {named} does not work with several"):
        check(settings)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["serve", "--stomp", "127.0.0.1:0"], "the option stomp does not work with several"),
        (["demo"], "the demo is one process"),
    ],
    ids=["option", "demo"],
)
def test_what_does_not_work_is_told_in_one_line_before_anything_starts(
    words: list[str],
    told: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([*words, "--workers", "2"]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"cometary: workers: {told}")
