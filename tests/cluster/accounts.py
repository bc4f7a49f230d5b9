"""A client whose accounts add up, or not: what it sends and what comes, in both directions at once."""

from __future__ import annotations

from typing import Any

import trio

from cometary.client import Comet, Reopened


class Account:
    """What a client has got.

    Args:
        url: the endpoint.
    """

    def __init__(self, url: str) -> None:
        self.comet = comet = Comet(url, resume=True)
        self.ticks: list[int] = []
        self.answers: list[Any] = []
        self.failed: list[Any] = []
        self.reopened: list[Reopened] = []
        self.gaps: list[str] = []
        self.said = 0
        self._came = trio.Event()
        comet.on("tick")(lambda message, path: self._note(self.ticks, message))
        comet.on("said")(lambda message, path: self._note(self.answers, message))
        comet.on("failed")(lambda message, path: self._note(self.failed, message))
        comet.reopened(lambda reopened: self._note(self.reopened, reopened))
        comet.gap(lambda path: self._note(self.gaps, path))

    def _note(self, where: list[Any], what: object) -> None:
        where.append(what)
        self._came.set()
        self._came = trio.Event()

    def say(self, count: int = 1) -> None:
        """Send the next numbers."""
        for _ in range(count):
            self.said += 1
            self.comet.send("say", self.said)

    async def until(self, condition: Any, seconds: float = 30) -> None:
        """Wait until it has got what it is to get."""
        with trio.fail_after(seconds):
            while not condition():
                await self._came.wait()

    async def answered(self) -> None:
        """Wait until all that it has said was answered."""
        await self.until(lambda: len(self.answers) >= self.said)

    def adds_up(self) -> None:
        """See that nothing was lost, doubled or reordered, and that it is the same session."""
        assert self.answers == [*range(1, self.said + 1)]
        assert self.ticks == [*range(1, len(self.ticks) + 1)]
        assert not self.reopened
