"""Small actors that are looked into; each exists with a plain handler and with an async one."""

from __future__ import annotations

from typing import Any

import pytest
import trio.testing

from cometary.actors import Actor

settled = trio.testing.wait_all_tasks_blocked


class Counter(Actor):
    """Counts what it is told; answers an `ask` with the count."""

    version = 1

    def __init__(self, count: int = 0) -> None:
        super().__init__()
        self.count = count
        self.got: list[Any] = []

    def on_receive(self, message: Any) -> Any:
        if message == "crash":
            raise RuntimeError("told to crash")
        if message == "leave":
            self.stop()
        self.count += 1
        self.got.append(message)
        return self.count


class AsyncCounter(Counter):
    """The same, with a task of its own."""

    async def on_receive(self, message: Any) -> Any:
        if isinstance(message, float):
            await trio.sleep(message)
        return super().on_receive(message)


KINDS = [Counter, AsyncCounter]
both = pytest.mark.parametrize("kind", KINDS)
