"""A run: the server and its pages in one thread, in virtual time, from one seed."""

from __future__ import annotations

import hashlib
import logging
import secrets
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Final
from unittest.mock import patch

import trio
from trio.testing import MockClock

from cometary.actors import ActorSystem, system
from cometary.chaos.ledger import Counts, total
from cometary.config import Settings
from cometary.server import Server
from cometary.sessions import ids
from cometary.testing.order import run_in_order
from cometary.transport.http.responses import ResponseEncoder
from tests.simulation.accounts import Account
from tests.simulation.agenda import Agenda
from tests.simulation.application import Application
from tests.simulation.chatter import Chatter
from tests.simulation.crashes import Crasher
from tests.simulation.line import SLACK
from tests.simulation.moves import Mover
from tests.simulation.network import FIRST_PORT, MemoryNetwork
from tests.simulation.pages import Habits, Page
from tests.simulation.world import World

DIE: Final = 45.0
GRACE: Final = 5.0
"""Seconds beyond that in which the server notices that nobody is there any more."""

OPENING: Final = 30.0
"""Seconds within which all pages begin."""

LEAVE_EVERY: Final = 300.0
"""Seconds after which a page goes away, on average, if it does not send more seldom still."""

BEATS: Final = 5.0
"""For each packet that the application sends to a page unasked, the page sends bursts of its own."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is simulated.

    Attributes:
        seed: what everything follows from.
        sessions: how many pages there are.
        minutes: for how many virtual minutes there is trouble.
        send_every: seconds between two bursts of packets of one page, on average.
        cut_every: seconds after which a connection is cut, on average.
        crash_every: seconds between two crashes, on average.
        wait: seconds that the server holds a request.
        move_every: seconds between two times at which sessions move, on average; 0 for never.
    """

    seed: int
    sessions: int = 50
    minutes: float = 5.0
    send_every: float = 10.0
    cut_every: float = 30.0
    crash_every: float = 1.0
    wait: float = 60.0
    move_every: float = 0.0

    @property
    def replay(self) -> str:
        """The command that runs it again."""
        return (
            f"python -m tests.simulation --seed {self.seed} --sessions {self.sessions} --minutes {self.minutes:g}"
            f" --send-every {self.send_every:g} --cut-every {self.cut_every:g} --crash-every {self.crash_every:g}"
            f" --wait {self.wait:g} --move-every {self.move_every:g}"
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What has come of it.

    Attributes:
        plan: what was simulated.
        up: what became of packets to the application.
        down: what became of packets to the pages.
        faults: the promises that were broken.
        ended: why sessions ended, and how many did.
        troubles: what was done to them.
        receipts: what became of packets that might expire.
        digest: of everything that happened, in its order.
    """

    plan: Plan
    up: Counts
    down: Counts
    faults: list[str]
    ended: dict[str, int]
    troubles: dict[str, int]
    receipts: dict[str, int]
    digest: str


def simulate(plan: Plan) -> Outcome:
    """Run it; the same plan has the same outcome.

    Raises:
        Exception: what the simulation itself raised, with a note that says how to repeat it.
    """
    run = Run(plan)
    try:
        with quiet(), seeded_ids(plan.seed), virtual_dates():
            run_in_order(plan.seed, lambda: trio.run(run.main, clock=MockClock(autojump_threshold=0)))
    except BaseException as error:
        error.add_note(f"The same again: {plan.replay}")
        raise
    return run.outcome()


class Run:
    """One run.

    Args:
        plan: what is simulated.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._trace = hashlib.blake2b(digest_size=8)
        self._agenda = Agenda()
        self._network = MemoryNetwork(self._chance("network"))
        self._world = World(self._agenda, self._network, FIRST_PORT, plan.cut_every, self._trace.update)
        self._accounts: dict[str, Account] = {}
        habits = Habits(plan.wait, plan.send_every, leave_every=max(LEAVE_EVERY, plan.send_every))
        self._pages = [
            Page(self._world, self._accounts, number, habits, plan.seed) for number in range(plan.sessions)
        ]
        self._faults: list[str] = []

    def _chance(self, name: str) -> Random:
        return Random(f"{self._plan.seed}/{name}")  # noqa: S311 - to be repeated, not secret

    async def main(self) -> None:
        """Run the server and its pages until the server has stopped."""
        chatter = Chatter(self._accounts, self._chance("chatter"), lambda: self._world.calm)
        application = Application(self._accounts, BEATS * self._plan.send_every, chatter)
        async with system(watchdog=None) as actors:
            settings = Settings(wait=self._plan.wait, die=DIE)
            mover = Mover(self._world, self._chance("moves"), self._plan.move_every)
            with mover.passing_on():
                server = Server(settings, application.declare(), None, actors, self._network.front())
            async with (
                server.running(trio.Event()) as running,
                mover.beside(server, actors),
                trio.open_nursery() as nursery,
            ):
                running.receipts.subscribe(application.receipt)
                nursery.start_soon(self._agenda.run)
                crasher = Crasher(self._world, actors, self._chance("crashes"), self._plan.crash_every)
                nothing = self._left(actors)
                await self._make_trouble(crasher)
                await self._come_home()
                await self._part()
                if self._left(actors) != nothing:
                    self._faults.append(f"left, but not closed: {self._left(actors)} of {nothing}")
                await server.stop()
                nursery.cancel_scope.cancel()

    def _left(self, actors: ActorSystem) -> tuple[int, int]:
        """Count open descriptors and living actors."""
        return len(self._network.open), len(actors.actors)

    async def _make_trouble(self, crasher: Crasher) -> None:
        crasher.begin()
        for number, page in enumerate(self._pages):
            self._agenda.after(OPENING * number / len(self._pages), page.begin)
        await trio.sleep(OPENING + self._plan.minutes * 60)

    async def _come_home(self) -> None:
        self._world.calm = True
        for page in self._pages:
            page.calm_down()
        await trio.sleep(3 * (self._plan.wait + SLACK))
        self._faults += [f"page {page.number}: not all came home" for page in self._pages if not page.home]

    async def _part(self) -> None:
        """Have some pages close their sessions, and others vanish; then nothing may be left of any of them."""
        for page in self._pages[::2]:
            page.end()
        for page in self._pages[1::2]:
            page.leave_for_good()
        await trio.sleep(self._plan.wait + DIE + GRACE)

    def outcome(self) -> Outcome:
        """Judge it."""
        accounts = self._accounts.values()
        for account in accounts:
            account.settle()
        up, down = total(account.up() for account in accounts), total(account.down() for account in accounts)
        own = [f"session {account.name}: {fault}" for account in accounts for fault in account.faults]
        return Outcome(
            self._plan,
            up,
            down,
            [*self._faults, *own, *untried(up, down, self._world.troubles)],
            dict(Counter(account.reason or "never" for account in accounts)),
            dict(sorted(self._world.troubles.items())),
            dict(sorted(Counter(outcome for account in accounts for outcome in account.receipts).items())),
            self._trace.hexdigest(),
        )


def untried(up: Counts, down: Counts, troubles: Mapping[str, int]) -> list[str]:
    """Tell what a run has not tried at all: that nothing of it went wrong says nothing."""
    tried = {
        "no packet was sent to the application": up.sent,
        "no packet was sent to a page": down.sent,
        "no trouble was made": sum(troubles.values()),
    }
    return [lacking for lacking, count in tried.items() if not count]


@contextmanager
def quiet() -> Generator[None]:
    """Log nothing of the server: crashes on purpose are no news."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(disabled)


@contextmanager
def seeded_ids(seed: int) -> Generator[None]:
    """Draw session ids and names from the seed: only here, where they are no secrets."""
    chance = Random(f"{seed}/ids")  # noqa: S311 - see above

    def token(size: int) -> str:
        return urlsafe_b64encode(chance.randbytes(size)).decode()

    def name(size: int) -> str:
        return chance.randbytes(size).hex()

    with (
        patch.object(secrets, "token_urlsafe", token),
        patch.object(secrets, "token_hex", name),
        patch.object(ids, "urandom", chance.randbytes),
    ):
        yield


@contextmanager
def virtual_dates() -> Generator[None]:
    """Write Trio's time into the headers of responses, and not that of the day."""
    encoder = partial(ResponseEncoder, trio.current_time)
    with patch("cometary.transport.http.protocol.ResponseEncoder", encoder):
        yield
