"""A stream of a page: a response without end, on a connection of its own.

1.  It is given up when nothing comes on it for `PATIENCE` seconds: its connection may be dead on one side alone, and a
    server that hears of the page by its sends has no reason to ask for a sign of life.
2.  What comes on one that is attached no more still counts, as long as the session is the same.
"""

from __future__ import annotations

import json
from typing import Any, Final, Protocol

import httptools

from cometary.client.conversation import Conversation
from cometary.client.streams import EVENTS, READERS, StreamBody
from tests.simulation.proxy import Proxy
from tests.simulation.world import World

OK: Final = 200
PATIENCE: Final = 30.0

GET: Final = (
    b"GET /comet HTTP/1.1\r\nHost: server\r\nAccept: %b\r\nX-Comet-Session: %b\r\nLast-Event-ID: %d\r\n\r\n"
)
POST: Final = (
    b"POST /comet HTTP/1.1\r\nHost: server\r\nAccept: %b\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%b"
)


class Owner(Protocol):
    """Whose stream it is: a page."""

    @property
    def world(self) -> World:
        """Where it is."""
        ...

    def new_proxy(self, line: Any) -> Proxy:
        """Return a connection for the stream."""
        ...

    def carried(self, stream: StreamLine, body: StreamBody) -> None:
        """Take a body of the stream."""
        ...

    def stream_refused(self, stream: StreamLine, body: dict[str, Any]) -> None:
        """Take the error that came in the stream's stead."""
        ...

    def stream_gone(self, stream: StreamLine) -> None:
        """Take note that the stream is no more."""
        ...


class StreamLine:
    """One stream; it is attached when it is made.

    Args:
        page: whose it is.
        accept: its media type.
        conversation: of which session.
    """

    def __init__(self, page: Owner, accept: bytes, conversation: Conversation) -> None:
        self.conversation = conversation
        self._page = page
        self._parser = httptools.HttpResponseParser(self)
        self._reader = READERS[accept]()
        self._error = b""
        self._bodies: list[StreamBody] = []
        self._ended = False
        self._heard = 0
        self._proxy: Proxy | None = page.new_proxy(self)
        body = conversation.attach()
        if accept == EVENTS:
            self._proxy.send(GET % (accept, conversation.sid, conversation.ack))
        else:
            self._proxy.send(POST % (accept, len(body), body))
        self._watch()

    def _watch(self) -> None:
        self._heard += 1
        self._page.world.agenda.after(PATIENCE, self._give_up, self._heard)

    def _give_up(self, heard: int) -> None:
        if heard == self._heard and self._proxy is not None:
            self._page.world.count("streams given up")
            self.hang_up()

    def received(self, data: bytes) -> None:
        """Take what has come."""
        if self._proxy is None:
            return
        self._watch()
        self._parser.feed_data(data)
        bodies, self._bodies = self._bodies, []
        for body in bodies:
            self._page.carried(self, body)
        if self._ended:
            if self._error:
                self._page.stream_refused(self, json.loads(self._error))
            self.hang_up()

    def broken(self, proxy: Proxy) -> None:
        """Take note that the connection is no more."""
        if proxy is self._proxy:
            self._proxy = None
            self._page.stream_gone(self)

    def hang_up(self) -> None:
        """Close the connection, whatever is under way on it."""
        proxy, self._proxy = self._proxy, None
        if proxy is not None:
            proxy.close()
            self._page.stream_gone(self)

    # -- what the parser calls ---------------------------------------------------------------------

    def on_body(self, data: bytes) -> None:
        if self._parser.get_status_code() == OK:
            self._bodies += self._reader.feed(data)
        else:
            self._error += data

    def on_message_complete(self) -> None:
        self._ended = True
