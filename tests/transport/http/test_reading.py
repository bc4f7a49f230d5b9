"""How much of a connection is read at once: what is remembered of the last request, and never more than may be."""

from __future__ import annotations

import socket
from collections.abc import Generator

import pytest

from cometary.transport.http import reading
from cometary.transport.http.exchange import Exchange
from cometary.transport.http.head_memory import KnownHead
from cometary.transport.http.reading import FEW, receive
from cometary.transport.net.socket_calls import IN_C

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Generator[Pair]:
    here, there = socket.socketpair()
    with here, there:
        here.setblocking(False)
        yield here, there


def request_of(length: int) -> KnownHead:
    return KnownHead(b"", length, Exchange("GET", "/", b"", {}))


KNOWN = [None, request_of(100), request_of(FEW - 1), request_of(FEW), request_of(10_000)]


@pytest.mark.parametrize("known", KNOWN)
@pytest.mark.parametrize("most", [10, FEW - 1, FEW, FEW + 1, 2 * FEW, 16_384])
@pytest.mark.parametrize("length", [1, FEW - 1, FEW, FEW + 1, 3 * FEW, 40_000])
def test_all_that_has_come_is_read_and_no_more_than_may_be(
    pair: Pair, length: int, most: int, known: KnownHead | None
) -> None:
    here, there = pair
    sent = bytes(range(256)) * (length // 256 + 1)
    there.sendall(sent[:length])
    assert receive(here, most, known) == sent[: min(length, most)]


@pytest.mark.parametrize("known", KNOWN)
def test_where_nothing_has_come_there_is_nothing_and_the_end_is_nothing_more(
    pair: Pair, known: KnownHead | None
) -> None:
    here, there = pair
    with pytest.raises(BlockingIOError):
        receive(here, 16_384, known)
    there.close()
    assert receive(here, 16_384, known) == b""


class Counted(socket.socket):
    """Notes how much is asked for at a time."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(fileno=sock.detach())
        self.asked: list[int] = []

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        self.asked.append(bufsize)
        return super().recv(bufsize, flags)


@pytest.mark.parametrize(
    ("known", "most", "length", "asked"),
    [
        (None, 4_096, 100, [4_096]),
        (request_of(FEW), 4_096, 100, [4_096]),
        (request_of(FEW - 1), 4_096, 100, [FEW]),
        (request_of(100), 4_096, FEW, [FEW, 4_096 - FEW]),
        (request_of(100), FEW, FEW, [FEW]),
    ],
)
def test_where_the_last_request_was_short_little_memory_is_asked_for_at_first(
    pair: Pair, known: KnownHead | None, most: int, length: int, asked: list[int]
) -> None:
    here, there = pair
    there.sendall(b"x" * length)
    with Counted(here) as counted:
        counted.setblocking(False)
        assert receive(counted, most, known) == b"x" * length
        assert counted.asked == ([most] if IN_C else asked)


def test_the_module_in_c_needs_no_more_than_one_read(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_IN_C", True)
    here, there = pair
    there.sendall(b"x" * FEW)
    with Counted(here) as counted:
        assert receive(counted, 4_096, request_of(100)) == b"x" * FEW
        assert counted.asked == [4_096]
