"""What a delivery costs where there are many paths, and a packet where many are in one response.

The clients are in Python and slow, which does not matter: what is measured is the server's processor time, one thing
after the other.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import islice
from typing import Final

import msgspec

from benchmarks.growth.question import FAILURES, Question
from benchmarks.growth.scale import Scale
from benchmarks.growth.sessions import GROWTH, SERVER
from benchmarks.harness.processes import cpu_seconds
from benchmarks.harness.provision import Kit
from benchmarks.harness.swarm import Started, started
from benchmarks.harness.target import Target
from benchmarks.harness.workspace import UnavailableError
from benchmarks.profile.clients import Client, Line, packet

UPDATES: Final = 2_000
"""How many are measured for each number of paths."""
PACKETS: Final = 5_000
"""How many at least are measured for each number of packets in a response."""
CONNECTED_AT_ONCE: Final = 500
CURVE: Final = "polling"


class PathsAndPackets:
    """Asks both.

    Args:
        kit: What the server is started with.
        scale: How much there is of everything.
    """

    def __init__(self, kit: Kit, scale: Scale) -> None:
        self._kit, self._scale = kit, scale
        self._paths = Question("paths", "A delivery, by paths", "paths", "µs a delivery")
        self._packets = Question(
            "packets", "A packet, by how many a response has", "packets a response", "µs a packet"
        )

    def ask(self) -> list[Question]:
        """Measures, and returns the questions with what was found."""
        for _ in range(self._scale.rounds):
            for question, many, measure in (
                (self._paths, self._scale.paths, self._by_paths),
                (self._packets, self._scale.packets, self._by_packets),
            ):
                try:
                    for each in many:
                        with started(SERVER, self._kit, {"BENCH_LISTENERS": "0"}) as server:
                            question.add(CURVE, each, measure(server, each))
                except FAILURES as why:
                    question.missing[question.x] = str(why)
                print(f"{question.title}: {question.curves}", file=sys.stderr, flush=True)
        self._judge(
            self._paths, "a delivery among {:,} paths, over one where there is one", self._scale.paths
        )
        self._judge(self._packets, "a packet of {:,} in a response, over one alone", self._scale.packets)
        return [self._paths, self._packets]

    def _judge(self, question: Question, name: str, many: Sequence[int]) -> None:
        question.targets = [Target(name.format(max(many)), GROWTH, question.growth(CURVE))]

    def _by_paths(self, server: Started, paths: int) -> float:
        """Sends updates to paths of which each has one session, one after the other."""
        clients = [Client(int(server.values["port"])) for _ in range(min(paths, self._scale.clients))]
        control = Line(int(server.values["control"]))
        for number, client in enumerate(clients):
            _connect(control, client.sid, [f"path/{each}" for each in range(number, paths, len(clients))])
            client.begin()
        step = max(paths // UPDATES, 1)
        order = [number for first in range(step) for number in range(first, paths, step)]
        for count in (UPDATES // 10, UPDATES):  # the first to get warm
            began = cpu_seconds(server.pid)
            for at in range(count):
                number = order[at % paths]
                control.post("/update", packet(f"path/{number}"))
                control.answer()
                client = clients[number % len(clients)]
                client.receive()
                client.go_on()
        return (cpu_seconds(server.pid) - began) / UPDATES * 1e6

    def _by_packets(self, server: Started, packets: int) -> float:
        """Sends sessions several packets in one call, each of which then fetches them in one response."""
        clients = [Client(int(server.values["port"])) for _ in range(self._scale.clients)]
        control = Line(int(server.values["control"]))
        body = ",".join([packet("m")] * packets)
        rounds = max(PACKETS // packets // len(clients), 1)
        for count in (1, rounds):
            began = cpu_seconds(server.pid)
            for client in clients * count:
                control.post("/send", f'{{"sid":"{client.sid}","packets":[{body}]}}')
                control.answer()
                client.poll()
                if (came := client.receive_all()) != packets:
                    raise UnavailableError(f"{came} packets came at once, not {packets}")
        return (cpu_seconds(server.pid) - began) / (rounds * len(clients) * packets) * 1e6


def _connect(control: Line, sid: str, paths: Sequence[str]) -> None:
    left = iter(paths)
    while some := list(islice(left, CONNECTED_AT_ONCE)):
        control.post("/connect", msgspec.json.encode({"sid": sid, "paths": some}).decode())
        control.answer()
