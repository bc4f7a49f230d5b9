"""Sessions are counted bit by bit, and what they have done never falls."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from cometary.actors import system
from cometary.app import App
from cometary.packets.packet import Packet
from cometary.server.metrics.census import SLICE, Rising, take_census
from cometary.server.metrics.crashes import MOST, Crashes
from cometary.server.metrics.lag import PERIOD, LoopLag
from cometary.sessions.totals import Totals
from cometary.supervision import CrashReport
from tests.sessions.house import Visitor, hosting


async def test_everybody_else_has_a_turn_meanwhile() -> None:
    async with system(), hosting(App()) as manager:
        visitors = [Visitor(manager) for _ in range(3 * SLICE)]
        turns = 0

        async def count_turns() -> None:
            nonlocal turns
            while True:
                turns += 1
                await trio.lowlevel.checkpoint()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(count_turns)
            census = await take_census(manager)
            nursery.cancel_scope.cancel()
    assert census.by_state == {("waiting", "polling"): len(visitors)}
    assert turns >= 2


async def test_a_session_that_ends_meanwhile_is_counted_once_or_not_at_all() -> None:
    async with system(), hosting(App()) as manager:
        visitors = [Visitor(manager) for _ in range(2 * SLICE)]
        for visitor in (visitors[0], visitors[-1]):
            await visitor.ask(Packet("unknown"))
        rising = Rising()
        assert rising.of((await take_census(manager)).totals)["received"] == 2

        async def end_both() -> None:
            for visitor in (visitors[0], visitors[-1]):
                visitor.keeper.end("kicked")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(end_both)
            during = (await take_census(manager)).totals.received
        assert during <= 2
        await trio.testing.wait_all_tasks_blocked()
        assert rising.of((await take_census(manager)).totals)["received"] == 2


def test_a_sum_never_falls() -> None:
    rising = Rising()
    assert [rising.of(Totals(sent=sent))["sent"] for sent in (1, 5, 3, 7)] == [1, 5, 5, 7]


async def test_the_loops_lag_is_how_late_a_task_is_called(autojump_clock: MockClock) -> None:
    lag = LoopLag()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lag.look)
        await trio.sleep(2.5 * PERIOD)
        assert lag.histogram.count == 2
        autojump_clock.jump(PERIOD)
        await trio.sleep(0.01)
        nursery.cancel_scope.cancel()
    assert lag.histogram.sum == pytest.approx(0.5 * PERIOD, abs=0.05)


def report(supervisor: str, child: str = "child") -> CrashReport:
    return CrashReport(
        supervisor, child, "Actor", None, (), "crashed", None, None, None, None, "restart", 0, 0.0
    )


def test_crashes_are_counted_by_the_supervisors_near_the_root() -> None:
    crashes = Crashes()
    for supervisor in ("cometary", "cometary/sessions", "cometary/application/a/b", "cometary/application/c"):
        crashes.note(report(supervisor))
    assert crashes.counts == {
        ("cometary", "restart"): 1,
        ("cometary/sessions", "restart"): 1,
        ("cometary/application", "restart"): 2,
    }


def test_the_latest_crashes_are_kept() -> None:
    crashes = Crashes()
    for number in range(MOST + 1):
        crashes.note(report("cometary", str(number)))
    assert [crashes.reports[0].child, crashes.reports[-1].child] == ["1", str(MOST)]
