"""The count that goes on when its server is killed."""

from __future__ import annotations

import pytest
import trio

from cometary.cluster.local import LocalEngine, SharedState
from examples import lasting, lasting_client
from tests.cluster.nodes import node
from tests.cluster.switch import switch

pytestmark = pytest.mark.filterwarnings("ignore:Async generator 'httpx:ResourceWarning")

TIMES = 30


async def test_no_number_is_missing_and_none_comes_twice(capsys: pytest.CaptureFixture[str]) -> None:
    shared = SharedState()
    async with switch() as way, trio.open_nursery() as nursery:
        first = await node(nursery, LocalEngine(shared, "a", lease=0.5), lasting.app)
        way.lead_to(first.running.comet)
        nursery.start_soon(lasting_client.count, way.url, TIMES, 0.01)
        printed = ""
        while "5\n" not in printed:
            await trio.sleep(0.01)
            printed += capsys.readouterr().out
        await first.die()
        second = await node(nursery, LocalEngine(shared, "b", lease=0.5), lasting.app)
        way.lead_to(second.running.comet)
        with trio.fail_after(20):
            while f"{TIMES}\n" not in printed:
                await trio.sleep(0.01)
                printed += capsys.readouterr().out
        nursery.cancel_scope.cancel()
    numbers = [int(line) for line in printed.splitlines() if line.isdecimal()]
    assert numbers == [*range(1, TIMES + 1)]
    assert "a session goes on, which has counted up to" in printed
    assert "the session is lost" not in printed
