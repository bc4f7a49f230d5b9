"""Sockets are read and written alike by the module in C and without it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Generator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cometary.transport.net import socket_calls
from tests.transport.in_c import made_of

SOURCE = Path(socket_calls.__file__).with_name("_socket_calls.c")
Calls = tuple[Callable[[Any, int], bytes], Callable[[Any, Any], int]]


@pytest.fixture(scope="module")
def in_c(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The module in C, made here: a checkout has none."""
    return made_of(SOURCE, tmp_path_factory.mktemp("built"))


@pytest.fixture(params=["in C", "by the socket"])
def calls(request: pytest.FixtureRequest, in_c: Any) -> Calls:
    if request.param == "in C":
        return in_c.receive, in_c.send
    return socket_calls.receive_by_socket, socket_calls.send_by_socket


@pytest.fixture
def pair() -> Generator[tuple[socket.socket, socket.socket]]:
    here, there = socket.socketpair()
    with here, there:
        here.setblocking(False)
        there.setblocking(False)
        yield here, there


Pair = tuple[socket.socket, socket.socket]


def test_what_was_sent_is_received_as_much_as_is_asked_for_at_a_time(calls: Calls, pair: Pair) -> None:
    (receive, send), (here, there) = calls, pair
    assert send(here, b"some\0thing") == 10
    assert send(here, memoryview(b"and more")[4:]) == 4
    assert [receive(there, 5), receive(there, 16384)] == [b"some\0", b"thingmore"]
    here.close()
    assert receive(there, 10) == b""


def test_where_nothing_has_come_there_is_nothing(calls: Calls, pair: Pair) -> None:
    with pytest.raises(BlockingIOError):
        calls[0](pair[0], 10)


def test_what_the_kernel_does_not_take_is_not_sent(calls: Calls, pair: Pair) -> None:
    (_, send), (here, _) = calls, pair
    data = bytes(1 << 20)
    assert 0 < send(here, data) < len(data)
    with pytest.raises(BlockingIOError):
        _send_for_ever(send, here, data)


def _send_for_ever(send: Callable[[Any, Any], int], sock: socket.socket, data: bytes) -> None:
    while True:
        send(sock, data)


def test_a_closed_socket_and_a_broken_connection_are_errors_of_the_system(calls: Calls, pair: Pair) -> None:
    (receive, send), (here, there) = calls, pair
    there.close()
    with pytest.raises(BrokenPipeError):
        send(here, b"data")
    here.close()
    for call in (lambda: receive(here, 10), lambda: send(here, b"data")):
        with pytest.raises(OSError, match="Bad file descriptor"):
            call()


def test_a_socket_of_another_kind_has_its_own_way(calls: Calls) -> None:
    class Whispering(socket.socket):
        def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
            return b"." * bufsize

        def send(self, data: Any, flags: int = 0, /) -> int:
            return 7

    with Whispering() as sock:
        assert (calls[0](sock, 3), calls[1](sock, b"data")) == (b"...", 7)


@pytest.mark.parametrize("arguments", [(), (1,), (None, "1"), (None, 0), (None, -1), (None, 1 << 70)])
def test_what_makes_no_sense_is_refused(in_c: Any, arguments: tuple[Any, ...], pair: Pair) -> None:
    given_ = tuple(pair[0] if argument is None else argument for argument in arguments)
    with pytest.raises((TypeError, ValueError, OverflowError)):
        in_c.receive(*given_)
    with pytest.raises(TypeError):
        in_c.send(*given_)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=600) | st.integers(1, 700), max_size=12))
def test_both_come_to_the_same(in_c: Any, steps: list[bytes | int]) -> None:
    results: list[list[Any]] = []
    for receive, send in (
        (in_c.receive, in_c.send),
        (socket_calls.receive_by_socket, socket_calls.send_by_socket),
    ):
        here, there = socket.socketpair()
        with here, there:
            here.setblocking(False)
            there.setblocking(False)
            results.append([_result(step, here, there, receive, send) for step in steps])
    assert results[0] == results[1]


def _result(step: bytes | int, here: Any, there: Any, receive: Any, send: Any) -> object:
    try:
        return send(here, step) if isinstance(step, bytes) else receive(there, step)
    except OSError as error:
        return type(error)
