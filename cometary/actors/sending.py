"""What each message passes through on its way to an actor: apart from the rest, so that it can be compiled.

References, systems and schedulers themselves stay Python (`scripts/compile.py` says why); these are their bases. What a
base has as a slot, compiled code finds without looking for a name.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from mypy_extensions import mypyc_attr
from trio.lowlevel import reschedule

if TYPE_CHECKING:
    from trio.lowlevel import Task

    from cometary.actors.cell import Cell
    from cometary.actors.scheduled_cell import ScheduledCell

get_ident: Final = threading.get_ident


@mypyc_attr(allow_interpreted_subclasses=True)
class RunQueue:
    """The base of a scheduler: the actors that wait for their turn, and the task that gives it to them.

    Args:
        ready: empty; by whichever rule the next one comes out of it.

    Attributes:
        asleep: the scheduler's task, while it waits for something to do.
    """

    __slots__ = ("asleep", "ready")

    def __init__(self, ready: deque[ScheduledCell]) -> None:
        self.ready = ready
        self.asleep: Task | None = None

    def wake(self) -> None:
        """End the sleep, if there is one: something is to be done, or a timer is due sooner."""
        task, self.asleep = self.asleep, None
        if task is not None:
            reschedule(task)


@mypyc_attr(allow_interpreted_subclasses=True)
class Home:
    """The base of a system.

    Args:
        scheduler: runs the actors whose handler is a plain `def`.
        thread: identity of the thread that the system's loop runs on.
    """

    __slots__ = ("scheduler", "thread")

    def __init__(self, scheduler: RunQueue, thread: int) -> None:
        self.scheduler = scheduler
        self.thread = thread


@mypyc_attr(allow_interpreted_subclasses=True)
class Sending:
    """The base of a reference: the cell that it stands for, and how that is told something.

    Args:
        cell: the actor's cell, which is its mailbox.
    """

    __slots__ = ("actor_inbox",)

    def __init__(self, cell: Cell) -> None:
        self.actor_inbox = cell

    def tell(self, message: Any) -> None:
        """Send `message` and wait for nothing.

        From another thread to an actor whose mailbox has a bound, it waits until the mailbox has
        taken the message, or refused it.

        Raises:
            pykka.ActorDeadError: if the actor has ended; from another thread only if that
                was known there already, else the message is dropped.
            MailboxFullError: if its mailbox has a bound and no room, and does not drop messages;
                nobody's fault, try later.
        """
        cell = self.actor_inbox
        home: Home = cell.system
        if get_ident() == home.thread:
            cell.put(message)
        else:
            cell.put_from_outside(message)
