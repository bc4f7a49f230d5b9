"""A WebSocket of a page: what carries packets to it, and its requests to the server, on a connection of its own.

1.  Once the server has said hello, requests go by it. What was not confirmed when it ends was lost, and is sent again
    by whatever there is then.
2.  It is given up when nothing comes on it for as long as a stream is.
3.  Proxies that repeat requests, or close when one is out, are made for HTTP: none carries it.
"""

from __future__ import annotations

import json
from typing import Any, Final, Protocol

from cometary.client.conversation import Conversation, Request
from cometary.client.sockets import WISH, SocketReader
from cometary.client.streams import StreamBody
from cometary.errors import CONDITIONS
from cometary.transport.wires.websocket.client_frames import masked
from cometary.transport.wires.websocket.frames import TEXT
from tests.simulation.answers import Answer
from tests.simulation.proxy import Proxy
from tests.simulation.streams import PATIENCE
from tests.simulation.world import World

MASK: Final = b"\1\2\3\4"
HANDSHAKE: Final = b"GET /comet HTTP/1.1\r\nHost: server\r\n" + WISH % b"AAAAAAAAAAAAAAAAAAAAAA=="
CONFIRMED: Final = Answer(200, b'{"packets":[]}', True)
END: Final = b"\r\n\r\n"


class Owner(Protocol):
    """Whose WebSocket it is: a page."""

    @property
    def world(self) -> World:
        """Where it is."""
        ...

    def new_socket_proxy(self, line: Any) -> Proxy:
        """Return a connection for it."""
        ...

    def carried(self, stream: Any, body: StreamBody) -> None:
        """Take a body of the server's."""
        ...

    def stream_gone(self, stream: Any) -> None:
        """Take note that it is no more."""
        ...

    def answered(self, request: Request, answer: Answer) -> None:
        """Take an answer."""
        ...

    def lost(self, request: Request) -> None:
        """Take note that there will be no answer to `request` by it."""
        ...


class SocketLine:
    """One WebSocket; it is asked for when it is made.

    Args:
        page: whose it is.
        conversation: of which session.
    """

    def __init__(self, page: Owner, conversation: Conversation) -> None:
        self.conversation = conversation
        self.attached = False
        self._page = page
        self._reader = SocketReader()
        self._head: bytes | None = b""
        self._out: dict[int, Request] = {}
        self._heard = 0
        self._proxy: Proxy | None = page.new_socket_proxy(self)
        self._proxy.send(HANDSHAKE)
        self._proxy.send(masked(TEXT, conversation.attach(), MASK))
        self._watch()

    def _watch(self) -> None:
        self._heard += 1
        self._page.world.agenda.after(PATIENCE, self._give_up, self._heard)

    def _give_up(self, heard: int) -> None:
        if heard == self._heard and self._proxy is not None:
            self._page.world.count("streams given up")
            self.hang_up()

    def request(self, request: Request, body: bytes) -> None:
        """Send a request."""
        assert self._proxy is not None
        self._out[request.rid] = request
        self._page.world.count("requests by WebSocket")
        self._proxy.send(masked(TEXT, body, MASK))

    def received(self, data: bytes) -> None:
        """Take what has come."""
        if self._proxy is None:
            return
        self._watch()
        if self._head is not None:
            self._head += data
            head, end, data = self._head.partition(END)
            if not end:
                return
            assert head.startswith(b"HTTP/1.1 101 "), head
            self._head = None
        for body in self._reader.feed(data):
            self._take(body)
        if self._reader.closed:
            self.hang_up()

    def _take(self, body: StreamBody) -> None:
        self.attached |= body.packets is not None
        if body.error and body.rid:
            refused = json.dumps({"error": body.error, "detail": body.detail}).encode()
            request = self._out.pop(body.rid)
            self._page.answered(request, Answer(CONDITIONS[body.error], refused, True))
            return
        for rid in [rid for rid in self._out if rid <= body.rid]:
            self._page.answered(self._out.pop(rid), CONFIRMED)
        if not body.rid:
            self._page.carried(self, body)

    def broken(self, proxy: Proxy) -> None:
        """Take note that the connection is no more."""
        if proxy is self._proxy:
            self._end()

    def hang_up(self) -> None:
        """Close the connection, whatever is under way on it."""
        if self._proxy is not None:
            self._proxy.close()
            self._end()

    def _end(self) -> None:
        self._proxy = None
        self.attached = False
        self._page.stream_gone(self)
        out, self._out = self._out, {}
        for request in out.values():
            self._page.lost(request)
