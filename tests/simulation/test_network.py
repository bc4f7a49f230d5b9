"""The sockets in memory behave as the system's do: each test runs on both."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, Protocol

import pytest
import trio

from cometary.transport.net.poller import EpollPoller, Poller
from tests.simulation.network import FIRST_PORT, MemoryNetwork, MemoryPoller

ANY_ROOM = 65_536


class Place(Protocol):
    """Where sockets are: the system, or memory."""

    def pair(self) -> tuple[Any, Any]:
        """Return a socket as the server accepts it, and the other end."""
        ...

    def poller(self) -> Poller: ...


class InMemory:
    def __init__(self) -> None:
        self.network = MemoryNetwork(Random(1))  # noqa: S311 - no secret
        [self.listening] = trio.run(self.network.front().open_sockets, "127.0.0.1", 0)

    def pair(self) -> tuple[Any, Any]:
        other = self.network.connect(("10.0.0.1", 1), FIRST_PORT, server=ANY_ROOM, client=ANY_ROOM)
        return self.listening.accept()[0], other

    def poller(self) -> Poller:
        return MemoryPoller(self.network)


class InTheSystem:
    def __init__(self) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))

    def pair(self) -> tuple[Any, Any]:
        other = socket.create_connection(self.listening.getsockname())
        server, _ = self.listening.accept()
        server.setblocking(False)
        other.setblocking(False)
        return server, other

    def poller(self) -> Poller:
        return EpollPoller()


@pytest.fixture(params=[InMemory, InTheSystem])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    kind: Callable[[], Any] = request.param
    made = kind()
    yield made
    made.listening.close()


def settle() -> None:
    """Give the system's loopback a moment; in memory everything is there at once."""
    select.select([], [], [], 0.01)


def test_what_is_sent_arrives_and_then_there_is_nothing_to_read(place: Place) -> None:
    server, other = place.pair()
    assert other.send(b"abc") == 3
    settle()
    assert server.recv(2) == b"ab"
    assert server.recv(2) == b"c"
    with pytest.raises(BlockingIOError):
        server.recv(1)
    server.close()
    other.close()


def test_closing_is_end_of_file_and_sending_after_it_a_reset(place: Place) -> None:
    server, other = place.pair()
    other.close()
    settle()
    assert server.recv(1) == b""
    server.send(b"x")  # answered by RST
    settle()
    with pytest.raises(ConnectionError):
        server.send(b"x")
    server.close()


def test_closing_with_something_unread_resets(place: Place) -> None:
    server, other = place.pair()
    server.send(b"unread")
    settle()
    other.close()
    settle()
    with pytest.raises(ConnectionResetError):
        server.recv(1)
    server.close()


def test_half_closed_the_other_direction_goes_on(place: Place) -> None:
    server, other = place.pair()
    other.shutdown(socket.SHUT_WR)
    settle()
    assert server.recv(1) == b""
    server.send(b"still")
    settle()
    assert other.recv(9) == b"still"
    with pytest.raises(BrokenPipeError):
        other.send(b"no more")
    server.close()
    other.close()


def test_who_is_not_read_blocks_the_other_in_the_end(place: Place) -> None:
    server, other = place.pair()
    with pytest.raises(BlockingIOError):  # noqa: PT012 - after how much is the system's to say
        while True:
            server.send(b"x" * 100_000)
    server.close()
    other.close()


def test_the_poller_reports_what_was_asked_for_as_long_as_it_is_so(place: Place) -> None:
    server, other = place.pair()
    poller = place.poller()
    fd = server.fileno()
    poller.watch(fd)
    assert poller.poll(9) == []
    poller.change(fd, reading=True, writing=True)
    assert poller.poll(9) == [(fd, 4)]
    other.send(b"a")
    settle()
    assert poller.poll(9) == poller.poll(9) == [(fd, 1 | 4)]
    server.recv(1)
    poller.change(fd, reading=True, writing=False)
    assert poller.poll(9) == []
    poller.forget(fd)
    poller.close()
    server.close()
    other.close()


def test_a_hang_up_is_reported_to_who_does_not_read(place: Place) -> None:
    server, other = place.pair()
    poller = place.poller()
    fd = server.fileno()
    poller.watch(fd)
    poller.change(fd, reading=False, writing=False)
    other.send(b"a")
    settle()
    assert poller.poll(9) == []
    other.close()
    settle()
    assert [(one, bool(bits & ~5)) for one, bits in poller.poll(9)] == [(fd, True)]
    poller.forget(fd)
    poller.close()
    server.close()


def test_a_descriptor_that_was_closed_is_the_next_ones(place: Place) -> None:
    first, other = place.pair()
    fd = first.fileno()
    first.close()
    assert first.fileno() == -1
    second, another = place.pair()
    used = {second.fileno(), another.fileno()} if isinstance(place, InTheSystem) else {second.fileno()}
    assert fd in used
    for sock in (other, second, another):
        sock.close()
