"""From a child's specification to an actor: the first incarnation and the later ones."""

from __future__ import annotations

from typing import Any

from cometary.actors import Actor, ActorRef, ActorSystem, Future
from cometary.actors.cell import Parent
from cometary.actors.thread_cell import threaded_maker
from cometary.supervision.blocking import BlockingFunctionActor, InThread
from cometary.supervision.function import FunctionActor, function_name
from cometary.supervision.options import is_actor_class, is_threading_class
from cometary.supervision.spec import ChildSpec, SupervisorSpec

Blueprint = tuple[type[Actor], tuple[Any, ...], dict[str, Any]]


def blueprint(spec: ChildSpec) -> Blueprint:
    """Return what makes the actors that `spec` stands for, and their constructor's arguments."""
    start = spec.start
    if isinstance(start, SupervisorSpec):
        # A supervisor's children may be supervisors: the import goes round in a circle.
        from cometary.supervision.supervisor import Supervisor  # noqa: PLC0415

        return Supervisor, (start.children,), start.options()
    if is_actor_class(start):
        return start, spec.args, dict(spec.kwargs)
    if is_threading_class(start):
        return threaded_maker(start), spec.args, dict(spec.kwargs)
    if isinstance(start, InThread):
        return BlockingFunctionActor, (start.function, *spec.args), dict(spec.kwargs)
    return FunctionActor, (start, *spec.args), dict(spec.kwargs)


def launch(spec: ChildSpec, system: ActorSystem, parent: Parent) -> tuple[ActorRef[Any], Future[None]]:
    """Start the first incarnation; returns its reference and a future that tells when it has started."""
    return system.launch(*blueprint(spec), parent, spec.mailbox)


def revive(spec: ChildSpec, system: ActorSystem, ref: ActorRef[Any]) -> Future[None]:
    """Start the next incarnation behind the same reference; the future tells when it has started."""
    _, args, kwargs = blueprint(spec)
    return system.revive(ref, args, kwargs, keep_mail=spec.keep_mail)


def actor_name(spec: ChildSpec) -> str:
    """Return what reports call the class or function of a child."""
    start = spec.start
    if isinstance(start, SupervisorSpec):
        return "Supervisor"
    return function_name(start.function if isinstance(start, InThread) else start)
