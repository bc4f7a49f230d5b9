"""A master with a replica that sentinels watch, and a Redis Cluster, on loopback; set up as fast as can be."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

from cometary.cluster.redis.slots import SLOTS, slot_of
from cometary.cluster.redis.wire import Reply, ReplyReader, command
from tests.cluster.servers import EngineServer, program

MASTER = "main"
LOOPBACK = "127.0.0.1"
PATIENCE = 20.0
"""Seconds within which everything here happens, with whatever else the machine does."""

QUICK = ("--repl-diskless-sync-delay", "0", "--enable-debug-command", "yes")
HASTE = {"info-period": 500, "ping-period": 200, "ask-period": 50, "publish-period": 200}
"""Milliseconds: what sentinels do every second or ten, unless they are told otherwise. What they know of a replica
counts for five times the first, and they ask it once a second when its master is gone."""


def free_ports(count: int) -> list[int]:
    """Return ports that nobody uses, all different."""
    with ExitStack() as until:
        listeners = [until.enter_context(socket.create_server((LOOPBACK, 0))) for _ in range(count)]
        return [listener.getsockname()[1] for listener in listeners]


def until(condition: Callable[[], object], what: str) -> None:
    """Wait until servers agree that something is so, which they tell nobody."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def say_to(port: int, *parts: bytes | str | int) -> Reply:
    """Have a command done by hand."""
    with socket.create_connection((LOOPBACK, port)) as connection:
        connection.sendall(command(*parts))
        reader, replies = ReplyReader(), list[Reply]()
        while not replies:
            data = connection.recv(65_536)
            assert data, "it has closed the connection"
            replies += reader.feed(data)
        return replies[0]


def tcp_server(kind: str, folder: Path, port: int, *options: str) -> EngineServer:
    """Start a server that has a port, too."""
    folder.mkdir()
    return EngineServer(kind, folder, "--port", str(port), "--bind", LOOPBACK, *QUICK, *options)


def cut_off_replicas(master: EngineServer) -> None:
    """Have a master take its replicas for such of another one, which need all its data, and wait for that for long."""
    master.say("CONFIG", "SET", "repl-diskless-sync-delay", 3600)
    master.say("DEBUG", "CHANGE-REPL-ID")
    master.say("CLIENT", "KILL", "TYPE", "replica")


def supply_replicas(master: EngineServer) -> None:
    """Have it give them all its data at once."""
    master.say("CONFIG", "SET", "repl-diskless-sync-delay", 0)


class Watched:
    """A master, its replica, and three sentinels that watch them.

    Attributes:
        servers: the master, and the replica.
        ports: theirs.
        url: where the engine is.
    """

    def __init__(self, kind: str, folder: Path) -> None:
        first, second, *sentinels = free_ports(5)
        self.ports = first, second
        self.servers = [
            tcp_server(
                kind,
                folder / "master",
                first,
            ),
            tcp_server(kind, folder / "replica", second, "--replicaof", f"{LOOPBACK} {first}"),
        ]
        until(
            lambda: b"master_link_status:up" in cast("bytes", self.servers[1].say("INFO", "replication")),
            "link",
        )
        self._sentinel_ports = sentinels
        self._sentinels = [self._sentinel(kind, folder, place) for place in range(len(sentinels))]
        hosts = ",".join(f"{LOOPBACK}:{port}" for port in sentinels)
        self.url = f"redis+sentinel://{hosts}/{MASTER}"
        for port in sentinels:
            until(lambda port=port: _answers(port), "a sentinel")  # type: ignore[misc]
            for name, milliseconds in HASTE.items():
                say_to(port, "SENTINEL", "DEBUG", name, milliseconds)
            until(lambda port=port: _knows_the_replica(port), "its replica")  # type: ignore[misc]

    def _sentinel(self, kind: str, folder: Path, place: int) -> subprocess.Popen[bytes]:
        port = self._sentinel_ports[place]
        lines = [
            f"port {port}",
            f"bind {LOOPBACK}",
            f"sentinel monitor {MASTER} {LOOPBACK} {self.ports[0]} {3 if place else 1}",  # no two want to lead
            f"sentinel down-after-milliseconds {MASTER} 2000",  # a busy machine holds a master up for less
            f"sentinel failover-timeout {MASTER} 2000",
            f"sentinel myid {place:040x}",
            f"sentinel known-replica {MASTER} {LOOPBACK} {self.ports[1]}",
        ]
        for other, other_port in enumerate(self._sentinel_ports):
            if other != place:
                lines.append(f"sentinel known-sentinel {MASTER} {LOOPBACK} {other_port} {other:040x}")
        config = folder / f"sentinel{place}.conf"
        config.write_text("\n".join(lines) + "\n")
        return subprocess.Popen(
            [program(kind), config.name, "--sentinel"], cwd=folder, stdout=subprocess.DEVNULL
        )

    def master(self) -> int:
        """Return the port of the master, as the first sentinel has it."""
        found = say_to(self._sentinel_ports[0], "SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER)
        return int(cast("list[Any]", found)[1])

    def flush(self) -> None:
        """Have nothing in it."""
        self.servers[0].say("FLUSHALL")

    def cut_off_the_replica(self) -> None:
        """From now on the replica gets nothing of what the master records."""
        cut_off_replicas(self.servers[0])

    def kill(self) -> None:
        """Kill all."""
        for sentinel in self._sentinels:
            sentinel.kill()
            sentinel.wait()
        for server in self.servers:
            server.kill()


def _answers(port: int) -> bool:
    try:
        return say_to(port, "PING") == "PONG"
    except ConnectionRefusedError:
        return False


def _knows_the_replica(port: int) -> bool:
    [about] = cast("list[Any]", say_to(port, "SENTINEL", "REPLICAS", MASTER))
    known = dict(zip(about[::2], about[1::2], strict=True))
    return bool(known[b"flags"] == b"slave" and known[b"master-link-status"] == b"ok")


class Cluster:
    """A Redis Cluster of three masters, and a replica of the first.

    Attributes:
        servers: the masters, and the replica.
        ports: theirs.
        url: where the engine is.
    """

    def __init__(self, kind: str, folder: Path) -> None:
        ports = free_ports(8)
        self.ports, buses = ports[:4], ports[4:]
        options = [
            "--cluster-enabled",
            "yes",
            "--cluster-node-timeout",
            "5000",
            "--repl-diskless-sync-delay",
            "0",
        ]
        options += ["--cluster-require-full-coverage", "no"]
        self.servers = [
            tcp_server(kind, folder / str(place), port, *options, "--cluster-port", str(bus))
            for place, (port, bus) in enumerate(zip(self.ports, buses, strict=True))
        ]
        self.ids = [cast("bytes", server.say("CLUSTER", "MYID")).decode() for server in self.servers]
        for place, server in enumerate(self.servers[:3]):
            first, last = SLOTS * place // 3, SLOTS * (place + 1) // 3 - 1
            server.say("CLUSTER", "ADDSLOTSRANGE", first, last)
        for place, server in enumerate(self.servers):
            server.say("CLUSTER", "SET-CONFIG-EPOCH", place + 1)
            self.servers[0].say("CLUSTER", "MEET", LOOPBACK, self.ports[place], buses[place])
        until(lambda: all(self._knows_all(server) for server in self.servers), "all know all")
        self.servers[3].say("CLUSTER", "REPLICATE", self.ids[0])
        self._wait_until_all_is_well(self.servers[3])
        self.url = f"redis+cluster://{LOOPBACK}:{self.ports[1]},{LOOPBACK}:{self.ports[2]}"

    def _knows_all(self, server: EngineServer) -> bool:
        lines = cast("bytes", server.say("CLUSTER", "NODES")).decode().splitlines()
        return len(lines) == len(self.servers) and not any("handshake" in line for line in lines)

    def _wait_until_all_is_well(self, replica: EngineServer) -> None:
        def is_ok(server: EngineServer) -> bool:
            return b"cluster_state:ok" in cast("bytes", server.say("CLUSTER", "INFO"))

        def has_all() -> bool:
            return b"master_link_status:up" in cast("bytes", replica.say("INFO", "replication"))

        until(lambda: has_all() and all(is_ok(server) for server in self.servers), "all is well")

    def have_the_first_back(self) -> None:
        """Start the first master again, whose place the replica has, and have it take that again."""
        self.servers[0].start()
        self._wait_until_all_is_well(self.servers[0])
        self.servers[0].say("CLUSTER", "FAILOVER", "TAKEOVER")
        until(lambda: self.servers[3].say("ROLE")[0] == b"slave", "the replica is one again")  # type: ignore[index]
        supply_replicas(self.servers[0])
        self._wait_until_all_is_well(self.servers[3])

    def flush(self) -> None:
        """Have nothing in it."""
        for server in self.servers[:3]:
            server.say("FLUSHALL")

    def sid_at(self, place: int) -> str:
        """Return the id of a session that a master has."""
        numbers = range(1000)
        return next(f"s{number}" for number in numbers if self.place_of(f"s{number}") == place)

    def place_of(self, sid: str) -> int:
        """Return which master had a session at the start."""
        slot = slot_of(sid.encode())
        return next(place for place in range(3) if slot < SLOTS * (place + 1) // 3)

    def kill(self) -> None:
        """Kill all."""
        for server in self.servers:
            server.kill()
