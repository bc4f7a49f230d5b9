"""STOMP over WebSockets, on the clients' listener: the subprotocols `v12.stomp`, `v11.stomp` and `v10.stomp`.

A message brings a frame, several, or a part of one. What is sent is text where it is UTF-8, else binary. The rules are
those of `channel`.
"""

from __future__ import annotations

import socket
from functools import partial
from typing import TYPE_CHECKING, Final

import trio

from cometary.doors.stomp.channel import MOST_BEHIND
from cometary.doors.stomp.talk import Talk
from cometary.errors import ProtocolError
from cometary.transport.wires.websocket.channel import LEAST, WebSocketChannel
from cometary.transport.wires.websocket.codes import NORMAL
from cometary.transport.wires.websocket.common import Common
from cometary.transport.wires.websocket.endpoint import refuse, refuse_version
from cometary.transport.wires.websocket.frames import BINARY, TEXT, frame
from cometary.transport.wires.websocket.handshake import (
    VERSION,
    accepted_key,
    answer,
    asks_for_upgrade,
    chosen_protocol,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.doors.stomp.broker import Broker
    from cometary.transport.http.exchange import Exchange
    from cometary.transport.net.channel import Floor
    from cometary.transport.wires.websocket.common import Common

PROTOCOLS: Final = (b"v12.stomp", b"v11.stomp", b"v10.stomp")


class StompWebSocket(WebSocketChannel):
    """One connection."""

    def __init__(  # noqa: PLR0917 - as its base class
        self,
        sock: socket.socket,
        floor: Floor,
        common: Common,
        greeting: bytes,
        beyond: bytes,
        peer: str,
        broker: Broker,
        opened: Callable[[Talk], object],
    ) -> None:
        super().__init__(sock, floor, common, greeting, beyond)
        longest = common.limits.body_bytes
        self.talk = Talk(
            broker, send=self._say, close=self.close, longest=longest, now=floor.now, address=peer
        )
        self.talk.conversation.resume = self._take_some
        self._more = False
        opened(self.talk)

    @property
    def ready(self) -> bool:
        """Whether a further message may be handled now."""
        return not (self._more or self.talk.conversation.busy)

    def received(self, opcode: int, payload: bytes) -> None:  # noqa: ARG002 - it is text or not
        """Take a message."""
        self.talk.feed(payload, self._floor.now)
        self._take_some()

    def _take_some(self) -> None:
        self._more = self.talk.take_some()
        if self._more:
            self.later(LEAST, self._take_some)
        elif self.talk.conversation.closing:
            self.say_close(NORMAL)
        else:
            self.go_on()

    def _say(self, data: bytes) -> bool:
        try:
            data.decode()
        except UnicodeDecodeError:
            opcode = BINARY
        else:
            opcode = TEXT
        self.talk.said(trio.current_time())  # the floor's is old where nothing comes
        room = self.send_frame(frame(opcode, data))
        if len(self._behind) > MOST_BEHIND:
            self.close()
        elif self.talk.conversation.closing:
            self.say_close(NORMAL)
        return room

    def drained(self) -> None:
        """Let queues send more."""
        self.talk.client.drained()

    def left(self) -> None:
        """Give up what the client had."""
        self.talk.client.leave()


class StompEndpoint:
    """Makes connections of GET requests.

    Args:
        broker: does what is asked.
        common: what all connections have in common.
        opened: told each talk that begins.
    """

    def __init__(self, broker: Broker, common: Common, opened: Callable[[Talk], object]) -> None:
        self._broker = broker
        self._common = common
        self._opened = opened

    def __call__(self, exchange: Exchange) -> None:
        """Answer `exchange`.

        Raises:
            ProtocolError: `bad-request`, the client's fault.
        """
        headers = exchange.headers
        if not asks_for_upgrade(headers):
            refuse(exchange, "STOMP is spoken here, over WebSockets.")
        elif headers.get(b"sec-websocket-version") != VERSION:
            refuse_version(exchange)
        elif b"sec-websocket-protocol" not in headers:
            raise ProtocolError(
                "bad-request", "Sec-WebSocket-Protocol has to name v12.stomp, or an older one."
            )
        else:
            greeting = answer(accepted_key(headers), chosen_protocol(headers, PROTOCOLS))
            exchange.upgrade(partial(self._succeed, greeting))

    def _succeed(
        self, greeting: bytes, sock: socket.socket, peer: str, floor: Floor, beyond: bytes
    ) -> StompWebSocket:
        return StompWebSocket(sock, floor, self._common, greeting, beyond, peer, self._broker, self._opened)
