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

from trio.lowlevel import checkpoint_if_cancelled

from cometary.actors.future import Future

if TYPE_CHECKING:
    from cometary.actors.scheduler import Scheduler

T = TypeVar("T")


class Question(Future[T]):
    """What `ask` sends, and what it returns; see the rules above.

    Args:
        message: what the actor is asked.
        scheduler: that of the system in which the actor lives.
    """

    def __init__(self, message: Any, scheduler: Scheduler) -> None:  # pyright: ignore[reportMissingSuperCall]
        self.message = message
        self._scheduler = scheduler

    def __repr__(self) -> str:
        return f"<Question {self.message!r}, {'answered' if self.done() else 'open'}>"

    def __await__(self) -> Generator[Any, Any, T]:
        if not self._scheduler.run_ahead() or not self._done:
            return (yield from self._wait().__await__())
        yield from checkpoint_if_cancelled().__await__()  # noqa: ASYNC105 - a generator cannot say await
        value: Any = self._value
        return value if self._error is None else self.get()

    __iter__ = __await__
