"""What the scheduler counts."""

from __future__ import annotations

from typing import Any

from trio.testing import wait_all_tasks_blocked

from cometary.actors import Actor, system
from tests.orders import first_come_first_served


class Quiet(Actor):
    def on_receive(self, message: Any) -> Any:
        return message


async def test_messages_turns_and_batches_are_counted() -> None:
    first_come_first_served()
    async with system() as actors:
        scheduler = actors.scheduler
        refs = [Quiet.start() for _ in range(3)]
        await wait_all_tasks_blocked()
        before = scheduler.statistics()
        assert (before.turns, before.messages, before.ready) == (
            3 + 3,
            3 + 3,
            0,
        )  # a start, and a look for mail
        for _ in range(250):
            refs[0].tell("x")
        refs[1].tell("x")
        assert scheduler.statistics().ready == 2
        await wait_all_tasks_blocked()
        after = scheduler.statistics()
        # 100 of the first, one of the second, 100 of the first; then the batch is full; then 50.
        assert after.messages - before.messages == 251
        assert after.turns - before.turns == 4
        assert after.batches - before.batches == 2
        assert after.ready == 0
