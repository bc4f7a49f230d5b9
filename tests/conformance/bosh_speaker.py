"""BOSH, before something that stands in for an XMPP server and takes what is said to it."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Final
from xml.sax.saxutils import escape, unescape

import trio

from tests.conformance.speakers import TOO_MUCH, EndedError, House, Speaker
from tests.fuzzing.xmpp import OPENING
from tests.protocol.client import Connection
from tests.transport.wires.csp.client import response_of

HTTPBIND: Final = "http://jabber.org/protocol/httpbind"
TEXT: Final = re.compile(r"<message[^>]*><body>(.*?)</body></message>", re.DOTALL)


class XmppServer:
    """Takes connections: what has come on each, in order.

    Attributes:
        streams: the connections.
        received: what has come on each of them.
        closed: which of them are.
    """

    def __init__(self) -> None:
        self.streams: list[trio.SocketStream] = []
        self.received: list[bytes] = []
        self.closed: list[bool] = []

    async def serve(self, stream: trio.SocketStream) -> None:
        """Serve one connection."""
        number = len(self.streams)
        self.streams.append(stream)
        self.received.append(b"")
        self.closed.append(False)
        await stream.send_all(OPENING)
        try:
            async for data in stream:
                self.received[number] += data
        except trio.BrokenResourceError:
            pass
        self.closed[number] = True


class Bosh(Speaker):
    """A client; the server has an `XmppServer` behind it."""

    is_limited: ClassVar[bool] = False
    xmpp: ClassVar[XmppServer]

    def __init__(self, house: House) -> None:
        super().__init__(house)
        self._rid = 1000
        self._sid = ""
        self._held: Connection | None = None
        self._unread: list[str] = []

    async def begin(self) -> None:
        self._number = len(self.xmpp.streams)
        await self.open()
        await self.world.settle()

    async def open(self) -> None:
        said = "to='localhost' wait='60' hold='1' ver='1.6' xmpp:version='1.0' xmlns:xmpp='urn:xmpp:xbosh'"
        body = (await response_of(await self._request("", said))).body.decode()
        self._sid = (
            body.partition("sid='")[2].partition("'")[0] or body.partition('sid="')[2].partition('"')[0]
        )

    async def _request(self, payload: str = "", said: str = "", rid: int = 0) -> Connection:
        if not rid:
            self._rid = rid = self._rid + 1
        sid = f"sid='{self._sid}'" if self._sid else ""
        body = f"<body xmlns='{HTTPBIND}' rid='{rid}' {sid} {said}>{payload}</body>".encode()
        connection = await self.world.connect()
        await connection.request("POST", "/http-bind", data=body)
        await self.world.settle()
        return connection

    async def _take(self, connection: Connection) -> list[str]:
        body = (await response_of(connection)).body.decode()
        if "type='terminate'" in body or 'type="terminate"' in body:
            raise EndedError
        return [unescape(text) for text in TEXT.findall(body)]

    async def say(self, text: str) -> None:
        older = self._held
        self._held = await self._request(
            f"<message xmlns='jabber:client'><body>{escape(text)}</body></message>"
        )
        if older is not None:
            self._unread += await self._take(older)

    async def read(self) -> list[str]:
        if self._unread:
            unread, self._unread = self._unread, []
            return unread
        held, self._held = self._held or await self._request(), None
        return await self._take(held)

    async def listen(self) -> None:
        self._held = self._held or await self._request()

    async def cut(self) -> None:
        assert self._held is not None
        self._held.wire.reset()
        self._held = None
        await self.world.settle()

    async def come_back(self) -> None:
        self._held = await self._request(rid=self._rid)

    async def say_nonsense(self) -> None:
        connection = await self.world.connect()
        await connection.request("POST", "/http-bind", data=b"<body")
        response = await response_of(connection)
        assert b"bad-request" in response.body or response.status == 400

    async def say_too_much(self) -> None:
        connection = await self.world.connect()
        await connection.request("POST", "/http-bind", data=b" " * TOO_MUCH)
        assert (await response_of(connection)).status == 413

    @property
    def said(self) -> list[Any]:
        return [unescape(text) for text in TEXT.findall(self.xmpp.received[self._number].decode())]

    @property
    def is_over(self) -> bool:
        return self.xmpp.closed[self._number]

    async def push(self, *texts: str) -> None:
        for text in texts:
            stanza = f"<message xmlns='jabber:client'><body>{escape(text)}</body></message>"
            await self.xmpp.streams[self._number].send_all(stanza.encode())
        await self.world.settle()

    async def end(self) -> None:
        await self.xmpp.streams[self._number].send_all(b"</stream:stream>")
        await self.world.settle()
