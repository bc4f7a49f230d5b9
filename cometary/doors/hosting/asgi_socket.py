"""One WebSocket of a hosted ASGI application: the handshake, and then messages both ways.

As with a request (`asgi_call`), the call lives on the server's own loop, wherever the application runs.

1.  The application is told of the handshake, and accepts it or refuses it (403). Nothing is answered before.
2.  A `send` is over when the kernel has taken all of the message, so an application waits for its reader. What comes
    waits until the application asks for it; beyond `MOST_WAITING` bytes nothing more is read.
3.  A client is sent a ping now and then: either it answers, or its network does not acknowledge.
4.  An application that ends while the WebSocket is open has failed, and the client is told so (1011). When the server
    stops, it tells both that it is going away (1001).
"""

from __future__ import annotations

import socket
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import trio

from cometary.doors.hosting.asgi_call import scope_of
from cometary.doors.hosting.response import FAILED, TEXT
from cometary.sessions.policy import BEAT
from cometary.transport.wires.websocket.channel import OPEN, WebSocketChannel
from cometary.transport.wires.websocket.codes import ABNORMAL, GOING_AWAY, INTERNAL_ERROR, NORMAL
from cometary.transport.wires.websocket.common import Common
from cometary.transport.wires.websocket.frames import BINARY, PING, frame
from cometary.transport.wires.websocket.frames import TEXT as TEXT_FRAME
from cometary.transport.wires.websocket.handshake import accepted_key, answer, elements

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.doors.hosting.asgi_call import Message
    from cometary.doors.hosting.environ import Place
    from cometary.transport.http.exchange import Exchange
    from cometary.transport.net.channel import Channel, Floor
    from cometary.transport.net.deadlines import DeadlineQueue

MOST_WAITING: Final = 64 * 1024
A_MESSAGE: Final = 64
"""Bytes that each message counts for, in addition to its own."""


class AsgiSocketCall:
    """One WebSocket.

    Args:
        exchange: the handshake.
        place: where it was asked.
        state: what the application's lifespan has for its requests.
        common: what its channel shares with others.
        accepted: told when the application has accepted it.

    Attributes:
        scope: what the application is told first.
    """

    def __init__(
        self,
        exchange: Exchange,
        place: Place,
        state: dict[str, Any],
        common: Common,
        accepted: Callable[[], None],
    ) -> None:
        self.scope = socket_scope_of(exchange, place, state)
        self._exchange = exchange
        self._common = common
        self._accepted = accepted
        self._channel: SiteChannel | None = None
        self._greeted = False
        self._waiting: deque[Message] = deque()
        self._size = 0
        self._code: int | None = None
        self._changed = trio.Event()
        exchange.on_drop = self.left

    @property
    def is_left(self) -> bool:
        """Whether it is over."""
        return self._code is not None

    @property
    def has_room(self) -> bool:
        """Whether a further message may wait."""
        return self._size < MOST_WAITING

    # -- what the application does ------------------------------------------------------------------

    async def receive(self) -> Message:
        """Return what has come, once something has."""
        if not self._greeted:
            self._greeted = True
            return {"type": "websocket.connect"}
        while not self._waiting and self._code is None:
            await self._change()
        if not self._waiting:
            return {"type": "websocket.disconnect", "code": self._code}
        message = self._waiting.popleft()
        had_room = self.has_room
        self._size -= size_of(message)
        if self._channel is not None and not had_room:
            self._channel.go_on()
        return message

    async def send(self, message: Message) -> None:
        """Take what the application says.

        Raises:
            OSError: the client has gone.
            RuntimeError: it makes no sense at this point.
        """
        if self._code is not None:
            raise OSError("the WebSocket has been closed")
        kind, channel = message["type"], self._channel
        if kind == "websocket.accept" and not self._exchange.answered:
            await self._accept(message)
        elif kind == "websocket.close" and not self._exchange.answered:
            self.left()
            self._exchange.respond(403)
        elif kind == "websocket.close" and channel is not None:
            channel.say_close(message.get("code", NORMAL), message.get("reason") or "")
        elif kind == "websocket.send" and channel is not None:
            await self._write(channel, frame_of(message))
        else:
            raise RuntimeError(f"{kind} makes no sense now")

    async def _accept(self, message: Message) -> None:
        protocol = message.get("subprotocol")
        greeting = answer(
            accepted_key(self._exchange.headers),
            None if protocol is None else protocol.encode("latin-1"),
            tuple((bytes(name), bytes(value)) for name, value in message.get("headers", ())),
        )
        self._accepted()
        self._exchange.upgrade(partial(self._begin, greeting))
        while self._channel is None and self._code is None:
            await self._change()

    def _begin(
        self, greeting: bytes, sock: socket.socket, _peer: str, floor: Floor, beyond: bytes
    ) -> Channel:
        self._channel = channel = SiteChannel(sock, floor, self._common, greeting, beyond, call=self)
        self.changed()
        return channel

    async def _write(self, channel: SiteChannel, data: bytes) -> None:
        taken = channel.send_frame(data)
        while not taken and self._code is None:
            await self._change()
            taken = channel.all_is_sent

    async def _change(self) -> None:
        self._changed = trio.Event()
        await self._changed.wait()

    def changed(self) -> None:
        """Wake whatever is waiting for something new."""
        self._changed.set()

    # -- what happens to it -----------------------------------------------------------------------

    def came(self, message: Message) -> None:
        """Take a message of the client's."""
        self._waiting.append(message)
        self._size += size_of(message)
        self.changed()

    def left(self, code: int = ABNORMAL) -> None:
        """Take note that the WebSocket is over."""
        if self._code is None:
            self._code = code
            self.changed()

    def go_away(self) -> None:
        """End it: the server is stopping."""
        if self._channel is not None:
            self._channel.say_close(GOING_AWAY)

    def ended(self) -> None:
        """Take note that the application has returned, or raised."""
        if self._channel is not None:
            self._channel.say_close(INTERNAL_ERROR)
        elif not self._exchange.answered:
            self.left()
            self._exchange.respond(500, FAILED, TEXT)


class SiteChannel(WebSocketChannel):
    """The connection of one.

    Args:
        sock: as in the base class, and so are the next four.
        call: what is made of its messages.
    """

    __slots__ = ("_call", "_code")

    def __init__(
        self,
        sock: socket.socket,
        floor: Floor,
        common: Common,
        greeting: bytes,
        beyond: bytes,
        *,
        call: AsgiSocketCall,
    ) -> None:
        super().__init__(sock, floor, common, greeting, beyond)
        self._call = call
        self._code = ABNORMAL

    @property
    def idle(self) -> bool:
        """Whether it may be closed without a word: never, the application is to be told."""
        return False

    @property
    def ready(self) -> bool:
        """Whether there is room for a further message."""
        return self._call.has_room

    @property
    def all_is_sent(self) -> bool:
        """Whether the kernel has taken all."""
        return self._all_is_sent()

    @property
    def awaited(self) -> DeadlineQueue[Channel]:
        """The deadline of the next ping (rule 3)."""
        return self._floor.deadline("site ping", BEAT)

    def expire(self) -> None:
        """Send a ping; or else see `WebSocketChannel`."""
        if self._deadline is not self.awaited:
            super().expire()
            return
        self._deadline = None
        self.send_frame(frame(PING, b""))
        self._settle()

    def received(self, opcode: int, payload: bytes) -> None:
        """Take a message."""
        if opcode == BINARY:
            self._call.came({"type": "websocket.receive", "bytes": payload})
        else:
            self._call.came({"type": "websocket.receive", "text": payload.decode()})

    def drained(self) -> None:
        """Let the application write on."""
        self._call.changed()

    def say_close(self, code: int, reason: str = "") -> None:
        """See `WebSocketChannel`; the application is told the same code."""
        if self._stage == OPEN:
            self._code = code
        super().say_close(code, reason)

    def left(self) -> None:
        """Tell the application that it is over."""
        self._call.left(self._code)


def frame_of(message: Message) -> bytes:
    """Return the frame that a message of the application's is."""
    text = message.get("text")
    return frame(BINARY, message["bytes"]) if text is None else frame(TEXT_FRAME, text.encode())


def size_of(message: Message) -> int:
    """Return how many bytes a message of the client's counts as."""
    return A_MESSAGE + len(message.get("text") or message.get("bytes") or b"")


def socket_scope_of(exchange: Exchange, place: Place, state: dict[str, Any]) -> dict[str, Any]:
    """Return a handshake as ASGI has it."""
    scope = scope_of(exchange, place, state)
    del scope["method"]
    protocols = elements(exchange.headers.get(b"sec-websocket-protocol", b""))
    return {
        **scope,
        "type": "websocket",
        "scheme": "wss" if place.scheme == "https" else "ws",
        "subprotocols": [name.decode("latin-1") for name in protocols if name],
    }
