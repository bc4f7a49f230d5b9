"""What a child may be started from, told apart, and with its positional arguments for type checkers."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeGuard, TypeVarTuple, Unpack

from cometary.actors import Actor, ThreadingActor
from cometary.supervision.function import InThread

Ts = TypeVarTuple("Ts")

AnyActorClass = type[Actor] | type[ThreadingActor]

AnyStart = AnyActorClass | InThread | Callable[..., Awaitable[object]]


class TellsOfStart(Protocol[*Ts]):
    """An async function that says when it has started."""

    def __call__(self, *args: *Ts, task_status: Any) -> Awaitable[object]:
        """Run it."""
        ...


Startable = Callable[[Unpack[Ts]], Actor | ThreadingActor | Awaitable[object]] | TellsOfStart[*Ts]
"""A class of actors or an async function that can be called with just these."""


def is_actor_class(start: object) -> TypeGuard[type[Actor]]:
    """Whether `start` is an actor's class."""
    return inspect.isclass(start) and issubclass(start, Actor)


def is_threading_class(start: object) -> TypeGuard[type[ThreadingActor]]:
    """Whether `start` is a class of actors that Pykka runs in threads."""
    return inspect.isclass(start) and issubclass(start, ThreadingActor)


def is_any_actor_class(start: object) -> TypeGuard[AnyActorClass]:
    """Whether `start` is a class of actors, ours or Pykka's."""
    return is_actor_class(start) or is_threading_class(start)
