"""What runs a hosted application: how many requests it has at one time, however it handles them.

1.  A request is taken at once, or answered 503 at once. One that has become something else, and stays, does not count.
2.  When the server stops nothing more is taken, and what is under way may end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from cometary.doors.hosting.response import TEXT
from cometary.transport.http.upload_connection import take_upload

if TYPE_CHECKING:
    from cometary.transport.http.exchange import Exchange

BUSY: Final = b"The application is busy; ask again in a moment.\n"
STOPPING: Final = b"The server is stopping; ask again in a moment.\n"
RETRY: Final = ((b"Retry-After", b"1"),)


class Host:
    """Takes requests for one application, and has it answer them.

    Args:
        most: how many there are at one time.

    Attributes:
        busy: how many there are.
        standing: how many of these do not count.
        refused: how many were refused for lack of room.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._send, self._receive = trio.open_memory_channel["Exchange"](most)
        self._idle = trio.Event()
        self._stopping = False
        self.busy = 0
        self.standing = 0
        self.refused = 0

    def __call__(self, exchange: Exchange) -> None:
        """Have `exchange` answered, if there is room."""
        if self._stopping:
            exchange.respond(503, STOPPING, TEXT, RETRY)
        elif self.busy - self.standing >= self._most:
            self.refused += 1
            exchange.respond(503, BUSY, TEXT, RETRY)
        else:
            self.busy += 1
            if exchange.upload is None:
                self._send.send_nowait(exchange)
            else:
                exchange.on_drop = self.done
                take_upload(exchange, self._send.send_nowait)

    async def run(self) -> None:
        """Run the application until cancelled; for a child specification."""
        raise NotImplementedError

    async def next_request(self) -> Exchange:
        """Return the next request once one comes; `done` is to be called when it has been answered."""
        return await self._receive.receive()

    def done(self) -> None:
        """Take note that a request has been answered, or left."""
        self.busy -= 1
        if not self.busy:
            self._idle.set()

    async def aclose(self) -> None:
        """Take nothing more, and wait until all is done."""
        self._stopping = True
        if self.busy:
            self._idle = trio.Event()
            await self._idle.wait()
