"""A page's WebSocket: requests out, and what the server says; how it is disturbed is not its business."""

from __future__ import annotations

from base64 import b64encode
from random import Random
from typing import TYPE_CHECKING, Final

import trio

from cometary.chaos.wire import BROKEN, READ, BrokenWireError, Reply, Wire
from cometary.client.sockets import SocketReader, answer_to
from cometary.errors import CONDITIONS
from cometary.transport.codecs import json
from cometary.transport.wires.websocket.client_frames import masked
from cometary.transport.wires.websocket.frames import TEXT

if TYPE_CHECKING:
    from cometary.chaos.shared import Target
    from cometary.client.streams import StreamBody

HEAD_END: Final = b"\r\n\r\n"
SWITCHING: Final = b"HTTP/1.1 101 "
TAKEN: Final = Reply(200, b'{"packets":[]}')
"""What a confirmation says."""


class PageSocket:
    """One WebSocket.

    Args:
        wire: the connection; its maker closes it.
        chance: what masks follow from.
    """

    def __init__(self, wire: Wire, chance: Random) -> None:
        self._wire = wire
        self._chance = chance
        self._reader = SocketReader()
        self._lock = trio.Lock()
        self._early = b""
        self._ended = False
        self._waiting: dict[int, trio.Event] = {}
        self._replies: dict[int, Reply] = {}

    async def open(self, target: Target, body: bytes) -> None:
        """Shake hands, and attach.

        Args:
            target: where it is connected.
            body: the first frame's.

        Raises:
            BrokenWireError: the server will have none.
        """
        await self._wire.send(target.handshake(b64encode(self._chance.randbytes(16))))
        answer = b""
        while HEAD_END not in answer:
            answer += await self._wire.read(READ)
        if not answer.startswith(SWITCHING):
            raise BrokenWireError
        self._early = answer.partition(HEAD_END)[2]
        await self._send(body)

    async def bodies(self) -> list[StreamBody]:
        """Wait for what the server says next; nothing once it has closed."""
        while not self._reader.closed:
            data, self._early = self._early or await self._wire.read(READ), b""
            found = self._reader.feed(data)
            while self._reader.asked:
                async with self._lock:
                    await self._wire.send(answer_to(self._reader.asked.pop(0), self._chance.randbytes(4)))
            for body in found:
                self._settle(body)
            if found:
                return found
        return []

    async def exchange(self, rid: int, body: bytes) -> Reply | None:
        """Send a request, and wait until it is confirmed or refused; None if the connection breaks before that."""
        if self._ended:
            return None
        confirmed = self._waiting[rid] = trio.Event()
        try:
            await self._send(body)
            await confirmed.wait()
        except BROKEN:
            return None
        finally:
            del self._waiting[rid]
        return self._replies.pop(rid, None)

    def end(self) -> None:
        """Give up what was not confirmed."""
        self._ended = True
        for waits in self._waiting.values():
            waits.set()

    def _settle(self, body: StreamBody) -> None:
        """Tell the task that waits for a request."""
        if body.error and body.rid in self._waiting:
            refusal = json.encode({"error": body.error, "detail": body.detail, "reason": body.reason})
            self._tell(body.rid, Reply(CONDITIONS.get(body.error, 400), refusal))
        elif not body.error:
            for rid in [rid for rid in self._waiting if rid <= body.rid]:
                self._tell(rid, TAKEN)

    def _tell(self, rid: int, reply: Reply) -> None:
        self._replies[rid] = reply
        self._waiting[rid].set()

    async def _send(self, body: bytes) -> None:
        async with self._lock:  # two requests may go out at once, and a frame stays whole
            await self._wire.send(masked(TEXT, body, self._chance.randbytes(4)))
