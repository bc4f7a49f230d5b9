"""A guest that speaks the Comet Session Protocol: it numbers what it sends, and acknowledges what it has received.

1.  It has two connections: one that asks for packets, again and again, and one that sends. What was not confirmed
    when the latter breaks is sent again, numbered as before, together with what is new since.
2.  With each request it says what it has, and it ignores what comes again. So everything comes once and in order.
"""

from __future__ import annotations

import base64
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
import trio

from cometary.chaos.application import UP
from cometary.chaos.guest import Guest
from cometary.chaos.wire import BrokenWireError, Reply, Wire

REQUEST: Final = (
    b"POST /csp/%b?%b HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
)
OK: Final = 200
BUSY: Final = (429, 503)
SHORTEST: Final = 0.2
"""Seconds until a request that was refused for a while is made again."""


class CspGuest(Guest):
    """One client; see `Guest`."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._key = ""
        self._ack = -1
        self._sent: list[tuple[int, int]] = []  # their numbers as packets, and in the ledger
        self._last = 0

    async def join(self) -> None:
        """See `Guest`."""
        comet = await self.connect()
        await self.connect()
        if not self._key:
            reply = await self._ask(comet, b"handshake", b"{}")
            if reply.status != OK:
                raise BrokenWireError
            self._key = msgspec.json.decode(reply.body[1:-1])["session"]

    async def talk(self) -> None:
        """See `Guest`."""
        comet, sending = self.wires
        async with trio.open_nursery() as nursery:
            for work, wire in ((self._hear, comet), (self._send, sending)):
                nursery.start_soon(self._until_broken, work, wire, nursery.cancel_scope)

    async def _until_broken(self, work: Any, wire: Wire, scope: trio.CancelScope) -> None:
        try:
            await work(wire)
        except (OSError, BrokenWireError):
            scope.cancel()

    async def _ask(self, wire: Wire, action: bytes, body: bytes, **said: str) -> Reply:
        await wire.send(REQUEST % (action, urlencode(said).encode(), len(body), body))
        self.written()
        reply = await wire.receive()
        if not wire.kept:
            raise BrokenWireError
        return reply

    async def _hear(self, wire: Wire) -> None:
        while True:
            reply = await self._ask(wire, b"comet", b"", s=self._key, a=str(self._ack), du="5")
            if await self._is_taken(reply):
                for number, encoding, data in msgspec.json.decode(reply.body[1:-1]):
                    self._receive(number, encoding, data)

    def _receive(self, number: int, encoding: int, data: str | None) -> None:
        if number <= self._ack:
            return
        if data is None:
            self.over("the packet without data")
            return
        self._ack = number
        packet = msgspec.json.decode(base64.urlsafe_b64decode(data) if encoding else data)
        self.take(packet["path"], packet["message"])

    async def _send(self, wire: Wire) -> None:
        while True:
            if not self._sent:
                await self.next_unsent()
            while self.unsent:
                self._last += 1
                self._sent.append((self._last, self.unsent.pop(0)))
            under_way = self._sent[:]
            batch = [[number, 0, self._written(own)] for number, own in under_way]
            reply = await self._ask(wire, b"send", msgspec.json.encode(batch), s=self._key, a=str(self._ack))
            if await self._is_taken(reply):
                del self._sent[: len(under_way)]

    def _written(self, number: int) -> str:
        return msgspec.json.encode({"path": UP, "message": self.message(number)}).decode()

    async def _is_taken(self, reply: Reply) -> bool:
        """Whether a request was answered; if it is to be made again, after a while."""
        if reply.status in BUSY:
            await trio.sleep(SHORTEST)
        elif reply.status != OK:
            self.over(f"{reply.status} {reply.body[:200].decode(errors='replace')}")
        return reply.status == OK
