"""Changes that are made on the loop's thread, wherever they are asked for."""

from __future__ import annotations

from threading import get_ident
from typing import TYPE_CHECKING

from pykka import ActorDeadError

from cometary.actors import Future
from cometary.actors.messages import as_told
from cometary.escapes import exit_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from cometary.sessions import SessionKeeper


def on_loop(keeper: SessionKeeper, change: Callable[[], None]) -> Future[None]:
    """Make a change on the loop's thread: at once if this is it."""
    changed: Future[None] = Future()

    def call() -> None:
        try:
            change()
        except BaseException as error:  # it is raised where it was called for
            if exit_in(error) is not None:
                raise
            changed.offer(error=as_told(error))
        else:
            changed.offer()

    if get_ident() == keeper.system.thread:
        call()
    else:
        try:
            keeper.system.call_soon(call)
        except ActorDeadError:  # the server has stopped: nobody hears anything
            changed.offer()
    return changed
