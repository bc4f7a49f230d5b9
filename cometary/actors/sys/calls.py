"""How a system call gets to its actor and back, from the loop and from any other thread."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from cometary.actors.cell import Cell
from cometary.actors.loops import on_a_loop
from cometary.actors.mailbox import SUSPENDED
from cometary.actors.messages import Answer, SystemMessage
from cometary.actors.names import Whom
from cometary.actors.system import actor_meant

if TYPE_CHECKING:
    from cometary.actors.actor import Actor

TIMEOUT: Final = 5.0
"""Seconds that a caller waits unless it says otherwise, as in OTP."""


def call_in_turn(ref: Whom, serve: Callable[[Cell], object], timeout: float | None) -> Any:
    """Have the actor serve a call after the messages that were sent before.

    Args:
        ref: the actor, or its name.
        serve: does it, with the actor's cell, on the loop's thread and between two messages.
        timeout: seconds that the caller waits for it.

    Returns:
        On the Trio loop a future of what `serve` returns, elsewhere that itself.

    Raises:
        UsageError: if `ref` is no reference to one of Cometary's actors; the caller's fault.
        ActorEndedError: if nobody has the name.
        pykka.ActorDeadError: if the actor ends before it comes to it.
        pykka.Timeout: after `timeout` seconds; the actor will serve it all the same.
        Exception: what `serve` raises; the actor goes on.
    """
    return _call(ref, _put, serve, timeout)


def call_at_once(ref: Whom, serve: Callable[[Cell], object], timeout: float | None) -> Any:
    """The same, now: for what the code of the actor does not notice."""
    return _call(ref, _serve_now, serve, timeout)


def living(cell: Cell) -> Actor:
    """Return the incarnation in the cell.

    Raises:
        pykka.ActorDeadError: if there is none.
    """
    actor = cell.actor
    if actor is None:
        raise cell.dead()
    return actor


def _call(
    ref: Whom,
    deliver: Callable[[Cell, SystemMessage], None],
    serve: Callable[[Cell], object],
    timeout: float | None,
) -> Any:
    cell = actor_meant(ref).actor_inbox
    answer: Answer[Any] = Answer(cell)
    cell.system.post(partial(deliver, cell, SystemMessage(serve, answer)))
    if on_a_loop():
        return answer.within(timeout)
    return answer.get(timeout=timeout)


def _put(cell: Cell, message: SystemMessage) -> None:
    if cell.state == SUSPENDED:
        message.serve(cell)
    else:
        cell.put_if_open(message)


def _serve_now(cell: Cell, message: SystemMessage) -> None:
    message.serve(cell)
