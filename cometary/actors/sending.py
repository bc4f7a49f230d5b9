"""How a reference sends: apart from all else that it does, so that it can be compiled.

References themselves stay Python, because Pykka's are (`scripts/compile.py`). Systems and schedulers have no such base:
a Python class that has a compiled one keeps its attributes in a dictionary that CPython cannot see through, and
an `ask` looks at so many of theirs that it took a fifth more.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

from mypy_extensions import mypyc_attr

if TYPE_CHECKING:
    from cometary.actors.cell import Cell

get_ident: Final = threading.get_ident


@mypyc_attr(allow_interpreted_subclasses=True)
class Sending:
    """The base of a reference: the cell that it stands for, and how that is told something.

    Args:
        cell: the actor's cell, which is its mailbox.
    """

    # A slot, because every message on its way to an actor passes through here, and an instance's
    # dictionary is one more place in memory to wait for.
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
        if get_ident() == cell.system.thread:
            cell.put(message)
        else:
            cell.put_from_outside(message)
