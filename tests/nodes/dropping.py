"""Three nodes and a Redis on networks of their own, whose packets are really dropped.

python -m tests.nodes.dropping

1.  Each node is in a network namespace of its own, and has a cable to each of three hubs: by one its clients come, by
    one the other nodes, and by one the engine. A cable that is pulled is pulled at the hub: the node sees no change,
    no connection is closed and none refused. What is sent by it is lost.
2.  Everything is in a namespace that ends with the program. It takes root, or a system on which everybody may make
    user namespaces; it touches nothing outside.
3.  Meanwhile clients, whose requests go to the nodes in turn, say numbers, and are sent numbers. What none of them
    may lose, or get twice or out of order, is added up behind each partition.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import httpx
import trio

from tests.cluster.accounts import Account
from tests.cluster.servers import EngineServer
from tests.nodes.round_robin import round_robin
from tests.servers import ENVIRONMENT, ROOT

INSIDE: Final = "--inside"
APP: Final = "tests/cluster/resuming_application.py:app"
NODES: Final = ("a", "b", "c")
HUBS: Final = ("clients", "links", "engine")
SECRET: Final = "a-secret-of-nodes"
LEASE: Final = 1
CLIENTS: Final = 6
LASTS: Final = 4.0
"""Seconds that a partition lasts."""

PARTITIONS: Final[Sequence[tuple[str, ...]]] = (("links",), ("engine",), ("links", "engine"))


def address(hub: str, number: int) -> str:
    """Return the address of a node at a hub; that of the hub itself for 254."""
    return f"10.77.{HUBS.index(hub)}.{number}"


def ip(*words: str) -> None:
    """Have the system's program do something with networks."""
    subprocess.run(["ip", *words], check=True)  # noqa: S607 - the system's own


def lay_cables() -> None:
    """Make the hubs, and lay the cables to each node."""
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)  # noqa: S607 - seen in this namespace alone
    Path("/run/netns").mkdir()
    ip("link", "set", "lo", "up")
    for hub in HUBS:
        ip("link", "add", "name", hub, "type", "bridge")
        ip("address", "add", f"{address(hub, 254)}/24", "dev", hub)
        ip("link", "set", hub, "up")
    for number, node in enumerate(NODES, 1):
        ip("netns", "add", node)
        ip("-n", node, "link", "set", "lo", "up")
        for hub in HUBS:
            cable = f"{hub}-{node}"
            ip("link", "add", "name", cable, "type", "veth", "peer", "name", hub, "netns", node)
            ip("-n", node, "address", "add", f"{address(hub, number)}/24", "dev", hub)
            ip("-n", node, "link", "set", hub, "up")
            ip("link", "set", cable, "master", hub, "up")


@contextmanager
def pulled(node: str, hubs: Sequence[str]) -> Generator[None]:
    """Have a node's cables to some hubs pulled until the end of the block."""
    for hub in hubs:
        ip("link", "set", f"{hub}-{node}", "nomaster")
    yield
    for hub in hubs:
        ip("link", "set", f"{hub}-{node}", "master", hub)


def start_node(number: int, log: int, account: Path) -> subprocess.Popen[str]:
    """Start a node, which does not take clients yet."""
    listens = f"--host {address('clients', number)} --port 8080 --control {address('clients', number)}:8081"
    links = (
        f"--node {NODES[number - 1]} --node-listen {address('links', number)}:7000 --drain 0 --lease {LEASE}"
    )
    lasting = f"--sessions resume --engine redis://{address('engine', 254)}:6379"
    command = [sys.executable, "-m", "cometary", "serve", APP]
    environment = {"COMETARY_SECRET": SECRET, "COMETARY_NODE_SECRET": SECRET, "ACCOUNT": str(account)}
    return subprocess.Popen(
        ["ip", "netns", "exec", NODES[number - 1], *command, *f"{listens} {links} {lasting}".split()],  # noqa: S607
        cwd=ROOT,
        env={**ENVIRONMENT, **environment},
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
    )


@contextmanager
def running(folder: Path) -> Generator[Path]:
    """Run all of it until the end of the block; yields what the applications write down."""
    account = folder / "account"
    with ExitStack() as until:
        engine = EngineServer(
            "redis", folder, "--port", "6379", "--bind", address("engine", 254), "--protected-mode", "no"
        )
        until.callback(engine.kill)
        log = until.enter_context((folder / "log").open("wb"))
        nodes = [start_node(number, log.fileno(), account) for number in range(1, len(NODES) + 1)]
        for node in nodes:
            until.callback(node.wait)
            until.callback(node.kill)
        for node in nodes:
            assert node.stdout is not None
            assert "cometary: comet" in node.stdout.readline(), (folder / "log").read_text()
        yield account


def is_whole() -> bool:
    """Whether all nodes say that all are there."""
    for number in range(1, len(NODES) + 1):
        url = f"http://{address('clients', number)}:8081/nodes"
        said = httpx.get(url, headers={"Authorization": f"Bearer {SECRET}"}, trust_env=False, timeout=5)
        states = [each["state"] for each in said.json()["nodes"]]
        if sorted(states) != ["here", *["there"] * (len(NODES) - 1)]:
            return False
    return True


async def until_whole() -> None:
    """Wait until all nodes have found each other (again)."""
    with trio.fail_after(60):
        while not await trio.to_thread.run_sync(is_whole):  # noqa: ASYNC110 - they are other processes
            await trio.sleep(0.1)


@dataclass
class Talking:
    """A client that says something now and then, and notes when something comes.

    Attributes:
        account: the client.
        came: when.
    """

    account: Account
    came: list[float] = field(default_factory=list[float])

    async def talk(self) -> None:
        """Go on until cancelled."""
        self.account.comet.on("tick")(self._note)
        while True:
            self.account.say(1)
            await trio.sleep(0.05)

    def _note(self, _message: Any, _path: str) -> None:
        self.came.append(trio.current_time())

    @property
    def silence(self) -> float:
        """For how long nothing came, at most."""
        return max((then - now for now, then in pairwise(self.came)), default=0.0)

    async def add_up(self) -> None:
        """See that nothing was lost, doubled or reordered."""
        each = self.account
        await each.until(lambda: len(each.answers) + len(each.failed) >= each.said, 60)
        assert each.ticks == [*range(1, len(each.ticks) + 1)]
        assert sorted([*each.answers, *(number for _, number in each.failed)]) == [*range(1, each.said + 1)]
        assert each.answers == sorted(each.answers)
        assert not each.reopened


async def partition(hubs: Sequence[str]) -> None:
    """Pull one node's cables to these hubs while clients talk, and print what became of it."""
    async with AsyncExitStack() as until:
        hosts = [address("clients", number) for number in range(1, len(NODES) + 1)]
        proxy = await until.enter_async_context(round_robin([8080] * len(NODES), hosts))
        clients = [Talking(Account(proxy.url)) for _ in range(CLIENTS)]
        for each in clients:
            await until.enter_async_context(each.account.comet)
        async with trio.open_nursery() as nursery:
            for each in clients:
                nursery.start_soon(each.talk)
            await trio.sleep(1)
            with pulled("b", hubs):
                await trio.sleep(LASTS)
            mended = trio.current_time()
            await until_whole()
            whole = trio.current_time() - mended
            await trio.sleep(2)
            nursery.cancel_scope.cancel()
        for each in clients:
            await each.add_up()
    silences = sorted(each.silence for each in clients)
    said = sum(each.account.said for each in clients)
    came = sum(len(each.came) for each in clients)
    failed = sum(len(each.account.failed) for each in clients)
    sys.stdout.write(
        f"b cut off from {' and '.join(hubs)} for {LASTS:.0f} s: {said} said, {came} ticks, none lost, doubled or"
        f" reordered; {failed} reported; longest silence {silences[0]:.1f} to {silences[-1]:.1f} s;"
        f" whole {whole:.1f} s after it was mended\n"
    )
    sys.stdout.flush()


async def run() -> None:
    """Make one partition after another."""
    with TemporaryDirectory() as folder, running(Path(folder)):
        await until_whole()
        for hubs in PARTITIONS:
            await partition(hubs)


def main() -> None:
    """Run it in a namespace of its own."""
    if INSIDE in sys.argv:
        lay_cables()
        trio.run(run)
        return
    as_root = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    inside = [sys.executable, "-m", "tests.nodes.dropping", INSIDE]
    whole = ["unshare", *as_root, "--net", "--mount", "--pid", "--fork", "--kill-child", *inside]
    sys.exit(subprocess.run(whole, check=False, env=ENVIRONMENT).returncode)


if __name__ == "__main__":
    main()
