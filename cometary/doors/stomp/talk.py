"""One client's talk, whatever carries it: bytes to frames, a few at a time, and signs of life.

1.  What has come is done a few frames at a time (`AT_ONCE`), so that it never holds up everything else for long.
    Until a frame is done (`Conversation.busy`), the next waits.
2.  A client that says nothing for twice as long as it promised, or has not connected after `PATIENCE`, is gone. The
    door looks at all clients several times a second, and has signs of life sent where some are promised.
3.  A client whose login has expired is told so, and its connection is closed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cometary.doors.stomp.broker import Broker, Client
from cometary.doors.stomp.frames import FrameReader
from cometary.errors import ProtocolError

AT_ONCE: Final = 50
PATIENCE: Final = 10.0
FIRST_FRAME: Final = 4 << 10
"""Bytes of a body before CONNECT, which has none."""

BEAT: Final = b"\n"
GRACE: Final = 2


class Talk:
    """One client's talk.

    Args:
        broker: does what is asked.
        send: sends bytes; returns whether there is room for more.
        close: closes the connection.
        longest: bytes of a message at most.
        now: the time, in seconds.
        address: where the client is.
    """

    def __init__(
        self,
        broker: Broker,
        *,
        send: Callable[[bytes], bool],
        close: Callable[[], object],
        longest: int,
        now: float,
        address: str,
    ) -> None:
        self.client = Client(broker, send, close, address)
        self.conversation = self.client.conversation
        self._longest = longest
        self._reader = FrameReader(FIRST_FRAME)
        self._send = send
        self._close = close
        self._heard = self._said = now

    @property
    def pending(self) -> bool:
        """Whether bytes wait, for the rest of their frame or for their turn."""
        return len(self._reader) > 0

    def feed(self, data: bytes, now: float) -> None:
        """Take what came."""
        self._heard = now
        self._reader.feed(data)

    def take_some(self) -> bool:
        """Do some of what has come; returns whether there may be more that can be done now (rule 1)."""
        conversation, reader = self.conversation, self._reader
        for _ in range(AT_ONCE):
            if conversation.busy or conversation.closing or not reader:
                return False
            if conversation.connected:
                reader.longest = self._longest
            try:
                frame = reader.next()
            except ProtocolError as error:
                conversation.fail(error)
                return False
            if frame is None:
                return False
            conversation.take(frame)
            reader.version = conversation.version
        return True

    def said(self, now: float) -> None:
        """Take note that something was sent."""
        self._said = now

    def look(self, now: float, tick: float) -> None:
        """Check that the client is there, and show it that the server is (rules 2 and 3).

        Args:
            now: the time, in seconds.
            tick: seconds until the next look.
        """
        conversation = self.conversation
        sent, expected = conversation.beats
        silence = now - self._heard
        if silence > (GRACE * expected or float("inf") if conversation.connected else PATIENCE):
            self._close()
        elif now >= self.client.expires:
            conversation.fail(ProtocolError("unauthorized", "The login has expired."))
        elif sent and not conversation.closing and now + 2 * tick > self._said + sent:
            self._said = now
            self._send(BEAT)
