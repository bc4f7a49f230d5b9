"""One connection of a page."""

from __future__ import annotations

from typing import Final, Protocol

from cometary.client.conversation import Request
from tests.simulation.answers import Answer, AnswerReader
from tests.simulation.proxy import Proxy
from tests.simulation.world import World

SLACK: Final = 20.0
"""Seconds beyond the longest that the server holds a request, after which a page gives up waiting."""


HEAD: Final = (
    b"POST /comet HTTP/1.1\r\nHost: server\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
)


class Owner(Protocol):
    """Whose line it is: a page."""

    @property
    def world(self) -> World:
        """Where it is."""
        ...

    @property
    def patience(self) -> float:
        """Seconds after which it gives up waiting for an answer."""
        ...

    def new_proxy(self, line: Line) -> Proxy:
        """Return a connection for the line."""
        ...

    def answered(self, request: Request, answer: Answer) -> None:
        """Take an answer."""
        ...

    def lost(self, request: Request) -> None:
        """Take note that there will be no answer to `request` on its connection."""
        ...


class Line:
    """One connection of a page, opened again whenever it is needed.

    Args:
        page: whose it is.
    """

    def __init__(self, page: Owner) -> None:
        self._page = page
        self._proxy: Proxy | None = None
        self._reader = AnswerReader()
        self._request: Request | None = None
        self._sendings = 0

    @property
    def idle(self) -> bool:
        """Whether no answer is waited for."""
        return self._request is None

    def send(self, request: Request, body: bytes) -> None:
        """Send a request."""
        self._request = request
        self._sendings += 1
        if self._proxy is None:
            self._reader = AnswerReader()
            self._proxy = self._page.new_proxy(self)
        self._page.world.agenda.after(self._page.patience, self._give_up, self._sendings)
        self._proxy.send(HEAD % len(body) + body)

    def received(self, data: bytes) -> None:
        """Take what has come."""
        answer = self._reader.feed(data)
        if answer is None:
            return
        request, self._request = self._request, None
        assert request is not None, "an answer to nothing"
        if not answer.kept:
            self.hang_up()
        self._page.answered(request, answer)

    def broken(self, proxy: Proxy) -> None:
        """Take note that this connection is no more."""
        if proxy is self._proxy:  # else the page has left it before
            self._lose()

    def _lose(self) -> None:
        self._proxy = None
        request, self._request = self._request, None
        if request is not None:
            self._page.lost(request)

    def hang_up(self) -> None:
        """Close the connection, whatever is under way on it."""
        if self._proxy is not None:
            self._proxy.close()
        self._lose()

    def _give_up(self, sending: int) -> None:
        if sending == self._sendings and self._request is not None:
            self.hang_up()
