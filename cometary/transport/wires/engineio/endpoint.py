"""The endpoint of Engine.IO: which connection a request is for, or whether it begins one.

What is wrong is said as clients know it (`errors`), with status 400, and in the order in which it is checked here.
Nobody is let in here to more than a connection on which nothing was said yet: the rest is the gate's affair.
"""

from __future__ import annotations

import socket
from functools import partial
from typing import TYPE_CHECKING, Final

from cometary.errors import ProtocolError
from cometary.sessions.handshake import Handshake, head_of
from cometary.transport.http.query import members_of
from cometary.transport.wires.engineio.channel import EngineChannel
from cometary.transport.wires.engineio.connection import TEXT, EngineConnection
from cometary.transport.wires.engineio.credentials import HandshakeCredentials
from cometary.transport.wires.engineio.errors import (
    BAD_METHOD,
    BAD_REQUEST,
    UNKNOWN_SID,
    UNKNOWN_TRANSPORT,
    UNSUPPORTED_VERSION,
    refuse,
    refuse_for_now,
)
from cometary.transport.wires.engineio.packets import OPEN, payload_of
from cometary.transport.wires.websocket.common import Common
from cometary.transport.wires.websocket.handshake import (
    VERSION,
    accepted_key,
    answer,
    asks_for_upgrade,
    elements,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cometary.transport.http.exchange import Exchange
    from cometary.transport.net.channel import Floor
    from cometary.transport.wires.engineio.engine import Engine

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
"""What it answers, if only to refuse it as clients know it."""

POLLING: Final = "polling"
WEBSOCKET: Final = "websocket"
PROTOCOL: Final = "4"


class EngineEndpoint:
    """Answers requests.

    Args:
        engine: all connections.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._common = Common(engine.bodies, engine.limits)

    def __call__(self, exchange: Exchange) -> None:
        """Answer `exchange`.

        Raises:
            ProtocolError: `bad-request`: the handshake of a WebSocket is not valid; the client's fault.
            ElsewhereError: another process has the connection.
        """
        query = members_of(exchange.query)
        transport, sid = query.get("transport"), query.get("sid")
        if transport not in {POLLING, WEBSOCKET}:
            refuse(exchange, UNKNOWN_TRANSPORT)
        elif sid is None:
            self._begin(exchange, query)
        elif (connection := self._engine.connections.get(sid)) is None:
            self._engine.look_elsewhere(sid)
            refuse(exchange, UNKNOWN_SID)
        elif transport == WEBSOCKET:
            self._accept(exchange, partial(self._try, connection))
        elif connection.by_websocket or "j" in query:
            refuse(exchange, BAD_REQUEST)
        else:
            self._poll(exchange, connection)

    # -- requests of a connection -------------------------------------------------------------------

    def _poll(self, exchange: Exchange, connection: EngineConnection) -> None:
        if exchange.carrier is None:
            connection.close()  # its client has gone while it waited for its turn
        elif exchange.method == "GET":
            connection.poll(exchange)
        elif (
            exchange.method != "POST" or exchange.headers.get(b"content-type") == b"application/octet-stream"
        ):
            refuse(exchange, BAD_REQUEST)
        else:
            connection.post(exchange)

    # -- requests that begin one --------------------------------------------------------------------

    def _begin(self, exchange: Exchange, query: Mapping[str, str]) -> None:
        if exchange.method != "GET":
            refuse(exchange, BAD_METHOD)
        elif query.get("EIO") != PROTOCOL:
            refuse(exchange, UNSUPPORTED_VERSION)
        elif "j" in query:
            refuse(exchange, BAD_REQUEST)
        else:
            try:
                self._open(exchange, by_websocket=query["transport"] == WEBSOCKET)
            except ProtocolError as error:
                if exchange.answered:
                    raise
                refuse_for_now(exchange, error)

    def _open(self, exchange: Exchange, *, by_websocket: bool) -> None:
        if by_websocket:
            self._engine.check(exchange.peer)
            self._accept(exchange, partial(self._start, shown_by(exchange)))
            return
        connection = self._engine.open(shown_by(exchange))
        welcome = self._engine.welcome(connection.sid, upgrades=True)
        exchange.respond(200, payload_of((OPEN, welcome)), TEXT)

    # -- WebSockets ---------------------------------------------------------------------------------

    def _accept(self, exchange: Exchange, make: partial[EngineChannel]) -> None:
        """Let a connection become a WebSocket, if that is what was asked for."""
        headers = exchange.headers
        if not asks_for_upgrade(headers) or headers.get(b"sec-websocket-version") != VERSION:
            refuse(exchange, BAD_REQUEST)
            return
        protocols = elements(headers.get(b"sec-websocket-protocol", b""))
        exchange.upgrade(partial(make, answer(accepted_key(headers), protocols[0] or None)))

    def _start(
        self,
        credentials: HandshakeCredentials,
        greeting: bytes,
        sock: socket.socket,
        _peer: str,
        floor: Floor,
        beyond: bytes,
    ) -> EngineChannel:
        connection = EngineConnection(self._engine, credentials)
        return self._channel(connection, greeting, sock, floor, beyond, tried=False)

    def _try(
        self,
        connection: EngineConnection,
        greeting: bytes,
        sock: socket.socket,
        _peer: str,
        floor: Floor,
        beyond: bytes,
    ) -> EngineChannel:
        return self._channel(connection, greeting, sock, floor, beyond, tried=True)

    def _channel(
        self,
        connection: EngineConnection,
        greeting: bytes,
        sock: socket.socket,
        floor: Floor,
        beyond: bytes,
        *,
        tried: bool,
    ) -> EngineChannel:
        return EngineChannel(
            sock,
            floor,
            self._common,
            greeting,
            beyond,
            connection=connection,
            tried=tried,
            patience=self._engine.times.upgrade,
        )


def shown_by(exchange: Exchange) -> HandshakeCredentials:
    """Return what the first request of a connection shows of its client."""
    return HandshakeCredentials(Handshake(exchange.peer, exchange.query, head_of(exchange.headers)))
