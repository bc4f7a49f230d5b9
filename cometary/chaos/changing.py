"""How a page changes its wire: from held requests to streams, from one to another, and back.

1.  It changes after about the plan's time. Half of the time it resets the stream that it has, like a network that
    goes away; otherwise the server releases the stream, since another carrier comes.
2.  What comes on a stream that is no longer attached still counts: it was on its way.
3.  A stream that ends by itself, or is refused, or whose hello does not come in time, is given up: requests are held
    again until the next change. Otherwise a busy server would lose the session, since nothing is held meanwhile.
4.  While it has a WebSocket it sends everything on that. What was not confirmed when it ends is sent again by the
    next carrier.
"""

from __future__ import annotations

import math
from random import Random
from typing import TYPE_CHECKING, Final

import msgspec
import trio

from cometary.chaos.page_socket import PageSocket
from cometary.chaos.wire import BROKEN, Wire
from cometary.client.bodies import read_refusal
from cometary.client.streams import READERS

if TYPE_CHECKING:
    from cometary.chaos.page import Page

OK: Final = 200

HELLO: Final = 3.0
"""Seconds in which a stream has to say hello, on a machine that is not busy."""

WEBSOCKET: Final = b"websocket"
"""Among media types, one that does not exist."""


class Changing:
    """What one page does about its wires.

    Args:
        page: whose wires.
        chance: what its changes follow from.
    """

    def __init__(self, page: Page, chance: Random) -> None:
        self._page = page
        self._chance = chance
        self._number = 0  # of the carrier that there is
        self._scope = trio.CancelScope()
        self.socket: PageSocket | None = None
        """The WebSocket that is attached, if one is."""

    async def run(self) -> None:
        """Change wires until cancelled, or until the page is calm."""
        page = self._page
        async with trio.open_nursery() as nursery:
            while True:
                await trio.sleep_until(page.about(page.plan.kill_every))
                if page.calm:
                    break  # the stream goes on
                if not page.away:
                    self._change(nursery)

    def _change(self, nursery: trio.Nursery) -> None:
        self._page.note("changed")
        if self._chance.random() < 1 / 2:
            self.cut()
        self._number += 1
        wire = self._chance.choice((None, WEBSOCKET, *READERS))
        if wire is None:
            self._page.detach()
        else:
            nursery.start_soon(self._carry, wire, self._number)

    def cut(self) -> None:
        """Reset the stream that there is, if there is one."""
        self._scope.cancel()

    async def _carry(self, accept: bytes, number: int) -> None:
        """Be one stream."""
        wire: Wire | None = None
        self._scope = scope = trio.move_on_after(min(self._page.stretched(HELLO), self._page.die / 3))
        body = self._page.attach()  # now: from here on nothing else may be held
        try:
            with scope:
                wire = await Wire.connect(self._page.target)
                if accept == WEBSOCKET:
                    await self._talk(wire, body, number, scope)
                else:
                    await self._read(wire, accept, body, scope)
        except (*BROKEN, msgspec.DecodeError):
            self._page.lost_line()
        finally:
            if wire is not None:
                wire.close(reset=scope.cancelled_caught)
            if number == self._number:
                self._page.detach()

    async def _talk(self, wire: Wire, body: bytes, number: int, scope: trio.CancelScope) -> None:
        """Be one WebSocket."""
        socket = PageSocket(wire, self._chance)
        try:
            await socket.open(self._page.target, body)
            while bodies := await socket.bodies():
                scope.deadline = math.inf
                if number == self._number and self.socket is None and any(one.seq for one in bodies):
                    self.socket = socket  # the hello has come: it is attached
                for one in bodies:
                    if not (one.error and one.rid):  # else whoever waits for the request is told
                        self._page.carried(one)
        finally:
            if self.socket is socket:
                self.socket = None
            socket.end()

    async def _read(self, wire: Wire, accept: bytes, body: bytes, scope: trio.CancelScope) -> None:
        page = self._page
        await wire.send(page.target.stream(accept, page.sid, page.ack, body))
        status = await wire.begin()
        if status != OK:
            page.refused(read_refusal(status, await wire.more()), status)
            return
        reader = READERS[accept]()
        while data := await wire.more():
            scope.deadline = math.inf
            for piece in reader.feed(data):
                page.carried(piece)
