"""What paths cost when there is much of them: `python -m benchmarks.paths`.

Each trial compares the processor time of one thing with that of another, which are done in turns so that both have
the same machine, and tells the quotient of the least of each, with what it may be at most; the last one counts.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, NamedTuple

import trio
import trio.testing

from cometary.actors import Actor, current_system, system
from cometary.app import App
from cometary.dispatch.dispatcher import Dispatcher, Table
from cometary.dispatch.hub import Hub
from cometary.packets.contract_table import Contracts
from cometary.packets.encodings import CBOR, JSON, Encoding
from cometary.packets.position import Replay
from cometary.server.colleagues import new_engine
from cometary.sessions import (
    Packet,
    Request,
    SessionKeeper,
    SessionManager,
    SessionSettings,
    SessionSupervisor,
)
from cometary.supervision import ChildSpec, supervise

Timed = Callable[[], Awaitable[float]]
ROUNDS = 7
UPDATES = 1_000
REPLAYED = 100
JOINS = 50


class Trial(NamedTuple):
    """A comparison, or a count.

    Attributes:
        name: what is compared.
        most: what the quotient may be.
        run: does it, with so many of whatever there are many of; returns the quotient.
        many: how many that are.
    """

    name: str
    most: float
    run: Callable[[int], Awaitable[float]]
    many: int


class Listener(Actor):
    """Hears updates, and does nothing."""

    def on_receive(self, message: Any) -> None:
        """Do nothing."""


class Asked(Request):
    """A request that is answered to nobody."""

    def answer(self, first_seq: int, packets: Sequence[Packet]) -> None:
        """Take note of the last packet."""
        self.last = first_seq + len(packets) - 1 if packets else 0


class Written(Request):
    """A request whose answer is written in one encoding.

    Args:
        encoding: which.
        written: where everything goes that was written.
    """

    def __init__(self, encoding: Encoding, written: list[bytes]) -> None:
        super().__init__(2)
        self._encoding, self._written = encoding, written

    def answer(self, first_seq: int, packets: Sequence[Packet]) -> None:
        """Write the packets, as a wire does."""
        del first_seq
        self._written += [self._encoding.encode(packet) for packet in packets]


class Client:
    """A client with a session that is always held."""

    def __init__(self, manager: SessionManager) -> None:
        self.keeper: SessionKeeper = manager.open(1)
        self._request = Asked(1)
        self._ack = 0

    async def poll(self) -> None:
        """Acknowledge what has come, and have a request held."""
        self._ack = max(self._ack, getattr(self._request, "last", 0))
        self._request = Asked(self._request.rid + 1, ack=self._ack)
        self.keeper.submit(self._request)
        await settled()


class House:
    """Sessions, the hub and the dispatcher of a server, without a wire."""

    def __init__(self, app: App) -> None:
        settings = SessionSettings(die=1e9, max_releases_per_second=1_000_000, max_sessions=1_000_000)
        self.manager = manager = SessionManager(settings, app)
        self.table = table = Table()
        contracts = Contracts(app.contracts.declared)
        engine = new_engine(contracts)
        self.hub = Hub(manager, table, contracts, engine=engine, start_soon=current_system().start_soon)
        Dispatcher.start(table, engine.attach, manager.receipts, None, manager.flow)


@asynccontextmanager
async def house(app: App | None = None) -> AsyncGenerator[House]:
    """Run one."""
    async with system(stop_timeout=600):
        house = House(app or App())
        async with supervise([ChildSpec("sessions", SessionSupervisor, (house.manager,))]):
            yield house


async def settled() -> None:
    """Wait until all that is under way is done."""
    await trio.testing.wait_all_tasks_blocked()


async def compared(first: Timed, second: Timed) -> float:
    """Return the least time of the first over that of the second."""
    times = [(await first(), await second()) for _ in range(ROUNDS)]
    return min(one for one, _ in times) / min(other for _, other in times)


async def timed(run: Callable[[], Awaitable[object]]) -> float:
    """Return the processor time that something takes."""
    began = time.process_time()
    await run()
    return time.process_time() - began


async def updates_among(many: int, pattern: str) -> float:
    """Send updates to the one subscriber of a pattern, among many others and among a thousand."""
    path = pattern.format("one").replace("*", "x")
    async with house() as full, house() as quiet:
        for each, count in ((full, many), (quiet, 1_000)):
            others = [Listener.start() for _ in range(10)]
            for number in range(count):
                each.table.subscribe(pattern.format(number), others[number % 10])
            each.table.subscribe(pattern.format("one"), Listener.start())

        async def send(where: House) -> None:
            for _ in range(UPDATES):
                where.hub.update(path, 1)
            await settled()

        return await compared(partial(timed, partial(send, full)), partial(timed, partial(send, quiet)))


async def joins_among(many: int) -> float:
    """Let sessions join a path where many are, and one where ten are."""
    app = App()
    app.path("room/*", presence=True)
    async with house(app) as here:
        for path, count in (("room/many", many), ("room/few", 10)):
            for _ in range(count):
                here.hub.subscribe(here.manager.open(1), [path]).get()
        new = [here.manager.open(1) for _ in range(JOINS)]
        await settled()

        async def join(path: str) -> float:
            began = time.process_time()
            for keeper in new:
                here.hub.subscribe(keeper, [path]).get()
            taken = time.process_time() - began
            for keeper in new:
                here.hub.unsubscribe(keeper, [path]).get()
            return taken

        return await compared(partial(join, "room/many"), partial(join, "room/few"))


async def replays(many: int) -> float:
    """Replay what is kept, and deliver as many packets one by one."""
    app = App()
    app.path("kept", history=many)
    async with house(app) as here:
        client = Client(here.manager)
        await client.poll()
        for number in range(many):
            here.hub.update("kept", number)

        async def replay() -> None:
            here.hub.subscribe(client.keeper, ["kept"], Replay(many)).get()
            await settled()
            await client.poll()
            await client.poll()

        async def deliver() -> None:
            for number in range(many):
                here.hub.post(client.keeper, Packet("kept", number))
                await client.poll()

        return await compared(partial(timed, replay), partial(timed, deliver))


async def encodings(many: int) -> float:
    """Send one update to many sessions, half of which take JSON and half CBOR; returns how often it was encoded."""
    async with house() as here:
        written: list[bytes] = []
        for number in range(many):
            keeper = here.manager.open(1)
            here.hub.subscribe(keeper, ["news"]).get()
            keeper.submit(Written(CBOR if number % 2 else JSON, written))
        await settled()
        here.hub.update("news", {"text": "once"})
        await settled()
        if len(written) != many:
            raise RuntimeError(f"{len(written)} sessions of {many} have had it")
        return float(len({id(each) for each in written}))


EXACT = partial(updates_among, pattern="n/{}")
STARRED = partial(updates_among, pattern="n/{}/*")

TRIALS = (
    Trial("an update among a million exact subscriptions, over one among a thousand", 1.3, EXACT, 1_000_000),
    Trial("the same among starred ones", 1.3, STARRED, 1_000_000),
    Trial("a join where 10,000 are, over one where ten are", 2.0, joins_among, 10_000),
    Trial("a replay of 100 packets, over 100 deliveries", 1.0, replays, REPLAYED),
    Trial("encodings of one update to 10,000 sessions, half JSON and half CBOR", 2.0, encodings, 10_000),
)


def main() -> int:
    """Run all trials, and say what each comes to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="of the many; 0.01 to see that it runs")
    parser.add_argument("--json", action="store_true", help="a line of JSON for each")
    options = parser.parse_args()
    missed = 0
    for trial in TRIALS:
        quotient = trio.run(trial.run, max(int(trial.many * options.share), 20))
        missed += quotient > trial.most
        said = json.dumps({"name": trial.name, "limit": trial.most, "value": quotient})
        print(
            said if options.json else f"{quotient:5.2f}  (at most {trial.most:g})  {trial.name}", flush=True
        )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
