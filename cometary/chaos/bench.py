"""One run: from its plan to its report."""

from __future__ import annotations

import resource
import secrets
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Final

import trio

from cometary.chaos.crashing import Crashing
from cometary.chaos.fleet import Fleet
from cometary.chaos.habits import MODES, troubles_of
from cometary.chaos.killing import Killing
from cometary.chaos.memory import Memory
from cometary.chaos.mortals import Mortals
from cometary.chaos.nodes.balancer import Balancer, Behind
from cometary.chaos.nodes.faults import FAULTS, Faults
from cometary.chaos.nodes.house import APP, House, own_house
from cometary.chaos.nodes.outcome import outcome_of
from cometary.chaos.own_server import own_server
from cometary.chaos.progress import Progress
from cometary.chaos.report import Report
from cometary.chaos.shared import Shared, Target, find
from cometary.chaos.tempo import Tempo, answers_of
from cometary.chaos.xmpp_echo import xmpp_echo
from cometary.chaos.zombies import MOST
from cometary.errors import TargetError

if TYPE_CHECKING:
    from pathlib import Path

    from cometary.chaos.plan import Plan

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
SPARE: Final = 200
"""Descriptors beyond those of the pages."""


class Bench:
    """One run.

    Args:
        plan: what it is to do.
        secret: of the control interface.
        token: for the server's authenticator.
        app: what nodes of its own serve.
    """

    def __init__(
        self, plan: Plan, secret: str | None = None, token: str | None = None, *, app: str = APP
    ) -> None:
        self._app = app
        self._plan = plan
        self._secret = secret
        self._seed = secrets.randbits(32) if plan.seed is None else plan.seed
        self._shared = Shared(token, tempo=Tempo(plan.sessions))
        self._crashing: Crashing | None = None
        self._killing: Killing | None = None
        self._memory: Memory | None = None
        self._house: House | None = None
        self._faults: Faults | None = None
        self._progress = Progress(sys.stderr)
        self._target: Target
        self._fleet: Fleet
        self._mortals: Mortals
        self._began = 0.0
        self._sent_for = 0.0
        self.log: Path | None = None
        """Where the log of the bench's own server is, if it started one."""

    async def run(self) -> Report:
        """Run it.

        Raises:
            TargetError: the server cannot be reached, or will not have it; the environment's fault.
            ConfigError: it is another machine's; the fault of the one who started the run.
        """
        allow_descriptors(self._plan)
        async with AsyncExitStack() as stack:
            url, control, pid = await self._find_server(stack)
            stack.callback(self._shared.zombies.close)
            if self._plan.watch_memory and pid is not None:
                self._memory = Memory(pid)
            if self._plan.kills and pid is not None:  # in a house, it is a fault
                every = self._plan.kill_worker_every
                self._killing = Killing(pid, every, self._shared.deaths, self._chance("workers"))
            anywhere = self._plan.beyond_loopback
            target = await find(url, anywhere=anywhere)
            if self._plan.crashes and control is not None:
                call = await find(f"{control.rstrip('/')}/crash", anywhere=anywhere, secret=self._secret)
                self._crashing = Crashing(call, self._plan.crash_every)
            self._target = target
            self._mortals = Mortals(target, self._shared.token)
            if self._house is not None:
                await self._stand_before(self._house, stack)
            self._fleet = Fleet(self._plan, target, self._seed, self._shared)
            await self._run_pages()
        if self._shared.fatal is not None:
            raise self._shared.fatal
        return self._report(url)

    async def _find_server(self, stack: AsyncExitStack) -> tuple[str, str | None, int | None]:
        plan = self._plan
        if plan.url is not None:
            return plan.url, plan.control, plan.pid
        if plan.breaks_nodes:
            self._house = await stack.enter_async_context(own_house(plan, self._chance("ports"), self._app))
            self.log = self._house.folder
            return self._house.nodes[0].comet, None, None
        beside = await self._beside(stack)
        server = await stack.enter_async_context(own_server(plan, beside))
        if plan.speaks == "stomp":
            self._shared.beside = await find(f"http://127.0.0.1:{beside}", anywhere=False)
        self.log = server.log
        return server.comet, server.control, server.pid

    async def _stand_before(self, house: House, stack: AsyncExitStack) -> None:
        """Have requests go to all nodes, and something to be broken."""
        behind = [Behind(node.name, await find(node.comet, anywhere=False)) for node in house.nodes]
        self._shared.balancer = balancer = Balancer(behind)
        stack.callback(balancer.close)
        fault = FAULTS[self._plan.mode](house, self._plan, self._chance("faults"))
        shared = self._shared
        every = self._plan.kill_worker_every if self._plan.kills else self._plan.fault_every
        self._faults = Faults(fault, every, shared.moves, shared.troubles)

    def _chance(self, what: str) -> Random:
        return Random(f"{self._seed}/{what}")  # noqa: S311 - to be repeated, not secret

    async def _beside(self, stack: AsyncExitStack) -> int:
        """Return the port of what is beside the server: an XMPP server behind it, or where it is to speak STOMP."""
        if self._plan.speaks == "bosh":
            return await stack.enter_async_context(xmpp_echo())
        with socket.create_server(("127.0.0.1", 0)) as listener:  # free now, and most probably a moment later
            return int(listener.getsockname()[1])

    async def _run_pages(self) -> None:
        with self._shared.scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._progress.run, self._line)
                balancer = self._shared.balancer
                if balancer is not None:
                    nursery.start_soon(balancer.run)
                answers = partial(answers_of, self._target) if balancer is None else balancer.answers
                nursery.start_soon(self._or_give_up, partial(self._shared.tempo.run, answers))
                async with self._fleet.running():
                    await self._make_trouble()
                    self._fleet.calm_down()
                    await self._fleet.come_home(self._plan.drain)
                    if (
                        self._killing is None and self._house is None
                    ):  # else what is known of them ends with a worker
                        await self._mortals.settle()
                nursery.cancel_scope.cancel()

    async def _make_trouble(self) -> None:
        """Let the pages do what they do, for as long as was planned or until a signal comes."""
        self._began = trio.current_time()
        with trio.open_signal_receiver(*SIGNALS) as signals:
            self._progress.say(f"{self._fleet.opened} sessions are open")
            async with trio.open_nursery() as nursery:
                if self._faults is not None:
                    nursery.start_soon(self._or_give_up, self._faults.run)
                elif self._killing is not None:
                    nursery.start_soon(self._killing.run)
                else:
                    nursery.start_soon(self._mortals.run)
                if self._crashing is not None:
                    nursery.start_soon(self._or_give_up, self._crashing.run)
                if self._memory is not None:
                    nursery.start_soon(self._or_give_up, self._memory.watch)
                nursery.start_soon(self._end_in_time, nursery.cancel_scope)
                await anext(signals)
                nursery.cancel_scope.cancel()
        self._sent_for = trio.current_time() - self._began

    async def _end_in_time(self, scope: trio.CancelScope) -> None:
        await self._shared.tempo.pass_by(self._plan.seconds)
        scope.cancel()

    async def _or_give_up(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except TargetError as error:
            self._shared.give_up(str(error))

    # -- what is told ---------------------------------------------------------------------------

    def _line(self) -> str:
        plan, fleet, shared = self._plan, self._fleet, self._shared
        if not self._began:
            return f"{fleet.opened} of {plan.sessions} sessions open"
        up, down = fleet.up(), fleet.down()
        words = [
            f"{shared.tempo.passed:.0f} of {plan.seconds:.0f} s",
            f"sent {up.sent}, answered {up.sent - fleet.outstanding}",
            f"doubled {up.doubled + down.doubled}, reordered {up.reordered + down.reordered}",
            f"missing {down.lost}",
            f"broken {fleet.cuts}",
            f"replay p99 {shared.replays.at(0.99) * 1000:.0f} ms",
        ]
        if self._house is not None:
            moves = shared.moves
            words[-2:] = [
                f"faults {sum(shared.troubles.values())}",
                f"moved {moves.count}, recovery p99 {moves.recoveries.at(0.99) * 1000:.0f} ms",
            ]
        if self._crashing is not None:
            words.append(f"crashed {self._crashing.crashed}")
        if self._killing is not None:
            words.append(f"killed {shared.deaths.count}")
        if self._memory is not None:
            words.append(f"memory {self._memory.now / 1e6:.1f} MB")
        return "; ".join(words)

    def _report(self, url: str) -> Report:
        fleet, shared, memory = self._fleet, self._shared, self._memory
        replays, zombies = shared.replays, shared.zombies
        crashed = self._crashing.crashed if self._crashing else 0
        return Report(
            mode=self._plan.mode,
            url=url,
            sessions=len(fleet.pages),
            seconds=self._sent_for,
            seed=self._seed,
            up=fleet.up(),
            down=fleet.down(),
            seen_off=self._mortals.ended,
            endings=self._mortals.counts,
            broken=fleet.cuts,
            crashed=crashed,
            troubles={
                **shared.troubles,
                "crashed": crashed,
                "killed": shared.deaths.count + shared.troubles["killed"],
            },
            promised=troubles_of(self._plan.mode),
            replays=replays.summary(),
            killed=shared.deaths.count,
            orphans=shared.deaths.told.summary(),
            nodes=None if self._house is None else outcome_of(self._plan.mode, self._house, shared, fleet),
            zombies={"left": zombies.left, "closed": zombies.closed, "longest": zombies.longest},
            lag={"p99": shared.tempo.lag.at(0.99), "max": shared.tempo.lag.longest},
            answers={"p99": shared.tempo.answers.at(0.99), "max": shared.tempo.answers.longest},
            slowest=shared.tempo.slowest,
            ended=dict(shared.ended),
            refusals=dict(shared.refusals),
            excused=fleet.excused,
            memory=None
            if memory is None
            else {"first": memory.first, "most": memory.most, "growth": memory.growth},
            flat=None if memory is None else memory.flat,
        )


def allow_descriptors(plan: Plan) -> None:
    """Let this process, and the server that it may start, have as many descriptors as they need.

    Raises:
        TargetError: the system does not allow so many.
    """
    vanishing = any(habits.vanishes for habits in MODES[plan.mode])
    needed = 2 * plan.sessions + (MOST if vanishing else 0) + SPARE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and needed > hard:
        raise TargetError(f"{plan.sessions} sessions need {needed} descriptors, and the system allows {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))
