"""What a worker does for the others and for the process above, and when: not before it can."""

from __future__ import annotations

import gc
import os
import socket
import warnings
from collections.abc import Callable, Generator
from types import SimpleNamespace
from typing import Any

import pytest
import trio
import trio.testing

from cometary.config import Settings
from cometary.errors import ConfigError
from cometary.packets.published import Published
from cometary.transport.http.exchange import Exchange
from cometary.transport.http.service import Service
from cometary.workers.link import HEAD
from cometary.workers.messages import (
    Answered,
    Asked,
    Begins,
    Begun,
    Handed,
    Message,
    Numbered,
    Ready,
    decode,
)
from cometary.workers.part import Part
from cometary.workers.within import Within, network_of_worker, settings_of_worker


@pytest.fixture
def ends() -> Generator[tuple[socket.socket, int]]:
    """Both ends of the link, the second of which is to be the worker's."""
    here, there = socket.socketpair()
    with here:
        yield here, there.detach()


def a_worker(descriptor: int) -> Within:
    return Within(Part(1, 2, descriptor, [], "/control"))


def waiting(within: Within) -> list[Message]:
    """What it has to say, while its link does not run."""
    return [decode(frame[HEAD:]) for frame, _ in within.link._frames]


class Front:
    """A front end that keeps what it is to go on with."""

    def __init__(self) -> None:
        self.resumed: list[tuple[bytes, str, object]] = []
        self.later: list[Callable[[], object]] = []

    def at_next_batch(self, function: Callable[[], object]) -> None:
        self.later.append(function)

    def resume(self, sock: Any, peer: str, protocol: object) -> None:
        self.resumed.append((sock.rest(), peer, protocol))
        os.close(sock.detach())


def a_control(exchange: Exchange) -> None:
    told = f"{exchange.method} {exchange.path} {exchange.peer}".encode() + exchange.query + exchange.body
    exchange.respond(201, told, b"text/plain", tuple(exchange.headers.items()))


def meet(within: Within) -> Front:
    front: Any = Front()
    control: Any = SimpleNamespace(service=Service(a_control))
    within.colleagues.meet(front, control, control.service, lambda _: None)
    met: Front = front
    return met


async def test_it_listens_when_it_is_known_that_it_may_have_sessions(ends: tuple[socket.socket, int]) -> None:
    within = a_worker(ends[1])
    begun = trio.Event()

    async def begin() -> None:
        await within.begin()
        begun.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(begin)
        await trio.testing.wait_all_tasks_blocked()
        assert (begun.is_set(), waiting(within)) == (False, [Begins()])
        await within._take(Begins(), -1)
        await begun.wait()
    within.link._close()


async def test_or_when_nobody_is_there_to_know_it(ends: tuple[socket.socket, int]) -> None:
    within = a_worker(ends[1])
    ends[0].close()
    with trio.fail_after(60):
        await within.keep_link()
        await within.begin()


async def test_it_is_ready_when_clients_can_come_and_what_others_have_for_it_waits_until_then(
    ends: tuple[socket.socket, int],
) -> None:
    within = a_worker(ends[1])
    heard: list[str] = []

    async def hear(message: Published | Numbered) -> None:
        await trio.lowlevel.checkpoint()
        assert isinstance(message, Published)
        heard.append(message.path)

    within.colleagues.hear = hear  # type: ignore[method-assign]
    sock, other = socket.socketpair()
    handed = Handed(1, "peer", b"read", 0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(within._take, Published(b"", "news"), -1)
        nursery.start_soon(within._take, handed, sock.detach())
        await within._take(Begun((1, 2)), -1)
        assert within.colleagues.begun == {1, 2}
        await trio.testing.wait_all_tasks_blocked()
        assert (heard, waiting(within)) == ([], [])
        front = meet(within)
    assert (heard, front.resumed, waiting(within)) == (["news"], [(b"read", "peer", None)], [Ready()])
    other.close()
    within.link._close()


async def test_a_call_is_answered_as_a_request_of_whoever_has_made_it(
    ends: tuple[socket.socket, int],
) -> None:
    within = a_worker(ends[1])
    meet(within)
    await within._take(Asked(7, "POST", "/send", b"?q", {b"a": b"b"}, b"body", "peer"), -1)
    await within._take(Asked(8, "GET", "/refused", b"", {b"x": b"a\nb"}, b"", "peer"), -1)
    ready, answer, failed = waiting(within)
    assert ready == Ready()
    assert answer == Answered(7, 201, b"POST /send peer?qbody", b"text/plain", ((b"a", b"b"),))
    assert isinstance(failed, Answered)
    assert (failed.number, failed.status) == (8, 500)
    with pytest.raises(AssertionError, match="is not sent"):
        await within._take(Ready(), -1)
    within.link._close()


async def test_clients_come_by_the_sockets_of_the_process_above_and_nothing_else_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        settings = Settings(host="127.0.0.1", port=port)
        part = Part(1, 2, -1, [os.dup(listening.fileno())], "/control")
        network = network_of_worker(settings, part)
        [sock] = await network.open_sockets("127.0.0.1", port)
        by_path = network.open_unix_socket("/any", 0o600)
        for each in (sock, by_path):
            assert each.getsockname() == listening.getsockname()
            assert each.gettimeout() == 0
            each.close()
        with pytest.raises(ConfigError, match=f"a door that listens at 127.0.0.1:{port + 1} does not work"):
            await network.open_sockets("127.0.0.1", port + 1)
        assert settings_of_worker(settings, part).control == ("/control", 0o600)
        with warnings.catch_warnings():  # a worker has them until it ends
            warnings.simplefilter("ignore", ResourceWarning)
            del network
            gc.collect()
