"""The connection of a request whose body is taken as it comes: what a `Connection` goes on as, up to its end.

1.  It has one request, which is its last: when the response is out, what has not been read of the body is thrown away
    with the connection.
2.  The body is read while there is room for it, and has to come at a fair pace for as long as it is read; how long that
    takes in all is not bounded. While the reader holds it up, no deadline runs.
3.  A client that closes the connection, or its half of it, before the body is complete has gone.
"""

from __future__ import annotations

import math
import socket
from functools import partial
from typing import TYPE_CHECKING

import trio

from cometary.transport.http.connection import Connection
from cometary.transport.http.connection_state import CLOSED, ENDING
from cometary.transport.http.exchange import Exchange
from cometary.transport.http.responses import CONTINUE
from cometary.transport.net.poller import PEER_SHUT

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.transport.http.protocol import Http
    from cometary.transport.http.upload import Upload
    from cometary.transport.net.channel import Channel, Floor
    from cometary.transport.net.deadlines import DeadlineQueue


def take_upload(exchange: Exchange, take: Callable[[Exchange], None]) -> None:
    """Let the body of `exchange` come.

    Args:
        exchange: one with an `upload`; if its peer goes before its turn has come, `on_drop` is called.
        take: gets the exchange that is to be answered in its place.
    """
    carrier, upload = exchange.carrier, exchange.upload
    if isinstance(carrier, Connection) and upload is not None:
        exchange.upgrade(partial(_succeed, exchange, carrier.http, upload, take))


async def receive_upload(upload: Upload) -> bytes:
    """Return what has come, once something has; nothing at the end.

    Raises:
        ClientGoneError: it broke off.
    """
    while (data := upload.taken()) is None:
        changed = trio.Event()
        upload.on_change = changed.set
        await changed.wait()
    return data


def _succeed(  # noqa: PLR0917 - as `Successor` is called
    request: Exchange,
    http: Http,
    upload: Upload,
    take: Callable[[Exchange], None],
    sock: socket.socket,
    peer: str,
    floor: Floor,
    _beyond: bytes,
) -> UploadConnection:
    return UploadConnection(sock, peer, http, floor, request, upload, take)


class UploadConnection(Connection):
    """One such connection.

    Args:
        sock: the socket; the connection closes it.
        peer: the address of its other end.
        http: what it shares with other connections.
        floor: what watches the socket.
        request: what came.
        upload: its body.
        take: gets the exchange that is to be answered.
    """

    __slots__ = ("_take", "_upload")

    def __init__(  # noqa: PLR0917 - see above
        self,
        sock: socket.socket,
        peer: str,
        http: Http,
        floor: Floor,
        request: Exchange,
        upload: Upload,
        take: Callable[[Exchange], None],
    ) -> None:
        super().__init__(sock, peer, http, floor)
        exchange = Exchange(request.method, request.path, request.query, request.headers, closing=True)
        exchange.version, exchange.upload = request.version, upload
        exchange.arrive(self, peer)
        self._upload = upload
        self._take = take
        self._unanswered.append(exchange)
        self._state = ENDING

    @property
    def _comes(self) -> bool:
        """Whether the body is still to be read."""
        return self._state is ENDING and not self._upload.complete

    def start(self) -> None:
        """Invite the body, and have somebody read it."""
        if self._upload.awaits_continue:
            self._send(CONTINUE)
        self._upload.on_room = self._settle
        self._take(self._unanswered[0])
        self._settle()

    def readable(self, bits: int) -> None:
        """Read once, since there is something to read, if only the end."""
        if not self._comes:
            super().readable(bits)
            return
        if not self._reading:  # nobody asked, so it is a hang-up
            self._hang_up(bits)
            return
        data = self._read_once()
        if data and self._upload.feed(data):
            self._moved += len(data)
            self._settle()
        elif data is not None:
            self.close()

    def _hang_up(self, bits: int) -> None:
        if bits == PEER_SHUT:  # what it has said before is still to be read
            self._half_closed = True
            self._floor.watch(self, reading=False, writing=self._writing, ended=True)
        else:
            self.close()

    def expire(self) -> None:
        """Close, since the time is up; unless what is waited for gets on."""
        slowest = self.http.limits.bytes_per_second
        if not (self._deadline is self.http.body and self._gets_on(slowest=slowest, longest=math.inf)):
            super().expire()

    def close(self) -> None:
        """Close at once, and drop what has not been answered."""
        self._upload.break_off()
        super().close()

    def _settle(self) -> None:
        super()._settle()
        if self._comes:
            self._watch(reading=not self._upload.full, writing=self._writing)
        elif self._state is not CLOSED:
            self._upload.break_off()

    def _due(self) -> DeadlineQueue[Channel] | None:
        if self._comes and self._unsent is None:
            return None if self._upload.full else self.http.body
        return super()._due()
