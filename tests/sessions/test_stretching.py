"""A queue that is full, and whose client reads: it is stretched, and for how long."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from cometary.actors import system
from cometary.app import App
from cometary.packets.contract import make_contract
from cometary.packets.packet import Packet
from cometary.packets.tracked import tracked
from cometary.sessions import SessionManager
from cometary.sessions.allowance import ALLOWANCE, FREE, Allowance
from cometary.sessions.events import Heard, Stream
from cometary.sessions.flow import PATIENCE
from cometary.sessions.keeper import BEHIND, TOO_SLOW, UP_TO_DATE
from cometary.sessions.session_arbiter import LAG
from tests.sessions.house import Visitor, hosting

LIMIT = 4
Make = Callable[[int], list[Packet]]


@pytest.fixture
async def manager() -> AsyncIterator[SessionManager]:
    async with system(), hosting(App(), max_queued_packets=LIMIT, max_response_bytes=1, die=600) as manager:
        yield manager


class Reading(Stream):
    """A stream that takes all."""

    def write(self, first_seq: int, packets: object) -> bool:
        return True

    def release(self) -> None: ...


async def send(visitor: Visitor, *packets: Packet) -> None:
    for packet in packets:
        visitor.keeper.tell(packet)
    await wait_all_tasks_blocked()


def plain(count: int) -> list[Packet]:
    return [Packet("a") for _ in range(count)]


def with_receipts(count: int) -> list[Packet]:
    return [tracked("a", receipt="r") for _ in range(count)]


@pytest.mark.parametrize("make", [plain, with_receipts])
async def test_twice_as_much_waits_for_a_client_that_reads_and_no_more(
    manager: SessionManager, make: Make
) -> None:
    visitor = Visitor(manager)
    await send(visitor, *make(LIMIT))
    keeper, outbox = visitor.keeper, visitor.keeper.machine.outbox
    assert (keeper.lag, outbox.max_packets) == (UP_TO_DATE, LIMIT)
    await send(visitor, *make(LIMIT))
    assert (keeper.lag, keeper.ended, len(outbox)) == (BEHIND, None, 2 * LIMIT)
    await send(visitor, *make(1))
    assert keeper.ended == "overflow"
    assert manager.statistics()["undelivered"] == 2 * LIMIT + 1


@pytest.mark.parametrize("make", [plain, with_receipts])
async def test_nobody_waits_for_a_client_that_does_not_read(
    manager: SessionManager, autojump_clock: MockClock, make: Make
) -> None:
    visitor = Visitor(manager)
    await trio.sleep(PATIENCE + 1)
    await send(visitor, *make(LIMIT))
    assert visitor.keeper.ended is None
    await send(visitor, *make(1))
    assert visitor.keeper.ended == "overflow"


async def test_one_that_has_caught_up_by_half_has_room_again_as_at_first(manager: SessionManager) -> None:
    visitor = Visitor(manager)
    await send(visitor, *plain(LIMIT + 1))
    assert visitor.keeper.lag == BEHIND
    keeper, outbox = visitor.keeper, visitor.keeper.machine.outbox
    while keeper.lag == BEHIND:
        assert len(outbox) > LIMIT // 2
        assert outbox.max_packets == 2 * LIMIT
        await visitor.ask()
    assert (keeper.lag, len(outbox), outbox.max_packets) == (UP_TO_DATE, LIMIT // 2, LIMIT)
    timer = keeper.timer(LAG)
    assert timer is not None
    assert not timer.running
    assert manager.flow.behind == {}


@pytest.mark.parametrize("way", ["a sign of life", "another stream"])
async def test_a_stream_s_client_may_have_caught_up_too(manager: SessionManager, way: str) -> None:
    visitor, stream = Visitor(manager), Reading()
    await send(visitor, *plain(LIMIT + 1))
    keeper = visitor.keeper
    keeper.attach(stream, 0)
    await wait_all_tasks_blocked()
    assert keeper.lag == BEHIND
    if way == "a sign of life":
        keeper.tell(Heard(stream, LIMIT))
    else:
        keeper.attach(stream, LIMIT)
    await wait_all_tasks_blocked()
    assert keeper.lag == UP_TO_DATE


async def test_a_client_that_a_stream_carries_reads(
    manager: SessionManager, autojump_clock: MockClock
) -> None:
    visitor = Visitor(manager)
    visitor.keeper.attach(Reading(), 0)
    await trio.sleep(PATIENCE + 1)
    await send(visitor, *plain(LIMIT + 1))
    assert visitor.keeper.lag == BEHIND
    assert visitor.keeper.ref in manager.flow.behind


async def test_nobody_waits_for_a_client_whose_allowance_is_used_up(manager: SessionManager) -> None:
    visitor = Visitor(manager)
    await send(visitor, *plain(LIMIT))
    visitor.keeper.allowance = Allowance(visitor.keeper.now(), 0.0)
    visitor.keeper.allowance.end(visitor.keeper.now() + 5, 1)
    await send(visitor, *plain(1))
    assert visitor.keeper.ended == "overflow"


async def test_for_as_long_as_others_have_waited_less_is_left_and_it_is_taken_once(
    manager: SessionManager, autojump_clock: MockClock
) -> None:
    visitor = Visitor(manager)
    await send(visitor, *plain(LIMIT + 1))
    await trio.sleep(PATIENCE + 1)
    keeper = visitor.keeper
    assert keeper.lag == TOO_SLOW
    assert keeper.allowance is not None
    assert keeper.allowance.left == pytest.approx(ALLOWANCE - (PATIENCE - FREE))
    while keeper.lag == TOO_SLOW:
        await visitor.ask()
    assert keeper.allowance.left == pytest.approx(ALLOWANCE - (PATIENCE - FREE))


async def test_one_that_stays_behind_is_too_slow_and_is_so_no_more_when_it_has_caught_up(
    manager: SessionManager, autojump_clock: MockClock
) -> None:
    visitor = Visitor(manager)
    await send(visitor, *plain(LIMIT + 1))
    await trio.sleep(PATIENCE + 1)
    keeper = visitor.keeper
    assert (keeper.lag, manager.flow.behind) == (TOO_SLOW, {})
    while keeper.lag == TOO_SLOW:
        assert len(keeper.machine.outbox) > LIMIT // 2
        await visitor.ask()
    assert (keeper.lag, len(keeper.machine.outbox)) == (UP_TO_DATE, LIMIT // 2)


async def test_what_expires_leaves_room(manager: SessionManager, autojump_clock: MockClock) -> None:
    visitor = Visitor(manager)
    await send(visitor, *[tracked("a", ttl=0.5) for _ in range(LIMIT + 1)])
    assert visitor.keeper.lag == BEHIND
    await trio.sleep(0.75)
    assert (visitor.keeper.lag, len(visitor.keeper.machine.outbox)) == (UP_TO_DATE, 0)


async def test_a_contract_that_closes_has_a_limit_of_its_own(manager: SessionManager) -> None:
    visitor = Visitor(manager)
    closing = make_contract("close", limit=2)
    await send(visitor, *[tracked("a", contract=closing) for _ in range(2)])
    assert len(visitor.keeper.machine.outbox) == 2
    await send(visitor, tracked("a", contract=closing))
    assert (visitor.keeper.ended, visitor.keeper.lag) == ("overflow", UP_TO_DATE)
