"""A mailbox: what has been sent to an actor and not been handled yet; and all else that lies under a cell.

A cell (`cometary.actors.cell`) is made of four layers, each a class because Python lays out the slots of a base
before those of its subclasses, and what every turn looks at shall lie side by side: the messages (`Mailbox`), the
state and the incarnation (`Standing`), what is told of the actor (`Diagnostics`), and how messages are taken in
(`Receiving`).

The state is one of these. IDLE: alive, no mail. READY: has mail. RUNNING: in its handler. ENDING: is to end when its
handler returns. PARKED: has not begun yet, or the incarnation has ended and the supervisor has not decided; mail is
kept. CLOSED: has ended for good. SUSPENDED: `cometary.actors.sys` has stopped it between two messages; mail waits, but
for an order to stop.

Most mailboxes are empty most of the time, and there may be a hundred thousand, so an empty
one has nothing of its own: all share one empty tuple, which is in the processor's caches when
the next message comes. With that comes a list. A turn takes it whole and leaves the empty
tuple; only what is beyond the quota of a turn moves to a deque, so that a very full mailbox
costs no more for each message than a nearly empty one.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final, cast

from mypy_extensions import mypyc_attr

from cometary.actors.bound import MailboxStatistics
from cometary.actors.exits import FORKED, KILLED, Exit
from cometary.actors.faded import FadedRef
from cometary.actors.in_process import LEFT_BEHIND
from cometary.actors.messages import Question, is_answerable, is_stop
from cometary.actors.names import names_shown
from cometary.errors import ActorEndedError, StartIgnoredError
from cometary.escapes import really
from cometary.log import get_logger

if TYPE_CHECKING:
    from cometary.actors.actor import Actor
    from cometary.actors.cell import Cell, Parent
    from cometary.actors.future import Future
    from cometary.actors.ref import ActorRef
    from cometary.actors.system import ActorSystem

logger = get_logger("cometary.actors")

# One by one, so that compiled code has them as numbers.
IDLE: Final = 0
READY: Final = 1
RUNNING: Final = 2
ENDING: Final = 3
PARKED: Final = 4
CLOSED: Final = 5
SUSPENDED: Final = 6


@mypyc_attr(allow_interpreted_subclasses=True)
class Mailbox:
    """Messages in the order of arrival; Pykka's inbox, less the blocking."""

    # What is in the backlog is older than what is in the items. There is no empty backlog.
    __slots__ = ("_backlog", "_items")

    def __init__(self) -> None:
        self._items: list[object] | tuple[()] = ()
        self._backlog: deque[object] | None = None

    def add(self, item: object) -> None:
        """Let a message in, behind all others."""
        items = self._items
        if items:
            items.append(item)
        else:
            self._items = [item]

    def __len__(self) -> int:
        backlog = self._backlog
        return len(self._items) if backlog is None else len(backlog) + len(self._items)

    def empty(self) -> bool:
        """Whether there is nothing to handle (Pykka's inbox protocol)."""
        return not self._items and self._backlog is None

    def get(self) -> Any:
        """Take the oldest message (Pykka's inbox protocol).

        Raises:
            IndexError: if there is none; unlike Pykka's inbox this one never blocks.
        """
        if self._backlog is None and len(self._items) == 1:
            (item,), self._items = self._items, ()
            return item  # nearly always: not worth a deque
        return self.take(1)[0]

    def take(self, quota: int) -> list[object]:
        """Take at most `quota` of the oldest messages; those left over can be `put_back`."""
        backlog = self._backlog
        if backlog is None:
            items, self._items = self._items, ()
            if not items:
                return []
            if len(items) <= quota:
                return items
            self._backlog = backlog = deque(items)
        taken = [backlog.popleft() for _ in range(min(quota, len(backlog)))]
        if not backlog:
            self._backlog = None
        return taken

    def put_back(self, untaken: Iterator[object]) -> None:
        """Put what `take` took and nobody handled in front again."""
        rest = list(untaken)
        if self._backlog is not None:
            self._backlog.extendleft(reversed(rest))
        elif rest:
            self._items = [*rest, *self._items]

    def drain(self) -> list[object]:
        """Take everything."""
        if self.empty():
            return []
        everything = [*(self._backlog or ()), *self._items]
        self._backlog = None
        self._items = ()
        return everything

    def statistics(self) -> MailboxStatistics:
        """Tell what has been counted: without a bound only the length, which costs nothing."""
        return MailboxStatistics(len(self))


@mypyc_attr(allow_interpreted_subclasses=True)
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


@mypyc_attr(allow_interpreted_subclasses=True)
class Diagnostics(Standing):
    """Who the actor is, who decides about it, and how it has ended.

    Attributes:
        urn: its universally unique name, once that has been asked for; see `ActorRef.actor_urn`.
    """

    __slots__ = ("_ref", "exit", "parent", "urn")

    def __init__(self, system: ActorSystem) -> None:
        super().__init__(system)
        self._ref: Any = None
        self.urn: str | None = None
        self.parent: Parent | None = None
        self.exit: Exit | None = None

    @property
    def ref(self) -> ActorRef[Any]:
        """The reference to the actor; set by whoever makes the cell, at once."""
        ref: Any = self._ref
        return ref.again(cast("Cell", self)) if type(ref) is FadedRef else ref

    @ref.setter
    def ref(self, ref: ActorRef[Any]) -> None:
        self._ref = ref

    def let_go_of_ref(self) -> None:
        """Keep the reference no more: who still keeps it has it, and it the cell."""
        if type(self._ref) is not FadedRef:
            self._ref = FadedRef(self._ref)

    def log_fatal(self, error: BaseException) -> None:
        """Log the exception that ends the actor; if it has a supervisor, that will report it."""
        if self.starting is not None and really(error, StartIgnoredError):
            return  # OTP's `ignore`: it is what the actor wants
        if self.parent is None or self.state == ENDING:  # ENDING: it has a fate already, and this is lost
            self.log_crash(error)

    def log_crash(self, error: BaseException) -> None:
        """Log an unexpected exception the way Pykka does: it must never pass in silence."""
        logger.error(
            "actor crashed", text=f"Unhandled exception in {self.ref}:", **self.account(), exc_info=error
        )

    def log_stop(self, exit: Exit) -> None:  # noqa: A002
        """Log that an actor without a supervisor has stopped for a reason that is neither `normal` nor `shutdown`."""
        if exit.abnormal and self.parent is None:
            text = f"{self.ref} stopped: {exit}"
            logger.error(
                "actor stopped", text=text, reason=exit.reason, **self.account(), exc_info=exit.error
            )

    def log_returned(self, error: BaseException) -> None:
        """Log an exception that goes to whoever asked, the way Pykka does."""
        if logger.isEnabledFor(logging.INFO):  # what is said of the actor costs more than all the rest
            text = f"Exception returned from {self.ref} to caller:"
            logger.info("exception returned", text=text, **self.account(), exc_info=error)

    def account(self) -> dict[str, Any]:
        """Tell who it is, for a log."""
        who: dict[str, Any] = {"actor": self.ref.label, "urn": self.ref.actor_urn}
        names = names_shown(self.ref)
        return {**who, "names": names} if names else who

    def dead(self, exit: Exit | None = None) -> ActorEndedError:  # noqa: A002
        """Return the error for a message that nobody will handle; by default the actor has ended already."""
        return self._ended("stopped before handling the message", exit or self.exit or KILLED)

    def not_found(self) -> ActorEndedError:
        """Return the error for whoever wants something of an actor that has ended."""
        return self._ended("not found", self.exit or KILLED)

    def _ended(self, what: str, exit: Exit) -> ActorEndedError:  # noqa: A002
        text = LEFT_BEHIND if exit.reason == FORKED.reason else f"{what}; it ended: {exit}"
        who = self.ref.described(exit.names) if exit.names and self.state == CLOSED else self.ref
        error = ActorEndedError(f"{who} {text}", exit.reason)
        error.__cause__ = exit.error
        return error


@mypyc_attr(allow_interpreted_subclasses=True)
class Receiving(Diagnostics):
    """Takes messages, on the loop and from elsewhere; `put` is what each kind of cell does in its own way."""

    __slots__ = ()

    def put(self, item: object) -> None:
        """Take a message.

        Raises:
            pykka.ActorDeadError: if the actor has ended for good; nobody's fault.
        """
        raise NotImplementedError

    def hand(self, item: object) -> None:
        """Take a message, and have it handled at once if nothing is in the way of that; see `put`."""
        self.put(item)

    def put_if_open(self, item: object) -> None:
        """Take a message of the runtime's own, or drop it if the actor has ended for good.

        A mailbox with a bound takes it, room or not.
        """
        if self.state < CLOSED:
            self.put(item)
        else:
            self._put_aside(item)

    def _put_aside(self, item: object) -> None:
        if self.state == CLOSED:
            self.discard([item])
        elif is_stop(item):
            self.put_back(iter([item]))  # before the mail that waits, which nobody would handle
            self.resume()
        else:
            self.put(item)

    def offer(self, item: object) -> None:
        """Take a message, or drop it if the actor has ended for good, or its mailbox is full.

        For an `ask`, whose sender learns of it by the answer, and for senders who are not told.
        """
        if self.state != CLOSED:
            self.put(item)
        else:
            self.discard([item])

    def entering(self, item: object) -> Future[None] | None:
        """Take a message as soon as there is room; from any thread.

        Returns:
            None if it has been taken, or sent on its way; else a future that is settled when it
            has been taken. If all who wait for that give up, the message is not sent.

        Raises:
            MailboxFullError: if there is no room and the mailbox's policy is to refuse.
            pykka.ActorDeadError: if the actor has ended for good.
        """
        self.ref.tell(item)
        return None

    def put_from_outside(self, item: object) -> None:
        """Take a message from another thread, a moment later.

        Raises:
            pykka.ActorDeadError: if the actor is known to have ended for good.
        """
        if self.closed:
            raise self.not_found()
        self.system.call_soon(self.offer, item)

    @property
    def closed(self) -> bool:
        """Whether the actor has ended for good."""
        return self.state == CLOSED

    def discard(self, mail: Iterable[Any]) -> None:
        """Tell whoever waits for an answer to one of `mail` that there will be none."""
        for item in mail:
            if type(item) is Question:
                if is_stop(item):
                    item.offer(value=True)  # pyright: ignore[reportUnknownMemberType]
                else:
                    item.offer(error=self.dead())  # pyright: ignore[reportUnknownMemberType]
            elif is_answerable(item):
                item.discarded()

    def calling_itself(self) -> bool:
        """Whether it is the actor's own handler, or a hook of it, that calls this, and could wait."""
        return False  # a plain handler cannot

    def resume(self) -> None:
        """Go on after it was suspended."""
        raise NotImplementedError
