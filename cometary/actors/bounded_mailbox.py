"""Mailboxes with a bound, and what they do when they are full.

1.  A bounded mailbox takes `capacity` messages. What a turn has taken out has left it.
2.  What the runtime itself sends (orders to stop, `Down`, expired timers, what supervisors tell
    themselves) is never refused and never dropped. It arrives by `put_if_open`, and is marked.
3.  What users send arrives by `put` (`tell` on the loop), `entering` (senders who can wait, and
    other threads) or `offer` (an `ask`; senders who cannot be told). With no room, the policy decides.
4.  With the policy `block` those who can wait do so in a `WaitQueue`. Whenever messages are taken
    out the first in the queue are let in, so nobody waits while there is room.
5.  What was put back after a crash has been accepted once, and is not dropped.
6.  Messages that may not be dropped, and are older than all the rest, are put aside (`AdmissionStats.ahead`) once
    they have been looked at, so that dropping costs the same however many there are. An actor knows that it has
    mail by its `_items` and `_backlog` alone: one of these has some, if there is any.

These are classes of their own, so that an actor without a bound pays nothing for them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

from pykka import ActorDeadError

from cometary.actors.bound import Bounded, MailboxStatistics
from cometary.actors.cell import Cell
from cometary.actors.future import Future
from cometary.actors.loops import on_a_loop
from cometary.actors.mailbox import CLOSED, SUSPENDED
from cometary.actors.messages import Question, is_answerable, is_stop
from cometary.actors.scheduled_cell import ScheduledCell
from cometary.actors.task_cell import TaskCell
from cometary.actors.wait_queue import WaitQueue
from cometary.errors import MailboxFullError
from cometary.log import get_logger

if TYPE_CHECKING:
    from cometary.actors.actor import Actor
    from cometary.actors.system import ActorSystem

logger = get_logger("cometary.actors")

REPORT_EVERY = 10.0
"""Seconds between two warnings that one mailbox drops messages."""


class AdmissionStats:
    """What a bounded mailbox goes by and has counted, and who waits in front of it.

    Attributes:
        ahead: what is older than all the rest of the mail, and may not be dropped.
    """

    __slots__ = (
        "accepted",
        "ahead",
        "bound",
        "dropped",
        "high_water",
        "refused",
        "report_after",
        "reported",
        "wait_queue",
    )

    def __init__(self, bound: Bounded) -> None:
        self.bound = bound
        self.wait_queue = WaitQueue()
        self.ahead: deque[object] = deque()
        self.accepted = self.refused = self.dropped = self.reported = self.high_water = 0
        self.report_after = -inf

    def unreported(self) -> int:
        """Tell how many were dropped since this was last asked."""
        reported, self.reported = self.reported, self.dropped
        return self.dropped - reported


class Exempt(NamedTuple):
    """A message in a bounded mailbox that the policy does not touch."""

    item: object


def _plain(item: Any) -> object:
    return item.item if type(item) is Exempt else item


if TYPE_CHECKING:
    Mixed = Cell
else:
    Mixed = object  # an instance is made by its one kind of cell, which may be compiled


class BoundedCell(Mixed):
    """What all kinds of bounded cell have in common; see the rules above. To be mixed into a kind of cell.

    Args:
        system: what it lives in.
        bound: of its mailbox.
    """

    # No slots of its own: Python cannot join two bases that both have some.
    __slots__ = ()

    admission_stats: AdmissionStats

    def __init__(self, system: ActorSystem, bound: Bounded) -> None:
        super().__init__(system)
        self.admission_stats = AdmissionStats(bound)  # type: ignore[misc]  # a slot of each kind

    # -- taking in ------------------------------------------------------------------------

    def put(self, item: object) -> None:
        """Take a message, or refuse it, or drop one; see `Receiving.put`.

        Raises:
            MailboxFullError: if there is no room and the policy is `refuse`, or `block`, because
                whoever calls this cannot wait; nobody's fault.
            pykka.ActorDeadError: if the actor has ended for good.
        """
        # The mailbox of an actor that has ended for good is empty: it has room, and refuses then.
        if self._has_room():
            self._accept(item)
        elif not self._drop_one_for(item):
            self.admission_stats.refused += 1
            raise self._full()

    def offer(self, item: Any) -> None:
        """Take a message; only whoever waits for an answer is told that there is no room."""
        if self.state == CLOSED:
            self.discard([item])
        elif self._has_room():
            self._accept(item)
        elif not self._drop_one_for(item):
            if type(item) is Question:
                self._wait_or_refuse(item)  # pyright: ignore[reportUnknownArgumentType]
            else:
                self._lose(item)

    def put_if_open(self, item: object) -> None:
        """Take a message of the runtime's own, room or not; see `Receiving.put_if_open`."""
        if self.state == CLOSED:
            self.discard([item])
        elif self.state == SUSPENDED and is_stop(item):
            self._put_aside(item)
        else:
            self._accept(Exempt(item))

    def entering(self, item: object) -> Future[None] | None:
        """Take a message as soon as there is room; see `Receiving.entering`."""
        if self.closed:
            raise self.not_found()
        at_home = self.system.on_thread()
        if at_home and (self.admission_stats.bound.when_full != "block" or self._has_room()):
            self.put(item)
            return None
        entered: Future[None] = Future()
        entered.on_abandoned = partial(self.system.post, self._leave, entered)
        if at_home:
            self.admission_stats.wait_queue.join(entered, item)
        else:
            self.system.call_soon(self._enter, item, entered)
        return entered

    def put_from_outside(self, item: object) -> None:
        """Take a message from another thread, which waits to hear what becomes of it."""
        # A thread with a loop of its own must not wait: its actors would.
        entered = None if on_a_loop() else self.entering(item)
        if entered is None:
            super().put_from_outside(item)
        else:
            entered.get()

    def _enter(self, item: object, entered: Future[None]) -> None:
        if self.admission_stats.bound.when_full == "block" and not self._has_room():
            self.admission_stats.wait_queue.join(entered, item)
            return
        try:
            self.put(item)
        except (MailboxFullError, ActorDeadError) as error:
            entered.offer(error=error)
        else:
            entered.offer()

    def _has_room(self) -> bool:
        admission_stats = self.admission_stats
        return len(self) < admission_stats.bound.capacity and not admission_stats.wait_queue

    def _accept(self, item: object) -> None:
        super().put(item)
        admission_stats = self.admission_stats
        admission_stats.accepted += 1
        admission_stats.high_water = max(admission_stats.high_water, len(self))

    # -- without room ---------------------------------------------------------------------

    def _wait_or_refuse(self, question: Question[Any]) -> None:
        if question.abandoned:  # in another thread, while it was on its way here
            question.offer(error=self._full())
        elif self.admission_stats.bound.when_full == "block" and self.admission_stats.wait_queue.join_to_ask(
            question
        ):
            question.on_abandoned = partial(self.system.post, self._leave, question)
        else:
            self.admission_stats.refused += 1
            question.offer(error=self._full())

    def _leave(self, future: Future[Any]) -> None:
        if self.admission_stats.wait_queue.leave(future):
            future.offer(error=self._full())  # for whoever should look again: it was not sent

    def _drop_one_for(self, item: object) -> bool:
        """Drop what the policy says, and take `item` unless it is that; returns False if none is dropped."""
        policy = self.admission_stats.bound.when_full
        if policy == "drop_oldest" and self._drop_oldest():
            self._accept(item)
        elif policy in {"drop_oldest", "drop_newest"}:
            self._lose(item)
        else:
            return False
        return True

    def _drop_oldest(self) -> bool:
        """Drop the message that has waited longest; returns False if all that wait are exempt."""
        ahead = self.admission_stats.ahead
        if self._backlog is None:
            self._refill()
        while self._backlog is not None:
            item = self._backlog.popleft()
            if not self._backlog:
                self._refill()
            if type(item) is not Exempt:
                self._lose(item)
                return True
            ahead.append(item)
        self._backlog = deque([ahead.pop()])  # rule 6
        return False

    def _refill(self) -> None:
        self._backlog, self._items = deque(self._items) or None, ()

    def _lose(self, item: Any) -> None:
        self.admission_stats.dropped += 1
        if type(item) is Question:
            item.offer(error=self._full())  # pyright: ignore[reportUnknownMemberType]
        elif is_answerable(item):
            item.discarded()
        self._report_drops()

    def _report_drops(self) -> None:
        admission_stats, now = self.admission_stats, self.system.scheduler.now()
        if now >= admission_stats.report_after:
            dropped = admission_stats.unreported()
            logger.warning(
                "mailbox full",
                text=f"The mailbox of {self.ref} is full ({admission_stats.bound}): {dropped} messages dropped",
                bound=str(admission_stats.bound),
                dropped=dropped,
                **self.account(),
            )
            admission_stats.report_after = now + REPORT_EVERY

    def _full(self) -> MailboxFullError:
        bound = self.admission_stats.bound
        hint = "; `await ref.tell_async(...)` waits for room" if bound.when_full == "block" else ""
        return MailboxFullError(f"{self.ref} has {bound.capacity} messages waiting{hint}")

    # -- taking out -----------------------------------------------------------------------

    def __len__(self) -> int:
        return super().__len__() + len(self.admission_stats.ahead)

    def take(self, quota: int) -> list[object]:
        """Take at most `quota` of the oldest messages, and let in who waits; see `Mailbox.take`."""
        ahead = self.admission_stats.ahead
        taken = [_plain(ahead.popleft()) for _ in range(min(quota, len(ahead)))]
        if len(taken) < quota:
            taken += [_plain(item) for item in super().take(quota - len(taken))]
        self._let_in()
        return taken

    def get(self) -> Any:
        """Take the oldest message; see `Mailbox.get`."""
        return self.take(1)[0]

    def drain(self) -> list[object]:
        """Take everything."""
        ahead = self.admission_stats.ahead
        everything = [_plain(item) for item in (*ahead, *super().drain())]
        ahead.clear()
        return everything

    def put_back(self, untaken: Iterator[object]) -> None:
        """Put what was taken in front again, for good; see `Mailbox.put_back`."""
        ahead = self.admission_stats.ahead
        exempt = map(Exempt, untaken)
        if ahead:
            ahead.extendleft(reversed(list(exempt)))
        else:
            super().put_back(exempt)

    def _let_in(self) -> None:
        queue, capacity = self.admission_stats.wait_queue, self.admission_stats.bound.capacity
        while queue and len(self) < capacity:
            future, item = queue.next()
            future.on_abandoned = None
            self._accept(item)
            if future is not item:  # a question is answered by the actor
                future.offer()

    # -- life -----------------------------------------------------------------------------

    def begin(self, actor: Actor, starting: Future[None]) -> None:
        """Start a life; see `Cell.begin`."""
        super().begin(actor, starting)
        self._let_in()  # its supervisor may have thrown the mail away that was in their way

    def bury(self) -> None:
        """Close for good, also for those in the queue; see `Cell.bury`."""
        super().bury()
        for future, _ in self.admission_stats.wait_queue.clear():
            future.offer(error=self.dead())

    def statistics(self) -> MailboxStatistics:
        """Tell what has been counted; see `Mailbox.statistics`."""
        admission_stats = self.admission_stats
        return MailboxStatistics(
            len(self),
            admission_stats.high_water,
            admission_stats.accepted,
            admission_stats.refused,
            admission_stats.dropped,
            len(admission_stats.wait_queue),
        )


class BoundedScheduledCell(BoundedCell, ScheduledCell):
    """A scheduled actor's, with a bound."""

    __slots__ = ("admission_stats",)


class BoundedTaskCell(BoundedCell, TaskCell):
    """That of an actor with a task, with a bound."""

    __slots__ = ("admission_stats",)


def bounded_cell(cell_class: type[Cell], system: ActorSystem, bound: Bounded) -> Cell:
    """Make a cell with a bound for an actor that would have one of `cell_class` without."""
    kind = BoundedTaskCell if issubclass(cell_class, TaskCell) else BoundedScheduledCell
    return kind(system, bound)
