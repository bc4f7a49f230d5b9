"""A question on its way to an actor, and the answer to come: one object for both.

The answer is a future that is brought about by awaiting it, where that is possible. A question that is
sent on the loop is answered two rounds of Trio's later: in the next one the scheduler's task runs, and
in the one after that whoever asked. So whoever awaits the answer runs the scheduler's batch right
there, and goes on at once if that has brought it. Such an `await` notices a cancellation like any
other, but no other task runs meanwhile. The scheduler sees to it that they run often enough: it lets
only so much be run ahead of it (its rule 6), and when it refuses, the `await` is one like any other.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, TypeVar

import pykka
from trio.lowlevel import checkpoint_if_cancelled

from cometary.actors.future import Future
from cometary.errors import CallingSelfError

if TYPE_CHECKING:
    from cometary.actors.cell import Cell

T = TypeVar("T")


class Answer(Future[T]):
    """A future that one actor is to settle, in its turn; so it is no use to that actor to wait for it.

    Args:
        cell: the actor's.
    """

    def __init__(self, cell: Cell) -> None:  # pyright: ignore[reportMissingSuperCall]
        self.cell = cell

    async def _until_set(self) -> None:
        self.refuse_itself()
        await super()._until_set()

    def _block(self, timeout: float | None) -> None:
        self.refuse_itself()
        super()._block(timeout)

    def refuse_itself(self) -> None:
        """If it is the actor itself that is about to wait for this, have it fail at once."""
        if self.cell.calling_itself():
            self.offer(error=CallingSelfError(f"{self.cell.ref} waits for itself, and would for ever"))

    def _too_late(self, seconds: float) -> pykka.Timeout:
        return pykka.Timeout(f"{self.cell.ref} did not {self._duty} within {seconds} seconds")

    @property
    def _duty(self) -> str:
        return "serve a call of cometary.actors.sys"


class Question(Answer[T]):
    """What `ask` sends, and what it returns; see the rules above.

    Args:
        message: what the actor is asked.
        cell: the actor's.
    """

    def __init__(self, message: Any, cell: Cell) -> None:  # pyright: ignore[reportMissingSuperCall]
        self.message = message
        self.cell = cell

    def __repr__(self) -> str:
        return f"<Question {self.message!r}, {'answered' if self.done() else 'open'}>"

    @property
    def _duty(self) -> str:
        kind = type(self.message).__name__
        return "stop" if kind == "Stop" else f"answer a message of type {kind}"

    def __await__(self) -> Generator[Any, Any, T]:
        if not self.cell.system.scheduler.run_ahead() or not self._done:
            return (yield from self._wait().__await__())
        yield from checkpoint_if_cancelled().__await__()  # noqa: ASYNC105 - a generator cannot say await
        value: Any = self._value
        return value if self._error is None else self.get()

    __iter__ = __await__
