"""A session over HTTP: the packets of answers that come on two connections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import trio
from trio.testing import wait_all_tasks_blocked

from cometary.client.bodies import Answer, Packet, Welcome
from cometary.client.line import Line
from cometary.client.way import Way


class Answers:
    """Stands for the way to a server that answers two requests at once, and then no more."""

    def __init__(self) -> None:
        self._answers = [Answer([Packet("a", 3)], seq=3), Answer([Packet("a", 1), Packet("a", 2)], seq=1)]

    async def post(self, *_: object) -> Answer:
        if not self._answers:
            await trio.sleep_forever()
        return self._answers.pop()


async def test_the_packets_of_an_answer_are_taken_before_those_of_the_next() -> None:
    taken: list[Any] = []

    async def hear(packets: Sequence[Packet]) -> None:
        for packet in packets:
            await wait_all_tasks_blocked()
            taken.append(packet.message)

    async def refused(*_: object) -> None:
        pass

    welcome = Welcome("sid", die=45, requests=2)
    line = Line(cast("Way", Answers()), welcome, None, hear, refused)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(line.run)
        line.send(b"{}")
        await wait_all_tasks_blocked(0.01)
        line.send(b"{}")
        await wait_all_tasks_blocked(0.05)
        nursery.cancel_scope.cancel()
    assert taken == [1, 2, 3]
