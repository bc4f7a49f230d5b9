"""A client whose accounts add up, or not: what it sends and what comes, in both directions at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import trio

from cometary.client import Comet, Reopened


class Account:
    """What a client has got.

    Args:
        url: the endpoint.
        stream: whether a stream carries what comes.
        resume: whether it says where it is; else it is a client of version 1.
    """

    def __init__(self, url: str, *, stream: bool = False, resume: bool = True) -> None:
        self.comet = comet = Comet(url, resume=resume, stream=stream)
        self.ticks: list[int] = []
        self.answers: list[Any] = []
        self.failed: list[Any] = []
        self.reopened: list[Reopened] = []
        self.gaps: list[str] = []
        self.said = 0
        self._came = trio.Event()
        for path, where in (("tick", self.ticks), ("said", self.answers), ("failed", self.failed)):
            comet.on(path)(self._noting(where))
        comet.reopened(self._noting_event(self.reopened))
        comet.gap(self._noting_gap)

    def _noting(self, where: list[Any]) -> Callable[[Any, str], None]:
        def note(message: Any, path: str) -> None:
            self._note(where, message)

        return note

    def _noting_event(self, where: list[Reopened]) -> Callable[[Reopened], None]:
        def note(reopened: Reopened) -> None:
            self._note(where, reopened)

        return note

    def _noting_gap(self, path: str) -> None:
        self._note(self.gaps, path)

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
        assert self.ticks == [*range(1, len(self.ticks) + 1)], self.ticks
        assert not self.reopened
