"""STOMP on a TCP connection.

1.  While a frame is not done, nothing is read, and the sender waits.
2.  What is sent and not taken by the kernel waits (`_behind`). A client for which more than `MOST_BEHIND` waits reads
    more slowly than it is sent to: its connection is closed.
3.  After an ERROR, and after DISCONNECT, the end of the output tells the client. What it still sends is thrown away
    for `LINGER` seconds: closing at once would take away what it has not read yet.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import trio

from cometary.doors.stomp.talk import Talk
from cometary.log import get_logger
from cometary.transport.net.buffered import BufferedChannel

if TYPE_CHECKING:
    from cometary.doors.stomp.broker import Broker
    from cometary.transport.net.channel import Floor

MOST_BEHIND: Final = 4 << 20
LINGER: Final = 2.0

ROOM: Final = 256 << 10
"""Bytes waiting below which queues send more."""

logger = get_logger("cometary.doors")


class StompChannel(BufferedChannel):
    """One connection.

    Args:
        sock: the socket; the channel closes it.
        peer: the address of its other end.
        floor: what watches the socket.
        broker: does what is asked.
        longest: bytes of a message at most.
    """

    def __init__(self, sock: socket.socket, peer: str, floor: Floor, broker: Broker, longest: int) -> None:
        super().__init__(sock, floor)
        self._behind: list[bytes] = []
        self._waiting = 0  # bytes in there
        self._ended = False  # whether nothing more is sent
        self.talk = Talk(
            broker, send=self._say, close=self.close, longest=longest, now=floor.now, address=peer
        )
        self.talk.conversation.resume = self._go_on

    def readable(self, bits: int) -> None:  # noqa: ARG002 - whatever was reported, to read says what it is
        """Read, and do what has come."""
        if self._ended or not (self.talk.pending and self._take_some()):
            data = self._read_once()
            if data and self._ended:
                return
            if data:
                self._floor.count_parsed(len(data))
                self.talk.feed(data, self._floor.now)
                self._take_some()
            elif data is not None:
                self.close()
        self._settle()

    def _take_some(self) -> bool:
        """Do some of what has come; returns whether there is more."""
        more = self.talk.take_some()
        if more:
            self._floor.keeps(self.sock.fileno())
        return more

    def _go_on(self) -> None:
        """Do what waited for a frame to be done."""
        if self.sock.fileno() >= 0:
            self._take_some()
            self._settle()

    def _say(self, data: bytes) -> bool:
        """Send bytes; returns whether there is room for more."""
        if self.sock.fileno() < 0 or self._ended:
            return False
        self.talk.said(trio.current_time())  # the floor's is old where nothing comes
        if self._unsent is None:
            self._send(data)
        else:
            self._behind.append(data)
            self._waiting += len(data)
        if self._waiting > MOST_BEHIND:
            logger.warning(
                "stomp client too slow", text="a STOMP client does not keep up with what it is sent"
            )
            self.close()
        elif self.talk.conversation.closing:
            self._settle()
        elif self.sock.fileno() >= 0 and self._unsent is not None:
            self._watch(reading=self._reading, writing=True)
        return self._waiting + self._left() < ROOM

    def writable(self) -> None:
        """Send the rest."""
        self._send_rest()
        if self._behind and self._unsent is None and self.sock.fileno() >= 0:
            data, self._waiting = b"".join(self._behind), 0
            self._behind.clear()
            self._send(data)
        if self.sock.fileno() >= 0 and self._left() < ROOM:
            self.talk.client.drained()
        self._settle()

    def _settle(self) -> None:
        if self.sock.fileno() < 0:
            return
        conversation = self.talk.conversation
        if conversation.closing and self._unsent is None and not self._ended:
            self._end()
        reading = self._ended or not (conversation.busy or conversation.closing)
        self._watch(reading=reading, writing=self._unsent is not None)

    def _end(self) -> None:
        """Say that nothing more is sent, and wait for the client to close (rule 3)."""
        self._ended = True
        self._expect(self._floor.deadline("stomp end", LINGER))
        with suppress(OSError):  # the client has closed already: that is read next
            self.sock.shutdown(socket.SHUT_WR)

    def closed(self) -> None:
        """Give up what the client had."""
        self._unsent = None
        self._behind.clear()
        self.talk.client.leave()
