"""The engines that there are, and nodes on them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import trio

from cometary.cluster.change import Change, Verdict
from cometary.cluster.engine import Engine
from cometary.cluster.local import LocalEngine, SharedState
from cometary.cluster.record import Record
from cometary.cluster.redis.engine import RedisEngine

NewEngine = Callable[[str, float], Engine]
"""Makes the engine of a node, by its name and the length of its lease (seconds); all have the same neighbours."""


def local_engines() -> NewEngine:
    shared = SharedState()
    return lambda node, lease: LocalEngine(shared, node, lease=lease)


def redis_engines(url: str, replicas: int = 0) -> NewEngine:
    return lambda node, lease: RedisEngine(url, node, lease=lease, replicas=replicas)


@asynccontextmanager
async def running(engine: Engine, address: str = "") -> AsyncGenerator[Engine]:
    """Run the engine of a node that has joined, until the end of the block; then the node is as if it were killed."""
    async with trio.open_nursery() as nursery:
        await engine.join(address)
        nursery.start_soon(engine.run)
        yield engine
        nursery.cancel_scope.cancel()


async def commit(engine: Engine, sid: str, generation: int, version: int, change: Change) -> Verdict:
    """Commit and wait for what comes of it."""
    return await _answer(lambda answered: engine.commit(sid, generation, version, change, answered))


async def restore(engine: Engine, sid: str, record: Record) -> Verdict:
    """Put a record back and wait for what comes of it."""
    return await _answer(lambda answered: engine.restore(sid, record, answered))


async def _answer(call: Callable[[Callable[[Verdict], object]], None]) -> Verdict:
    answer, answered = list[Verdict](), trio.Event()

    def take(verdict: Verdict) -> None:
        answer.append(verdict)
        answered.set()

    call(take)
    assert not answer, "the callback is called within the call"
    await answered.wait()
    return answer[0]
