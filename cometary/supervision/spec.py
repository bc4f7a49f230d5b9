"""What a supervisor is told: specifications of children and of supervisors, as checked values.

Source: OTP, `supervisor`, types `child_spec()` and `sup_flags()`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Any, TypedDict, TypeVarTuple, Unpack, overload

from cometary.actors import Actor, Bounded
from cometary.actors.exits import RESTARTS, Restart
from cometary.declarations import accepts, describe, may_be_async
from cometary.errors import SpecError
from cometary.log import show
from cometary.supervision.function import InThread, takes_parameter
from cometary.supervision.options import (
    WORKER_START,
    AutoShutdown,
    Kind,
    Shutdown,
    Strategy,
    check_choice,
    check_flags,
    check_instance,
    check_seconds,
    check_shutdown,
    shutdown_seconds,
)
from cometary.supervision.restart_policy import Backoff, check_backoff
from cometary.supervision.startable import (
    AnyActorClass,
    AnyStart,
    Startable,
    is_actor_class,
    is_any_actor_class,
    is_threading_class,
)
from cometary.supervision.supervising_actor import SupervisingActor

Ts = TypeVarTuple("Ts")


class ChildOptions(TypedDict, total=False):
    """How a child is restarted and stopped; see `ChildSpec`."""

    restart: Restart
    shutdown: Shutdown | None
    start_timeout: float | None
    keep_mail: bool
    significant: bool
    mailbox: Bounded | None
    name: Hashable | None


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """How to start, restart and stop one child.

    Args:
        id: what the child is called among its siblings.
        start: an actor's class, also Pykka's `ThreadingActor`; a `SupervisorSpec`; a plain
            async function, which is cancelled to stop it; or `InThread(function)` for one that
            blocks. A function with a parameter `task_status` counts as started when it calls
            `task_status.started()`, any other one at once.
        args: positional arguments for the class or the function, the same at every restart.
        kwargs: keyword arguments for it.
        restart: `permanent`: always restarted; `transient`: when it crashed or was killed;
            `temporary`: never, and its specification goes when it ends.
        shutdown: seconds that it has to stop before it is killed; `brutal_kill`: it is killed
            at once; `infinity`: it is waited for. By default 5 s, for supervisors `infinity`.
        start_timeout: seconds that it has to start, until `on_start` has run. By default
            30 s, for supervisors for ever (their children have a time-out each).
        keep_mail: whether messages that wait at a restart are kept for the next incarnation
            (the default) or dropped; the message that was being handled is lost anyway.
        significant: whether the end of this child may end its supervisor (`auto_shutdown`).
        mailbox: for an actor: the bound of its mailbox, instead of that of its class.
        name: a name, or a `Via`, that it has in all incarnations; None: none. If it is taken, the child does not start.

    Raises:
        SpecError: if a field has a value that it may not have; the calling code's fault.
    """

    id: str
    start: AnyStart | SupervisorSpec
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    restart: Restart = "permanent"
    shutdown: Shutdown | None = None
    start_timeout: float | None = None
    keep_mail: bool = True
    significant: bool = False
    mailbox: Bounded | None = None
    name: Hashable | None = None

    # So that a type checker looks at `args`; if there are `kwargs`, `__post_init__` alone does.
    if TYPE_CHECKING:

        @overload
        def __init__(
            self,
            id: str,
            start: Startable[()] | InThread | SupervisorSpec,
            **options: Unpack[ChildOptions],
        ) -> None: ...

        @overload
        def __init__(
            self,
            id: str,
            start: Startable[*Ts] | InThread,
            args: tuple[*Ts],
            **options: Unpack[ChildOptions],
        ) -> None: ...

        @overload
        def __init__(
            self,
            id: str,
            start: AnyStart,
            args: tuple[Any, ...],
            kwargs: Mapping[str, Any],
            **options: Unpack[ChildOptions],
        ) -> None: ...

        @overload
        def __init__(
            self, id: str, start: AnyStart, *, kwargs: Mapping[str, Any], **options: Unpack[ChildOptions]
        ) -> None: ...

        def __init__(self, id: str, start: Any, args: Any = ..., kwargs: Any = ..., **_: Any) -> None: ...  # noqa: A002

    def __post_init__(self) -> None:
        for check in _CHILD_CHECKS:
            check(self)

    def as_kept(self) -> ChildSpec:
        """What a supervisor keeps of it once the child has started: of a temporary one no arguments, as in OTP."""
        if self.restart != "temporary" or not (self.args or self.kwargs):
            return self
        return _with(self, args=(), kwargs={})

    @property
    def kind(self) -> Kind:
        """What sort of child it is: a `worker`, a `supervisor`, a `task` (a function), or a `thread`."""
        if isinstance(self.start, SupervisorSpec):
            return "supervisor"
        if isinstance(self.start, InThread) or is_threading_class(self.start):
            return "thread"
        if is_actor_class(self.start):
            return "supervisor" if issubclass(self.start, SupervisingActor) else "worker"
        return "task"

    @property
    def shutdown_seconds(self) -> float:
        """Seconds between asking the child to stop and killing it: `shutdown` as a number."""
        return shutdown_seconds(self.shutdown, self.kind)

    @property
    def start_seconds(self) -> float:
        """Seconds that the child has to start: `start_timeout` with its default."""
        if self.start_timeout is None:
            return inf if self.kind == "supervisor" else WORKER_START
        return self.start_timeout


def unchecked_spec(child_id: str, start: AnyActorClass, **fields: Any) -> ChildSpec:
    """Return the specification of a child that runs; its arguments may not be kept, so they are not checked."""
    return _with(_ANY, id=child_id, start=start, **fields)


def _with(spec: ChildSpec, **fields: Any) -> ChildSpec:
    changed = copy.copy(spec)  # not made anew, because that would check it again
    for name, value in fields.items():
        object.__setattr__(changed, name, value)
    return changed


class SupervisorOptions(TypedDict, total=False):
    """How a supervisor treats its children; see `SupervisorSpec`."""

    strategy: Strategy
    intensity: int
    period: float
    auto_shutdown: AutoShutdown
    backoff: Backoff | None


@dataclass(frozen=True, slots=True)
class SupervisorSpec:
    """A supervisor as a value: its children and how it treats them.

    Args:
        children: started in this order, stopped in the reverse one.
        strategy: who else is restarted with a child that crashed: nobody (`one_for_one`), all
            (`one_for_all`), those after it (`rest_for_one`).
        intensity: restarts that are put up with in `period`; one more and the supervisor stops
            all children and itself, so that its own supervisor decides.
        period: seconds.
        auto_shutdown: whether the supervisor ends when a significant child has ended by
            itself: `never`, when the first has (`any_significant`), or when the last has.
        backoff: how long to wait before a restart; by default not at all.

    Raises:
        SpecError: if a field has a value that it may not have; the calling code's fault.
    """

    children: Sequence[ChildSpec] = ()
    strategy: Strategy = "one_for_one"
    intensity: int = 1
    period: float = 5.0
    auto_shutdown: AutoShutdown = "never"
    backoff: Backoff | None = None

    def __post_init__(self) -> None:
        for check in _SUPERVISOR_CHECKS:
            check(self)

    def options(self) -> dict[str, Any]:
        """Return everything but the children, as keyword arguments of `Supervisor`."""
        return {name: getattr(self, name) for name in self.__slots__ if name != "children"}

    def check_child(self, spec: ChildSpec) -> None:
        """Check that a child with this specification may be one of this supervisor's.

        Raises:
            SpecError: if it may not.
        """
        check_instance("a child", spec, ChildSpec, "a ChildSpec")
        if spec.significant and self.auto_shutdown == "never":
            raise SpecError(f"child {spec.id!r} is significant, but auto_shutdown is 'never'")


# -- one clause for each option -----------------------------------------------------------


def _check_id(spec: ChildSpec) -> None:
    check_instance("id", spec.id, str, "a string")
    if not spec.id:
        raise SpecError("id must not be empty")


def _check_start(spec: ChildSpec) -> None:
    start: object = spec.start
    if isinstance(start, SupervisorSpec):
        if spec.args or spec.kwargs:
            raise SpecError(f"child {spec.id!r}: a SupervisorSpec takes no args and no kwargs")
    elif not isinstance(start, InThread) and not is_any_actor_class(start) and not may_be_async(start):
        raise SpecError(
            f"child {spec.id!r}: start must be an Actor, a SupervisorSpec, an async function "
            f"or InThread(a plain function), not {start!r}"
        )


def _check_arguments(spec: ChildSpec) -> None:
    check_instance(f"child {spec.id!r}: args", spec.args, tuple, "a tuple")
    check_instance(f"child {spec.id!r}: kwargs", spec.kwargs, Mapping, "a mapping")
    start = spec.start
    if isinstance(start, InThread):
        _check_call(spec, start.function, "task_status", "stopping")
    elif is_any_actor_class(start):
        _check_call(spec, start)
    elif not isinstance(start, SupervisorSpec):
        _check_call(spec, start, "task_status")


def _check_call(spec: ChildSpec, function: Callable[..., object], *supplied: str) -> None:
    """Check that the child can be called with its arguments and with what it is supplied if it wants it."""
    more = {name: None for name in supplied if takes_parameter(function, name)}
    if not accepts(function, spec.args, {**spec.kwargs, **more}):
        given = f"args={show(spec.args)} and kwargs={show(dict(spec.kwargs))}"
        raise SpecError(f"child {spec.id!r}: {describe(function)} cannot be called with {given}")


def _check_restart(spec: ChildSpec) -> None:
    check_choice(f"child {spec.id!r}: restart", spec.restart, RESTARTS)


def _check_shutdown(spec: ChildSpec) -> None:
    check_shutdown(f"child {spec.id!r}: shutdown", spec.shutdown)


def _check_start_timeout(spec: ChildSpec) -> None:
    if spec.start_timeout is not None:
        check_seconds(f"child {spec.id!r}: start_timeout", spec.start_timeout, above=0)


def _check_keep_mail(spec: ChildSpec) -> None:
    check_instance(f"child {spec.id!r}: keep_mail", spec.keep_mail, bool, "True or False")


def _check_significant(spec: ChildSpec) -> None:
    check_instance(f"child {spec.id!r}: significant", spec.significant, bool, "True or False")
    if spec.significant and spec.restart == "permanent":
        raise SpecError(f"child {spec.id!r} is significant and permanent: it would never end by itself")


def _check_mailbox(spec: ChildSpec) -> None:
    if spec.mailbox is not None:
        check_instance(f"child {spec.id!r}: mailbox", spec.mailbox, Bounded, "a Bounded or None")
        if not is_any_actor_class(spec.start):
            raise SpecError(f"child {spec.id!r}: only an actor's class has a mailbox to choose")


def _check_name(spec: ChildSpec) -> None:
    try:
        hash(spec.name)
    except Exception as error:
        raise SpecError(
            f"child {spec.id!r}: a name is what can be a key of a dict, not {show(spec.name)}"
        ) from error


def _check_flags(spec: SupervisorSpec) -> None:
    check_flags(spec.strategy, spec.intensity, spec.period, spec.auto_shutdown)
    check_backoff(spec.backoff)


def _check_children(spec: SupervisorSpec) -> None:
    check_instance("children", spec.children, Sequence, "a sequence")
    seen: set[str] = set()
    for child in spec.children:
        spec.check_child(child)
        if child.id in seen:
            raise SpecError(f"two children are called {child.id!r}")
        seen.add(child.id)


_CHILD_CHECKS = (
    _check_id,
    _check_start,
    _check_arguments,
    _check_restart,
    _check_shutdown,
    _check_start_timeout,
    _check_keep_mail,
    _check_significant,
    _check_mailbox,
    _check_name,
)
_SUPERVISOR_CHECKS = (_check_flags, _check_children)

_ANY = ChildSpec("any", Actor)
