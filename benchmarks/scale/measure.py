"""Measures the constants of the model, and what runs of one, two and three nodes cost, in processor time."""

from __future__ import annotations

import socket
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Final, NamedTuple

from benchmarks.harness.processes import cpu_seconds
from benchmarks.nodes import nodes
from benchmarks.scale.clients import RoundRobin, heard_by_all, in_turn
from benchmarks.scale.model import Constants
from cometary.cluster.redis.arguments import function
from cometary.cluster.redis.keys import MEMBER_KEYS, Keys
from cometary.cluster.redis.wire import Reply, ReplyReader, command

APP: Final = "benchmarks.apps.scale:app"
CLIENTS: Final = 32
LISTENERS: Final = 64
LONG: Final = ("--wait", "3600", "--die", "3600")
"""While one trial has its turn, the sessions of others wait."""

ROUNDS: Final = 3
LEASED: Final = 100
"""Nodes that have a lease while what a renewal costs is measured."""


class Cost(NamedTuple):
    """What one of something took.

    Attributes:
        node: of all nodes together, in microseconds of processor time.
        engine: of the engine.
    """

    node: float
    engine: float


class Engine:
    """The engine of a run, asked by hand.

    Args:
        pid: its process.
        path: its socket.
    """

    def __init__(self, pid: int, path: str) -> None:
        self.pid = pid
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(path)
        self._reader = ReplyReader()

    def say(self, *parts: bytes | str | int) -> Reply:
        """Have a command done."""
        self._socket.sendall(command(*parts))
        replies = list[Reply]()
        while not replies:
            replies += self._reader.feed(self._socket.recv(65_536))
        return replies[0]

    def number(self, name: str) -> float:
        """Return a number that `INFO everything` has."""
        text = str(self.say("INFO", "everything"), "utf-8")  # type: ignore[arg-type]
        for line in text.splitlines():
            key, _, value = line.partition(":")
            if key == name:
                return float(value.partition(",")[0].removeprefix("calls="))
        return 0.0


class Run(NamedTuple):
    """Nodes that run.

    Attributes:
        pids: their processes.
        ports: theirs, for clients.
        engine: their engine.
    """

    pids: Sequence[int]
    ports: Sequence[int]
    engine: Engine

    def cost(self, work: Callable[[int], object], count: int) -> Cost:
        """Return what one of so many costs."""
        before = self._spent()
        work(count)
        after = self._spent()
        node, engine = [(late - early) / count * 1e6 for late, early in zip(after, before, strict=True)]
        return Cost(node, engine)

    def _spent(self) -> tuple[float, float]:
        return sum(map(cpu_seconds, self.pids)), cpu_seconds(self.engine.pid)

    def clients(
        self, count: int, ports: Sequence[int] | None = None, *, resume: bool = False
    ) -> list[RoundRobin]:
        """Return clients; each goes round the nodes, and the first has the first node's session, and so on.

        Args:
            count: how many.
            ports: of the nodes that each asks in turn, the first of which has its session; None for all.
            resume: whether their sessions are recorded.
        """
        if ports is not None:
            return [RoundRobin(ports, resume=resume) for _ in range(count)]
        size = len(self.ports)
        turned = [[*self.ports[place:], *self.ports[:place]] for place in range(size)]
        return [RoundRobin(turned[number % size], resume=resume) for number in range(count)]


@contextmanager
def run(count: int) -> Generator[Run]:
    """Run so many nodes."""
    with nodes(count, APP, "--sessions", "resume", *LONG) as (servers, engine):
        yield Run([pid for pid, _ in servers], [port for _, port in servers], Engine(*engine))


class Trial(NamedTuple):
    """Something whose cost is measured in each round.

    Attributes:
        it: the nodes.
        work: does it so many times.
        part: how many of the echoes of a round it does.
    """

    it: Run
    work: Callable[[int], object]
    part: float = 1.0


def _echo(it: Run, clients: Sequence[RoundRobin], path: str = "echo") -> Trial:
    def work(count: int) -> None:
        in_turn(clients, path, count)

    return Trial(it, work)


def _forwarded(it: Run) -> Trial:
    first, second = it.ports
    clients = it.clients(CLIENTS, [first])
    for client in clients:
        client.move(second)
    return _echo(it, clients)


def _heard(it: Run) -> Trial:
    listeners, teller = it.clients(LISTENERS), it.clients(1)[0]
    in_turn(listeners, "listen", LISTENERS)
    for each in listeners:
        each.ask()

    def work(count: int) -> None:
        heard_by_all(teller, listeners, count)

    return Trial(it, work, 1 / LISTENERS)


def _trials(runs: Sequence[Run]) -> dict[str, Trial]:
    one, two, three = runs
    trials = {
        "echo": _echo(one, one.clients(CLIENTS)),
        "forwarded": _forwarded(two),
        "tell": _echo(one, one.clients(CLIENTS), "tell"),
        "tell, at one of two": _echo(two, two.clients(CLIENTS, [two.ports[0]]), "tell"),
        "recorded": _echo(one, one.clients(CLIENTS, resume=True)),
    }
    for it in (two, three):
        many = len(it.pids)
        trials[f"echo on {many}"] = _echo(it, it.clients(CLIENTS))
        trials[f"tell on {many}"] = _echo(it, it.clients(CLIENTS), "tell")
        trials[f"recorded on {many}"] = _echo(it, it.clients(CLIENTS, resume=True))
    return trials


class Found(NamedTuple):
    """What was measured.

    Attributes:
        constants: the constants.
        costs: of each trial, the least of the rounds.
    """

    constants: Constants
    costs: dict[str, Cost]


def measured(count: int) -> Found:
    """Measure on one, two and three nodes, all trials in each round: what else the machine does disturbs them alike.

    Args:
        count: echoes in a round.
    """
    with ExitStack() as until:
        runs = [until.enter_context(run(size)) for size in (1, 2, 3)]
        trials = _trials(runs)
        bytes_before, calls = _bytes(runs[0].engine), runs[0].engine.number("cmdstat_fcall")
        costs = _rounds(trials, count)
        calls = runs[0].engine.number("cmdstat_fcall") - calls
        change_bytes = (_bytes(runs[0].engine) - bytes_before) / calls
        costs |= _rounds({"heard": _heard(runs[0])}, count)  # these listeners would hear what the others tell
        record, renewal = _record_bytes(runs[0]), _renewal(runs[0])
    changes = round(calls / ((ROUNDS + 1) * count), 1)
    constants = Constants(
        request=costs["echo"].node,
        forward=costs["forwarded"].node - costs["echo"].node,
        delivery=(costs["heard"].node - costs["tell"].node) / LISTENERS,
        update=costs["tell"].node - costs["echo"].node,
        link=costs["tell, at one of two"].node - costs["tell"].node,
        change=(costs["recorded"].node - costs["echo"].node) / changes,
        engine_change=costs["recorded"].engine / changes,
        changes=changes,
        renewal=renewal,
        change_bytes=change_bytes,
        record_bytes=record,
    )
    return Found(constants, costs)


def _rounds(trials: dict[str, Trial], count: int) -> dict[str, Cost]:
    costs = dict[str, list[Cost]]()
    for number in range(ROUNDS + 1):
        for name, (it, work, part) in trials.items():
            cost = it.cost(work, max(int(part * count), 10))
            if number:  # the first round warms up
                costs.setdefault(name, []).append(cost)
    return {
        name: Cost(min(each.node for each in rounds), min(each.engine for each in rounds))
        for name, rounds in costs.items()
    }


def _bytes(engine: Engine) -> float:
    return engine.number("total_net_input_bytes") + engine.number("total_net_output_bytes")


def _record_bytes(it: Run) -> float:
    before = it.engine.number("used_memory")
    opened = it.clients(500, resume=True)
    grown = it.engine.number("used_memory") - before
    for each in opened:
        each.close()
    return grown / len(opened)


def _renewal(it: Run) -> float:
    """Return what a renewal costs the engine for each node that has a lease."""
    keys = Keys("model").members

    def renew(times: int) -> None:
        for number in range(times):
            name: Any = f"n{number % LEASED}"
            it.engine.say("FCALL", function("renew"), MEMBER_KEYS, *keys, name, "i", "h:1", 60_000, 60_000)

    return it.cost(renew, 500).engine / LEASED
