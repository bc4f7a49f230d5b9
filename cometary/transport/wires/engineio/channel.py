"""A WebSocket of Engine.IO: one packet in each message.

1.  One that comes with the id of a connection is tried first: it says `2probe`, hears `3probe`, and says `5`; then the
    connection goes on as it. Until then it has `Times.upgrade` seconds, and nothing but that may be said.
2.  Anything that is not a packet, or makes no sense, closes it, and the connection with it; but not while it is being
    tried.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final

from cometary.errors import ProtocolError
from cometary.transport.wires.engineio.packets import (
    MESSAGE,
    PING,
    PONG,
    PROBE,
    UPGRADE,
    frames_of,
    payload_of,
    read_text,
)
from cometary.transport.wires.websocket.channel import WebSocketChannel
from cometary.transport.wires.websocket.codes import NORMAL
from cometary.transport.wires.websocket.common import Common
from cometary.transport.wires.websocket.frames import BINARY, TEXT

if TYPE_CHECKING:
    from cometary.transport.net.channel import Channel, Floor
    from cometary.transport.net.deadlines import DeadlineQueue
    from cometary.transport.wires.engineio.connection import EngineConnection

MESSAGE_IN_FRAME: Final = MESSAGE.encode()

TRIED: Final = 256
"""Bytes of a message at most, while it is being tried."""


class EngineChannel(WebSocketChannel):
    """One WebSocket; for the arguments see `WebSocketChannel`.

    Args:
        connection: the connection; None if this begins one.
        patience: seconds in which one that is tried has to be gone on as.
    """

    def __init__(
        self,
        sock: socket.socket,
        floor: Floor,
        common: Common,
        greeting: bytes,
        beyond: bytes,
        *,
        connection: EngineConnection,
        tried: bool,
        patience: float,
    ) -> None:
        first = b"" if tried else connection.begin(self)
        super().__init__(sock, floor, common, greeting + first, beyond)
        self._connection = connection
        self._tried = tried
        self._patience = patience

    def start(self) -> None:
        """Begin; or close, if the connection has got another one meanwhile."""
        super().start()
        if self._tried and not self._connection.may_be_upgraded:
            self.say_close(NORMAL)

    @property
    def idle(self) -> bool:
        """Whether nothing is under way, and nothing goes on above."""
        return (self._tried or not self._connection.talk.wanted) and super().idle

    @property
    def longest(self) -> int:
        """Bytes of a message at most."""
        return TRIED if self._tried else self._limits.body_bytes

    @property
    def ready(self) -> bool:
        """Whether a further message may be handed on."""
        return self._tried or self._connection.talk.ready

    @property
    def awaited(self) -> DeadlineQueue[Channel] | None:
        """The deadline of what is tried."""
        return self._floor.deadline("upgrade", self._patience) if self._tried else None

    def received(self, opcode: int, payload: bytes) -> None:
        """Take a message."""
        try:
            if opcode == TEXT and not self._tried and payload[:1] == MESSAGE_IN_FRAME:
                self._connection.talk.received_text(payload)  # as nearly everything
                return
            packet = (MESSAGE, payload) if opcode == BINARY else read_text(payload.decode())
            if self._tried:
                self._try(packet)
            else:
                self._connection.take(packet)
        except ProtocolError:
            self.say_close(NORMAL)

    def _try(self, packet: tuple[str, str | bytes]) -> None:
        connection = self._connection
        if packet == (PING, PROBE) and connection.may_be_upgraded:
            self.send_frame(frames_of(payload_of((PONG, PROBE))))
            connection.probed(self)
        elif packet[0] == UPGRADE and connection.probing is self:
            self._tried = False
            connection.upgraded(self)
            self._settle()
        else:
            self.say_close(NORMAL)

    def drained(self) -> None:
        """Let more be sent."""
        if not self._tried:
            self._connection.drained()

    def left(self) -> None:
        """Take note that nothing is said any more."""
        self._connection.left(self)

    def finish(self) -> None:
        """Close, since the connection has ended."""
        self.say_close(NORMAL)
