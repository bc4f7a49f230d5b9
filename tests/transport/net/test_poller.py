"""Pollers: none waits when it is asked what is ready, and what is not known of a socket is nothing."""

from __future__ import annotations

import select
import socket

import pytest
import trio

from cometary.transport.http.protocol import Http
from cometary.transport.http.service import Service
from cometary.transport.net.poller import (
    PEER_SHUT,
    READABLE,
    WRITABLE,
    EpollPoller,
    SelectorPoller,
    unacknowledged,
)
from cometary.transport.net.switchboard import Listen, Switchboard
from tests.transport.wire import echo


def test_the_one_for_any_system_does_not_wait_for_what_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    poller = SelectorPoller()
    waits: list[object] = []
    select = poller._selector.select

    def selecting(seconds: float | None = None) -> object:
        waits.append(seconds)
        return select(0)

    monkeypatch.setattr(poller._selector, "select", selecting)
    assert poller.poll(10) == []
    assert waits == [0]
    poller.close()


async def test_it_is_given_back_when_its_switchboard_ends() -> None:
    switchboard = Switchboard([Listen(Http(Service(echo)))], EpollPoller)
    async with trio.open_nursery() as nursery:
        await nursery.start(switchboard.serve)
        poller = switchboard.poller
        assert isinstance(poller, EpollPoller)
        assert not poller._epoll.closed
        nursery.cancel_scope.cancel()
    assert poller._epoll.closed


def test_what_has_no_peer_has_nothing_that_a_peer_has_not_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        assert unacknowledged(listening) == 0


def test_what_a_simulation_has_for_a_socket_has_nothing_either() -> None:
    assert unacknowledged(object()) == 0  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


@pytest.mark.skipif(not hasattr(select, "epoll"), reason="this system has no epoll")
def test_a_hang_up_of_which_is_known_is_reported_once_more_at_most_until_something_is_asked_for() -> None:
    poller = EpollPoller()
    ours, theirs = socket.socketpair()
    with ours:
        fd = ours.fileno()
        poller.watch(fd)
        poller.change(fd, reading=False, writing=False)
        with theirs:
            theirs.send(b"last")
        assert poller.poll(10)
        poller.change(fd, reading=False, writing=False, ended=True)
        poller.poll(10)
        assert poller.poll(10) == []
        poller.change(fd, reading=False, writing=True, ended=True)
        bits = poller.poll(10)[0][1]
        assert bits & WRITABLE
        assert not bits & READABLE
        poller.change(fd, reading=True, writing=False, ended=True)
        for _ in range(2):
            assert poller.poll(10)[0][1] & READABLE
        poller.forget(fd)
    poller.close()


@pytest.mark.skipif(not hasattr(select, "epoll"), reason="this system has no epoll")
def test_that_a_peer_says_no_more_is_reported_though_nothing_is_read_unless_that_is_known() -> None:
    poller = EpollPoller()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        fd = ours.fileno()
        poller.watch(fd)
        poller.change(fd, reading=False, writing=False)
        theirs.shutdown(socket.SHUT_WR)
        for _ in range(2):
            assert poller.poll(10)[0][1] & PEER_SHUT
        poller.change(fd, reading=False, writing=False, ended=True)
        assert not poller.poll(10)
    poller.close()
