"""One connection to the server: requests out, answers in. How it is disturbed is not its business (`line.py`)."""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import httptools
import trio

if TYPE_CHECKING:
    from cometary.chaos.shared import Target

RESET: Final = struct.pack("ii", 1, 0)
"""For SO_LINGER: closing sends RST."""

SMALL_BUFFER: Final = 2048
"""Bytes that the kernel takes in for a slow reader."""

READ: Final = 65_536


class Reply(NamedTuple):
    """An answer."""

    status: int
    body: bytes


class BrokenWireError(Exception):
    """The connection broke, on purpose or not; never leaves `line.py` and `crashing.py`."""


BROKEN: Final = (OSError, BrokenWireError, httptools.HttpParserError)
"""What is raised when an exchange fails."""


class Wire:
    """A connected socket, and as much of an answer as has come.

    A plain non-blocking socket rather than Trio's: thousands of them are read all the time, and only the
    waiting is Trio's business.

    Attributes:
        sock: the socket; one who takes it, rather than closing the wire, has to close it.
        kept: whether the connection outlives the answer that came last.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.kept = True
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []
        self._complete = False
        self._begun = False

    @classmethod
    async def connect(cls, target: Target, *, slow: bool = False) -> Wire:
        """Connect.

        Args:
            target: where.
            slow: whether the kernel is to buffer only a little for the reader.

        Raises:
            OSError: nobody answers.
        """
        wire = cls(socket.socket(target.family, socket.SOCK_STREAM))
        try:
            wire.sock.setblocking(False)  # noqa: FBT003 - its one argument
            if slow:
                wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
            wire.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await wire._connect(target.address)
        except BaseException:
            wire.close()
            raise
        return wire

    async def _connect(self, address: tuple[Any, ...]) -> None:
        if self.sock.connect_ex(address) != 0:
            await trio.lowlevel.wait_writable(self.sock)
            if failure := self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise OSError(failure, "cannot connect")

    async def send(self, data: bytes) -> None:
        """Hand all of `data` to the kernel."""
        while data:
            try:
                data = data[self.sock.send(data) :]
            except BlockingIOError:
                await trio.lowlevel.wait_writable(self.sock)

    async def receive(self, slowly: float = 0, pause: float = 0) -> Reply:
        """Read an answer.

        Args:
            slowly: seconds for which it is read a byte at a time.
            pause: seconds before each of those bytes.
        """
        self._body.clear()
        self._complete = False
        end = trio.current_time() + slowly
        while not self._complete:
            slow = slowly > 0 and trio.current_time() < end
            if slow:
                await trio.sleep(pause)
            self._parser.feed_data(await self.read(1 if slow else READ))
        return Reply(self._parser.get_status_code(), b"".join(self._body))

    async def begin(self) -> int:
        """Read the head of an answer that may have no end; returns its status."""
        self._body.clear()
        self._complete = self._begun = False
        while not self._begun:
            self._parser.feed_data(await self.read(READ))
        return self._parser.get_status_code()

    async def more(self) -> bytes:
        """Read on in its body; nothing once it has ended."""
        while not (self._body or self._complete):
            self._parser.feed_data(await self.read(READ))
        data = b"".join(self._body)
        self._body.clear()
        return data

    async def read(self, most: int) -> bytes:
        """Wait until something comes, and take at most so many bytes of it; with 0, it is left there."""
        await trio.lowlevel.wait_readable(self.sock)
        if not most:
            return b""
        data = self.sock.recv(most)
        if not data:
            raise BrokenWireError
        return data

    def close(self, *, reset: bool = False) -> None:
        """Close the connection, by FIN or by RST."""
        if reset:
            with suppress(OSError):
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.sock.close()

    # -- what the parser calls --------------------------------------------------------------------

    def on_headers_complete(self) -> None:
        """Take note of whether the connection outlives this answer."""
        self.kept = self._parser.should_keep_alive()
        self._begun = True

    def on_body(self, data: bytes) -> None:
        """Take a piece of the body."""
        self._body.append(data)

    def on_message_complete(self) -> None:
        """Take note that the answer is complete."""
        self._complete = True
