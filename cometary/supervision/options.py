"""What the options of supervisors and children may be, under OTP's names, and what they are by default.

Source: OTP, `supervisor`, types `child_spec()` and `sup_flags()`.
"""

from __future__ import annotations

import inspect
from math import inf
from typing import Literal, TypeGuard

from cometary.actors import Actor, ThreadingActor
from cometary.supervision.checks import check_choice, check_count, check_seconds

Restart = Literal["permanent", "transient", "temporary"]
Shutdown = float | Literal["brutal_kill", "infinity"]
Strategy = Literal["one_for_one", "one_for_all", "rest_for_one"]
AutoShutdown = Literal["never", "any_significant", "all_significant"]
Kind = Literal["worker", "supervisor", "task", "thread"]

AnyActorClass = type[Actor] | type[ThreadingActor]

RESTARTS = ("permanent", "transient", "temporary")
STRATEGIES = ("one_for_one", "one_for_all", "rest_for_one")
AUTO_SHUTDOWNS = ("never", "any_significant", "all_significant")

WORKER_SHUTDOWN = 5.0
"""Seconds that a child has to stop, unless its specification says otherwise (OTP's default)."""

WORKER_START = 30.0
"""Seconds that a child has to start, unless its specification says otherwise."""


def is_actor_class(start: object) -> TypeGuard[type[Actor]]:
    """Whether `start` is an actor's class."""
    return inspect.isclass(start) and issubclass(start, Actor)


def is_threading_class(start: object) -> TypeGuard[type[ThreadingActor]]:
    """Whether `start` is a class of actors that Pykka runs in threads."""
    return inspect.isclass(start) and issubclass(start, ThreadingActor)


def is_any_actor_class(start: object) -> TypeGuard[AnyActorClass]:
    """Whether `start` is a class of actors, ours or Pykka's."""
    return is_actor_class(start) or is_threading_class(start)


def shutdown_seconds(shutdown: Shutdown) -> float:
    """Return the number of seconds that a shutdown value means."""
    if isinstance(shutdown, str):
        return inf if shutdown == "infinity" else 0.0
    return shutdown


def check_shutdown(what: str, shutdown: object) -> None:
    """Check a value of `shutdown`; raises `SpecError`, which begins with `what`."""
    if isinstance(shutdown, str):
        check_choice(what, shutdown, ("brutal_kill", "infinity"))
    else:
        check_seconds(what, shutdown, least=0)


def check_flags(strategy: object, intensity: object, period: object, auto_shutdown: object) -> None:
    """Check what OTP calls the flags of a supervisor; raises `SpecError`."""
    check_choice("strategy", strategy, STRATEGIES)
    check_count("intensity", intensity)
    check_seconds("period", period, above=0)
    check_choice("auto_shutdown", auto_shutdown, AUTO_SHUTDOWNS)
