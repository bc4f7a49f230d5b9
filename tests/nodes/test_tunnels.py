"""Ends of tunnels: all that was said before an end has closed goes on, whatever room there was then."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any

import pytest
import trio
import trio.testing

from cometary.nodes.messages import Bytes, Closed
from cometary.nodes.tunnels import KERNEL, WINDOW, TunnelEnd, Tunnels
from cometary.transport.net.switchboard import Switchboard
from tests.nodes.wires import LinkWire

PIECE = bytes(range(251)) * 4


async def until_it_is_full(sock: socket.socket, end: TunnelEnd) -> bytes:
    """Say as much as the window and the pair take; return it."""
    said, full = b"", False
    while not full:
        before = len(said)
        with suppress(BlockingIOError):
            while True:
                said += PIECE[: sock.send(PIECE)]
        await trio.testing.wait_all_tasks_blocked()
        full = len(said) == before and not end._reading
    assert len(said) > WINDOW
    return said


async def settled() -> None:
    """Wait until nothing is ready any more; whatever is reported in every turn is never waited for."""
    with trio.fail_after(60):
        await trio.testing.wait_all_tasks_blocked()


@pytest.mark.parametrize("how_it_ends", ["closed", "shut", "shut, then closed"])
async def test_what_a_pair_keeps_when_its_other_end_closes_goes_on_when_there_is_room(
    how_it_ends: str,
) -> None:
    ours, theirs = socket.socketpair()
    for each in (ours, theirs):
        each.settimeout(0)
        each.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL)
    link = LinkWire()
    wire: Any = link
    async with trio.open_nursery() as nursery:
        switchboard = Switchboard([])
        nursery.start_soon(switchboard.serve)
        await trio.testing.wait_all_tasks_blocked()
        end = Tunnels(wire)._end(1, theirs, switchboard)
        switchboard.add(end)
        with ours:
            said = await until_it_is_full(ours, end)
            if how_it_ends != "closed":
                ours.shutdown(socket.SHUT_WR)
                await settled()
            if how_it_ends != "shut":
                ours.close()
                await settled()
            assert not any(isinstance(each, Closed) for each in link.sent)
            while switchboard.open_connections:
                end.taken(end._on_its_way)
                await settled()
        assert b"".join(each.data for each in link.sent if isinstance(each, Bytes)) == said
        assert link.sent[-1] == Closed(1)
        nursery.cancel_scope.cancel()
