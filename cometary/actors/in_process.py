"""What lives in one process: it cannot be pickled, a copy of it is itself, and a fork leaves it behind.

Only the thread that forks is there in the new process, and no loop for the systems that were there: their actors
live on in the old process alone, and every use of them in the new one says so. A program that wants actors there starts
a system there.
"""

from __future__ import annotations

import os
import weakref
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self

import trio

from cometary.errors import UsageError

if TYPE_CHECKING:
    from cometary.actors.system import ActorSystem


class InProcess:
    """A base of references, proxies and futures."""

    __slots__ = ()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled.

        Raises:
            UsageError: always; the fault of whoever pickles.
        """
        kind = type(self).__name__
        raise UsageError(f"{kind} belongs to this process, and cannot be pickled: send a name, or a value")


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
