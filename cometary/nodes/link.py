"""A link: one TCP connection between two nodes, once they know each other (`handshake`).

1.  What is sent arrives in its order. A message is its length in four bytes, and itself.
2.  What is sent in one turn of the loop goes out in one write (`Flushing`).
3.  What the other end does not take is kept, up to `MOST` bytes. Then the link is `full`: requests are refused, and
    what was published waits where it is. Answers, which have to be sent all the same, are kept up to `ALL`; with more
    the link is cut, and all that went by it is asked again: its other end takes nothing.
4.  A link is the switchboard's, as clients' connections are. What comes before there is one waits in the kernel.
5.  A link on which nothing has come for `SILENCE` seconds, although the other end was asked (`Ping`), is cut.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import trio

from cometary.log import get_logger
from cometary.nodes.messages import UNREADABLE, Message, encode
from cometary.transport.net.buffered import BufferedChannel
from cometary.transport.net.channel import Channel, Floor

if TYPE_CHECKING:
    from cometary.server.front_end import FrontEnd

HEAD: Final = 4
"""Bytes in front of a message."""

MOST: Final = 16 * 1024 * 1024
ALL: Final = 4 * MOST

LONGEST: Final = 64 * 1024 * 1024
"""Bytes of a message."""

SILENCE: Final = 15.0

logger = get_logger("cometary.nodes")


class Flushing:
    """Makes links send, once in each turn of the loop, what they were given in it."""

    def __init__(self) -> None:
        self._links: list[Link] = []
        self._wanted = trio.Event()
        self._front_end: FrontEnd | None = None

    def attach(self, front_end: FrontEnd) -> None:
        """Flush at the end of the turns of a front end: that takes the loop no round more."""
        self._front_end = front_end
        front_end.at_end_of_turn(self.flush)

    def want(self, link: Link) -> None:
        """Have a link flushed."""
        self._links.append(link)
        if self._front_end is None or not self._front_end.in_turn:
            self._wanted.set()

    def flush(self) -> None:
        """Flush all that is wanted."""
        if self._links:
            links, self._links = self._links, []
            for link in links:
                link.flush()

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted = trio.Event()
            self.flush()


class Link:
    """One end.

    Args:
        node: the name of the node at the other end.
        flushing: see there.
        decode: reads messages.
        take: takes what comes, each message in its turn. What it raises is logged: that message alone is lost.
        broken: called once, when the link has ended.

    Attributes:
        node: the same.
        freed: called whenever all was sent.
    """

    def __init__(
        self,
        node: str,
        flushing: Flushing,
        decode: Callable[[bytes], Message],
        take: Callable[[Any], None],
        broken: Callable[[], object],
    ) -> None:
        self.node = node
        self._flushing = flushing
        self.decode = decode
        self.take = take
        self.freed: Callable[[], object] = _nothing
        self._broken = broken
        self._frames: list[bytes] = []
        self._kept = 0
        self._channel: LinkChannel | None = None
        self._wants = False
        self.ended = False

    def send(self, message: Message) -> None:
        """Send a message; nothing if the link has ended."""
        self.put(encode(message))

    def put(self, payload: bytes) -> None:
        """Send a message that is encoded."""
        if self.ended:
            return
        self._frames.append(len(payload).to_bytes(HEAD, "big"))
        self._frames.append(payload)
        self._kept += len(payload)
        if not self._wants:
            self._wants = True
            self._flushing.want(self)
        if self._kept > ALL:
            self.cut("it does not read what it is sent")

    @property
    def kept(self) -> int:
        """How many bytes the other end has not taken."""
        return self._kept + (0 if self._channel is None else self._channel.left)

    @property
    def full(self) -> bool:
        """Whether there is no room for more that can be refused."""
        return self.kept > MOST

    def flush(self) -> None:
        """Send what is kept, as far as the kernel takes it."""
        self._wants = False
        channel = self._channel
        if channel is None or channel.left or self.ended:
            return
        if self._frames:
            data, self._frames = b"".join(self._frames), []
            self._kept = 0
            channel.say(data)
        if not channel.left:
            self.freed()

    def read(self, payload: bytes) -> None:
        """Take a message that has come, encoded."""
        try:
            message = self.decode(payload)
        except UNREADABLE:
            self.cut("it sent what no node sends")
            return
        try:
            self.take(message)
        except Exception:
            text = f"a message of node {self.node} failed: {type(message).__name__}"
            logger.exception("message failed", text=text, node=self.node)

    def speak(self, sock: socket.socket, _peer: str, floor: Floor) -> Channel:
        """Return the channel of the link's socket (`Protocol`)."""
        self._channel = channel = LinkChannel(sock, floor, self)
        return channel

    def cut(self, why: str) -> None:
        """End it."""
        if not self.ended:
            text = f"the link with node {self.node} is cut: {why}"
            logger.warning("link cut", text=text, node=self.node, why=why)
        self.close()

    def close(self) -> None:
        """End it, in silence; again, that does nothing."""
        if self._channel is not None:
            self._channel.close()
        self.has_ended()

    def has_ended(self) -> None:
        """Take note that it has ended."""
        if not self.ended:
            self.ended = True
            self._frames.clear()
            self._broken()


class LinkChannel(BufferedChannel):
    """The connection of a link.

    Args:
        sock: its socket.
        floor: what watches it.
        link: the link.
    """

    def __init__(self, sock: socket.socket, floor: Floor, link: Link) -> None:
        super().__init__(sock, floor)
        self._link = link
        self._buffer = bytearray()
        self.heard_at = trio.current_time()

    @property
    def idle(self) -> bool:
        """Whether all was sent."""
        return self._unsent is None and not self._link.kept

    @property
    def left(self) -> int:
        """How many bytes the kernel has not taken."""
        return self._left()

    def start(self) -> None:
        """Send what was kept."""
        self._link.flush()

    def say(self, data: bytes) -> None:
        """Send."""
        self._send(data)
        if self.sock.fileno() >= 0:
            self._watch(reading=True, writing=self._unsent is not None)
            self._end_if_drained()

    def _end_if_drained(self) -> None:
        """End it when the server stops and all was sent: nobody else closes one that had something to say then."""
        if self._floor.closing and self.idle:
            self.close()

    def readable(self, bits: int) -> None:  # noqa: ARG002 - it reads, whatever it is
        """Take what has come."""
        data = self._read_once()
        if data is None:
            return
        if not data:
            self.close()
            return
        self.heard_at = self._floor.now
        self._buffer += data
        self._take_all()

    def _take_all(self) -> None:
        buffer, link, at = self._buffer, self._link, 0
        while len(buffer) - at >= HEAD:
            end = at + HEAD + int.from_bytes(buffer[at : at + HEAD], "big")
            if len(buffer) < end:
                if end - at > LONGEST:
                    link.cut("a message is too long")
                    return
                break
            link.read(bytes(memoryview(buffer)[at + HEAD : end]))
            at = end
            if link.ended:
                return
        del buffer[:at]

    def writable(self) -> None:
        """Send the rest."""
        self._send_rest()
        if self.sock.fileno() >= 0 and self._unsent is None:
            self._watch(reading=True, writing=False)
            self._link.flush()
            self._end_if_drained()

    def closed(self) -> None:
        """Tell the link."""
        self._link.has_ended()


def _nothing() -> None:
    """Do nothing."""
