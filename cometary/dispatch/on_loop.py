"""Changes that are made on the loop's thread, wherever they are asked for."""

from __future__ import annotations

from threading import get_ident
from typing import TYPE_CHECKING

from pykka import ActorDeadError

from cometary.actors import Future
from cometary.actors.messages import as_told
from cometary.dispatch.call_line import TAKEN
from cometary.escapes import exit_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.sessions import SessionKeeper


def on_loop(keeper: SessionKeeper, change: Callable[[], None]) -> Future[None]:
    """Make a change on the loop's thread: at once if this is it."""
    if get_ident() == keeper.system.thread:
        return _made(change)
    changed: Future[None] = Future()

    def call() -> None:
        try:
            _made(change).get()
        except Exception as error:  # noqa: BLE001 - it is raised where it was called for
            changed.offer(error=error)
        else:
            changed.offer()

    try:
        keeper.system.call_soon(call)
    except ActorDeadError:  # the server has stopped: nobody hears anything
        changed.offer()
    return changed


def _made(change: Callable[[], None]) -> Future[None]:
    """Make a change, and return its answer; if all is well, one object for all."""
    try:
        change()
    except BaseException as error:  # it is raised where it was called for
        if exit_in(error) is not None:
            raise
        failed: Future[None] = Future()
        failed.offer(error=as_told(error))
        return failed
    return TAKEN
