"""HTTP/1.1 as what a listener's callers speak, with what all its connections share."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from cometary.errors import UsageError
from cometary.transport.http.connection import Connection
from cometary.transport.http.head_memory import HeadMemory
from cometary.transport.http.limits import Limits
from cometary.transport.http.parser_pool import ParserPool
from cometary.transport.http.responses import ResponseEncoder

if TYPE_CHECKING:
    from cometary.transport.http.service import Service
    from cometary.transport.net.channel import Floor


class Http:
    """Makes the connections of one listener, or of several, on one floor.

    Args:
        service: What answers the requests.
        limits: What one client may take.

    Attributes:
        service: The same.
        limits: The same.
        read_bytes: The most that is read from a connection at once.
        unanswered: The most requests of a connection that wait for their answers.
        encoder: Makes the bytes of responses.
        parsers: The parsers of all its connections.
        heads: The heads of requests that any of them has had.
        head: Deadlines of connections that wait for a request's head; the next four likewise.
        body: For a request's body.
        idle: For the next request.
        write: For the kernel to take the rest of a response.
        linger: For the peer to close.
    """

    def __init__(self, service: Service, limits: Limits | None = None) -> None:
        self.service = service
        self.limits = limits or Limits()
        self.read_bytes = self.limits.header_bytes
        self.unanswered = self.limits.unanswered
        self.encoder = ResponseEncoder()
        self.parsers = ParserPool(self.limits, service.uploads)
        self.heads = HeadMemory()
        self._floor: Floor | None = None

    def __call__(self, sock: socket.socket, peer: str, floor: Floor) -> Connection:
        """Make the connection of `sock`, whose other end is at the address `peer`.

        Raises:
            UsageError: It has made connections on another floor: the calling code's fault.
        """
        if self._floor is not floor:
            self._stand_on(floor)
        return Connection(sock, peer, self, floor)

    def _stand_on(self, floor: Floor) -> None:
        if self._floor is not None:
            raise UsageError("each switchboard needs an Http of its own")
        self._floor, limits = floor, self.limits
        self.head = floor.deadline("head", limits.head_seconds)
        self.body = floor.deadline("body", limits.body_seconds)
        self.idle = floor.idle_queue(limits.idle_seconds)
        self.write = floor.deadline("write", limits.write_seconds)
        self.linger = floor.deadline("linger", limits.linger_seconds)
