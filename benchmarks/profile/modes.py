"""The modes of the benchmark, step by step: in every round each of the clients has one delivery, or opens a session.

The server stands still while clients send, so that it finds all of it at once: how many it finds ready at a time, and
so how often it has to look, is then the same in every run.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final, Self

from benchmarks.profile.clients import (
    Client,
    EventsClient,
    Line,
    Opener,
    PairClient,
    SocketClient,
    SocketIoClient,
    SocketIoEcho,
    SocketIoSocket,
    Visitor,
    packet,
)

PUBLISHERS: Final = 50
"""Connections of back-ends, in `unicast`."""

StandingStill = Callable[[], AbstractContextManager[None]]
Round = Callable[[Sequence[Client], Sequence[Line], StandingStill], None]


@dataclass(frozen=True, slots=True)
class Mode:
    """What happens in one mode.

    Attributes:
        name: of the mode.
        client: what a client is.
        publishers: how many back-ends send, each on a connection of its own.
        round: has each client have one delivery, or session, and be ready for the next.
        fewer: how many times fewer clients there are than in other modes, since each takes as much longer.
    """

    name: str
    client: type[Client]
    publishers: int
    round: Round
    fewer: int = 1


def broadcast(clients: Sequence[Client], publishers: Sequence[Line], standing_still: StandingStill) -> None:
    """A back-end sends one packet for all."""
    publishers[0].post("/update", packet("news"))
    publishers[0].answer()
    for client in clients:
        client.receive()
    with standing_still():
        for client in clients:
            client.go_on()


def unicast(clients: Sequence[Client], publishers: Sequence[Line], standing_still: StandingStill) -> None:
    """Back-ends send each client a packet of its own."""
    for first in range(0, len(clients), len(publishers)):
        some = clients[first : first + len(publishers)]
        with standing_still():
            for client, publisher in zip(some, publishers, strict=False):
                publisher.post("/send", f'{{"sid":"{client.sid}","packets":[{packet("m")}]}}')
        for client, publisher in zip(some, publishers, strict=False):
            publisher.answer()
            client.receive()
        with standing_still():
            for client in some:
                client.go_on()


def echo(clients: Sequence[Client], _: Sequence[Line], standing_still: StandingStill) -> None:
    """Every client sends a packet and gets it back; or whatever else it sends and gets."""
    with standing_still():
        for client in clients:
            client.send()
    for client in clients:
        client.receive()


def visit(clients: Sequence[Client], publishers: Sequence[Line], standing_still: StandingStill) -> None:
    """Every client opens a session, then ends it."""
    for _ in ("open", "end"):
        echo(clients, publishers, standing_still)


MODES: Final = (
    Mode("broadcast", Client, 1, broadcast),
    Mode("unicast", Client, PUBLISHERS, unicast),
    Mode("echo", Client, 0, echo),
    Mode("echo on two", PairClient, 0, echo),
    Mode("websocket broadcast", SocketClient, 1, broadcast),
    Mode("websocket echo", SocketClient, 0, echo),
    Mode("events echo", EventsClient, 0, echo),
    Mode("socketio broadcast", SocketIoClient, 1, broadcast),
    Mode("socketio echo", SocketIoEcho, 0, echo),
    Mode("socketio websocket broadcast", SocketIoSocket, 1, broadcast),
    Mode("socketio websocket echo", SocketIoSocket, 0, echo),
    Mode("open", Opener, 0, echo, fewer=4),
    Mode("open and end", Visitor, 0, visit, fewer=4),
)
BY_NAME: Final = {mode.name: mode for mode in MODES}


class Play:
    """One mode on a running server, as a context: the clients are there within it.

    Args:
        mode: what happens.
        server: the process, a child of this one.
        ports: where on loopback it listens for clients, and where for back-ends.
        clients: how many there are, in most modes.
    """

    def __init__(self, mode: Mode, server: int, ports: Sequence[int], clients: int) -> None:
        self._mode = mode
        self._server = server
        port, control = ports
        self._clients = [mode.client(port) for _ in range(max(1, clients // mode.fewer))]
        self._publishers = [Line(control) for _ in range(mode.publishers)]
        if mode.publishers:  # else nothing comes before the client has sent something
            for client in self._clients:
                client.begin()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._clients:
            client.leave()
        for line in self._publishers:
            line.close()

    def rounds(self, count: int) -> int:
        """Have `count` rounds; returns how many deliveries these were."""
        for _ in range(count):
            self._mode.round(self._clients, self._publishers, partial(standing_still, self._server))
        return count * len(self._clients)


@contextmanager
def standing_still(server: int) -> Generator[None]:
    """Have a server, a child of this process, stand still for the length of the block."""
    os.kill(server, signal.SIGSTOP)
    os.waitid(os.P_PID, server, os.WSTOPPED)
    try:
        yield
    finally:
        os.kill(server, signal.SIGCONT)
