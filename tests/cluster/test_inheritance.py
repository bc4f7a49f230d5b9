"""The sessions of nodes that are gone are adopted sooner or later, and what prevents it is told once."""

from __future__ import annotations

import logging

import pytest
import trio
import trio.testing

from cometary.cluster.engine import PIECE
from cometary.cluster.inheritance import Inheritance, Prevented
from cometary.cluster.local import LocalEngine, SharedState
from cometary.cluster.record import Record, opened
from tests.cluster.conformance.engines import running

LEASE = 5.0
FULL = Prevented("the server is full", others=True)


class Heir:
    """A node that adopts what a node has left behind that was called `a`.

    Attributes:
        prevented: what prevents it at the moment.
        asked: the sessions that were to be adopted, one by one.
    """

    def __init__(self, sessions: int) -> None:
        self.shared = SharedState()
        self.engine = LocalEngine(self.shared, "b", lease=LEASE)
        self.prevented: Prevented | None = None
        self.asked = list[str]()
        self.stopping = False
        for number in range(sessions):
            self.shared.put(f"s{number:04}", opened("a", 1, b"on"))

    async def adopt(self, sid: str, node: str) -> bool | Prevented:
        self.asked.append(sid)
        owner = await self.engine.owner(sid)
        if self.prevented is not None:
            return self.prevented
        if owner is None or owner[0] != node:
            return False
        return isinstance(await self.engine.adopt(sid, owner[1]), Record)

    async def inherit(self, nursery: trio.Nursery) -> None:
        """Have the other node be gone."""
        Inheritance(self.engine, self.adopt, lambda: self.stopping, nursery.start_soon)
        async with running(LocalEngine(self.shared, "a", lease=LEASE)) as other:
            await self.engine.look()
            await other.leave()
        await self.engine.look()

    async def left(self) -> int:
        return len((await self.engine.sessions_of("a"))[0])


async def test_what_cannot_be_adopted_now_is_tried_again_and_told_of_once(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    heir = Heir(sessions=3)
    heir.prevented = FULL
    async with running(heir.engine), trio.open_nursery() as nursery:
        await heir.inherit(nursery)
        await trio.sleep(3.5 * LEASE)
        assert heir.asked == 4 * ["s0000"], "once a lease, and the others wait for the first"
        with caplog.at_level(logging.INFO):
            heir.prevented = None
            await trio.sleep(LEASE)
        assert await heir.left() == 0
        await trio.sleep(3 * LEASE)
        assert sorted(heir.asked[4:]) == ["s0000", "s0001", "s0002"], "nothing is left to try"
    warnings = [line.getMessage() for line in caplog.records if line.levelno == logging.WARNING]
    assert len(warnings) == 1, warnings


async def test_one_session_that_cannot_be_adopted_holds_up_no_other(
    autojump_clock: trio.testing.MockClock,
) -> None:
    heir = Heir(sessions=PIECE + 1)
    adopt = heir.adopt

    async def all_but_one(sid: str, node: str) -> bool | Prevented:
        return Prevented("its record cannot be read") if sid == "s0001" else await adopt(sid, node)

    heir.adopt = all_but_one  # type: ignore[method-assign]
    async with running(heir.engine), trio.open_nursery() as nursery:
        await heir.inherit(nursery)
        await trio.sleep(LEASE / 2)
        assert await heir.left() == 1
        assert len(heir.asked) == PIECE
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("why", ["it is back", "this server stops"])
async def test_nobody_goes_on_trying_when(why: str, autojump_clock: trio.testing.MockClock) -> None:
    heir = Heir(sessions=1)
    heir.prevented = FULL
    async with running(heir.engine), trio.open_nursery() as nursery:
        await heir.inherit(nursery)
        if why == "it is back":
            nursery.start_soon(LocalEngine(heir.shared, "a", lease=1_000).join, "")
        else:
            heir.stopping = True
        await trio.sleep(2 * LEASE)
        asked = len(heir.asked)
        await trio.sleep(5 * LEASE)
        assert len(heir.asked) == asked
