"""Dynamic children whose start somebody waits for: they are children from when their `on_start` has run, or not at all.

1.  The supervisor does not wait itself, so that a slow start holds up nobody but whoever asked for it.
2.  A child that ends before it has started is not restarted, and no restart is counted: whoever asked is told why.

Source: OTP, `supervisor:start_child/2`, and `proc_lib:start_link/5`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from cometary.actors import ActorRef, Exit, Future
from cometary.errors import ChildStartError, StartIgnoredError
from cometary.escapes import really

AnyRef = ActorRef[Any]


class AwaitedStarts:
    """Who waits for which child.

    Args:
        started: called with each child that has started.

    Attributes:
        answers: what those get who wait, for each child that has not started yet.
    """

    def __init__(self, started: Callable[[AnyRef], None]) -> None:
        self._has_started = started
        self.answers: dict[AnyRef, Future[AnyRef]] = {}

    def add(self, ref: AnyRef, started: Future[None], answer: Future[AnyRef]) -> None:
        """Settle `answer` when the child has started, as `started` tells, or has ended before."""
        self.answers[ref] = answer
        started.add_done_callback(partial(self._started, ref))

    def _started(self, ref: AnyRef) -> None:
        if ref.actor_inbox.actor is None:
            return  # it has ended, and `failed` is called next
        answer = self.answers.pop(ref, None)
        if answer is not None:
            self._has_started(ref)
            answer.offer(ref)

    def failed(self, ref: AnyRef, exit: Exit) -> None:  # noqa: A002 - OTP's word
        """Tell whoever waits that the child has ended with `exit` before it had started."""
        self.answers.pop(ref).offer(error=not_started(exit))


def not_started(exit: Exit) -> Exception:  # noqa: A002 - OTP's word
    """Return what is raised for whoever has asked for a child that has ended with `exit` before it had started."""
    if really(exit.error, StartIgnoredError):
        return StartIgnoredError("the child is not needed now")
    failure = ChildStartError(f"a child did not start: {exit}")
    failure.__cause__ = exit.error
    return failure
