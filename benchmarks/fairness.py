"""How long others wait while an actor floods itself: another actor's answer, and a socket's echo.

python -m benchmarks.fairness [seconds for each row]

A flood is actors with mail at every moment. Beside it one task asks an idle actor, over and over, and one talks to an
echo server over a TCP connection on loopback. The rows differ in the flood and in the scheduler's `quota` and `batch`.
A wait is counted in messages of the flood that were handled meanwhile, which does not depend on the machine, and in
milliseconds, which do.
"""

from __future__ import annotations

import contextlib
import statistics
import sys
import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import trio

from cometary.actors import Actor, ActorRef, system

SECONDS = 1.5


class Flood(Actor):
    """Always has mail: each message sends the next."""

    handled: ClassVar[list[int]] = [0]

    def on_receive(self, message: Any) -> Any:
        """Count, and go on."""
        self.handled[0] += 1
        self.actor_ref.tell(message)


class AsyncFlood(Flood):
    """The same in a task of its own."""

    async def on_receive(self, message: Any) -> Any:
        """Count, and go on."""
        super().on_receive(message)


class Idle(Actor):
    """Answers."""

    def on_receive(self, message: Any) -> Any:
        """Answer."""
        return message


@dataclass(frozen=True)
class Row:
    """One setting."""

    name: str
    floods: int = 0
    mail: int = 1000
    kind: type[Flood] = Flood
    quota: int = 100
    batch: int = 200


ROWS = [
    Row("no flood"),
    Row("one actor", floods=1),
    Row("one actor, with one message", floods=1, mail=1),
    Row("one `async def` actor", floods=1, kind=AsyncFlood),
    Row("1,000 actors", floods=1000, mail=10),
    Row("10 actors", floods=10),
    Row("10 actors, quota 1,000", floods=10, quota=1000),
    Row("one actor, batch 20,000", floods=1, batch=20_000),
]


class Wait(NamedTuple):
    """One wait: messages of the flood handled meanwhile, and milliseconds."""

    messages: int
    milliseconds: float


class Stopwatch:
    """Times one wait after the other."""

    def __init__(self) -> None:
        self.waits: list[Wait] = []

    @contextlib.contextmanager
    def wait(self) -> Generator[None]:
        """Time what the block does, unless it is cancelled."""
        messages, began = Flood.handled[0], time.perf_counter()
        yield
        self.waits.append(Wait(Flood.handled[0] - messages, (time.perf_counter() - began) * 1000))

    def __str__(self) -> str:
        """Medians and 99th percentiles, as cells of a table."""
        messages = statistics.quantiles([wait.messages for wait in self.waits], n=100)
        times = statistics.quantiles([wait.milliseconds for wait in self.waits], n=100)
        return f"{messages[49]:,.0f} | {messages[98]:,.0f} | {times[49]:.2f} | {times[98]:.2f}"


async def measure(row: Row, seconds: float) -> tuple[Stopwatch, Stopwatch, float]:
    """Return the waits for answers and for echoes, and the flood's messages a second."""
    answers, echoes = Stopwatch(), Stopwatch()
    async with system(stop_timeout=0) as actors, trio.open_nursery() as nursery:
        actors.scheduler.quota, actors.scheduler.batch = row.quota, row.batch
        listeners = await nursery.start(trio.serve_tcp, echo, 0)
        for ref in [row.kind.start() for _ in range(row.floods)]:
            for _ in range(row.mail):
                ref.tell("more")
        before, began = Flood.handled[0], time.perf_counter()
        with trio.move_on_after(seconds):
            async with trio.open_nursery() as loads:
                loads.start_soon(ask, Idle.start(), answers)
                loads.start_soon(talk, listeners[0].socket.getsockname()[1], echoes)
        rate = (Flood.handled[0] - before) / (time.perf_counter() - began)
        nursery.cancel_scope.cancel()
    return answers, echoes, rate


async def echo(stream: trio.SocketStream) -> None:
    """Send back what comes."""
    with contextlib.suppress(trio.BrokenResourceError):  # the measurement is over
        async for data in stream:
            await stream.send_all(data)


async def ask(ref: ActorRef[Idle], stopwatch: Stopwatch) -> None:
    """Ask one actor, one question after the other."""
    while True:
        with stopwatch.wait():
            await ref.ask("x")


async def talk(port: int, stopwatch: Stopwatch) -> None:
    """Talk over one connection, one line after the other."""
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        while True:
            with stopwatch.wait():
                await stream.send_all(b"x")
                await stream.receive_some(10)


def main() -> None:
    """Measure every row and print a table."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    print("| | | answer | | | | echo | | | |")
    print("| flood | messages a second" + " | messages: median | 99 % | ms: median | 99 %" * 2 + " |")
    print("| --- |" + " --: |" * 9)
    for row in ROWS:
        answers, echoes, rate = trio.run(measure, row, seconds)
        print(f"| {row.name} | {rate:,.0f} | {answers} | {echoes} |", flush=True)


if __name__ == "__main__":
    main()
