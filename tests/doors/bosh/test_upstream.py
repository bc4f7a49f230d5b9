"""The connection to the XMPP server, with a server that does what Prosody would not."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Final

import pytest
import trio
import trio.testing

from cometary.config import Address
from cometary.doors.bosh.bodies import Body
from cometary.doors.bosh.events import Arrived, ServerEnded
from cometary.doors.bosh.terms import Offer, Terms, agree
from cometary.doors.bosh.upstream import Server, Upstream

OPENING: Final = b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
OFFERING_TLS: Final = (
    OPENING + b"<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>"
    b"</stream:features>"
)
PASSWORD: Final = b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGEAYg==</auth>"


class Listening:
    """Where connections are taken, and what was told of them."""

    def __init__(self, listener: trio.SocketListener) -> None:
        self._listener = listener
        self.told: list[Arrived | ServerEnded] = []

    def upstream(self, tls: str) -> Upstream:
        """Return a connection to here."""
        address = Address("127.0.0.1", self._listener.socket.getsockname()[1])
        xmpp_1 = {"urn:xmpp:xbosh version": "1.0"}
        terms = agree(Body({"rid": "1", "to": "localhost", **xmpp_1}), Offer(frozenset({"localhost"})))
        assert isinstance(terms, Terms)
        return Upstream(Server(address, tls), terms, self.told.append, trio.current_time)

    async def accept(self) -> trio.SocketStream:
        """Take a connection on which a stream was opened."""
        stream = await self._listener.accept()
        assert b"<stream:stream" in await stream.receive_some()
        return stream


@pytest.fixture
async def listening() -> AsyncIterator[Listening]:
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        yield Listening(listener)


async def rest_of(stream: trio.SocketStream) -> bytes:
    """Return all that comes until the end."""
    async with stream:
        return b"".join([bytes(part) async for part in stream])


@pytest.mark.parametrize("tls", ["demanded", "always"])
async def test_what_a_client_has_sent_too_early_is_not_sent_when_there_is_no_tls_after_all(
    listening: Listening, nursery: trio.Nursery, tls: str
) -> None:
    upstream = listening.upstream(tls)
    nursery.start_soon(upstream.run)
    server = await listening.accept()
    upstream.send(PASSWORD)
    await server.send_all(OFFERING_TLS)
    assert b"<starttls" in await server.receive_some()
    await server.send_all(b"<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
    assert b"auth" not in await rest_of(server)
    assert [type(told) for told in listening.told] == [ServerEnded]


async def test_nor_when_the_session_ends_before_it_is_known_whether_there_is_tls(
    listening: Listening,
) -> None:
    upstream = listening.upstream("demanded")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(upstream.run)
        server = await listening.accept()
        upstream.send(PASSWORD)
        nursery.cancel_scope.cancel()
    assert b"auth" not in await rest_of(server)


async def test_why_there_is_no_tls_is_in_the_log(
    listening: Listening, nursery: trio.Nursery, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "cometary.doors.bosh")
    nursery.start_soon(listening.upstream("demanded").run)
    async with await listening.accept() as server:
        await server.send_all(OFFERING_TLS)
        await server.receive_some()
        await server.send_all(b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        await server.receive_some()
        await server.send_all(b"nonsense")
        await trio.testing.wait_all_tasks_blocked()
    assert "WRONG_VERSION_NUMBER" in caplog.messages[0]


async def test_that_a_server_does_not_answer_is_in_the_log(
    listening: Listening,
    nursery: trio.Nursery,
    caplog: pytest.LogCaptureFixture,
    autojump_clock: trio.testing.MockClock,
) -> None:
    caplog.set_level(logging.INFO, "cometary.doors.bosh")
    nursery.start_soon(listening.upstream("demanded").run)
    await rest_of(await listening.accept())
    assert caplog.messages[0].endswith("it does not answer")


async def test_what_a_client_has_sent_before_it_leaves_is_sent_where_no_tls_is_wanted(
    listening: Listening,
) -> None:
    upstream = listening.upstream("never")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(upstream.run)
        server = await listening.accept()
        upstream.send(PASSWORD)
        nursery.cancel_scope.cancel()
    assert await rest_of(server) == PASSWORD + b"</stream:stream>"


async def test_a_stanza_that_takes_long_to_read_ends_no_session_and_its_sender_is_told(
    listening: Listening, nursery: trio.Nursery
) -> None:
    nursery.start_soon(listening.upstream("never").run)
    async with await listening.accept() as server:
        much = b"<x xmlns='%b'>%b</x>" % (b"u" * 100_000, b"<a/>" * 25_000)
        await server.send_all(OPENING + b"<message from='a@b' id='1'>%b</message><presence/>" % much)
        told = await server.receive_some()
        assert b"<message type='error' to='a@b' id='1'>" in told
        assert b"recipient-unavailable" in told
        await trio.testing.wait_all_tasks_blocked()
    arrived = [told.elements for told in listening.told if isinstance(told, Arrived)]
    assert [element for elements in arrived for element in elements] == [b"<presence xmlns='jabber:client'/>"]
