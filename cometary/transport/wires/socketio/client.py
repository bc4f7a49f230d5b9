"""A client of Socket.IO: what comes on its connection goes to the namespaces that it is in.

1.  CONNECT comes first, to each namespace; a client is in none from the start. A namespace that does not exist is
    refused, and so are more than `MOST_NAMESPACES`. A client that is in none for `Times.connect` seconds is closed.
2.  Anything that is not a packet, a packet to a namespace that the client is not in, a second CONNECT to one, and an
    error from a client close the connection; so the others are told as well.
3.  The token that the gate is shown is what the client gives as `auth`, or emits later as `::token`; if that has a
    `token` and nothing else, then that. Each namespace is judged by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, cast

import trio

from cometary.transport.codecs import json
from cometary.transport.wires.engineio import packets as engine
from cometary.transport.wires.engineio.connection import Talk
from cometary.transport.wires.socketio.auth import given_in, returning_of, token_of
from cometary.transport.wires.socketio.packets import (
    ACK,
    CONNECT,
    CONNECT_ERROR,
    DISCONNECT,
    EVENT,
    MAIN,
    PLAIN_FRAME,
    Reader,
    SocketPacket,
    bad,
    head,
    read_plain,
)
from cometary.transport.wires.socketio.stream import NamespaceStream

if TYPE_CHECKING:
    from cometary.sessions.policy import Policy
    from cometary.transport.wires.engineio.connection import EngineConnection
    from cometary.transport.wires.socketio.auth import Returning
    from cometary.transport.wires.socketio.common import SocketIo
    from cometary.transport.wires.socketio.events import Namespace

MOST_NAMESPACES: Final = 20
"""That one client may be in."""

MOST_UNHEARD: Final = 64 * 1024
"""Bytes on their way beyond which a client is asked for a sign of life."""


class Client(Talk):
    """One client.

    Args:
        all_of_them: what it has in common with all others.
        connection: by which it is connected.

    Attributes:
        connection: the same.
        gate: lets it in.
        terms: what it is offered.
        most_packets: see `Terms`.
        most_unheard: see `Terms`.
        peer: the address that it came from.
        streams: by the names of the namespaces that it is in.
    """

    __slots__ = (
        "_all",
        "_reader",
        "_unheard",
        "connection",
        "gate",
        "most_packets",
        "most_unheard",
        "peer",
        "streams",
        "terms",
    )

    def __init__(self, all_of_them: SocketIo, connection: EngineConnection) -> None:
        self._all = all_of_them
        self._reader = Reader()
        self._unheard: int = 0
        self.connection = connection
        self.gate = all_of_them.gate
        self.terms = all_of_them.terms
        self.most_packets: int = all_of_them.terms.most_packets
        self.most_unheard: int = all_of_them.terms.most_unheard
        self.peer: str = connection.credentials.peer
        self.streams: dict[str, NamespaceStream] = {}
        self._expect()

    def _expect(self) -> None:
        engine_of_all = self._all.engine
        if engine_of_all is not None:
            queue = engine_of_all.alarms.after("connect", engine_of_all.times.connect)
            queue.discard(self._in_none)
            queue.add(self._in_none, trio.current_time())

    def _in_none(self) -> None:
        if not self.streams:
            self.connection.close()

    # -- what Engine.IO says ------------------------------------------------------------------------

    @property
    def ready(self) -> bool:
        """See `Talk`."""
        for stream in self.streams.values():  # noqa: SIM110 - asked for at every message; a generator takes longer
            if not stream.room:
                return False
        return True

    @property
    def wanted(self) -> bool:
        """See `Talk`."""
        return bool(self.streams)

    def received(self, data: str | bytes) -> None:
        """See `Talk`."""
        packet = self._reader.take(data)
        if packet is None:
            return
        if packet.kind == CONNECT:
            self._connect(packet)
            return
        stream = self.streams.get(packet.namespace)
        if stream is None or packet.kind == CONNECT_ERROR:
            raise bad("The client is not in this namespace.")
        if packet.kind == DISCONNECT:
            stream.leave()
        else:
            assert packet.kind in {EVENT, ACK}  # noqa: S101 - what the reader returns
            stream.take(stream.namespace.packet_of(packet), len(data))

    def received_text(self, payload: bytes) -> None:
        """See `Talk`; what nearly all messages are is read without the detour."""
        stream = self.streams.get(MAIN)
        if stream is None or self._reader.midway or not payload.startswith(PLAIN_FRAME):
            self.received(payload[1:].decode())
        else:
            stream.take(stream.namespace.plain_packet_of(read_plain(payload)), len(payload))

    def drained(self) -> None:
        """See `Talk`."""
        for stream in [*self.streams.values()]:
            stream.drained()

    def marked(self) -> None:
        """See `Talk`."""
        self._unheard = 0
        for stream in self.streams.values():
            stream.mark()

    def arrived(self) -> None:
        """See `Talk`."""
        for stream in self.streams.values():
            stream.arrived()

    def closed(self) -> None:
        """See `Talk`."""
        streams, self.streams = self.streams, {}
        for stream in streams.values():
            stream.drop()
        engine_of_all = self._all.engine
        if engine_of_all is not None:
            engine_of_all.alarms.after("connect", engine_of_all.times.connect).discard(self._in_none)

    # -- namespaces (rules 1 to 3) ------------------------------------------------------------------

    def _connect(self, packet: SocketPacket) -> None:
        namespace = self._all.namespace(packet.namespace)
        if namespace is None:
            self._refuse(packet.namespace, "Invalid namespace")
        elif packet.namespace in self.streams:
            raise bad("The client is in this namespace already.")
        elif len(self.streams) >= MOST_NAMESPACES:
            self._refuse(packet.namespace, f"A client is in {MOST_NAMESPACES} namespaces at most")
        else:
            auth = cast("dict[str, Any]", packet.data or {})
            given = given_in(auth)
            credentials = self.connection.credentials.with_auth(given, token_of(given))
            returning = returning_of(auth) if self.terms.recovers else None
            self.enter(NamespaceStream(self, namespace, credentials), returning)

    def _refuse(self, name: str, message: str) -> None:
        said = json.encode({"message": message}).decode()
        self.send(engine.payload_of((engine.MESSAGE, f"{head(CONNECT_ERROR, name)}{said}")))

    def enter(self, stream: NamespaceStream, returning: Returning | None = None) -> None:
        """Be in a namespace, by a new session, or by the one that there was."""
        self.streams[stream.namespace.name] = stream
        stream.begin(returning)

    def policy_of(self, namespace: Namespace) -> Policy:
        """Return what the sessions of a namespace are like."""
        return self._all.policy_of(namespace)

    def forget(self, stream: NamespaceStream) -> None:
        """Take note that the client is not in a namespace any more."""
        if self.streams.get(stream.namespace.name) is stream:
            del self.streams[stream.namespace.name]
            if not self.streams and not self.connection.ended:
                self._expect()

    # -- what namespaces say ------------------------------------------------------------------------

    def send(self, payload: bytes) -> bool:
        """Send packets; returns whether there is room for more."""
        if not payload:
            return True
        self._unheard += len(payload)
        has_room = self.connection.send(payload)
        if self._unheard >= MOST_UNHEARD:
            self.connection.ask()
        return has_room

    def send_frames(self, frames: bytes) -> bool:
        """Send packets that are frames already, on the WebSocket by which it is connected; see `send`."""
        if not frames:
            return True
        self._unheard += len(frames)
        has_room = self.connection.send_frames(frames)
        if self._unheard >= MOST_UNHEARD:
            self.connection.ask()
        return has_room

    def ask(self) -> None:
        """Ask the client for a sign of life."""
        self.connection.ask()

    def go_on(self) -> None:
        """Have the connection hand on more of what has come."""
        self.connection.go_on()

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        """Have something done after a while."""
        engine_of_all = self._all.engine
        if engine_of_all is not None:
            engine_of_all.alarms.after("retry", float(seconds)).add(do, trio.current_time())
