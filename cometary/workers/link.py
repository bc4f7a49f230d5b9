"""The link between a worker and the process above it: a pair of sockets, which one of the two has made for the other.

1.  So nobody else can be at its ends, and neither needs to prove who it is. It ends with either process.
2.  What is sent arrives in its order. A message is its length, whether a descriptor goes with it, and itself. The
    kernel keeps the descriptors in the order of the messages that they came with.
3.  What one end cannot take yet is kept for it, up to `MOST` bytes. Senders of more wait for room (`room`), or are
    refused (`MailboxFullError`): those that send for somebody else wait, those that send for themselves are refused.
    With `MOST_DESCRIPTORS` it is crowded: those that can do without the other end do, and those that send for somebody
    else wait. What can go nowhere else is kept, up to `MOST_CROSSING` of them: one more is refused.
4.  A message is taken when the one before it was: so an end that has no room makes the other one wait.
5.  A descriptor can be lost on its way, where a process has no room for it: its message comes with -1 in its place, and
    no other message with a descriptor that is not its own.
6.  What is sent while messages are taken is sent behind the last of those that came together, what is sent in a turn
    of the loop when that ends (`flush_soon`): so with no turn of another task, which would cost more than the messages.
    That task sends what the kernel does not take at once, and the descriptors: one behind the other, as many as the
    kernel takes, and they are taken likewise, `ROW` in a row. After a turn of other tasks each a crowd would not cross.
7.  What is sent by a link that has ended is thrown away, its descriptor closed.
"""

from __future__ import annotations

import errno
import os
import socket
from array import array
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from threading import Lock, get_ident
from typing import Final

import trio

from cometary.errors import MailboxFullError
from cometary.log import get_logger
from cometary.workers.messages import Message, decode, encode

HEAD: Final = 5
"""Bytes in front of a message."""

READ: Final = 256 * 1024
MOST: Final = 16 * 1024 * 1024
MOST_DESCRIPTORS: Final = 256
MOST_CROSSING: Final = 4096

ROW: Final = 64
"""Descriptors that are read before other tasks have their turn."""

ROOM_FOR_DESCRIPTORS: Final = socket.CMSG_SPACE(16 * array("i").itemsize)

Take = Callable[[Message, int], Awaitable[None] | None]
"""Takes a message, and the descriptor that goes with it, which is its own then; -1 if there is none, or it was lost.
Returns what is to be waited for before the next one is taken."""

logger = get_logger("cometary.workers")


class Link:
    """One end.

    Args:
        sock: the socket, connected; the link closes it.
        take: takes what comes. What it raises is logged: that message alone is lost.

    Attributes:
        sent: how many bytes the other end has taken; it may not have read the last of them yet.
        flush_soon: has a function called when the turn of the loop ends that is under way; None: nobody does.
        moved: when it has taken some last, or would have, had there been any.
    """

    def __init__(self, sock: socket.socket, take: Take) -> None:
        sock.settimeout(0)
        self._plain = sock
        self._sock = trio.socket.from_stdlib_socket(sock)
        self._take = take
        self._thread = get_ident()
        self._token = trio.lowlevel.current_trio_token()
        self._frames: deque[tuple[bytes, int]] = deque()
        self._lock = Lock()  # for the next three, and what is added to the frames: any thread sends
        self._kept = 0
        self._descriptors = 0
        self._closed = False
        self._taking = False
        self._sending = False
        self._flushes = False
        self.flush_soon: Callable[[Callable[[], None]], None] | None = None
        self.sent = 0
        self.moved = trio.current_time()
        self._called = trio.Event()
        self._freed = trio.Event()
        self._came: deque[int] = deque()
        self._in_a_row = 0

    def send(self, message: Message, descriptor: int = -1) -> None:
        """Send a message; from any thread.

        Args:
            message: the message.
            descriptor: one that goes with it, and is closed here then; -1 for none.

        Raises:
            MailboxFullError: far too much waits for the other end to take it; nothing was sent.
        """
        if self._kept > MOST or (descriptor >= 0 and self._descriptors >= MOST_CROSSING):
            raise MailboxFullError("far too much waits for another process")
        self.put(encode(message), descriptor)

    def put(self, payload: bytes, descriptor: int = -1) -> None:
        """Send a message that is encoded, whatever waits."""
        frame = len(payload).to_bytes(HEAD - 1, "big") + bytes((descriptor >= 0,)) + payload
        with self._lock:
            closed = self._closed
            if not closed:
                if not self._kept and get_ident() == self._thread:
                    self.moved = trio.current_time()
                self._kept += len(frame)
                self._descriptors += descriptor >= 0
                self._frames.append((frame, descriptor))
        if closed:
            close_descriptor(descriptor)
        elif get_ident() != self._thread:
            self._token.run_sync_soon(self._wake)
        elif descriptor >= 0 or (self.flush_soon is None and not self._taking):
            self._called.set()
        elif self.flush_soon is not None and not self._taking and not self._flushes:
            self._flushes = True
            self.flush_soon(self._flush)

    def _wake(self) -> None:
        self._called.set()

    def _flush(self) -> None:
        """Send what the kernel takes at once (rule 6); the rest, and descriptors, the other task sends."""
        self._flushes = False
        frames = self._frames
        if self._sending or self._closed:
            return
        while frames and frames[0][1] < 0:
            data = self._next_data()
            try:
                sent = self._plain.send(data)
            except OSError:  # there is no room, or the other end has gone, which the task finds out as well
                sent = 0
            self._count(sent)
            if sent < len(data):
                frames.appendleft((bytes(data[sent:]), -1))
                break
        if frames:
            self._called.set()

    def _next_data(self) -> bytearray:
        """Return the next messages, up to one with a descriptor."""
        frames, data = self._frames, bytearray()
        while frames and frames[0][1] < 0 and len(data) < READ:
            data += frames.popleft()[0]
        return data

    @property
    def full(self) -> bool:
        """Whether more is kept than there is room for."""
        return self._kept > MOST

    async def room(self, times: int = 1) -> None:
        """Wait until there is, or the link has ended.

        Args:
            times: how many times as much as there is room for.
        """
        while self.keeps(times):
            await self._freed.wait()

    @property
    def crowded(self) -> bool:
        """Whether there are so many descriptors that no more should be sent; never when it has ended."""
        return self._descriptors >= MOST_DESCRIPTORS and not self._closed

    async def room_for_descriptors(self) -> None:
        """Wait until it is not crowded."""
        while self.crowded:
            await self._freed.wait()

    def keeps(self, times: int) -> bool:
        """Whether it keeps more than so many times what there is room for; never when it has ended."""
        return self._kept > times * MOST and not self._closed

    def _free(self) -> None:
        freed, self._freed = self._freed, trio.Event()  # nobody else replaces it: several may wait
        freed.set()

    async def run(self) -> None:
        """Send and take, until the other end has gone, or a wrong message came."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write, nursery.cancel_scope)
                await self._read()
                nursery.cancel_scope.cancel()
        finally:
            self._close()

    def _close(self) -> None:
        self._sock.close()
        with self._lock:
            self._closed = True
        for _, descriptor in self._frames:
            close_descriptor(descriptor)
        self._frames.clear()
        for descriptor in self._came:
            close_descriptor(descriptor)
        self._came.clear()
        self._free()

    async def _write(self, running: trio.CancelScope) -> None:
        try:
            while True:
                await self._called.wait()
                self._called = trio.Event()
                while self._frames:
                    self._sending = True
                    await self._send_next()
                    self._sending = False
                    self._free()
        except (BrokenPipeError, ConnectionResetError):
            return  # the other end has gone: what it had sent before is read still
        except OSError as error:
            logger.error("link ended", text=f"a link between processes ends: {error}", error=str(error))  # noqa: TRY400
            running.cancel()

    async def _send_next(self) -> None:
        """Send the next messages: several of those without a descriptor, or several with one each."""
        data = self._send_descriptors() if self._frames[0][1] >= 0 else self._next_data()
        if data is None:
            await trio.lowlevel.wait_writable(self._plain)
            return
        view = memoryview(data)
        while view:
            sent = await self._sock.send(view)
            self._count(sent)
            view = view[sent:]

    def _send_descriptors(self) -> bytes | None:
        """Send those that the kernel takes at once, each with its message (rule 6).

        Returns:
            What of the last message is still to be sent; None if the kernel takes no more of them now.
        """
        frames, rest = self._frames, b""
        while not rest and frames and frames[0][1] >= 0:
            frame, descriptor = frames.popleft()
            try:
                rest = self._send_with(descriptor, frame)
            except BlockingIOError:
                frames.appendleft((frame, descriptor))
                return None
        return rest

    def _send_with(self, descriptor: int, frame: bytes) -> bytes:
        """Send a descriptor, with a message; returns what of that is still to be sent."""
        passing = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", [descriptor]))]
        try:
            sent = self._plain.sendmsg([frame], passing)
        except BlockingIOError:
            raise
        except OSError as error:
            self._let_go(descriptor)
            if error.errno != errno.ETOOMANYREFS:
                raise
            return frame[: HEAD - 1] + b"\0" + frame[HEAD:]  # too many are on their way (rule 5)
        self._let_go(descriptor)
        self._count(sent)
        return frame[sent:]

    def _let_go(self, descriptor: int) -> None:
        os.close(descriptor)
        with self._lock:
            self._descriptors -= 1

    def _count(self, sent: int) -> None:
        self.sent += sent
        self.moved = trio.current_time()
        with self._lock:
            self._kept -= sent

    async def _read(self) -> None:
        buffer = bytearray()
        while True:
            try:
                data, ancillary, flags, _ = await self._receive()
            except OSError:
                return
            self._in_a_row = self._in_a_row + 1 if ancillary else 0
            for level, kind, passed in ancillary:
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    self._came.extend(array("i", passed))
            if flags & socket.MSG_CTRUNC:
                self._came.append(-1)  # there was no room for it (rule 5), and no read brings more than one
            if not data:
                return
            buffer += data
            await self._take_all(buffer)

    async def _receive(self) -> tuple[bytes, list[tuple[int, int, bytes]], int, object]:
        """Read once: at once if the last read has brought a descriptor, and no more than `ROW` in a row."""
        if 0 < self._in_a_row < ROW:
            with suppress(BlockingIOError):
                return self._plain.recvmsg(READ, ROOM_FOR_DESCRIPTORS)
        self._in_a_row = 0
        return await self._sock.recvmsg(READ, ROOM_FOR_DESCRIPTORS)

    async def _take_all(self, buffer: bytearray) -> None:
        at = 0
        while len(buffer) - at >= HEAD:
            end = at + HEAD + int.from_bytes(buffer[at : at + HEAD - 1], "big")
            if len(buffer) < end:
                break
            descriptor = self._came.popleft() if buffer[at + HEAD - 1] else -1
            await self._take_one(decode(bytes(buffer[at + HEAD : end])), descriptor)
            at = end
        del buffer[:at]
        self._flush()

    async def _take_one(self, message: Message, descriptor: int) -> None:
        self._taking = True
        try:
            waits = self._take(message, descriptor)
            self._taking = False
            if waits is not None:
                self._flush()  # who knows for how long
                await waits
        except Exception:
            text = f"a message of another process failed: {type(message).__name__}"
            logger.exception("message failed", text=text)
        finally:
            self._taking = False


def close_descriptor(descriptor: int) -> None:
    """Close one, if it is one."""
    if descriptor >= 0:
        os.close(descriptor)
