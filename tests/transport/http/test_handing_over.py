"""A request that another process is to answer takes its connection along, with all that was read behind it."""

from __future__ import annotations

import os
import socket
from functools import partial

import trio

from cometary.errors import ElsewhereError
from cometary.transport.http.exchange import Exchange
from cometary.transport.http.protocol import Http
from cometary.transport.http.service import Service
from cometary.transport.net.channel import Channel, Floor, Successor
from cometary.transport.net.departing import Departing
from cometary.transport.net.resumed import ResumedSocket
from tests.transport.wire import Server, echo, post, serving

Handed = list[tuple[int, str, bytes, int]]


class Elsewhere:
    """An endpoint that has what is at `/there` answered elsewhere, holds what is at `/held`, and echoes the rest."""

    def __init__(self) -> None:
        self.handed = Handed()
        self.held: list[Exchange] = []

    def __call__(self, exchange: Exchange) -> None:
        if exchange.path == "/there":
            exchange.refuse(ElsewhereError(self._pass_on))
        elif exchange.path == "/held":
            self.held.append(exchange)
        else:
            echo(exchange)

    def _pass_on(self, read: bytes, said: int = 0) -> Successor:
        def succeed(sock: socket.socket, peer: str, floor: Floor, beyond: bytes) -> Channel:
            return Departing(sock, floor, lambda fd: self.handed.append((fd, peer, read + beyond, said)))

        return succeed


def resume(server: Server, handed: Handed) -> None:
    """Serve what was handed over as another process would."""
    [(descriptor, peer, read, said)] = handed
    sock = ResumedSocket(descriptor, read, said)
    sock.floor = server.switchboard
    http = Http(Service(echo))
    server.switchboard.take(http(sock, peer, server.switchboard))


async def test_it_is_answered_there_and_so_is_what_came_behind_it() -> None:
    endpoint = Elsewhere()
    async with serving(endpoint) as server, serving(echo) as other:
        client = await server.connect()
        assert (await client.ask(post(b"here"))).body == b"here"
        await client.send(
            post(b"x" * 9_000, path=b"/there") + post(b"first", path=b"/there") + post(b"second")
        )
        while not endpoint.handed:
            await server.settle()
        assert server.switchboard.open_connections == 0
        resume(other, endpoint.handed)
        bodies = [(await client.response()).body for _ in range(3)]
        assert bodies == [b"x" * 9_000, b"first", b"second"]
        assert (await client.ask(post(b"on"))).body == b"on"


async def test_it_waits_for_its_turn() -> None:
    endpoint = Elsewhere()
    async with serving(endpoint) as server, serving(echo) as other:
        client = await server.connect()
        await client.send(post(path=b"/held") + post(b"then", path=b"/there"))
        while not endpoint.held:
            await server.settle()
        assert endpoint.handed == []
        endpoint.held[0].respond(200, b"held")
        assert (await client.response()).body == b"held"
        while not endpoint.handed:
            await server.settle()
        resume(other, endpoint.handed)
        assert (await client.response()).body == b"then"


async def test_half_a_request_behind_it_ends_with_the_connection() -> None:
    endpoint = Elsewhere()
    async with serving(endpoint) as server:
        client = await server.connect()
        await client.send(post(path=b"/held") + post(path=b"/there") + b"POST /half HTTP/1.1")
        while not endpoint.held:
            await server.settle()
        endpoint.held[0].respond(200)
        assert (await client.response()).status == 200
        assert await client.closed()
        assert endpoint.handed == []


async def test_a_client_that_has_gone_meanwhile_is_not_handed_over() -> None:
    endpoint, gone = Elsewhere(), trio.Event()
    async with serving(endpoint) as server:
        client = await server.connect()
        await client.send(post(path=b"/held") + post(path=b"/there"))
        while not endpoint.held:
            await server.settle()
        endpoint.held[0].on_drop = gone.set
        client.reset()
        await gone.wait()
        assert endpoint.handed == []


def test_one_who_is_handed_over_is_closed_only_once() -> None:
    here, there = socket.socketpair()

    class Forgetting(Floor):
        forgotten = 0

        def forget(self, channel: Channel) -> None:
            self.forgotten += 1

    with here:
        floor = Forgetting.__new__(Forgetting)
        departing = Departing(there, floor, partial(os.close))
        departing.start()
        departing.close()
        assert floor.forgotten == 1
        assert here.recv(1) == b""
