"""A front end that has ended serves nothing that is still handed to it, and fails at nothing."""

from __future__ import annotations

import socket

import trio
import trio.testing

from cometary.actors import system
from cometary.server.front_end import FrontEnd
from cometary.transport.http.protocol import Http
from cometary.transport.http.service import Service
from cometary.transport.net.listener import SYSTEM
from cometary.transport.net.resumed import ResumedSocket
from tests.transport.wire import echo


async def test_a_socket_that_comes_when_the_switchboard_has_ended_is_closed() -> None:
    async with system() as actors, trio.open_nursery() as nursery:
        front_end = FrontEnd([], SYSTEM, actors.scheduler, lambda: Http(Service(echo)), lambda: None)
        await nursery.start(front_end.run)
        await front_end.aclose(1)
        await trio.testing.wait_all_tasks_blocked()
        ours, theirs = socket.socketpair()
        ours.settimeout(0)
        with ours:
            front_end.resume(ResumedSocket(theirs.detach()), "peer")
            assert ours.recv(1) == b""
        ours, theirs = socket.socketpair()
        ours.settimeout(0)
        with ours:
            front_end.adopt(theirs, "peer")
            assert ours.recv(1) == b""
        nursery.cancel_scope.cancel()
