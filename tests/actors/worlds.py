"""The four worlds an actor may be used in; what Pykka promises must hold in each.

A scenario is an async function that starts actors through the world and gets answers with
`await world.answer(...)`. On the loop that really awaits; from a plain thread the call has
blocked, and the scenario runs to its end without ever being suspended.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

import pytest
import trio
import trio.testing

from cometary.actors import Actor, system, system_in_thread

C = TypeVar("C", bound=type[Actor])

PATIENCE = 30.0


class World:
    """Where a scenario runs, and how its actors' handlers are written."""

    def __init__(self, *, on_loop: bool, async_handlers: bool) -> None:
        self.on_loop = on_loop
        self.async_handlers = async_handlers

    def __str__(self) -> str:
        return f"{'loop' if self.on_loop else 'thread'}-{'async def' if self.async_handlers else 'def'}"

    def actor(self, actor_class: C) -> C:
        """Give `actor_class` an `async def on_receive` where this world has such."""
        if not self.async_handlers:
            return actor_class

        async def on_receive(self: Any, message: Any) -> Any:
            return actor_class.on_receive(self, message)

        return cast("C", type(actor_class.__name__, (actor_class,), {"on_receive": on_receive}))

    async def answer(self, reply: Any) -> Any:
        """Get what `ask`, `stop` or a proxied call answered."""
        if not hasattr(reply, "__await__"):
            return reply
        return await reply if self.on_loop else reply.get(timeout=PATIENCE)

    def run(self, scenario: Callable[[World], Awaitable[None]]) -> None:
        """Run `scenario` in this world, on a system of its own."""
        if self.on_loop:
            trio.run(self._inside, scenario, clock=trio.testing.MockClock(autojump_threshold=0))
            return
        with system_in_thread():
            steps = scenario(self).__await__()
            with pytest.raises(StopIteration):  # one step: nothing in it waits
                next(steps)

    async def _inside(self, scenario: Callable[[World], Awaitable[None]]) -> None:
        async with system():
            await scenario(self)


WORLDS = [
    World(on_loop=on_loop, async_handlers=handlers) for on_loop in (True, False) for handlers in (False, True)
]


def everywhere(scenario: Callable[[World], Awaitable[None]]) -> Callable[..., None]:
    """Make a test of `scenario` that runs it in all four worlds."""

    @pytest.mark.parametrize("world", WORLDS, ids=str)
    def test(world: World) -> None:
        world.run(scenario)

    test.__name__ = scenario.__name__
    return test
