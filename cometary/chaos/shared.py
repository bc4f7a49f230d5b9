"""What all pages of one run have in common: where they connect, and what they measure together."""

from __future__ import annotations

import socket
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import trio

from cometary.chaos.habits import Trouble
from cometary.chaos.killing import Deaths
from cometary.chaos.nodes.moves import Moves
from cometary.chaos.plan import is_loopback
from cometary.chaos.quantiles import Quantiles
from cometary.chaos.tempo import Tempo
from cometary.chaos.zombies import Zombies
from cometary.client.sockets import WISH
from cometary.client.streams import EVENTS
from cometary.errors import ConfigError, TargetError

if TYPE_CHECKING:
    from cometary.chaos.nodes.balancer import Balancer

LENGTH: Final = b"Content-Length: "

CONNECTING: Final = 10.0
"""Seconds that the first connection may take."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where pages connect.

    Attributes:
        family: of the address.
        address: as sockets take it.
        head: the head of every request, up to the length of its body; secret.
    """

    family: socket.AddressFamily
    address: tuple[Any, ...]
    head: bytes = field(repr=False)

    def request(self, body: bytes) -> bytes:
        """Write a request."""
        return b"%b%d\r\n\r\n%b" % (self.head, len(body), body)

    def asking(self) -> bytes:
        """Write a request that only asks."""
        return b"GET" + self.head.removeprefix(b"POST").removesuffix(LENGTH) + b"\r\n"

    def handshake(self, key: bytes) -> bytes:
        """Write a request for a WebSocket."""
        return b"GET" + self.head.removeprefix(b"POST").removesuffix(LENGTH) + WISH % key

    def stream(self, accept: bytes, sid: bytes, ack: int, body: bytes) -> bytes:
        """Write a request for a stream.

        Args:
            accept: its media type.
            sid: the session's id, for a request that has no body.
            ack: the highest packet number that was received, for the same.
            body: what attaches it.
        """
        if accept == EVENTS:
            head = b"GET" + self.head.removeprefix(b"POST").removesuffix(LENGTH)
            return b"%bAccept: %b\r\nX-Comet-Session: %b\r\nLast-Event-ID: %d\r\n\r\n" % (
                head,
                accept,
                sid,
                ack,
            )
        return b"%b%d\r\nAccept: %b\r\n\r\n%b" % (self.head, len(body), accept, body)


@dataclass(slots=True)
class Shared:
    """What all pages of a run measure together.

    Attributes:
        token: what is given to the server's authenticator; None for nothing.
        beside: where guests connect that speak at a listener of their own; None where none do.
        replays: how long replays took.
        tempo: how fast it goes.
        zombies: the connections that were left open.
        refusals: errors that the server answered with, by condition.
        troubles: what was done to the server, by kind.
        deaths: which workers were killed.
        moves: what is told of sessions that went on at other nodes.
        balancer: what stands before the nodes; None if there is one server.
        ended: sessions that ended before their pages closed them, by habits and reason.
        fatal: why the run makes no sense, if it makes none.
        scope: what is then cancelled.
    """

    token: str | None = None
    beside: Target | None = None
    replays: Quantiles = field(default_factory=Quantiles)
    tempo: Tempo = field(default_factory=Tempo)
    zombies: Zombies = field(default_factory=Zombies)
    refusals: Counter[str] = field(default_factory=Counter[str])
    troubles: Counter[Trouble] = field(default_factory=Counter["Trouble"])
    deaths: Deaths = field(default_factory=Deaths)
    moves: Moves = field(default_factory=Moves)
    balancer: Balancer | None = None
    ended: Counter[str] = field(default_factory=Counter[str])
    fatal: TargetError | None = None
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)

    def give_up(self, problem: str) -> None:
        """End the run: the server will not have it."""
        self.fatal = TargetError(problem)
        self.scope.cancel()


async def find(url: str, *, anywhere: bool, secret: str | None = None) -> Target:
    """Look up where `url` leads, and connect there once.

    Args:
        url: what requests are to go to.
        anywhere: whether it may be another machine.
        secret: the bearer token of every request, if there is to be one.

    Raises:
        TargetError: nobody answers there; the environment's fault.
        ConfigError: the name leads to another machine; the fault of the one who started the run.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 80
    head = f"POST {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
    try:
        with trio.fail_after(CONNECTING):
            [(family, kind, _, _, address), *_] = await trio.socket.getaddrinfo(
                host, port, type=socket.SOCK_STREAM
            )
            if not anywhere and not is_loopback(str(address[0])):
                raise ConfigError(url, f"leads to {address[0]}, which is not this machine")
            with trio.socket.socket(family, kind) as sock:
                await sock.connect(address)
    except OSError as error:
        raise TargetError(f"nobody answers at {url}: {error}") from None
    except trio.TooSlowError:
        raise TargetError(f"nobody answers at {url} within {CONNECTING:.0f} s") from None
    if secret is not None:
        head += f"Authorization: Bearer {secret}\r\n"
    return Target(family, address, head.encode() + LENGTH)
