"""What stands in for an XMPP server behind BOSH: it gives every message back, with a number of its own.

It is not an XMPP server: it opens streams without asking who is there, and reads nothing but its guests' messages.
What is tested is the connection manager in front of it.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from typing import Final

import trio

OPENING: Final = (
    b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
    b"<stream:features/>"
)
MESSAGE: Final = re.compile(rb"<message[^>]*><body>(\d+) (\.*)</body></message>")
"""A message of a guest: its number, and padding."""

READ: Final = 65_536


def message(*numbers: int, padding: str = "") -> str:
    """Return a message with so many numbers in it."""
    return f"<message xmlns='jabber:client'><body>{' '.join(map(str, numbers))} {padding}</body></message>"


@asynccontextmanager
async def xmpp_echo() -> AsyncGenerator[int]:
    """Run one until the end of the block; the port where it takes clients."""
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(trio.serve_listeners, _serve, [listener]))
        yield int(listener.socket.getsockname()[1])
        nursery.cancel_scope.cancel()


async def _serve(stream: trio.SocketStream) -> None:
    numbers, come = count(1), b""
    try:
        await stream.send_all(OPENING)
        async for data in stream:
            come += data
            end = 0
            for found in MESSAGE.finditer(come):
                end = found.end()
                said = message(next(numbers), int(found[1]), padding=found[2].decode())
                await stream.send_all(said.encode())
            come = come[end:]
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        pass  # the client has gone
