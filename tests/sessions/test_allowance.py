"""A client that is slow, on purpose or not, is waited for again and again, but not without end."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from cometary.actors import system
from cometary.app import App
from cometary.sessions import Packet, SessionManager
from cometary.sessions.allowance import ALLOWANCE, FREE, REFILL, Allowance
from cometary.sessions.flow import PATIENCE
from cometary.sessions.keeper import BEHIND, TOO_SLOW, UP_TO_DATE
from tests.sessions.house import Visitor, hosting

LIMIT = 10


@pytest.fixture
async def manager() -> AsyncIterator[SessionManager]:
    async with system(), hosting(App(), max_queued_packets=LIMIT, die=1000) as manager:
        yield manager


async def fill(visitor: Visitor, packets: int = LIMIT + 1) -> None:
    """Send a client that reads one packet more than its queue takes."""
    await visitor.ask()
    for number in range(packets):
        visitor.keeper.tell(Packet("a", number))
    await wait_all_tasks_blocked()


async def read_all(visitor: Visitor) -> None:
    for _ in range(5):
        await visitor.ask()
    assert not visitor.keeper.machine.outbox.packets


async def hold_up(visitor: Visitor, seconds: float) -> None:
    await fill(visitor)
    assert visitor.keeper.lag == BEHIND
    await trio.sleep(seconds)
    await read_all(visitor)
    assert visitor.keeper.lag == UP_TO_DATE


async def test_who_stalls_each_time_that_its_queue_fills_is_waited_for_so_long_in_all_and_no_longer(
    manager: SessionManager, autojump_clock: MockClock
) -> None:
    visitor = Visitor(manager)
    waited, holds = 0.0, 0
    began = trio.current_time()
    while trio.current_time() < began + 300:
        await fill(visitor)
        assert visitor.keeper.lag == BEHIND
        holds += 1
        for _ in range(20):
            await trio.sleep(0.5)
            waited += 0.5 if manager.flow.behind else 0.0
        await read_all(visitor)
    assert holds > 20
    assert 2 * PATIENCE - 1 <= waited <= ALLOWANCE + REFILL * 300 + FREE * holds


async def test_who_stalls_for_longer_than_it_is_allowed_is_ended(
    manager: SessionManager, autojump_clock: MockClock
) -> None:
    visitor = Visitor(manager)
    visitor.keeper.allowance = Allowance(trio.current_time(), 0.0)
    await fill(visitor)
    assert visitor.keeper.ended == "overflow"
    assert not manager.flow.behind


async def test_who_reads_is_waited_for_as_often_as_it_takes(
    manager: SessionManager, autojump_clock: MockClock
) -> None:
    visitor = Visitor(manager)
    for _ in range(100):
        await hold_up(visitor, FREE - 0.1)
    assert visitor.keeper.allowance is not None
    assert visitor.keeper.allowance.left == ALLOWANCE


async def test_what_is_too_much_for_all_is_charged_to_none_alone(
    manager: SessionManager, autojump_clock: MockClock
) -> None:
    visitors = [Visitor(manager) for _ in range(4)]
    for visitor in visitors:
        await fill(visitor)
    await trio.sleep(FREE + 4)
    for visitor in visitors:
        await read_all(visitor)
    left = [one.keeper.allowance.left for one in visitors if one.keeper.allowance is not None]
    assert left == pytest.approx([ALLOWANCE - 4 / waiting for waiting in (4, 3, 2, 1)])


async def test_who_has_used_its_allowance_up_has_some_again_later(
    manager: SessionManager, autojump_clock: MockClock
) -> None:
    visitor = Visitor(manager)
    visitor.keeper.allowance = Allowance(trio.current_time(), 2.0)
    await fill(visitor)
    await trio.sleep(FREE + 2.5)
    assert visitor.keeper.lag == TOO_SLOW, "it had three seconds"
    await read_all(visitor)
    await trio.sleep(100)
    await hold_up(visitor, 5)


def test_an_allowance_never_grows_beyond_what_everybody_has() -> None:
    allowance = Allowance(0.0)
    assert allowance.begin(1e6) == FREE + ALLOWANCE
    allowance.end(1e6 + FREE + 5, 1)
    assert allowance.left == pytest.approx(ALLOWANCE - 5)
    assert allowance.begin(1e6 + FREE + 5) == pytest.approx(FREE + ALLOWANCE - 5 + (FREE + 5) * REFILL)
