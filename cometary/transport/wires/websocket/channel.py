"""A WebSocket on a connection: messages in and out, whatever they say.

1.  Frames are handled one at a time, each in its turn (`BodyQueue`): what a stranger sends costs the loop no more at
    once than anybody's requests do. While one waits for its turn nothing further is read.
2.  What is sent goes to the kernel in one call; what it does not take waits (`BufferedChannel`), and what is to be
    sent meanwhile behind it (`_behind`). When that is more than `MOST_BEHIND`, nothing is read until it is sent: so
    a peer that asks and does not read is not answered for ever.
3.  Pings are answered, and so is closing: a close frame is answered by its like, and then the connection is closed.
    The side that closes first waits `LINGER` seconds for that answer, and reads on for its sake alone.
4.  What is wrong with a frame closes the connection, with the code that says what (`codes`). From then on it is
    unknown where a frame begins, so what still comes is thrown away (`DEAF`), until the end or for as long.
5.  A peer that has vanished is noticed by the kernel (`TCP_USER_TIMEOUT`) once something was to be sent to it.
6.  The deadline is that of what is waited for: the answer to a close; the end of a message, which has another period if
    it comes at a fair pace; or what a subclass waits for (`awaited`).
"""

from __future__ import annotations

import socket
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

from mypy_extensions import mypyc_attr

from cometary.escapes import exit_in
from cometary.log import get_logger
from cometary.sessions.policy import BEAT, GRACE
from cometary.transport.net.buffered import BufferedChannel, keep_little_unsent
from cometary.transport.net.poller import PEER_SHUT, READABLE
from cometary.transport.wires.websocket.codes import NO_CODE, close_payload
from cometary.transport.wires.websocket.frames import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    Frame,
    FrameError,
    FrameReader,
    close_code,
    frame,
    only_message,
    only_text,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.transport.net.channel import Channel, Floor
    from cometary.transport.net.deadlines import DeadlineQueue
    from cometary.transport.wires.websocket.common import Common

SILENT_MS: Final = int(1000 * (BEAT + GRACE))
"""Milliseconds after which a peer that acknowledges nothing is gone."""

MOST_BEHIND: Final = 16 * 1024
LEAST: Final = 64
"""Bytes that a frame counts as, however short it is: it is answered, too."""

LINGER: Final = 2.0

OPEN: Final = 0
CLOSING: Final = 1
"""A close frame was sent, or is to be; nothing else is from here on."""

DEAF: Final = 2
"""The same, and nothing is read any more but the end."""

logger = get_logger("cometary.transport")


@mypyc_attr(allow_interpreted_subclasses=True)
class WebSocketChannel(BufferedChannel):
    """One connection; a subclass says what is made of the messages.

    Args:
        sock: the socket; the channel closes it.
        floor: what watches the socket.
        common: what it shares with others.
        greeting: the answer to the handshake, sent before all else.
        beyond: what has been read already.
    """

    __slots__ = ("_behind", "_beyond", "_bodies", "_limits", "_next", "_peer_closes", "_reader", "_stage")

    def __init__(
        self, sock: socket.socket, floor: Floor, common: Common, greeting: bytes, beyond: bytes
    ) -> None:
        super().__init__(sock, floor)
        self._bodies = common.bodies
        self._limits = common.limits
        self._behind = greeting
        self._beyond = beyond
        self._reader: FrameReader | None = None
        self._next: Frame | None = None  # the frame that waits for its turn
        self._peer_closes: bool = False
        self._stage: int = OPEN

    # -- for subclasses -------------------------------------------------------------------------

    @property
    def longest(self) -> int:
        """Bytes of a message at most."""
        return self._limits.body_bytes

    @property
    def ready(self) -> bool:
        """Whether a further message may be handled now; one that says no calls `go_on` when that changes."""
        raise NotImplementedError

    @property
    def awaited(self) -> DeadlineQueue[Channel] | None:
        """The deadline of what is waited for, if nothing of this class's is."""
        return None

    def received(self, opcode: int, payload: bytes) -> None:
        """Take a message, `TEXT` or `BINARY`."""
        raise NotImplementedError

    def drained(self) -> None:
        """Take note that all was sent, after some of it had to wait."""

    def left(self) -> None:
        """Take note that no message is sent or taken any more; called once."""

    # -- what the switchboard calls ---------------------------------------------------------------

    @property
    def idle(self) -> bool:
        """Whether nothing is under way."""
        return self._stage == OPEN and self._all_is_sent() and self._next is None and self._reader is None

    def start(self) -> None:
        """Begin: answer the handshake, and take what came behind it."""
        keep_little_unsent(self.sock)
        with suppress(OSError):  # it has broken, which is read next
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENT_MS)
        self._flush()
        beyond, self._beyond = self._beyond, b""
        if beyond:
            self._take(beyond)
        self._settle()

    def readable(self, bits: int) -> None:
        """Read once, since there is something to read, if only the end.

        Args:
            bits: what the poller has reported.
        """
        if not self._reading:
            return self._hang_up(bits)
        if self._next is not None:  # its turn comes first; till then nobody needs to be told again
            return self._watch(reading=False, writing=self._writing)
        data = self._read_once()
        if data is None:
            return None
        if not data:
            return self.close()
        if self._stage != DEAF:
            self._take(data)
        return None

    def _hang_up(self, bits: int) -> None:
        """Take note of what is reported though nobody asked; what can be read is left until somebody does."""
        if bits & ~(READABLE | PEER_SHUT):
            self.close()
        elif bits & PEER_SHUT:
            self._half_closed = True
            self._floor.watch(self, reading=False, writing=self._writing, ended=True)

    def writable(self) -> None:
        """Send the rest."""
        self._send_rest()
        self._flush()
        if self._all_is_sent() and self._is_open():
            self.drained()
        if self._is_open():
            self._read_on()

    def expire(self) -> None:
        """Close, since the time is up; unless what is waited for gets on."""
        limits = self._limits
        midway = self._deadline is not None and self._deadline is self._message_deadline()
        if not (midway and self._gets_on(slowest=limits.bytes_per_second, longest=limits.longest_seconds)):
            self.close()

    def closed(self) -> None:
        """Give up what was under way."""
        self._unsent = self._reader = self._next = None
        self._behind = b""
        if self._stage == OPEN:
            self._stage = CLOSING
            self.left()

    def _is_open(self) -> bool:
        return self.sock.fileno() >= 0

    # -- from bytes to messages -------------------------------------------------------------------

    def _take(self, data: bytes) -> None:
        if self._reader is None and self._stage == OPEN:
            cost, bodies = max(len(data), LEAST), self._bodies
            if cost <= bodies.credit and (text := only_text(data)) is not None:
                bodies.credit -= cost  # as `_put` and `_handle` do, without a frame
                self.received(TEXT, text)
                self._keep_reading()
                return
            try:
                message = only_message(data)
            except FrameError as error:
                self._fail(error)
                return
            if message is not None:
                self._put(message)
                self._keep_reading()
                return
        self._floor.count_parsed(len(data))
        if self._reader is None:
            self._reader = FrameReader(self.longest)
        if self._unsent is None:  # else what is waited for is something else
            self._moved += len(data)
        self._reader.feed(data)
        self._read_on()

    def go_on(self) -> None:
        """Handle what has come and waits, now that a further message may be handled."""
        if self._is_open():
            self._read_on()

    def _read_on(self) -> None:
        while self._next is None and self._reader is not None and self._may_read():
            self._reader.longest = self.longest
            try:
                if (found := self._reader.next()) is None:
                    break
                self._put(found)
            except FrameError as error:
                self._fail(error)
        if self._reader is not None and not self._reader.midway:
            self._reader = None
        self._settle()

    def _put(self, found: Frame) -> None:
        """Handle a frame, now or in its turn."""
        cost, bodies = max(len(found.payload), LEAST), self._bodies
        if cost <= bodies.credit:
            bodies.credit -= cost
            self._handle(found)
        else:
            self._next = found
            bodies.wait(cost, self, self._take_turn)

    def _take_turn(self) -> None:
        self._in_turn(self._handle_next)

    def _handle_next(self) -> None:
        """Handle the frame that waited for its turn, and go on."""
        found, self._next = self._next, None
        if found is None:
            return
        try:
            self._handle(found)
        except FrameError as wrong:
            self._fail(wrong)
        if self._reader is None:
            self._keep_reading()
        else:
            self._read_on()

    def later(self, cost: int, work: Callable[[], None]) -> None:
        """Have what costs as much as `cost` bytes do done in its turn; what it raises closes this connection."""
        self._bodies.wait(cost, self, partial(self._in_turn, work))

    def _in_turn(self, work: Callable[[], None]) -> None:
        try:
            if self._is_open():
                work()
        except BaseException as error:
            if exit_in(error) is not None:
                raise
            logger.exception("connection failed", text="a connection failed and is closed")
            self.close()

    def _may_read(self) -> bool:
        if self._stage != OPEN:
            return True  # for the answer to a close
        return len(self._behind) <= MOST_BEHIND and self.ready

    def _handle(self, found: Frame) -> None:
        opcode = found.opcode
        if opcode == CLOSE:
            self._take_close(found.payload)
        elif opcode == PING:
            self.send_frame(frame(PONG, found.payload))
        elif self._stage == OPEN and opcode in {TEXT, BINARY}:
            if self._reader is not None:
                self._expect(None)  # the next one has a time of its own
            self.received(opcode, found.payload)

    # -- closing (rules 3 and 4) ----------------------------------------------------------------------

    def say_close(self, code: int, reason: str = "") -> None:
        """Close, once the peer has said that it does; again, that does nothing.

        Args:
            code: why; `NO_CODE` to say nothing of that.
            reason: the same in words.
        """
        if self._stage != OPEN or not self._is_open():
            return
        self._stage = CLOSING
        self.left()
        self._behind += frame(CLOSE, b"" if code == NO_CODE else close_payload(code, reason))
        self._flush()
        self._settle()

    def _take_close(self, payload: bytes) -> None:
        code = close_code(payload)
        self._peer_closes = True
        self.say_close(code)
        self._flush()

    def _fail(self, error: FrameError) -> None:
        self._bodies.refusals.note_message(error.size, self._limits.body_bytes)
        self._reader = None
        self.say_close(error.code, error.detail)
        self._stage = DEAF
        self._flush()

    # -- from messages to bytes ---------------------------------------------------------------------

    def send_frame(self, data: bytes) -> bool:
        """Send frames; nothing once the connection is closed, or about to be.

        Returns:
            Whether the kernel has taken all.
        """
        if self._stage != OPEN:
            return False
        if self._unsent is not None:
            self._behind += data
            if self._reading and len(self._behind) > MOST_BEHIND:
                self._settle()
            return False
        self._send(data)
        if self._all_is_sent():  # asked anew: compiled, a comparison as above would be taken for settled
            return self._stage == OPEN  # it is not, if the connection has broken and was closed
        self._settle()
        return False

    def _flush(self) -> None:
        """Send what is behind; and that this was all, if it was."""
        if self._behind and self._unsent is None and self._is_open():
            data, self._behind = self._behind, b""
            self._send(data)
        if not self._all_is_sent() or not self._is_open():
            return
        if self._peer_closes:
            self.close()
        elif self._stage == DEAF:
            with suppress(OSError):  # the peer has closed already: that is read next
                self.sock.shutdown(socket.SHUT_WR)

    def _all_is_sent(self) -> bool:
        return self._unsent is None and not self._behind

    # -- what comes next ----------------------------------------------------------------------------

    def _keep_reading(self) -> None:
        """Go on as before, which is what nearly every message leads to."""
        if self._stage != OPEN or self._reading is not self._may_read():
            self._settle()

    def _settle(self) -> None:
        """Watch for, and set a deadline on, what is to happen next."""
        if self._is_open():
            reading = self._may_read() and (self._next is None or self._reading)
            self._watch(reading=reading, writing=not self._all_is_sent())
            self._expect(self._due())

    def _due(self) -> DeadlineQueue[Channel] | None:
        if self._stage != OPEN:
            return self._floor.deadline("frames end", LINGER)
        if self._next is None and self._reader is not None and self._may_read():
            return self._message_deadline()
        return self.awaited

    def _message_deadline(self) -> DeadlineQueue[Channel]:
        return self._floor.deadline("frames", self._limits.body_seconds)
