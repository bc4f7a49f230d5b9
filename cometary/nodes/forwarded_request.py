"""One request that another node is to answer, and its answer; see `cometary.nodes.forwarding`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from cometary.errors import ProtocolError
from cometary.nodes.answering import WINDOW
from cometary.nodes.messages import Dropped, Forwarded, Granted, Streaming
from cometary.sessions.locator import unknown_session

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.nodes.forwarding import Forwarding
    from cometary.nodes.link import Link
    from cometary.transport.http.exchange import Exchange
    from cometary.transport.http.stream import Stream

    GoOn = Callable[[Exchange, str | None], None]


class ForwardedRequest:
    """One request (a `Holder`).

    Args:
        forwarding: whose it is.
        number: its number.
        exchange: the exchange.
        go_on: see `Forwarding.forward`.
        control: whether it is a call of the control interface.

    Attributes:
        exchange: the same.
        since: when it began to wait for a link.
    """

    __slots__ = (
        "_asked",
        "_behind",
        "_forwarding",
        "_go_on",
        "_owed",
        "_sent",
        "_stream",
        "exchange",
        "since",
    )

    def __init__(
        self,
        forwarding: Forwarding,
        number: int,
        exchange: Exchange,
        go_on: GoOn | None = None,
        *,
        control: bool,
    ) -> None:
        self._forwarding = forwarding
        self._go_on = go_on
        self._asked = Forwarded(  # now: whoever has read the request lets go of most of it
            number,
            control,
            exchange.method,
            exchange.path,
            exchange.query,
            dict(exchange.headers),
            exchange.body,
            exchange.peer,
        )
        self._sent = False
        self._stream: Stream | None = None
        self._behind = b""
        self._owed = 0
        self.exchange = exchange
        self.since = trio.current_time()

    def send(self, link: Link) -> None:
        """Send it to the other node."""
        self._sent = True
        link.send(self._asked)

    def dropped(self) -> None:
        """Take note that its client has gone: nobody can be answered (`Holder`)."""
        link = self._forwarding.link
        if link is not None and self._sent:
            link.send(Dropped(self._asked.number))
        else:
            self._forwarding.forget(self._asked.number)
            self.exchange.leave_unanswered()

    def lost(self) -> None:
        """Take note that the link has ended."""
        self.since = trio.current_time()
        gone = self.exchange.carrier is None or self.exchange.on_drop is None
        if self._stream is None and not gone and not self._asked.control:
            self._sent = False  # it is sent again
            return
        self._forwarding.forget(self._asked.number)
        if self._stream is not None:
            self._stream.abort()
        elif not gone:
            self.exchange.refuse(come_back())

    def refuse(self, error: ProtocolError) -> None:
        """Answer with an error."""
        self._forwarding.forget(self._asked.number)
        if self._stream is not None:
            self._stream.abort()
        else:
            self.exchange.refuse(error)

    def node_gone(self) -> None:
        """Take note that the node has gone (rule 3); what may have arrived there had no answer when the link ended."""
        if self._go_on is None or self._stream is not None:
            self.refuse(unknown_session())
        else:
            self.give_back(None)

    def give_back(self, node: str | None) -> None:
        """Let another node answer; see `Forwarding.forward`."""
        exchange, go_on = self.exchange, self._go_on
        if go_on is None or exchange.on_drop is None or exchange.carrier is None:  # or its client has gone
            exchange.refuse(come_back())
            return
        exchange.on_drop = None
        exchange.headers, exchange.body = self._asked.headers, self._asked.body
        go_on(exchange, node)

    # -- an answer that is written bit by bit

    def begin(self, begun: Streaming) -> None:
        """Begin."""
        self._stream = stream = self.exchange.stream(begun.status, begun.content_type, begun.headers)
        if not stream.finished:
            stream.on_writable = self._write_on

    def write(self, data: bytes) -> None:
        """Write a piece, or keep it: no more than the window is on its way."""
        stream = self._stream
        if stream is None or stream.finished:
            return
        self._owed += len(data)
        if stream.full:
            self._behind += data
        elif stream.write(data):
            self._grant()

    def _write_on(self) -> None:
        behind, self._behind = self._behind, b""
        if self._stream is not None and (not behind or self._stream.write(behind)):
            self._grant()

    def _grant(self) -> None:
        link = self._forwarding.link
        if link is not None and self._owed >= WINDOW // 4:
            link.send(Granted(self._asked.number, self._owed))
            self._owed = 0

    def finish(self, last: bytes) -> None:
        """End it."""
        if self._stream is not None:
            self._stream.finish(self._behind + last)

    def abort(self) -> None:
        """Break it off."""
        if self._stream is not None:
            self._stream.abort()
        elif self.exchange.carrier is not None:
            self.exchange.carrier.close()


def come_back() -> ProtocolError:
    """Return the error that has the client ask again: it takes this for a server that is about to go on."""
    detail = "the node of this session cannot be reached at the moment; ask again"
    return ProtocolError("shutting-down", detail, retry_after=1)
