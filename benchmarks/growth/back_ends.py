"""What back-ends get: updates a second of one that blocks, and STOMP beside the control interface."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from benchmarks.growth.question import FAILURES, Question
from benchmarks.growth.scale import Scale
from benchmarks.harness.processes import cpu_seconds
from benchmarks.harness.provision import Kit
from benchmarks.harness.servers import cometary
from benchmarks.harness.swarm import Started, started
from benchmarks.harness.target import Target
from benchmarks.harness.workspace import COMPILED
from benchmarks.profile.clients import PAYLOAD, Client, Line, SocketClient, packet
from benchmarks.profile.modes import standing_still
from cometary.connector import Connector

SERVER: Final = cometary(
    "cometary",
    "the compiled server, with STOMP",
    COMPILED,
    application="growth",
    options=("--stomp", "127.0.0.1:{stomp}"),
    ports=3,
)
UPDATES_A_SECOND: Final = 10_000.0
BATCHES: Final = (1, 10, 100, 500)
STOMP_SHARE: Final = 0.8
CONNECTIONS: Final = (1, 50)
UPDATES: Final = 50
"""How many there are in a round, on so many connections."""
ROUNDS: Final = 20

CONNECT: Final = b"CONNECT\naccept-version:1.2\nhost:localhost\n\n\0"
SEND: Final = b'SEND\ndestination:news\ncontent-type:application/json\n%b\n"%b"\0'


@dataclass(frozen=True, slots=True)
class Way:
    """A way to send an update.

    Attributes:
        name: of the curve.
        listener: which of the server's ports it is for.
        say: sends one.
        hear: takes the answer, if there is one.
    """

    name: str
    listener: str
    say: Callable[[Line], None]
    hear: Callable[[Line], object]

    def connect(self, server: Started) -> Line:
        """Opens a connection that is ready for it."""
        line = Line(int(server.values[self.listener]))
        if self.listener == "stomp":
            line.send(CONNECT)
            line.until(b"\0")
        return line


POST: Final = Way("POST /update", "control", lambda line: line.post("/update", packet("news")), Line.answer)
PLAIN: Final = Way("SEND", "stomp", lambda line: line.send(SEND % (b"", PAYLOAD.encode())), lambda _: None)
RECEIPT: Final = Way(
    "SEND with a receipt",
    "stomp",
    lambda line: line.send(SEND % (b"receipt:1\n", PAYLOAD.encode())),
    lambda line: line.until(b"\0"),
)
WAYS: Final = (POST, PLAIN, RECEIPT)


class BackEnds:
    """Asks both.

    Args:
        kit: What the server is started with.
        scale: How much there is of everything.
    """

    def __init__(self, kit: Kit, scale: Scale) -> None:
        self._kit, self._scale = kit, scale
        self._lost = 0
        self._batches = Question(
            "batches",
            "Updates of one blocking connector",
            "updates a batch",
            "updates a second",
            0,
            UPDATES_A_SECOND,
        )
        self._stomp = Question("stomp", "STOMP beside the control interface", "connections", "µs an update")

    def ask(self) -> list[Question]:
        """Measures, and returns the questions with what was found."""
        for _ in range(self._scale.rounds):
            try:
                for size in BATCHES:
                    with started(SERVER, self._kit) as server:
                        self._batches.add("one browser hears them", size, self._in_batches(server, size))
            except FAILURES as why:
                self._batches.missing["connector"] = str(why)
            try:
                with started(SERVER, self._kit) as server:
                    self._compare(server)
            except FAILURES as why:
                self._stomp.missing["STOMP"] = str(why)
            print(f"{self._batches.curves} {self._stomp.curves}", file=sys.stderr, flush=True)
        self._judge()
        return [self._batches, self._stomp]

    def _judge(self) -> None:
        rate = self._batches.middle("one browser hears them", max(BATCHES))
        self._batches.targets = [
            Target(f"updates a second of one connector, {max(BATCHES)} a batch", UPDATES_A_SECOND, rate, "≥"),
            Target("of these updates lost", 0, self._lost if self._batches.curves else None),
        ]
        self._stomp.targets = [
            Target(
                f"rate of SEND to browser over that of /update, connections: {count}", STOMP_SHARE, share, "≥"
            )
            for count, share in zip(CONNECTIONS, map(self._share, CONNECTIONS), strict=True)
        ]

    def _share(self, connections: int) -> float | None:
        send, post = self._stomp.middle(PLAIN.name, connections), self._stomp.middle(POST.name, connections)
        return None if send is None or post is None else post / send

    def _in_batches(self, server: Started, size: int) -> float:
        """Sends updates in batches, while a browser hears them; returns how many a second."""
        count = self._scale.updates * size // max(BATCHES) // size * size or size
        client = Client(int(server.values["port"]))
        client.begin()
        with (
            ThreadPoolExecutor() as at_once,
            Connector(f"http://127.0.0.1:{server.values['control']}", secret=None) as connector,
        ):
            hearing = at_once.submit(_hear, client, count)
            began = time.perf_counter()
            for first in range(0, count, size):
                connector.updates([("news", number) for number in range(first, first + size)])
            taken = time.perf_counter() - began
            self._lost += count - hearing.result()
        return count / taken

    def _compare(self, server: Started) -> None:
        """Has back-ends send updates to a browser in each way, on one connection and on many."""
        browser = SocketClient(int(server.values["port"]))
        for count in CONNECTIONS:
            for way in WAYS:
                lines = [way.connect(server) for _ in range(count)] * (UPDATES // count)
                _rounds(server, browser, lines, way, 2)
                cost = _rounds(server, browser, lines, way, ROUNDS)
                self._stomp.add(way.name, count, cost / (ROUNDS * UPDATES) * 1e6)


def _hear(client: Client, count: int) -> int:
    """Takes packets until there are `count`, or a request was held in vain; returns how many there were."""
    came = 0
    while came < count and (more := client.receive_all()):
        came += more
        client.go_on()
    return came


def _rounds(server: Started, browser: SocketClient, lines: Sequence[Line], way: Way, rounds: int) -> float:
    """Has an update sent on each line in each round; returns the seconds of processor time that the server took."""
    began = cpu_seconds(server.pid)
    for _ in range(rounds):
        with standing_still(server.pid):
            for line in lines:
                way.say(line)
        for line in lines:
            way.hear(line)
            browser.receive()
        browser.acknowledge()
    return cpu_seconds(server.pid) - began
