"""A socket that another process has read from: what was read comes first, and what was said is not said again."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any

import pytest

from cometary.transport.net.departing import Departing
from cometary.transport.net.resumed import ResumedSocket


class Floor:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.kept: list[int] = []
        self.forgotten: list[int] = []

    def keeps(self, fd: int) -> None:
        self.kept.append(fd)

    def forget(self, channel: Any) -> None:
        self.forgotten.append(channel.sock.fileno())


def resumed(read: bytes = b"", said: int = 0) -> tuple[socket.socket, ResumedSocket, Floor]:
    peer, ours = socket.socketpair()
    peer.settimeout(1)
    floor: Any = Floor()
    sock = ResumedSocket(ours.detach(), read, said)
    sock.floor = floor
    return peer, sock, floor


def test_what_was_read_comes_first_and_the_floor_knows_of_what_is_left() -> None:
    peer, sock, floor = resumed(b"before")
    with peer, sock:
        peer.sendall(b"after")
        assert (sock.recv(4), floor.kept) == (b"befo", [sock.fileno()])
        assert (sock.recv(2), floor.kept) == (b"re", [sock.fileno()])
        assert sock.recv(100) == b"after"
        with pytest.raises(BlockingIOError):
            sock.recv(1)
        assert sock.gettimeout() == 0


def test_what_is_left_goes_along_with_the_connection_once() -> None:
    peer, sock, _ = resumed(b"before")
    with peer, sock:
        sock.recv(2)
        assert [sock.rest(), sock.rest()] == [b"fore", b""]
        peer.sendall(b"after")
        assert sock.recv(100) == b"after"


@pytest.mark.parametrize("pieces", [[b"abcdef"], [b"ab", b"cdef"], [b"abc", b"def"], [b"abcd", b"ef"]])
def test_what_was_said_is_not_said_again(pieces: list[bytes]) -> None:
    peer, sock, _ = resumed(said=3)
    with peer, sock:
        assert [sock.send(piece) for piece in pieces] == [len(piece) for piece in pieces]
        assert sock.send(b"ghi") == 3
        assert peer.recv(100) == b"defghi"


def test_where_nothing_was_said_everything_is_sent() -> None:
    peer, ours = socket.socketpair()
    with peer, ResumedSocket(ours.detach()) as sock:
        assert sock.send(b"all") == 3
        assert peer.recv(100) == b"all"


def test_what_was_said_counts_as_sent_though_the_kernel_takes_nothing() -> None:
    peer, sock, _ = resumed(said=3)
    with peer, sock:
        full = bytes(1 << 20)
        with suppress(BlockingIOError):
            while True:
                socket.socket.send(sock, full)
        assert sock.send(b"abcd") == 3
        with pytest.raises(BlockingIOError):
            sock.send(b"d")


def test_a_connection_that_departs_takes_along_what_was_read_and_is_served_no_more() -> None:
    for read, rest in ((b"read ", b"kept"), (b"read", None)):
        peer, sock, floor = resumed(rest or b"")
        handed: list[tuple[bytes, int]] = []

        def hand_over(read: bytes, fd: int, handed: list[tuple[bytes, int]] = handed) -> None:
            handed.append((read, fd))

        number = sock.fileno()
        plain = sock if rest else socket.socket(fileno=sock.detach())
        board: Any = floor
        channel = Departing(plain, board, read, hand_over)
        channel.start()
        channel.close()
        assert (handed, floor.forgotten) == ([(read + (rest or b""), number)], [number])
        with peer, socket.socket(fileno=number) as other:
            other.send(b"still open")
            assert peer.recv(100) == b"still open"


def test_one_that_is_closed_before_it_has_departed_is_closed_once() -> None:
    peer, sock, floor = resumed()
    board: Any = floor
    channel = Departing(sock, board, b"", lambda _read, _fd: None)
    with peer:
        number = sock.fileno()
        for _ in range(2):
            channel.close()
        assert floor.forgotten == [number]
        assert peer.recv(100) == b""


class First:
    """A socket that has the descriptor of standard input."""

    open = True

    def fileno(self) -> int:
        return 0 if self.open else -1

    def close(self) -> None:
        self.open = False


def test_one_is_closed_whatever_its_descriptor() -> None:
    sock: Any = First()
    floor: Any = Floor()
    Departing(sock, floor, b"", lambda _read, _fd: None).close()
    assert (sock.open, floor.forgotten) == (False, [0])
