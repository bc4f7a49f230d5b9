"""What stands between two processes on loopback, and holds back or delays what goes by.

1.  It passes on everything that comes, in order and in both directions. It is not a firewall: it needs no privileges.
2.  What is held back is kept, as by a network that loses packets while both ends go on sending them: no connection
    breaks, new ones get no answer, and everything arrives when it is over. No more is kept than the sockets take.
3.  Where nobody listens behind it, it closes what it has accepted.
4.  Delayed answers go on when each is due, so none waits for another one's delay.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Final

import trio

READ: Final = 65_536
AHEAD: Final = 1_000
"""Pieces that wait for their time."""

GONE: Final = (OSError, trio.BrokenResourceError, trio.ClosedResourceError)

Connect = Callable[[], Awaitable[trio.SocketStream]]
Piece = tuple[float, bytes]


class Way:
    """Whether anything goes by.

    Attributes:
        delay: seconds by which answers come later.
        held: how many pieces were held back.
        delayed: how many answers came later.
    """

    def __init__(self) -> None:
        self.delay = 0.0
        self.held = 0
        self.delayed = 0
        self._open = trio.Event()
        self._open.set()

    def cut(self) -> None:
        """Let nothing go by."""
        if self._open.is_set():
            self._open = trio.Event()

    def mend(self) -> None:
        """Let all go by again."""
        self._open.set()

    async def passes(self) -> None:
        """Wait until something may go by."""
        if not self._open.is_set():
            self.held += 1
            while not self._open.is_set():  # it may be cut again at once
                await self._open.wait()


class Relay:
    """One.

    Args:
        connect: connects with what is behind it.
        ways: given the first bytes that come on a connection, returns the ways by which it goes.
    """

    def __init__(self, connect: Connect, ways: Callable[[bytes], list[Way]]) -> None:
        self._connect = connect
        self._ways = ways

    async def serve(self, here: trio.SocketStream) -> None:
        """Serve one connection."""
        with suppress(*GONE):
            async with here:
                first = bytes(await here.receive_some(READ))
                if first:
                    await self._pass_on(here, first)

    async def _pass_on(self, here: trio.SocketStream, first: bytes) -> None:
        ways = self._ways(first)
        await _pass_all(ways)
        async with await self._connect() as there:
            await there.send_all(first)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_forth, here, there, ways, nursery.cancel_scope)
                nursery.start_soon(_back, there, here, ways, nursery.cancel_scope)


async def _pass_all(ways: list[Way]) -> None:
    for way in ways:
        await way.passes()


async def _forth(
    source: trio.SocketStream, sink: trio.SocketStream, ways: list[Way], scope: trio.CancelScope
) -> None:
    """Pass on until one end has gone; then the other one goes, too."""
    with suppress(*GONE):
        while data := bytes(await source.receive_some(READ)):
            await _pass_all(ways)
            await sink.send_all(data)
    scope.cancel()


async def _back(
    source: trio.SocketStream, sink: trio.SocketStream, ways: list[Way], scope: trio.CancelScope
) -> None:
    """The same, for answers (rule 4)."""
    send, receive = trio.open_memory_channel[Piece](AHEAD)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_deliver, receive, sink, ways, scope)
        with suppress(*GONE):
            while data := bytes(await source.receive_some(READ)):
                delay = max(way.delay for way in ways)
                for way in ways:
                    way.delayed += way.delay > 0
                await send.send((trio.current_time() + delay, data))
        send.close()


async def _deliver(
    pieces: trio.MemoryReceiveChannel[Piece],
    sink: trio.SocketStream,
    ways: list[Way],
    scope: trio.CancelScope,
) -> None:
    with suppress(*GONE):
        async for due, data in pieces:
            if due > trio.current_time():
                await trio.sleep_until(due)
            await _pass_all(ways)
            await sink.send_all(data)
    scope.cancel()


async def serve_unix(relay: Relay, path: str, nursery: trio.Nursery) -> None:
    """Have a relay at a Unix socket, for as long as the nursery lasts."""
    sock = trio.socket.socket(trio.socket.AF_UNIX)
    await sock.bind(path)
    sock.listen(AHEAD)
    nursery.start_soon(partial(trio.serve_listeners, relay.serve, [trio.SocketListener(sock)]))


async def serve_tcp(relay: Relay, nursery: trio.Nursery) -> int:
    """Have one at a free port of loopback, for as long; returns the port."""
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    nursery.start_soon(partial(trio.serve_listeners, relay.serve, [listener]))
    return int(listener.socket.getsockname()[1])
