"""A guest that speaks BOSH, with acknowledgements, to an XMPP server that gives back what it says.

1.  It has two connections, with at most one request under way on each: one that is held, and one to send with. Each
    request has its number, and is made again as it was, once its connection has broken, until it is answered.
2.  Answers are taken in the order of their requests. Each request says up to where the guest has them all.
3.  So everything comes once and in order, in both directions, as long as the session lives.
"""

from __future__ import annotations

import re
from typing import Any, Final

import trio

from cometary.chaos.guest import Guest
from cometary.chaos.wire import BrokenWireError, Wire
from cometary.chaos.xmpp_echo import message

SPACES: Final = "xmlns='http://jabber.org/protocol/httpbind' xmlns:xmpp='urn:xmpp:xbosh'"
OPENING: Final = "to='localhost' wait='20' hold='1' ack='1' ver='1.6' xmpp:version='1.0'"
REQUEST: Final = (
    b"POST /http-bind HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n%b"
)
FIRST: Final = 1000
REQUESTS: Final = 2
MOST_AT_ONCE: Final = 20
"""Messages in one request."""

find_sid: Final = re.compile(rb"sid=['\"]([^'\"]+)").search
find_end: Final = re.compile(rb"type=['\"]terminate['\"]").search
find_condition: Final = re.compile(rb"condition=['\"]([a-z-]+)").search
find_messages: Final = re.compile(rb"<message[^>]*><body>(\d+) (\d+) \.*</body></message>").findall


class BoshGuest(Guest):
    """One client; see `Guest`."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._sid = ""
        self._rid = FIRST
        self._taken = FIRST  # up to this one all answers have been taken
        self._open: dict[int, bytes] = {}  # requests that were not answered, by their numbers
        self._on_its_way: set[int] = set()
        self._early: dict[int, bytes] = {}  # answers before whose turn it is

    def lost(self) -> None:
        """See `Guest`."""
        self._on_its_way.clear()

    async def join(self) -> None:
        """See `Guest`."""
        for _ in range(REQUESTS):
            await self.connect()
        if not self._sid:
            await self._begin(self.wires[0])

    async def _begin(self, wire: Wire) -> None:
        reply = await self._ask(wire, self._written(FIRST, OPENING, ""))
        found = find_sid(reply)
        if found is None:
            raise BrokenWireError
        self._sid = found[1].decode()

    async def talk(self) -> None:
        """See `Guest`."""
        async with trio.open_nursery() as nursery:
            for wire in self.wires:
                nursery.start_soon(self._use, wire, nursery.cancel_scope)

    async def _use(self, wire: Wire, scope: trio.CancelScope) -> None:
        try:
            while True:
                rid = await self._next_request()
                self._on_its_way.add(rid)
                self._answered(rid, await self._ask(wire, self._open[rid]))
        except (OSError, BrokenWireError):
            scope.cancel()

    async def _ask(self, wire: Wire, body: bytes) -> bytes:
        await wire.send(REQUEST % (len(body), body))
        self.written()
        reply = await wire.receive()
        if not wire.kept:
            raise BrokenWireError
        return reply.body

    async def _next_request(self) -> int:
        """Return the number of the request to make next: one again, or a new one, once there may be one."""
        while True:
            for rid in sorted(self._open):
                if rid not in self._on_its_way:
                    return rid
            if not self._open or (self.unsent and len(self._open) < REQUESTS):
                return self._new_request()
            await self.work.park()

    def _new_request(self) -> int:
        said, self.unsent = self.unsent[:MOST_AT_ONCE], self.unsent[MOST_AT_ONCE:]
        payload = "".join(message(number, padding=self.padding) for number in said)
        self._rid += 1
        ack = f"ack='{self._taken}'" if self._taken != self._rid - 1 else ""
        self._open[self._rid] = self._written(self._rid, f"sid='{self._sid}' {ack}", payload)
        return self._rid

    def _written(self, rid: int, said: str, payload: str) -> bytes:
        return f"<body {SPACES} rid='{rid}' {said}>{payload}</body>".encode()

    def _answered(self, rid: int, body: bytes) -> None:
        self._open.pop(rid, None)
        self._on_its_way.discard(rid)
        self._early[rid] = body
        while (next_body := self._early.pop(self._taken + 1, None)) is not None:
            self._taken += 1
            self._take(next_body)
        self.work.unpark_all()

    def _take(self, body: bytes) -> None:
        for own, number in find_messages(body):
            self.echoed(int(own), int(number))
        if find_end(body):
            found = find_condition(body)
            self.over("terminated" if found is None else found[1].decode())
