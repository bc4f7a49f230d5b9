"""What a worker has of the others: whose turn a caller is, where sessions are, and who is told what is published."""

from __future__ import annotations

import os
import socket
from typing import Any

import pytest

from cometary.config.kinds import Address
from cometary.doors.door import Listener
from cometary.errors import MailboxFullError
from cometary.packets.contract_table import Contracts
from cometary.packets.packet import Packet
from cometary.packets.published import Published, as_published
from cometary.sessions.directory import Directory
from cometary.sessions.flow import Flow
from cometary.sessions.ids import WORKERS, worker_of
from cometary.sessions.locator import Elsewhere, Gone
from cometary.transport.http.limits import Limits
from cometary.transport.net.channel import Channel, Floor
from cometary.workers.colleagues import OtherWorkers
from cometary.workers.engine import SharedEngine
from cometary.workers.messages import Handed, Message, decode


class Kept:
    """A link that keeps what is sent; it is full when it is told so."""

    full = False
    crowded = False

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.descriptors: list[int] = []

    def send(self, message: Message, descriptor: int = -1) -> None:
        self.descriptors.append(descriptor)
        if self.full:
            raise MailboxFullError("the test says so")
        self.sent.append(message)
        os.close(descriptor)

    def put(self, payload: bytes) -> None:
        self.sent.append(decode(payload))


class Forgetting(Floor):
    """A floor that forgets."""

    def forget(self, channel: Channel) -> None:
        assert channel.sock.fileno() >= 0


@pytest.fixture
def link() -> Any:
    return Kept()


def colleagues(number: int, link: Any, workers: int = 3) -> OtherWorkers:
    return OtherWorkers(number, workers, link, lambda _, __: None)


@pytest.mark.parametrize(("number", "there"), [(1, {1, 2, 3}), (2, {1, 2, 3}), (3, {1, 2, 3}), (1, {1, 3})])
def test_each_caller_is_the_next_workers_or_ones_own_if_that_has_not_begun(
    number: int, there: set[int], link: Any
) -> None:
    served: list[str] = []

    def new_protocol() -> Any:
        def here(sock: socket.socket, peer: str, floor: Floor) -> Channel:
            served.append(peer)
            return Channel(sock)

        return here

    listener = Listener("clients", Address("127.0.0.1", 0), new_protocol)
    others = colleagues(number, link)
    others.begun = frozenset(there)
    speak = others.spread(listener, Limits()).new_protocol()
    floor = Forgetting.__new__(Forgetting)
    for caller in range(6):
        ours, theirs = socket.socketpair()
        with ours:
            channel = speak(theirs, f"peer {caller}", floor)
            if channel.__class__ is Channel:
                theirs.close()
            else:
                channel.start()
    turns = [(caller % 3 + 1, f"peer {caller}") for caller in range(6)]
    away = [(worker, peer) for worker, peer in turns if worker != number and worker in there]
    assert served == [peer for worker, peer in turns if (worker, peer) not in away]
    assert link.sent == [Handed(worker, peer, b"", 0, fresh=True) for worker, peer in away]


def test_a_caller_is_served_here_while_too_many_wait_to_cross(link: Any) -> None:
    served: list[str] = []

    def here(sock: socket.socket, peer: str, floor: Floor) -> Channel:
        served.append(peer)
        return Channel(sock)

    others = colleagues(1, link, workers=2)
    others.begun = frozenset({1, 2})
    speak = others.spread(Listener("clients", Address("127.0.0.1", 0), lambda: here), Limits()).new_protocol()
    link.crowded = True
    for caller in range(4):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            speak(theirs, f"peer {caller}", Forgetting.__new__(Forgetting))
    assert served == [f"peer {caller}" for caller in range(4)]


def test_a_connection_goes_to_the_worker_of_a_session_with_what_was_read_and_how_much_was_said(
    link: Any,
) -> None:
    others = colleagues(1, link)
    others.begun = frozenset({1, 2})
    place = others.place_of("x" * 23 + WORKERS[1])
    assert isinstance(place, Elsewhere)
    assert place.node == "2"
    ours, theirs = socket.socketpair()
    with ours:
        successor = place.pass_on(b"read ", 7)
        successor(theirs, "peer", Forgetting.__new__(Forgetting), b"beyond").start()
    assert link.sent == [Handed(2, "peer", b"read beyond", 7)]


def test_one_that_the_link_has_no_room_for_is_closed_for_its_client_asks_again(link: Any) -> None:
    others = colleagues(1, link)
    others.begun = frozenset({2})
    place: Any = others.place_of("x" * 23 + WORKERS[1])
    link.full = True
    ours, theirs = socket.socketpair()
    with ours:
        place.pass_on(b"")(theirs, "peer", Forgetting.__new__(Forgetting), b"").start()
        assert ours.recv(1) == b""
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(link.descriptors[0])


def test_sessions_of_others_are_there_and_all_the_rest_is_as_the_directory_says(link: Any) -> None:
    others, directory = colleagues(1, link), Directory(10)
    locator = others.locator(directory)
    assert locator.living is directory.living
    sid = others.new_sid()
    assert worker_of(sid) == 1
    assert locator.find(sid) == locator.find("nothing") == Gone(None)
    others.begun = frozenset({2})
    assert isinstance(locator.find("x" * 23 + WORKERS[1]), Elsewhere)


def test_what_all_have_together_the_first_has(link: Any) -> None:
    assert colleagues(1, link).once(["a", "b"]) == ["a", "b"]
    assert not colleagues(2, link).once(["a", "b"])


class Local:
    """An engine that keeps what it is to route; it refuses when it is told so."""

    run = attach = interest = history = None
    full = False

    def __init__(self) -> None:
        self.routed: list[Packet] = []

    def publish(self, packet: Packet) -> object:
        if self.full:
            raise MailboxFullError("the test says so")
        self.routed.append(packet)
        return "taken"


def engine(link: Any) -> tuple[Any, SharedEngine, OtherWorkers]:
    local: Any = Local()
    others = colleagues(1, link)
    return local, others.engine(local, Contracts(), Flow()), others


async def test_what_is_published_here_is_routed_here_and_told_to_the_others_and_what_they_publish_only_routed(
    link: Any,
) -> None:
    local, shared, others = engine(link)
    packet = Packet("news", 1)
    taken: Any = shared.publish(packet)
    assert (taken, local.routed, link.sent) == ("taken", [packet], [as_published(packet)])
    await others.hear(Published(b'{"path":"a","message":2}', "a", b"\x02"))
    assert [(each.path, each.plain_message()) for each in local.routed[1:]] == [("a", 2)]
    assert len(link.sent) == 1


async def test_a_worker_that_has_no_server_yet_routes_nothing(link: Any) -> None:
    await colleagues(1, link).hear(Published(b"", "a", b"\x02"))


@pytest.mark.parametrize("full", ["link", "here"])
def test_what_cannot_be_routed_here_or_told_to_the_others_is_neither(link: Any, full: str) -> None:
    local, shared, _ = engine(link)
    link.full, local.full = full == "link", full == "here"
    with pytest.raises(MailboxFullError):
        shared.publish(Packet("news", 1))
    assert (local.routed, link.sent) == ([], [])
