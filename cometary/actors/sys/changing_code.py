"""Changing the code of a living actor between two messages.

1.  A change that fails has not happened: the caller gets the error, and the actor goes on with
    what it had.
2.  New code is another class for the same object: its reference, mailbox, timers, tasks and
    monitors stay. So the two classes must run alike (both `def on_receive`, or both
    `async def`), and store their attributes alike (`__slots__`).
3.  The next incarnation, after a restart, is of the new class as well.

Source: OTP, `sys:change_code/5`; `gen_server`, `code_change/3`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cometary.actors.cell import Cell
from cometary.actors.names import Whom
from cometary.actors.sys.calls import TIMEOUT, call_in_turn, living
from cometary.actors.sys.state import read_attributes, write_attributes
from cometary.errors import UsageError

if TYPE_CHECKING:
    from cometary.actors.actor import Actor


def change_code(ref: Whom, new: type, *, timeout: float | None = TIMEOUT) -> Any:
    """Have the actor go on as one of the class `new`, from the next message on.

    If `new` has a `code_change(old_version, state)` (a class method or static method), it is
    given the old class's attribute `version`, or None, and the state, as `get_state` returns
    it, and returns the state that the new class wants. An actor that has a method
    `system_code_change(new)` does it in its own way, as one that runs a machine does.

    Args:
        ref: the actor, or its name.
        new: the class.
        timeout: seconds to wait.

    Returns:
        On the Trio loop a future.

    Raises:
        UsageError: if an actor of this class cannot become one of `new`; the caller's fault.
        pykka.ActorDeadError: if the actor ends first.
        pykka.Timeout: after `timeout` seconds; it will happen all the same.
        Exception: what `code_change` raises; the old code goes on.
    """

    def change(cell: Cell) -> None:
        actor = living(cell)
        own = getattr(actor, "system_code_change", None)
        if own is None:
            change_class(actor, new)
        else:
            own(new)

    return call_in_turn(ref, change, timeout)


def change_class(actor: Actor, new: type[Any]) -> None:
    """Make `actor` one of the class `new`; see `change_code`, also for the errors."""
    old = type(actor)
    _check(old, new)
    state = converted(old, new, read_attributes(actor))
    actor.actor_inbox.go_on_in_full()
    try:
        actor.__class__ = new
    except TypeError as error:
        raise UsageError(f"a {old.__name__} cannot become a {new.__name__}: {error}") from None
    try:
        write_attributes(actor, state)
    except BaseException:
        actor.__class__ = old
        raise
    actor.actor_ref.actor_class = new


def converted(old: type, new: type, state: Any) -> Any:
    """Return the state of one of the class `old` as the class `new` wants it."""
    convert = getattr(new, "code_change", None)
    return state if convert is None else convert(getattr(old, "version", None), state)


def _check(old: type[Any], new: type[Any]) -> None:
    kind = getattr(new, "_cell_class", None)
    if kind is None:
        raise UsageError(f"{new!r} is no class of actors")
    if kind is not old._cell_class:  # noqa: SLF001 - the runtime's own
        raise UsageError(
            f"a {old.__name__} cannot become a {new.__name__}: the on_receive of one is async, that of the other is not"
        )
