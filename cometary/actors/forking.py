"""What becomes of actor systems in a process that was forked: they are left behind, and every use of them says so.

Only the thread that forks is there in the new process, and no loop for the systems that were there: their actors
live on in the old process alone. A program that wants actors in the new one starts a system there.
"""

from __future__ import annotations

import os
import weakref
from typing import TYPE_CHECKING, Any, Final, NoReturn

import trio

if TYPE_CHECKING:
    from cometary.actors.system import ActorSystem

LEFT_BEHIND: Final = "lives in the process that this one was forked from, and nowhere else"

_systems: weakref.WeakSet[ActorSystem] = weakref.WeakSet()


class NoLoop:
    """What stands for the token of a loop that does not run in this process."""

    def run_sync_soon(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse, as a loop does that is over."""
        raise trio.RunFinishedError


def remember(system: ActorSystem) -> None:
    """Leave `system` behind in every process that is forked from this one while there is it."""
    _systems.add(system)


def _in_child() -> None:
    for system in list(_systems):
        system.leave_behind()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
