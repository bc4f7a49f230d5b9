"""What an actor is doing, and what it knows: to be looked at, and replaced.

A change that fails has not happened: the caller gets the error, and the actor goes on with what it had.

Source: OTP, `sys:get_state/2`, `sys:get_status/2`, `sys:replace_state/3`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from cometary.actors.cell import Cell
from cometary.actors.idleness import IDLENESS
from cometary.actors.mailbox import SUSPENDED
from cometary.actors.names import Whom, names_shown
from cometary.actors.sys.calls import TIMEOUT, call_in_turn, living
from cometary.log import show

DEBUG: Final = "_sys_debug"
"""Where an actor that is traced or counted keeps that."""

_RUNTIME: Final = frozenset({"_cell", DEBUG, IDLENESS, "on_receive", "_handle_receive"})

Hidden = Callable[[str], bool]


def of_the_runtime(name: str) -> bool:
    """Whether an actor's attribute is the runtime's, not the user's."""
    return name in _RUNTIME


def read_attributes(owner: object, hidden: Hidden = of_the_runtime) -> dict[str, Any]:
    """Return the attributes, but for the hidden ones, in a new dictionary; the values are the owner's own."""
    attributes = {name: getattr(owner, name) for name in _slots(type(owner)) if hasattr(owner, name)}
    attributes.update(getattr(owner, "__dict__", {}))
    return {name: value for name, value in attributes.items() if not hidden(name)}


def write_attributes(owner: object, state: object, hidden: Hidden = of_the_runtime) -> None:
    """Give the owner these attributes and, but for the hidden ones, none but these.

    Raises:
        TypeError: if `state` is no dictionary with names for its keys; nothing has changed.
        AttributeError: if the owner cannot have one of them; nothing has changed.
    """
    if not isinstance(state, dict) or not all(isinstance(name, str) for name in cast("Any", state)):
        raise TypeError(f"attributes come as a dictionary by their names, not as {state!r}")
    new = cast("dict[str, Any]", state)
    before = read_attributes(owner, hidden)
    try:
        _replace(owner, new, hidden)
    except BaseException:
        _replace(owner, before, hidden)
        raise


def _replace(owner: object, new: dict[str, Any], hidden: Hidden) -> None:
    for name in read_attributes(owner, hidden).keys() - new.keys():
        delattr(owner, name)
    for name, value in new.items():
        if not hidden(name):
            setattr(owner, name, value)


def _slots(owner_class: type) -> list[str]:
    names: list[str] = []
    for base in owner_class.__mro__:
        slots: Any = vars(base).get("__slots__", ())
        names += [slots] if isinstance(slots, str) else list(slots)
    return [name for name in names if not name.startswith("__")]


@dataclass(frozen=True, slots=True)
class Status:
    """An actor, in a form that may be shown.

    Attributes:
        actor: the name of its class.
        urn: its universally unique name.
        name: its `display_name`, if it has one, else empty.
        names: what it is registered as, as text; the first few.
        state: `running` or `suspended`.
        mailbox: messages that wait.
        traced: whether it is traced.
        shown: what its `format_status()` says about it; without that, its attributes, each as a
            shortened `repr`.
    """

    actor: str
    urn: str
    name: str
    names: tuple[str, ...]
    state: Literal["running", "suspended"]
    mailbox: int
    traced: bool
    shown: object


def get_state(ref: Whom, *, timeout: float | None = TIMEOUT) -> Any:
    """Return what the actor knows: its attributes, as a new dictionary; for debugging only.

    Because it is served in order, it also tells that all that was sent before has been handled.
    The values are the actor's own: look at them, and change nothing. An actor that has a method
    `system_get_state()` says itself what its state is, as one that runs a machine does.
    Source: OTP, `sys:get_state/2`.

    Args:
        ref: the actor, or its name.
        timeout: seconds to wait.

    Returns:
        On the Trio loop a future of the state, elsewhere the state.

    Raises:
        UsageError: if `ref` is no reference to one of Cometary's actors; the caller's fault.
        pykka.ActorDeadError: if the actor ends first.
        pykka.Timeout: after `timeout` seconds; a handler takes longer, or the actor asked itself.
    """
    return call_in_turn(ref, lambda cell: state_of(living(cell)), timeout)


def get_status(ref: Whom, *, timeout: float | None = TIMEOUT) -> Any:
    """Return a `Status`, which may be shown; arguments and errors as for `get_state`.

    An actor with secrets has a method `format_status()` that leaves them out.
    Source: OTP, `sys:get_status/2` and `gen_server`, `format_status/1`.
    """
    return call_in_turn(ref, _status, timeout)


def replace_state(ref: Whom, function: Callable[[Any], Any], *, timeout: float | None = TIMEOUT) -> Any:
    """Give the actor another state, `function(state)`; for debugging only.

    The state is what `get_state` returns. An actor with `system_get_state` has
    `system_replace_state(state)` as well.

    Args:
        ref: the actor, or its name.
        function: called on the loop's thread with the state; returns the new one, and must not block.
        timeout: seconds to wait.

    Returns:
        On the Trio loop a future of the new state, elsewhere that.

    Raises:
        TypeError: if the actor cannot have the new state; nothing has changed.
        pykka.ActorDeadError: if the actor ends first.
        pykka.Timeout: after `timeout` seconds; it will happen all the same.
        Exception: what `function` raises; nothing has changed.
    """

    def replace(cell: Cell) -> Any:
        actor = living(cell)
        state = function(state_of(actor))
        own = getattr(actor, "system_replace_state", None)
        write_attributes(actor, state) if own is None else own(state)
        return state

    return call_in_turn(ref, replace, timeout)


def state_of(actor: Any) -> Any:
    """Return the state of an actor, by its own hook if it has one."""
    own = getattr(actor, "system_get_state", None)
    return read_attributes(actor) if own is None else own()


def _status(cell: Cell) -> Status:
    actor: Any = living(cell)
    format_status = getattr(actor, "format_status", None)
    return Status(
        actor=cell.ref.label,
        urn=cell.ref.actor_urn,
        name=str(getattr(actor, "display_name", "")),
        names=names_shown(cell.ref),
        state="suspended" if cell.state == SUSPENDED else "running",
        mailbox=len(cell),
        traced=DEBUG in vars(actor),
        shown=_shown(actor) if format_status is None else format_status(),
    )


def _shown(actor: Any) -> object:
    state = state_of(actor)
    if not issubclass(type(state), dict):  # what it is: it may be anything of the user's
        return show(state)
    return {name: show(value) for name, value in cast("dict[str, object]", state).items()}
