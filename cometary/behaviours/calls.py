"""What the calls of all behaviours have in common: whom they are for, and that what they call is their callers'."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from types import CoroutineType
from typing import Any

from cometary.actors import Actor, ActorRef
from cometary.actors.messages import as_told
from cometary.actors.names import Whom
from cometary.actors.system import actor_meant
from cometary.errors import UsageError
from cometary.escapes import exit_in


def behaviour_meant(whom: Whom, kind: type[Actor]) -> ActorRef[Any]:
    """Return who is meant, which must be a `kind`: any other actor would take the call for a message of its own.

    Raises:
        ActorEndedError: if nobody has the name.
        UsageError: for another actor; the caller's fault.
    """
    ref = actor_meant(whom)
    if not issubclass(ref.actor_class, kind):
        raise UsageError(f"{ref} is not of the class {kind.__name__}")
    return ref


def at_once(outcome: Any, what: str) -> Any:
    """Return the outcome of `what`, which has been called, unless that is a coroutine, which nobody would run.

    Raises:
        UsageError: if it is.
    """
    if type(outcome) is CoroutineType:
        outcome.close()  # pyright: ignore[reportUnknownMemberType]
        raise UsageError(f"{what} cannot be async: tell an actor, or start a task")
    return outcome


@contextmanager
def for_the_caller() -> Generator[None]:
    """Let nothing out of the block that would end the actor: what is no `Exception` is the caller's mistake, too."""
    try:
        yield
    except Exception:
        raise
    except BaseException as error:
        if exit_in(error) is not None:
            raise
        raise as_told(error) from error
