"""A request that another process is to answer takes its connection along, with all that was read behind it."""

from __future__ import annotations

import os
import socket
from itertools import cycle

import pytest
import trio
import trio.testing

from cometary.errors import ElsewhereError
from cometary.transport.http.exchange import Endpoint, Exchange, written
from cometary.transport.http.limits import Limits
from cometary.transport.http.protocol import Http
from cometary.transport.http.request_parser import RequestParser
from cometary.transport.http.service import Service
from cometary.transport.net.channel import Channel, Floor, Successor
from cometary.transport.net.departing import Departing
from cometary.transport.net.resumed import ResumedSocket
from cometary.transport.net.switchboard import READ
from tests.transport.wire import Client, Server, echo, post, serving

Handed = list[tuple[int, str, bytes, int]]


def parsed(data: bytes) -> Exchange:
    [exchange] = RequestParser(Limits()).feed(data)
    return exchange


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /comet?a=b%20 HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nX-A: 2\r\n\r\n",
        b"POST /comet HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc",
        b"POST /comet HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"POST /comet HTTP/1.0\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
        b"PUT /comet HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n",
        b"PATCH /comet HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        b"DELETE /comet HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc",
    ],
    ids=["query", "body", "chunks", "old", "expect", "last", "delete"],
)
def test_a_request_that_is_handed_over_means_the_same(request_: bytes) -> None:
    exchange = parsed(request_)
    again = parsed(written(exchange))
    for name in ("method", "path", "query", "body", "version", "closing"):
        assert getattr(again, name) == getattr(exchange, name)
    framing = {b"content-length", b"transfer-encoding", b"expect"}
    assert not {b"transfer-encoding", b"expect"} & again.headers.keys()
    assert {name: value for name, value in again.headers.items() if name not in framing} == {
        name: value for name, value in exchange.headers.items() if name not in framing
    }


class Elsewhere:
    """An endpoint that has what is at `/there` answered elsewhere, holds what is at `/held`, and echoes the rest."""

    def __init__(self, there: str = "/there") -> None:
        self._there = there
        self.handed = Handed()
        self.held: list[Exchange] = []

    def __call__(self, exchange: Exchange) -> None:
        if exchange.path == self._there:
            exchange.refuse(ElsewhereError(self._pass_on))
        elif exchange.path == "/held":
            self.held.append(exchange)
        else:
            echo(exchange)

    def _pass_on(self, read: bytes, said: int = 0) -> Successor:
        def succeed(sock: socket.socket, peer: str, floor: Floor, beyond: bytes) -> Channel:
            return Departing(
                sock, floor, read + beyond, lambda read, fd: self.handed.append((fd, peer, read, said))
            )

        return succeed


def resume(server: Server, handed: Handed, endpoint: Endpoint = echo, most: int = READ) -> None:
    """Serve what was handed over as another process would that reads so many bytes at once."""
    descriptor, peer, read, said = handed.pop()
    sock = ResumedSocket(descriptor, read, said)
    sock.floor = server.switchboard
    http = Http(Service(endpoint))
    http.read_bytes = most
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


async def test_requests_for_two_are_answered_by_turns_wherever_a_read_ends() -> None:
    paths = (b"/here", b"/there", b"/here", b"/here", b"/there")
    requests = b"".join(post(b"%d" % number, path=path) for number, path in enumerate(paths))
    async with serving(echo) as server:
        for most in range(1, len(requests) + 1):
            by_turns = cycle([Elsewhere(), Elsewhere("/here")])
            ours, theirs = socket.socketpair()
            handed: Handed = [(theirs.detach(), "", requests, 0)]
            client = Client(trio.SocketStream(trio.socket.from_stdlib_socket(ours)))
            server.clients.append(client)
            ours.settimeout(0)
            while handed:
                endpoint = next(by_turns)
                resume(server, handed, endpoint, most)
                handed = endpoint.handed
                for _ in range(3):
                    await trio.testing.wait_all_tasks_blocked()
            bodies = [(await client.response()).body for _ in paths]
            assert bodies == [b"0", b"1", b"2", b"3", b"4"]


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


HALF = post(b"and the rest", path=b"/whole")


@pytest.mark.parametrize("cut", [1, 30, len(HALF) - 5])
async def test_half_a_request_behind_it_goes_along_when_it_is_complete(cut: int) -> None:
    endpoint = Elsewhere()
    async with serving(endpoint) as server, serving(echo) as other:
        client = await server.connect()
        await client.send(post(path=b"/held") + post(path=b"/there") + HALF[:cut])
        while not endpoint.held:
            await server.settle()
        endpoint.held[0].respond(200)
        await client.response()
        await server.settle()
        assert endpoint.handed == []
        await client.send(HALF[cut:])
        while not endpoint.handed:
            await server.settle()
        resume(other, endpoint.handed)
        assert [(await client.response()).body for _ in range(2)] == [b"", b"and the rest"]


@pytest.mark.parametrize(
    "half", [post(b"body", b"Expect: 100-continue")[:-4], post() * Limits().unanswered + b"POST /half"]
)
async def test_half_a_request_that_cannot_be_waited_for_ends_with_the_connection(half: bytes) -> None:
    endpoint = Elsewhere()
    async with serving(endpoint) as server:
        client = await server.connect()
        await client.send(post(path=b"/held") + post(path=b"/there") + half)
        while not endpoint.held:
            await server.settle()
        endpoint.held[0].respond(200)
        assert (await client.response()).status == 200
        assert await client.closed()
        assert endpoint.handed == []


async def test_a_request_that_comes_before_it_departs_goes_along() -> None:
    endpoint, known = Elsewhere(), post(b"known")
    async with serving(endpoint) as server, serving(echo) as other:
        client = await server.connect()
        for _ in range(2):
            await client.ask(known)
        await client.send(post(path=b"/held"))
        while not endpoint.held:
            await server.settle()
        await client.send(post(path=b"/there"))
        await server.settle()
        await client.send(known)
        await server.settle()
        endpoint.held[0].respond(200, b"held")
        while not endpoint.handed:
            await server.settle()
        resume(other, endpoint.handed)
        assert [(await client.response()).body for _ in range(3)] == [b"held", b"", b"known"]


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
        departing = Departing(there, floor, b"", lambda _, descriptor: os.close(descriptor))
        departing.start()
        departing.close()
        assert floor.forgotten == 1
        assert here.recv(1) == b""
