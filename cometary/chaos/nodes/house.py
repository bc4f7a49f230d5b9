"""The bench's own nodes, or workers in their place, the engine that they share, and what stands between all of these.

1.  All of it is on loopback and on Unix sockets, in a folder of its own, and ends with the bench.
2.  A node keeps its ports: they are below those that the system gives to outgoing connections, so that nobody has
    taken them when a node comes back.
3.  Where the links between nodes are to be broken, each node is reached through relays, and reaches the engine
    through one; otherwise nothing stands between them.
"""

from __future__ import annotations

import secrets
import socket
import tempfile
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final

import msgspec
import trio

from cometary.chaos.nodes.own_engine import OwnEngine
from cometary.chaos.nodes.own_node import OwnNode, Place
from cometary.chaos.nodes.own_workers import OwnWorkers
from cometary.chaos.nodes.relay import Relay, Way, serve_tcp, serve_unix
from cometary.chaos.own_server import FEW, PATIENT, SHORT
from cometary.errors import TargetError
from cometary.nodes.handshake import Hello

if TYPE_CHECKING:
    from cometary.chaos.plan import Plan

APP: Final = "cometary.chaos.nodes.application:app"
NAMES: Final = "abcdefghi"
"""Of the nodes."""

WORKERS: Final = "workers"
"""The name of all of them, where workers take the place of nodes."""

RANGE: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
BELOW: Final = 8_000
"""How many ports below those are tried."""

WHOLE: Final = 60.0
"""Seconds until all nodes have found each other."""

LOOK: Final = 0.1


@dataclass(frozen=True, slots=True)
class Ways:
    """The ways by which a node reaches others.

    Attributes:
        links: between it and the other nodes.
        engine: between it and the engine.
    """

    links: Way
    engine: Way


class House:
    """Them.

    Args:
        plan: what the run is to do.
        app: what the nodes serve.
        chance: what ports they have.

    Attributes:
        folder: where their logs are, and the engine.
        engine: the engine.
        nodes: the nodes.
        ways: by what each reaches others; empty where nothing is to be broken there.
    """

    def __init__(self, plan: Plan, app: str, chance: Random) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="cometary-chaos-"))
        self.engine = OwnEngine(self.folder, plan.engine_keeps)
        self.nodes: list[OwnNode] = []
        self.ways: dict[str, Ways] = {}
        self._plan = plan
        self._app = app
        self._ports = free_ports(chance, 2 * plan.nodes)
        self._secret = secrets.token_hex(16)

    async def start(self, nursery: trio.Nursery) -> None:
        """Start all of it; relays last as long as the nursery.

        Raises:
            TargetError: something does not start.
        """
        await self.engine.start()
        times = SHORT if self._plan.sessions <= FEW else f"--wait 20 {PATIENT}"
        options = f"{times} --drain 0 --log-level warning"
        for name in [WORKERS] if self._plan.kills else NAMES[: self._plan.nodes]:
            place = await self._place(name, nursery)
            self.nodes.append(self._new_node(place, options, self.folder / f"node-{name}.log"))
        async with trio.open_nursery() as starting:
            for node in self.nodes:
                starting.start_soon(node.start)
        await self.whole()

    def _new_node(self, place: Place, options: str, log: Path) -> OwnNode:
        plan = self._plan
        if plan.kills:
            return OwnWorkers(place, self._app, options, log, workers=plan.workers)
        return OwnNode(place, self._app, options, self._secret, log)

    async def _place(self, name: str, nursery: trio.Nursery) -> Place:
        port, link_port = next(self._ports), next(self._ports)
        where, address, engine = "127.0.0.1", f"127.0.0.1:{link_port}", self.engine.path
        if self._plan.mode in RELAYED:
            self.ways[name] = ways = Ways(Way(), Way())
            link = Relay(partial(trio.open_tcp_stream, where, link_port), partial(self._ways_of_link, name))
            address = f"{where}:{await serve_tcp(link, nursery)}"
            engine = self.folder / name
            to_engine = Relay(partial(trio.open_unix_socket, str(self.engine.path)), lambda _: [ways.engine])
            await serve_unix(to_engine, str(engine), nursery)
        return Place(name, port, link_port, address, f"unix://{engine}", self._plan.lease)

    def _ways_of_link(self, name: str, said: bytes) -> list[Way]:
        """Return the ways of a link to a node, of both its ends."""
        ways = [self.ways[name].links]
        with suppress(msgspec.MsgspecError):
            dialer = msgspec.msgpack.decode(said[2:], type=Hello).node  # behind its length
            ways += [self.ways[dialer].links] if dialer in self.ways else []
        return ways

    async def whole(self) -> None:
        """Wait until all nodes that live are linked with each other.

        Raises:
            TargetError: that does not come about, or a node has ended by itself.
        """
        with trio.move_on_after(WHOLE):
            while True:
                self.look()
                names = {node.name for node in self.nodes}
                if all([await node.sees(names - {node.name}) for node in self.nodes]):
                    return
                await trio.sleep(LOOK)
        raise TargetError(
            f"the nodes have not found each other within {WHOLE:.0f} s; logs are in {self.folder}"
        )

    def look(self) -> None:
        """Check that all nodes live.

        Raises:
            TargetError: one does not.
        """
        for node in self.nodes:
            if not node.lives:
                raise TargetError(f"node {node.name} has ended by itself; logs are in {self.folder}")

    async def stop(self) -> None:
        """End all of it, whatever state it is in."""
        for ways in self.ways.values():
            ways.links.mend()
            ways.engine.mend()
        for node in self.nodes:
            await node.kill()  # nothing is asked of them any more
        await self.engine.kill()


RELAYED: Final = frozenset({"partition", "slow-engine"})
"""Modes in which something stands between nodes."""


def free_ports(chance: Random, count: int) -> Iterator[int]:
    """Return ports at which nobody listens (rule 2).

    Raises:
        TargetError: there are not so many.
    """
    top = 32_768
    with suppress(OSError, ValueError):
        top = int(RANGE.read_text().split()[0])
    found: list[int] = []
    for port in chance.sample(range(max(1024, top - BELOW), top), k=min(BELOW, top - 1024)):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            found.append(port)
        if len(found) == count:
            return iter(found)
    raise TargetError("there are no free ports for nodes")


@asynccontextmanager
async def own_house(plan: Plan, chance: Random, app: str = APP) -> AsyncGenerator[House]:
    """Run nodes until the end of the block.

    Args:
        plan: what the run is to do.
        chance: what their ports follow from.
        app: what they serve.

    Raises:
        TargetError: they do not start; the environment's fault.
    """
    house = House(plan, app, chance)
    try:
        async with trio.open_nursery() as nursery:
            await house.start(nursery)
            yield house
            nursery.cancel_scope.cancel()
    finally:
        with trio.CancelScope(shield=True):
            await house.stop()
