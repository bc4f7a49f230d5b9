"""What a dynamic supervisor sends to itself, so that calls and the order to stop are served in between.

A supervisor that is restarted keeps its mail: what one incarnation sent, the next may read. It
does not know the children of the former, and drops what is about them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from cometary.actors import ActorRef, Exit, Future

AnyRef = ActorRef[Any]


class TryAgain(NamedTuple):
    """To itself: the constructor of a child failed at its restart."""

    ref: AnyRef


class RestartNow(NamedTuple):
    """To itself: the back-off of a child is over."""

    ref: AnyRef


class GiveUp(NamedTuple):
    """To itself: children were restarted too often; stop them all, and end."""

    exit: Exit


class StartOverdue(NamedTuple):
    """To itself: the time is up that a child had for its `on_start`."""

    ref: AnyRef
    started: Future[None]
    seconds: float

    def act(self) -> None:
        """Crash the child, unless it has started by now."""
        if not self.started.done():
            self.ref.actor_inbox.fail(TimeoutError(f"it did not start within {self.seconds} s"), None)
