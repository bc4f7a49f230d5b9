"""What Autobahn's fuzzing client talks to: WebSockets that say everything again."""

from __future__ import annotations

import socket
from functools import partial
from typing import Final

import trio

from cometary.transport.http.body_queue import BodyQueue
from cometary.transport.http.exchange import Exchange
from cometary.transport.http.limits import Limits
from cometary.transport.http.protocol import Http
from cometary.transport.http.service import Service
from cometary.transport.net.channel import Floor
from cometary.transport.net.switchboard import Listen, Switchboard
from cometary.transport.wires.websocket.channel import WebSocketChannel
from cometary.transport.wires.websocket.common import Common
from cometary.transport.wires.websocket.frames import frame
from cometary.transport.wires.websocket.handshake import accepted_key, answer

LONGEST: Final = 32 << 20
"""Bytes: the longest message of the suite has 16 MB."""


class EchoChannel(WebSocketChannel):
    """Says every message again."""

    __slots__ = ()

    def received(self, opcode: int, payload: bytes) -> None:
        """Say it again."""
        self.send_frame(frame(opcode, payload))


async def serve(*, task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED) -> None:
    """Serve until cancelled, on a free port of loopback, which is told."""
    async with trio.open_nursery() as nursery:
        common = Common(BodyQueue(nursery.start_soon), Limits(body_bytes=LONGEST))
        http = Http(Service(partial(upgrade, common)))
        addresses: list[tuple[str, int]] = await nursery.start(Switchboard([Listen(http)]).serve)
        task_status.started(addresses[0][1])


def upgrade(common: Common, exchange: Exchange) -> None:
    """Make a WebSocket of a request, whatever protocols it names."""
    greeting = answer(accepted_key(exchange.headers), None)

    def succeed(sock: socket.socket, _: str, floor: Floor, beyond: bytes) -> EchoChannel:
        return EchoChannel(sock, floor, common, greeting, beyond)

    exchange.upgrade(succeed)
