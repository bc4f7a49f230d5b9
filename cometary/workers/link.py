"""The link between a worker and the process above it: a pair of sockets, which one of them has made for the other.

1.  So nobody else can be at its ends: neither needs to prove who it is. It ends with either process.
2.  What is sent arrives in its order. A message is its length, whether a descriptor goes with it, and itself. The
    kernel keeps the descriptors in the order of the messages that they came with.
3.  What one end cannot take yet is kept for it, up to `MOST` bytes. Who has more waits for room (`room`), or is refused
    (`MailboxFullError`): whoever sends for somebody else waits, whoever sends for itself is refused.
4.  A message is taken when the one before it was: so an end that has no room makes the other one wait.
"""

from __future__ import annotations

import os
import socket
from array import array
from collections import deque
from collections.abc import Awaitable, Callable
from threading import get_ident
from typing import Final

import trio

from cometary.errors import MailboxFullError
from cometary.workers.messages import Message, decode, encode

HEAD: Final = 5
"""Bytes in front of a message."""

READ: Final = 256 * 1024
MOST: Final = 16 * 1024 * 1024
AT_ONCE: Final = 64
"""Messages that go out in one write."""

ROOM_FOR_DESCRIPTORS: Final = socket.CMSG_SPACE(16 * array("i").itemsize)

Take = Callable[[Message, int], Awaitable[None]]
"""Takes a message, and the descriptor that goes with it, which is its own then; -1 if there is none."""


class Link:
    """One end.

    Args:
        sock: the socket, connected; the link closes it.
        take: takes what comes.
    """

    def __init__(self, sock: socket.socket, take: Take) -> None:
        sock.settimeout(0)
        self._sock = trio.socket.from_stdlib_socket(sock)
        self._take = take
        self._thread = get_ident()
        self._token = trio.lowlevel.current_trio_token()
        self._frames: deque[tuple[bytes, int]] = deque()
        self._kept = 0
        self._called = trio.Event()
        self._freed = trio.Event()
        self._came: deque[int] = deque()

    def send(self, message: Message, descriptor: int = -1) -> None:
        """Send a message; from any thread.

        Args:
            message: the message.
            descriptor: one that goes with it, and is closed here then; -1 for none.

        Raises:
            MailboxFullError: the other end has not taken far too much yet; nothing was sent.
        """
        if self._kept > MOST:
            raise MailboxFullError("far too much waits for another process")
        self.put(encode(message), descriptor)

    def put(self, payload: bytes, descriptor: int = -1) -> None:
        """Send a message that is encoded, whatever waits."""
        frame = len(payload).to_bytes(HEAD - 1, "big") + bytes((descriptor >= 0,)) + payload
        self._kept += len(frame)
        self._frames.append((frame, descriptor))
        if get_ident() == self._thread:
            self._called.set()
        else:
            self._token.run_sync_soon(self._wake)

    def _wake(self) -> None:
        self._called.set()

    @property
    def full(self) -> bool:
        """Whether more is kept than there is room for."""
        return self._kept > MOST

    async def room(self) -> None:
        """Wait until there is."""
        while self._kept > MOST:
            self._freed = trio.Event()
            await self._freed.wait()

    async def run(self) -> None:
        """Send and take, until the other end has gone, or a wrong message came."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write)
                await self._read()
                nursery.cancel_scope.cancel()
        finally:
            self._close()

    def _close(self) -> None:
        self._sock.close()
        for _, descriptor in self._frames:
            if descriptor >= 0:
                os.close(descriptor)
        self._frames.clear()
        for descriptor in self._came:
            os.close(descriptor)
        self._came.clear()

    async def _write(self) -> None:
        try:
            while True:
                await self._called.wait()
                self._called = trio.Event()
                while self._frames:
                    await self._send_next()
                    self._freed.set()
        except OSError:
            return  # the other end has gone, which is read

    async def _send_next(self) -> None:
        """Send the next messages: several of those without a descriptor, or one with it."""
        frames, data = self._frames, bytearray()
        frame, descriptor = frames.popleft()
        if descriptor >= 0:
            try:
                passing = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", [descriptor]))]
                sent = await self._sock.sendmsg([frame], passing)
            finally:
                os.close(descriptor)
            data += frame[sent:]
            self._kept -= sent
        else:
            data += frame
            while frames and frames[0][1] < 0 and len(data) < READ:
                data += frames.popleft()[0]
        view = memoryview(data)
        while view:
            sent = await self._sock.send(view)
            self._kept -= sent
            view = view[sent:]

    async def _read(self) -> None:
        buffer = bytearray()
        while True:
            try:
                data, ancillary, _, _ = await self._sock.recvmsg(READ, ROOM_FOR_DESCRIPTORS)
            except OSError:
                return
            for level, kind, passed in ancillary:
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    self._came.extend(array("i", passed))
            if not data:
                return
            buffer += data
            await self._take_all(buffer)

    async def _take_all(self, buffer: bytearray) -> None:
        at = 0
        while len(buffer) - at >= HEAD:
            end = at + HEAD + int.from_bytes(buffer[at : at + HEAD - 1], "big")
            if len(buffer) < end:
                break
            descriptor = self._came.popleft() if buffer[at + HEAD - 1] else -1
            await self._take(decode(bytes(buffer[at + HEAD : end])), descriptor)
            at = end
        del buffer[:at]
