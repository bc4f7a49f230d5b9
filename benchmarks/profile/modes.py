"""The modes of the benchmark, step by step: in every round each of the clients has one delivery."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Self

from benchmarks.profile.clients import Client, EventsClient, Line, SocketClient, packet

PUBLISHERS: Final = 50
"""Connections of back-ends, in `unicast`."""

Round = Callable[[Sequence[Client], Sequence[Line]], None]


@dataclass(frozen=True, slots=True)
class Mode:
    """What happens in one mode.

    Attributes:
        name: of the mode.
        client: what a client is.
        publishers: how many back-ends send, each on a connection of its own.
        round: has each client have one delivery, and be ready for the next.
    """

    name: str
    client: type[Client]
    publishers: int
    round: Round


def broadcast(clients: Sequence[Client], publishers: Sequence[Line]) -> None:
    """A back-end sends one packet for all."""
    publishers[0].post("/update", packet("news"))
    publishers[0].answer()
    for client in clients:
        client.receive()
    for client in clients:
        client.go_on()


def unicast(clients: Sequence[Client], publishers: Sequence[Line]) -> None:
    """Back-ends send each client a packet of its own."""
    for first in range(0, len(clients), len(publishers)):
        some = clients[first : first + len(publishers)]
        for client, publisher in zip(some, publishers, strict=False):
            publisher.post("/send", f'{{"sid":"{client.sid}","packets":[{packet("m")}]}}')
        for client, publisher in zip(some, publishers, strict=False):
            publisher.answer()
            client.receive()
        for client in some:
            client.go_on()


def echo(clients: Sequence[Client], _: Sequence[Line]) -> None:
    """Every client sends a packet and gets it back."""
    for client in clients:
        client.send()
    for client in clients:
        client.receive()


MODES: Final = (
    Mode("broadcast", Client, 1, broadcast),
    Mode("unicast", Client, PUBLISHERS, unicast),
    Mode("echo", Client, 0, echo),
    Mode("websocket broadcast", SocketClient, 1, broadcast),
    Mode("websocket echo", SocketClient, 0, echo),
    Mode("events echo", EventsClient, 0, echo),
)
BY_NAME: Final = {mode.name: mode for mode in MODES}


class Play:
    """One mode on a running server, as a context: the clients are there within it.

    Args:
        mode: what happens.
        port: where the server listens for clients.
        control: where it listens for back-ends.
        clients: how many there are.
    """

    def __init__(self, mode: Mode, port: int, control: int, clients: int) -> None:
        self._mode = mode
        self._clients = [mode.client(port) for _ in range(clients)]
        self._publishers = [Line(control) for _ in range(mode.publishers)]
        if mode.round is not echo:
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
            self._mode.round(self._clients, self._publishers)
        return count * len(self._clients)
