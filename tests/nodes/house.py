"""Several nodes in processes of their own, with a Redis of their own, and what a client says to them."""

from __future__ import annotations

import http.client
import json
import socket
import struct
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from threading import Thread
from typing import Any

import httpx

from tests.cluster.servers import EngineServer
from tests.servers import RunningServer, free_port, running_server
from tests.workers.house import Page

APP = "tests/nodes/application.py:app"
LEASE = 2
SECRET = "a-secret-of-nodes"
JSON = {"Content-Type": "application/json"}


@dataclass
class Node:
    """One of them.

    Attributes:
        name: its name.
        server: its process.
        control: calls its control interface.
    """

    name: str
    server: RunningServer
    control: httpx.Client

    def connect(self) -> http.client.HTTPConnection:
        """Connect to it."""
        return http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)

    def ask(self, body: bytes) -> dict[str, Any]:
        """Post one request, on a connection of its own."""
        with closing(self.connect()) as connection:
            connection.request("POST", "/comet", body, JSON)
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
            return answer

    def open(self) -> Page:
        """Open a session there."""
        return Page(self.ask(b'{"rid": 1}')["sid"])

    def others(self) -> dict[str, str]:
        """Return what it says of the others: their states."""
        listed = self.control.get("/nodes").json()["nodes"]
        return {each["node"]: each["state"] for each in listed[1:]}


class House:
    """All of them.

    Args:
        engine: their engine.
        until: ends them.
        app: what they serve.
        options: more options of each.
        variables: more variables of the environment of each.
    """

    def __init__(
        self,
        engine: EngineServer,
        until: ExitStack,
        app: str = APP,
        options: Sequence[str] = (),
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.engine = engine
        self._until = until
        self._app, self._options, self._variables = app, options, variables or {}
        self.nodes: list[Node] = []
        self.cuts: list[Cuttable] = []
        self.log = until.enter_context(TemporaryFile())  # noqa: SIM115 - it is closed with all else

    def start(self, name: str, *options: str, port: int = 0) -> Node:
        """Start one more."""
        arguments = [*options_of(name, self.engine.url), *self._options, *options]
        variables: dict[str, Any] = {"COMETARY_NODE_SECRET": SECRET, **self._variables}
        running = running_server(self._app, *arguments, port=port, log=self.log, **variables)
        server = self._until.enter_context(running)
        control = self._until.enter_context(
            httpx.Client(base_url=server.control, trust_env=False, timeout=20)
        )
        node = Node(name, server, control)
        self.nodes.append(node)
        return node

    def start_cuttable(self, name: str) -> Node:
        """Start one that the others reach by what can be cut."""
        port = free_port()
        self.cuts.append(self._until.enter_context(closing(Cuttable(port))))
        where = ("--node-listen", f"127.0.0.1:{port}", "--node-address", f"127.0.0.1:{self.cuts[-1].port}")
        return self.start(name, *where)


class Cuttable:
    """Passes on what comes to a port, until it is cut.

    Args:
        port: the port.

    Attributes:
        port: where it listens itself.
    """

    def __init__(self, port: int) -> None:
        self._to = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._ends: list[socket.socket] = []
        Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                here, _ = self._listening.accept()
                try:
                    there = socket.create_connection(("127.0.0.1", self._to))
                except OSError:
                    here.close()
                    continue
                self._ends += [here, there]
                for ends in ((here, there), (there, here)):
                    Thread(target=self._pass_on, args=ends, daemon=True).start()

    def _pass_on(self, here: socket.socket, there: socket.socket) -> None:
        with suppress(OSError):
            while data := here.recv(65_536):
                there.sendall(data)
        for each in (here, there):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        """Cut all connections that there are, with what is on its way."""
        ends, self._ends = self._ends, []
        for each in ends:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def close(self) -> None:
        """End."""
        self._listening.close()
        self.cut()


def options_of(name: str, engine: str) -> list[str]:
    """Return the options of a node."""
    return [
        "--node",
        name,
        "--node-listen",
        "127.0.0.1:0",
        "--engine",
        engine,
        "--drain",
        "0",
        "--lease",
        str(LEASE),
    ]


@contextmanager
def running_house(
    *names: str, cuttable: bool = False, app: str = APP, options: Sequence[str] = (), **variables: str
) -> Generator[House]:
    """Run nodes until the end of the block; for the arguments see `House`."""
    with ExitStack() as until:
        folder = Path(until.enter_context(TemporaryDirectory()))
        engine = EngineServer("redis", folder)
        until.callback(engine.kill)
        house = House(engine, until, app, options, variables)
        for name in names:
            if cuttable:
                house.start_cuttable(name)
            else:
                house.start(name)
        yield house


def wait_until(holds: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something holds, in another process."""
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "it does not come to hold"
        time.sleep(0.01)
