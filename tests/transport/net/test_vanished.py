"""Connections that the server opens notice that their peer has vanished."""

from __future__ import annotations

import socket

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from cometary.cluster.redis.connection import open_stream
from cometary.cluster.redis.url import EngineURL
from cometary.config import Address
from cometary.doors.bosh.bodies import Body
from cometary.doors.bosh.terms import Offer, Terms, agree
from cometary.doors.bosh.upstream import Server, Upstream

TIMES = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[trio.SocketStream]:
    """What is opened from now on."""
    streams: list[trio.SocketStream] = []
    open_tcp_stream = trio.open_tcp_stream

    async def remember(host: str, port: int) -> trio.SocketStream:
        streams.append(await open_tcp_stream(host, port))
        return streams[-1]

    monkeypatch.setattr(trio, "open_tcp_stream", remember)
    return streams


@pytest.mark.parametrize("to", ["the engine", "the XMPP server"])
async def test_a_silent_peer_is_asked_whether_it_is_there(
    to: str, opened: list[trio.SocketStream], nursery: trio.Nursery
) -> None:
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    if to == "the engine":
        await open_stream(EngineURL("127.0.0.1", port))
    else:
        xmpp_1 = {"urn:xmpp:xbosh version": "1.0"}
        terms = agree(Body({"rid": "1", "to": "localhost", **xmpp_1}), Offer(frozenset({"localhost"})))
        assert isinstance(terms, Terms)
        server = Server(Address("127.0.0.1", port), "never")
        nursery.start_soon(Upstream(server, terms, lambda _: None, trio.current_time).run)
    async with listener, await listener.accept() as peer:
        if to == "the XMPP server":
            await peer.receive_some()
        await wait_all_tasks_blocked()
        [stream] = opened
        assert stream.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        idle, interval, probes = (stream.getsockopt(socket.IPPROTO_TCP, option) for option in TIMES)
        assert idle + interval * probes == 120, "seconds, by when it is known"
        await stream.aclose()
    nursery.cancel_scope.cancel()
