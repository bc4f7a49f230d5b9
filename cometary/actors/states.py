"""The states of a cell, and what else every turn of an actor looks at.

IDLE: alive, no mail. READY: has mail. RUNNING: in its handler. ENDING: is to end when its handler
returns. PARKED: has not begun yet, or the incarnation has ended and the supervisor has not decided;
mail is kept. CLOSED: has ended for good. SUSPENDED: `cometary.actors.sys` has stopped it between two
messages; mail waits, but for an order to stop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cometary.actors.mailbox import Mailbox

if TYPE_CHECKING:
    from cometary.actors.actor import Actor
    from cometary.actors.future import Future
    from cometary.actors.system import ActorSystem

IDLE, READY, RUNNING, ENDING, PARKED, CLOSED, SUSPENDED = range(7)


class Standing(Mailbox):
    """The mailbox, the state and the incarnation of an actor.

    Args:
        system: what it lives in.

    Attributes:
        life: the number of the incarnation.
        mail_since: the life since which mail has been kept, and timers go on.
    """

    # Python lays out the slots of a base class before those of its subclasses. So what every turn
    # looks at lies side by side, and comes from memory together: among 100,000 actors it is
    # memory that a message waits for.
    __slots__ = ("actor", "life", "mail_since", "starting", "state", "system")

    def __init__(self, system: ActorSystem) -> None:
        super().__init__()
        self.system = system
        self.state = PARKED
        self.actor: Actor | None = None
        self.starting: Future[None] | None = None
        self.life = self.mail_since = 0
