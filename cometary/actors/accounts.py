"""What is said of an actor: in logs, and to those whom it will not answer."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from cometary.actors.exits import FORKED, KILLED, Exit
from cometary.actors.forking import LEFT_BEHIND
from cometary.actors.states import ENDING, Standing
from cometary.errors import ActorEndedError, StartIgnoredError
from cometary.escapes import class_name, really
from cometary.log import get_logger

if TYPE_CHECKING:
    from cometary.actors.cell import Parent
    from cometary.actors.ref import ActorRef
    from cometary.actors.system import ActorSystem

logger = get_logger("cometary.actors")


class Accountable(Standing):
    """Who the actor is, who decides about it, and how it has ended."""

    __slots__ = ("exit", "parent", "ref")

    def __init__(self, system: ActorSystem) -> None:
        super().__init__(system)
        self.ref: ActorRef[Any]  # set by whoever makes the cell, at once
        self.parent: Parent | None = None
        self.exit: Exit | None = None

    def log_fatal(self, error: BaseException) -> None:
        """Log the exception that ends the actor; if it has a supervisor, that will report it."""
        if self.starting is not None and really(error, StartIgnoredError):
            return  # OTP's `ignore`: it is what the actor wants
        if self.parent is None or self.state == ENDING:  # ENDING: it has a fate already, and this is lost
            self.log_crash(error)

    def log_crash(self, error: BaseException) -> None:
        """Log an unexpected exception the way Pykka does: it must never pass in silence."""
        logger.error(
            "actor crashed", text=f"Unhandled exception in {self.ref}:", **self.account(), exc_info=error
        )

    def log_stop(self, exit: Exit) -> None:  # noqa: A002
        """Log that an actor without a supervisor has stopped for a reason that is neither `normal` nor `shutdown`."""
        if exit.abnormal and self.parent is None:
            text = f"{self.ref} stopped: {exit}"
            logger.error(
                "actor stopped", text=text, reason=exit.reason, **self.account(), exc_info=exit.error
            )

    def log_returned(self, error: BaseException) -> None:
        """Log an exception that goes to whoever asked, the way Pykka does."""
        if logger.isEnabledFor(logging.INFO):  # what is said of the actor costs more than all the rest
            text = f"Exception returned from {self.ref} to caller:"
            logger.info("exception returned", text=text, **self.account(), exc_info=error)

    def account(self) -> dict[str, str]:
        """Tell who it is, for a log."""
        return {"actor": class_name(self.ref.actor_class), "urn": self.ref.actor_urn}

    def dead(self, exit: Exit | None = None) -> ActorEndedError:  # noqa: A002
        """Return the error for a message that nobody will handle; by default the actor has ended already."""
        return self._ended("stopped before handling the message", exit or self.exit or KILLED)

    def not_found(self) -> ActorEndedError:
        """Return the error for whoever wants something of an actor that has ended."""
        return self._ended("not found", self.exit or KILLED)

    def _ended(self, what: str, exit: Exit) -> ActorEndedError:  # noqa: A002
        text = LEFT_BEHIND if exit.reason == FORKED.reason else f"{what}; it ended: {exit}"
        error = ActorEndedError(f"{self.ref} {text}", exit.reason)
        error.__cause__ = exit.error
        return error
