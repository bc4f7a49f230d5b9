"""What a supervisor can be asked for from outside, under OTP's names.

Each function sends one message and waits for the answer; while a supervisor starts or stops a
child, the question waits in its mailbox. The supervisor is given by its reference or its name. If it ends before
it answers, or nobody has the name, they raise `pykka.ActorDeadError`; if it is no supervisor, `ChildStateError`, and
nothing is sent.

Source: OTP, `supervisor`, section "Exports".
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any, NamedTuple, TypeVar, TypeVarTuple, Unpack, cast, overload

from cometary.actors import Actor, ActorRef, ThreadingActor
from cometary.actors.names import Whom
from cometary.actors.system import actor_meant
from cometary.errors import ChildStateError
from cometary.supervision.child import State
from cometary.supervision.options import Kind
from cometary.supervision.spec import ChildSpec
from cometary.supervision.startable import AnyActorClass
from cometary.supervision.supervising_actor import SupervisingActor

A = TypeVar("A", bound=Actor)
Ts = TypeVarTuple("Ts")
AnyRef = ActorRef[Any]


class StartChild(NamedTuple):
    """Ask: start another child. The answer is its reference."""

    start: ChildSpec | AnyActorClass
    args: tuple[Any, ...] = ()


class StartChildAsync(NamedTuple):
    """Ask: start another child, and answer when it has started."""

    start: ChildSpec | AnyActorClass
    args: tuple[Any, ...] = ()


class TerminateChild(NamedTuple):
    """Ask: stop this child, and do not restart it."""

    child: str | AnyRef


class RestartChild(NamedTuple):
    """Ask: start a child that has ended. The answer is its reference."""

    child: str


class DeleteChild(NamedTuple):
    """Ask: forget a child that has ended."""

    child: str


class WhichChildren(NamedTuple):
    """Ask: which children are there?"""


class CountChildren(NamedTuple):
    """Ask: how many children are there?"""


class WhichChild(NamedTuple):
    """Ask: who is this child?"""

    child: str | AnyRef


class GetChildSpec(NamedTuple):
    """Ask: what is the specification of this child?"""

    child: str | AnyRef


class SetIntensity(NamedTuple):
    """Ask: put up with so many restarts from now on. The period is in seconds; None: the one there is."""

    intensity: int
    period: float | None


CALLS = (
    StartChild,
    StartChildAsync,
    TerminateChild,
    RestartChild,
    DeleteChild,
    WhichChildren,
    WhichChild,
    CountChildren,
    GetChildSpec,
    SetIntensity,
)
"""All that a supervisor can be asked."""


class ChildInfo(NamedTuple):
    """One child, as `which_children` tells; `ref` is None while there is no actor."""

    id: str
    ref: AnyRef | None
    kind: Kind
    state: State


class ChildCount(NamedTuple):
    """How many children there are: specifications, actors that live, and either sort of them."""

    specs: int
    active: int
    supervisors: int
    workers: int


@overload
async def start_child(supervisor: Whom, start: Callable[[Unpack[Ts]], A], *args: *Ts) -> ActorRef[A]: ...


@overload
async def start_child(supervisor: Whom, start: ChildSpec | type[ThreadingActor], *args: object) -> AnyRef: ...


async def start_child(supervisor: Whom, start: Any, *args: object) -> AnyRef:
    """Have `supervisor` start another child, to the right of the others.

    Args:
        supervisor: a `Supervisor` or a `DynamicSupervisor`, by its reference or its name.
        start: a specification; for a dynamic supervisor also just a class.
        *args: for a class: its constructor's arguments.

    Raises:
        AlreadyStartedError: if there is a child with this id already, which is its `ref`.
        SpecError: if the specification does not suit the supervisor; the calling code's fault.
        ChildStartError: if it did not start; the child's fault. It is not a child then. (A
            dynamic supervisor does not wait for `on_start`; it raises what the constructor did.)
        StartIgnoredError: if its `on_start` said that it is not needed now; nobody's fault. Its
            specification stays, unless it is temporary.
        TooManyChildrenError: if a dynamic supervisor is full; nobody's fault.
    """
    return cast("AnyRef", await _supervisor(supervisor).ask(StartChild(start, args), timeout=inf))


@overload
async def start_child_async(
    supervisor: Whom, start: Callable[[Unpack[Ts]], A], *args: *Ts
) -> ActorRef[A]: ...


@overload
async def start_child_async(
    supervisor: Whom, start: ChildSpec | type[ThreadingActor], *args: object
) -> AnyRef: ...


async def start_child_async(supervisor: Whom, start: Any, *args: object) -> AnyRef:
    """Have `supervisor` start another child, and wait until its `on_start` has run.

    That is what `start_child` does too, except with a dynamic supervisor. One that ends before it has started is
    not restarted, and does not count as a restart. A dynamic supervisor goes on with its work meanwhile. If the
    wait is cancelled, the child is started all the same.

    Args:
        supervisor: a `Supervisor` or a `DynamicSupervisor`, by its reference or its name.
        start: a specification; for a dynamic supervisor also just a class.
        *args: for a class: its constructor's arguments.

    Raises:
        ChildStartError: if it did not start, or not in time; what it raised is the `__cause__`. It is not a child
            then; the child's fault.
        NameTakenError: from a dynamic supervisor, if the child's name is taken: that of `ref`.
        Exception: else as `start_child`.
    """
    return cast("AnyRef", await _supervisor(supervisor).ask(StartChildAsync(start, args), timeout=inf))


async def terminate_child(supervisor: Whom, child: str | AnyRef) -> None:
    """Have `supervisor` stop a child and not restart it; returns when it has gone.

    Its specification stays, unless it is temporary, for `restart_child`; it also comes back if
    a sibling's crash restarts all of them (`one_for_all`, `rest_for_one`). References to it
    are dead; the next `start` makes a new one.

    Args:
        supervisor: a `Supervisor` or a `DynamicSupervisor`, by its reference or its name.
        child: the child's id, or its reference; a dynamic supervisor knows no ids.

    Raises:
        ChildStateError: if there is no such child; the calling code's fault.
    """
    await _supervisor(supervisor).ask(TerminateChild(child), timeout=inf)


async def restart_child(supervisor: Whom, child: str) -> AnyRef:
    """Have `supervisor` start a child that has ended or was terminated; returns its reference.

    Raises:
        ChildStateError: if there is no such child, or it runs; the calling code's fault.
        ChildStartError: if it did not start; the child's fault.
        StartIgnoredError: if it is not needed now, see `start_child`; nobody's fault.
    """
    return cast("AnyRef", await _supervisor(supervisor).ask(RestartChild(child), timeout=inf))


async def delete_child(supervisor: Whom, child: str) -> None:
    """Have `supervisor` forget a child that has ended or was terminated.

    Raises:
        ChildStateError: if there is no such child, or it runs; the calling code's fault.
    """
    await _supervisor(supervisor).ask(DeleteChild(child), timeout=inf)


async def which_children(supervisor: Whom) -> tuple[ChildInfo, ...]:
    """Return what children a supervisor has, in the order of their start."""
    return cast("tuple[ChildInfo, ...]", await _supervisor(supervisor).ask(WhichChildren(), timeout=inf))


async def which_child(supervisor: Whom, child: str | AnyRef) -> ChildInfo:
    """Return what is known of one child, its reference among it. Source: OTP, `supervisor:which_child/2`.

    Args:
        supervisor: a `Supervisor` or a `DynamicSupervisor`, by its reference or its name.
        child: the child's id, or its reference; a dynamic supervisor knows no ids.

    Raises:
        ChildStateError: if there is no such child; the calling code's fault.
    """
    return cast("ChildInfo", await _supervisor(supervisor).ask(WhichChild(child), timeout=inf))


async def count_children(supervisor: Whom) -> ChildCount:
    """Return how many children a supervisor has."""
    return cast("ChildCount", await _supervisor(supervisor).ask(CountChildren(), timeout=inf))


async def get_childspec(supervisor: Whom, child: str | AnyRef) -> ChildSpec:
    """Return the specification of a child, by its id or its reference.

    Of a dynamic supervisor's child that was started as a class it is what the specification would have been.

    Raises:
        ChildStateError: if there is no such child; the calling code's fault.
    """
    return cast("ChildSpec", await _supervisor(supervisor).ask(GetChildSpec(child), timeout=inf))


async def set_intensity(supervisor: Whom, intensity: int, period: float | None = None) -> None:
    """Have `supervisor` put up with another number of restarts from now on, those that have been counted included.

    It lasts as long as the incarnation of the supervisor. With fewer than have been counted, the next restart is one
    too many. Source: OTP does it by a change of code, `supervisor`, section "Supervision Principles".

    Args:
        supervisor: a `Supervisor` or a `DynamicSupervisor`, by its reference or its name.
        intensity: restarts that are put up with in `period`.
        period: seconds; None: as before. What a shorter one has forgotten, a longer one does not bring back.

    Raises:
        SpecError: for a value that an option may not have; the calling code's fault, and nothing has changed.
    """
    await _supervisor(supervisor).ask(SetIntensity(intensity, period), timeout=inf)


def _supervisor(whom: Whom) -> AnyRef:
    """Return who is meant, which must be a supervisor: any other actor would take the call for a message of its own."""
    ref = actor_meant(whom)
    if not issubclass(ref.actor_class, SupervisingActor):
        raise ChildStateError(f"{ref} is not a supervisor")
    return ref
