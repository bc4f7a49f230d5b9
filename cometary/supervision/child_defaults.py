"""How a dynamic supervisor treats children that were started as a class, for which no `ChildSpec` says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from cometary.actors import ActorRef, Future
from cometary.actors.exits import RESTARTS, Restart
from cometary.supervision.options import Shutdown, check_choice, check_instance, check_seconds, check_shutdown


@dataclass(frozen=True, slots=True)
class ChildDefaults:
    """What a `ChildSpec` would say about children that are started as a class; see there.

    Raises:
        SpecError: if a field has a value that it may not have; the calling code's fault.
    """

    restart: Restart
    shutdown: Shutdown | None
    start_timeout: float
    keep_mail: bool
    extra_arguments: tuple[Any, ...]

    def __post_init__(self) -> None:
        check_choice("restart", self.restart, RESTARTS)
        check_shutdown("shutdown", self.shutdown)
        check_seconds("start_timeout", self.start_timeout, above=0)
        check_instance("keep_mail", self.keep_mail, bool, "True or False")
        check_instance("extra_arguments", self.extra_arguments, tuple, "a tuple")


class StartOverdue(NamedTuple):
    """To the supervisor, from itself: the time is up that a child had for its `on_start`."""

    ref: ActorRef[Any]
    started: Future[None]
    seconds: float

    def act(self) -> None:
        """Crash the child, unless it has started by now."""
        if not self.started.done():
            self.ref.actor_inbox.fail(TimeoutError(f"it did not start within {self.seconds} s"), None)
