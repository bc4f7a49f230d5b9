"""The other end of a component's stream, for tests: it speaks XEP-0114 over a real socket, and says what the test says.

Against real servers, see `test_real_servers.py`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from hashlib import sha1
from xml.etree.ElementTree import Element

import trio

from cometary.actors import system
from cometary.doors.bosh.elements import Splitter
from cometary.supervision import supervise
from cometary.xmpp import Component
from cometary.xmpp.names import COMPONENT
from cometary.xmpp.xml import parse

DOMAIN = "pubsub.localhost"
SECRET = "secret"
ALICE = "alice@localhost/home"
PATIENCE = 30.0


class Peer:
    """A server with one component.

    Args:
        stream: the connection of the component.
    """

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self._splitter = Splitter(1 << 20)
        self._elements: list[Element] = []
        self._ids = 0

    async def shake_hands(self, secret: str = SECRET) -> None:
        """Let the component in."""
        await self._feed_until_opened()
        opening = f"<?xml version='1.0'?><stream:stream xmlns='{COMPONENT}' from='{DOMAIN}' id='id-1' "
        await self.say(f"{opening}xmlns:stream='http://etherx.jabber.org/streams'>")
        shown = await self.heard()
        assert shown.text == sha1(f"id-1{secret}".encode(), usedforsecurity=False).hexdigest()
        await self.say("<handshake/>")

    async def say(self, text: str) -> None:
        """Send something."""
        await self.stream.send_all(text.encode())

    async def heard(self) -> Element:
        """Return the next element."""
        with trio.fail_after(PATIENCE):
            while not self._elements:
                await self._read()
        return self._elements.pop(0)

    async def ask(self, payload: str, *, kind: str = "get", sender: str = ALICE) -> Element:
        """Make a request, and return what answers it: the answer is for it, and for whoever has made it."""
        self._ids += 1
        await self.say(f"<iq type='{kind}' id='q{self._ids}' from='{sender}' to='{DOMAIN}'>{payload}</iq>")
        answer = await self.heard()
        assert (answer.get("id"), answer.get("to"), answer.get("from")) == (f"q{self._ids}", sender, DOMAIN)
        return answer

    async def closed(self) -> bool:
        """Whether the component ends its stream, and then the connection."""
        with trio.fail_after(PATIENCE):
            while not self._splitter.closed:
                await self._read()
            return await self.stream.receive_some() == b""

    async def _feed_until_opened(self) -> None:
        while not self._splitter.root:
            await self._read()

    async def _read(self) -> None:
        data = await self.stream.receive_some(65536)
        assert data, "the component has gone"
        for element in self._splitter.feed(bytes(data)):
            self._elements.append(parse(_qualified(element.source)))


def _qualified(source: bytes) -> bytes:
    name = source[1:].split(b">", 1)[0].split(b"/", 1)[0].split(b" ", 1)[0]
    return source.replace(name, name + b" xmlns='" + COMPONENT.encode() + b"'", 1)


class Server:
    """Where components connect.

    Args:
        listener: where.
    """

    def __init__(self, listener: trio.SocketListener) -> None:
        self._listener = listener
        self._peers: list[Peer] = []
        self.port: int = listener.socket.getsockname()[1]

    async def accept(self, *, lets_in: bool = True) -> Peer:
        """Wait for the component, and let it in."""
        with trio.fail_after(PATIENCE):
            peer = Peer(await self._listener.accept())
            self._peers.append(peer)
            if lets_in:
                await peer.shake_hands()
        return peer

    async def aclose(self) -> None:
        """Have gone."""
        for peer in self._peers:
            await peer.stream.aclose()


@asynccontextmanager
async def listening() -> AsyncGenerator[Server]:
    """Have a server that components can connect to."""
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        server = Server(listener)
        try:
            yield server
        finally:
            with trio.CancelScope(shield=True):
                await server.aclose()


@asynccontextmanager
async def running(component: Component) -> AsyncGenerator[None]:
    """Run a component."""
    async with system(), supervise([component.child()]):
        yield


@asynccontextmanager
async def connected(*parts: object, **options: object) -> AsyncGenerator[tuple[Component, Peer]]:
    """Have a component with some parts, and the server that it is connected to."""
    async with listening() as server:
        component = Component(DOMAIN, SECRET, port=server.port, **options)  # type: ignore[arg-type]
        for part in parts:
            component.add(part)  # type: ignore[arg-type]
        async with running(component):
            yield component, await server.accept()


def condition(answer: Element) -> tuple[str, ...]:
    """Return the conditions of an error, as they are named."""
    assert answer.get("type") == "error", answer.attrib
    error = answer.find(f"{{{COMPONENT}}}error")
    assert error is not None
    return tuple(each.tag.partition("}")[2] for each in error if not each.tag.endswith("}text"))
