"""Stopping an actor between two messages, and letting it go on."""

from __future__ import annotations

from typing import Any

from cometary.actors.cell import Cell
from cometary.actors.mailbox import SUSPENDED
from cometary.actors.names import Whom
from cometary.actors.sys.calls import TIMEOUT, call_at_once, call_in_turn


def suspend(ref: Whom, *, timeout: float | None = TIMEOUT) -> Any:
    """Have the actor handle nothing but system calls, from the moment that this is answered.

    Its mail waits, by the rules of its mailbox; its timers run, and their messages wait too. An
    order to stop is carried out, and it can be killed. Its own tasks (`start_task`) go on. Harmless
    if it is suspended already. It ends with the incarnation. Source: OTP, `sys:suspend/2`.

    Args:
        ref: the actor, or its name.
        timeout: seconds to wait until it has come to this.

    Returns:
        On the Trio loop a future.

    Raises:
        pykka.ActorDeadError: if it ends first.
        pykka.Timeout: after `timeout` seconds; it will be suspended all the same.
    """
    return call_in_turn(ref, _suspend, timeout)


def resume(ref: Whom, *, timeout: float | None = TIMEOUT) -> Any:
    """Have a suspended actor go on with its mail. Harmless if it is not suspended. Source: OTP, `sys:resume/2`.

    Raises:
        pykka.ActorDeadError: if it has ended.
    """
    return call_at_once(ref, _resume, timeout)


def _suspend(cell: Cell) -> None:
    if cell.state != SUSPENDED:
        cell.suspend()


def _resume(cell: Cell) -> None:
    if cell.closed:
        raise cell.dead()
    cell.resume()
