"""What an actor is doing, and what it knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast

from cometary.actors.cell import Cell
from cometary.actors.mailbox import SUSPENDED
from cometary.actors.ref import ActorRef
from cometary.actors.sys import attributes
from cometary.actors.sys.calls import TIMEOUT, call_in_turn, living
from cometary.log import show


@dataclass(frozen=True, slots=True)
class Status:
    """An actor, in a form that may be shown.

    Attributes:
        actor: the name of its class.
        urn: its universally unique name.
        name: its `display_name`, if it has one, else empty.
        state: `running` or `suspended`.
        mailbox: messages that wait.
        traced: whether it is traced.
        shown: what its `format_status()` says about it; without that, its attributes, each as a
            shortened `repr`.
    """

    actor: str
    urn: str
    name: str
    state: Literal["running", "suspended"]
    mailbox: int
    traced: bool
    shown: object


def get_state(ref: ActorRef[Any], *, timeout: float | None = TIMEOUT) -> Any:
    """Return what the actor knows: its attributes, as a new dictionary; for debugging only.

    Because it is served in order, it also tells that all that was sent before has been handled.
    The values are the actor's own: look at them, and change nothing. An actor that has a method
    `system_get_state()` says itself what its state is, as one that runs a machine does.
    Source: OTP, `sys:get_state/2`.

    Args:
        ref: the actor.
        timeout: seconds to wait.

    Returns:
        On the Trio loop a future of the state, elsewhere the state.

    Raises:
        UsageError: if `ref` is no reference to one of Cometary's actors; the caller's fault.
        pykka.ActorDeadError: if the actor ends first.
        pykka.Timeout: after `timeout` seconds; a handler takes longer, or the actor asked itself.
    """
    return call_in_turn(ref, lambda cell: state_of(living(cell)), timeout)


def get_status(ref: ActorRef[Any], *, timeout: float | None = TIMEOUT) -> Any:
    """Return a `Status`, which may be shown; arguments and errors as for `get_state`.

    An actor with secrets has a method `format_status()` that leaves them out.
    Source: OTP, `sys:get_status/2` and `gen_server`, `format_status/1`.
    """
    return call_in_turn(ref, _status, timeout)


def state_of(actor: Any) -> Any:
    """Return the state of an actor, by its own hook if it has one."""
    own = getattr(actor, "system_get_state", None)
    return attributes.read(actor) if own is None else own()


def _status(cell: Cell) -> Status:
    actor: Any = living(cell)
    format_status = getattr(actor, "format_status", None)
    return Status(
        actor=type(actor).__name__,
        urn=cell.ref.actor_urn,
        name=str(getattr(actor, "display_name", "")),
        state="suspended" if cell.state == SUSPENDED else "running",
        mailbox=len(cell),
        traced=attributes.DEBUG in vars(actor),
        shown=_shown(actor) if format_status is None else format_status(),
    )


def _shown(actor: Any) -> object:
    state = state_of(actor)
    if not isinstance(state, dict):
        return show(state)
    return {name: show(value) for name, value in cast("dict[str, object]", state).items()}
