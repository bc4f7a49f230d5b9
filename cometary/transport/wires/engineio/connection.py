"""One client's connection: what is said on it, whatever carries it.

1.  It begins by polling or on a WebSocket, and may go on from the first to the second. While the WebSocket is only
    being tried (`probing`), polling goes on; a GET that would be held then is answered at once, with a NOOP.
2.  What is to be sent waits until something takes it: the held GET, or the WebSocket. No more than `MOST_QUEUED`
    bytes wait for a GET: the sender is told that there is no room, and later that there is again.
3.  What has arrived is known in two ways: a client that asks by GET again has read the answer before; and one that
    answers a ping on a WebSocket has read what was sent before the ping. What was sent until then is `marked`, and
    later has `arrived`.
4.  The server pings, every `ping_interval` seconds; a client that does not answer within `ping_timeout` is gone. One
    whose frames are not read meanwhile, since it sends too fast, cannot answer, and is asked again.
5.  A GET whose client goes, a second GET while one is held, a second POST while one is not answered yet, and anything
    that is not a packet, end the connection. What it had is given up, and the client is told where possible.
6.  What comes in one POST is handed on a few packets at a time, and no further while there is no room for it above:
    until then the POST is not answered.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

import trio

from cometary.errors import ProtocolError
from cometary.transport.wires.engineio.errors import BAD_REQUEST, refuse
from cometary.transport.wires.engineio.packets import (
    CLOSE,
    MESSAGE,
    NOOP,
    OPEN,
    PING,
    PONG,
    SEPARATOR,
    Packet,
    frames_of,
    payload_of,
    pieces_of,
    read_piece,
)

if TYPE_CHECKING:
    from cometary.transport.http.exchange import Exchange
    from cometary.transport.net.deadlines import DeadlineQueue
    from cometary.transport.wires.alarms import Due
    from cometary.transport.wires.engineio.channel import EngineChannel
    from cometary.transport.wires.engineio.credentials import HandshakeCredentials
    from cometary.transport.wires.engineio.engine import Engine

MOST_QUEUED: Final = 64 * 1024
AT_ONCE: Final = 50
"""Packets of one POST that are handed on in one turn (rule 6)."""

PIECE: Final = 64
"""Bytes that a packet counts as, when more of a POST is to have its turn."""

TEXT: Final = b"text/plain; charset=UTF-8"
OK_TYPE: Final = b"text/html"


class Talk:
    """What is said on one connection, by what is above."""

    __slots__ = ()

    @property
    def ready(self) -> bool:
        """Whether a further message may be handed on; one that says no calls `EngineConnection.go_on` later."""
        raise NotImplementedError

    @property
    def wanted(self) -> bool:
        """Whether anything goes on, so that the server, when it stops, waits for it."""
        raise NotImplementedError

    def received(self, data: str | bytes) -> None:
        """Take a message.

        Raises:
            ProtocolError: it makes no sense, so that the connection ends; the client's fault.
        """
        raise NotImplementedError

    def received_text(self, payload: bytes) -> None:
        """Take a message that came as text, as it was in its frame: UTF-8, its type before it. See `received`."""
        self.received(payload[1:].decode())

    def drained(self) -> None:
        """Take note that there is room again."""
        raise NotImplementedError

    def marked(self) -> None:
        """Take note of how far what was sent is on its way (rule 3)."""
        raise NotImplementedError

    def arrived(self) -> None:
        """Take note that it has arrived, as far as was marked last."""
        raise NotImplementedError

    def closed(self) -> None:
        """Take note that the connection has ended."""
        raise NotImplementedError


class EngineConnection:
    """One connection.

    Args:
        engine: what all have in common.
        credentials: what the client has shown of itself.

    Attributes:
        sid: by which the client's requests find it: a secret.
        credentials: the same.
        talk: what is said on it.
        ended: whether it has.
    """

    __slots__ = (
        "_channel",
        "_coming",
        "_engine",
        "_marked",
        "_pinged",
        "_poll",
        "_post",
        "_queue",
        "_queued",
        "_waits",
        "credentials",
        "ended",
        "probing",
        "sid",
        "talk",
    )

    def __init__(self, engine: Engine, credentials: HandshakeCredentials) -> None:
        self.sid = engine.new_sid()
        self.credentials = credentials
        self.ended = False
        self.probing: EngineChannel | None = None
        self._engine = engine
        self._channel: EngineChannel | None = None
        self._poll: Exchange | None = None
        self._post: Exchange | None = None
        self._queue: list[bytes] = []
        self._queued = 0
        self._coming: deque[bytes] | None = None
        self._marked = False
        self._pinged = False
        self._waits: DeadlineQueue[Due] | None = None
        self.talk = engine.new_talk(self)
        engine.connections[self.sid] = self
        self._wait(engine.until_ping)

    @property
    def by_websocket(self) -> bool:
        """Whether it is carried by a WebSocket, so that polling is over."""
        return self._channel is not None

    @property
    def may_be_upgraded(self) -> bool:
        """Whether a WebSocket may be tried."""
        return not self.ended and self._channel is None and self.probing is None

    # -- what is sent (rules 2 and 3) -------------------------------------------------------------

    def send(self, payload: bytes) -> bool:
        """Send packets; all of them, now or later.

        Returns:
            Whether there is room for more; if not, `Talk.drained` is called when there is.
        """
        if self.ended:
            return False
        channel = self._channel
        if channel is not None:
            return channel.send_frame(frames_of(payload))
        self._queue.append(payload)
        self._queued += len(payload)
        if self._poll is not None:
            self._answer_poll()
        return self._queued < MOST_QUEUED

    def send_frames(self, frames: bytes) -> bool:
        """Send packets that are frames already, on the WebSocket that carries it (`by_websocket`); see `send`."""
        channel = self._channel
        return channel is not None and not self.ended and channel.send_frame(frames)

    def _take_queue(self) -> bytes:
        queue = self._queue
        payload = queue[0] if len(queue) == 1 else SEPARATOR.join(queue)
        queue.clear()
        self._queued = 0
        return payload

    def _answer_poll(self) -> None:
        exchange, self._poll = self._poll, None
        if exchange is not None:
            full = self._queued >= MOST_QUEUED
            self._mark()
            exchange.respond(200, self._take_queue(), TEXT)
            if full:
                self.talk.drained()

    def _mark(self) -> None:
        self._marked = True
        self.talk.marked()

    def _arrived(self) -> None:
        if self._marked:
            self._marked = False
            self.talk.arrived()

    def drained(self) -> None:
        """Take note that the WebSocket takes more."""
        self.talk.drained()

    # -- heart-beats (rule 4) ---------------------------------------------------------------------

    def _wait(self, queue: DeadlineQueue[Due] | None) -> None:
        if self._waits is not None:
            self._waits.discard(self._due)
        self._waits = queue
        if queue is not None:
            queue.add(self._due, trio.current_time())

    def _due(self) -> None:
        if not self._pinged or not self.talk.ready:
            self._ping()
        else:
            self.close()

    def ask(self) -> None:
        """Ask the client for a sign of life, which says how much has arrived; by polling it gives one anyway."""
        if self._channel is not None and not self._pinged and not self.ended:
            self._ping()

    def _ping(self) -> None:
        if self._channel is not None and not self._pinged:
            self._mark()
        self._pinged = True
        self._wait(self._engine.until_pong)
        self.send(PING.encode())

    def _pong(self) -> None:
        if self._pinged:
            self._pinged = False
            if self._channel is not None:
                self._arrived()
            self._wait(self._engine.until_ping)

    # -- polling (rules 5 and 6) ------------------------------------------------------------------

    def poll(self, exchange: Exchange) -> None:
        """Answer a GET, or hold it."""
        if self._poll is not None:
            refuse(exchange, BAD_REQUEST)
            self.close()
            return
        self._arrived()
        self._poll = exchange
        if self._queue:
            self._answer_poll()
        elif self.probing is not None:
            self._send_noop()
        else:
            exchange.on_drop = self._poll_dropped
            exchange.release_request()

    def _send_noop(self) -> None:
        if self._poll is not None:
            self.send(NOOP.encode())

    def _poll_dropped(self) -> None:
        exchange, self._poll = self._poll, None
        if exchange is not None:
            exchange.leave_unanswered()
        self.close()

    def post(self, exchange: Exchange) -> None:
        """Take what is in a POST, and answer it."""
        # The one before may have lost its client: what is in it has come all the same, and comes first.
        if self._post is not None:
            refuse(exchange, BAD_REQUEST)
            self.close()
        else:
            self._post = exchange
            self._coming = deque(pieces_of(exchange.body))
            exchange.release_request()
            self.go_on()

    def go_on(self) -> None:
        """Hand on what has come, as far as there is room for it above."""
        if self._channel is not None:
            self._channel.go_on()
        coming, left = self._coming, AT_ONCE
        while coming and left and self.talk.ready and not self.ended:
            left -= 1
            try:
                self.take(read_piece(coming.popleft()))
            except ProtocolError:
                self.fail()
        if coming and not left and not self.ended:
            self._engine.bodies.wait(PIECE * AT_ONCE, self, self._engine.guarded(self.go_on))
        elif not coming and coming is not None:
            self._coming = None
            self._answer_post()

    def _answer_post(self) -> None:
        exchange, self._post = self._post, None
        if exchange is not None:
            exchange.respond(200, b"ok", OK_TYPE)

    # -- what comes, either way -------------------------------------------------------------------

    def take(self, packet: Packet) -> None:
        """Take a packet.

        Raises:
            ProtocolError: `bad-request`: it makes no sense here; the client's fault.
        """
        kind, data = packet
        if kind == MESSAGE:
            self.talk.received(data)
        elif kind == PONG:
            self._pong()
        elif kind == PING:
            raise ProtocolError("bad-request", "It is the server that pings.")
        elif kind == CLOSE:
            self._end(NOOP)

    def fail(self) -> None:
        """End, since what came is no packet, or makes no sense."""
        exchange, self._post = self._post, None
        if exchange is not None:
            refuse(exchange, BAD_REQUEST)
        self.close()

    # -- the WebSocket (rule 1) -------------------------------------------------------------------

    def begin(self, channel: EngineChannel) -> bytes:
        """Be carried by a WebSocket from the first; returns what is said on it first."""
        self._channel = channel
        return frames_of(payload_of((OPEN, self._engine.welcome(self.sid, upgrades=False))))

    def probed(self, channel: EngineChannel) -> None:
        """Let polling come to a rest: a WebSocket is there that it is to go on as."""
        self.probing = channel
        self._send_noop()

    def upgraded(self, channel: EngineChannel) -> None:
        """Go on as a WebSocket; no GET is held while one is tried."""
        self.probing, self._channel = None, channel
        self._arrived()  # it has let polling come to a rest
        if self._queue and not channel.send_frame(frames_of(self._take_queue())):
            return
        self.talk.drained()

    def left(self, channel: EngineChannel) -> None:
        """Take note that a WebSocket has been closed."""
        if channel is self._channel:
            self.close()
        elif channel is self.probing:
            self.probing = None

    # -- the end ----------------------------------------------------------------------------------

    def close(self) -> None:
        """End; again, that does nothing."""
        self._end(CLOSE)

    def _end(self, last: str) -> None:
        """End, and say so to a GET that is held: by `last`."""
        if self.ended:
            return
        if self._poll is not None:
            self.send(last.encode())
        self.ended = True
        self._engine.connections.pop(self.sid, None)
        self._wait(None)
        self._coming = None
        self._queue = []
        self._answer_post()
        for channel in (self._channel, self.probing):
            if channel is not None:
                channel.finish()
        self.talk.closed()
