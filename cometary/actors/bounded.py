"""Mailboxes with a bound, and what they do when they are full.

1.  A bounded mailbox takes `capacity` messages. What a turn has taken out has left it.
2.  What the runtime itself sends (orders to stop, `Down`, expired timers, what supervisors tell
    themselves) is never refused and never dropped. It arrives by `put_if_open`, and is marked.
3.  What users send arrives by `put` (`tell` on the loop), `entering` (senders who can wait, and
    other threads) or `offer` (an `ask`; senders who cannot be told). With no room, the policy decides.
4.  With the policy `block` those who can wait do so in a `Line`. Whenever messages are taken
    out the first in the line are let in, so nobody waits while there is room.
5.  What was put back after a crash has been accepted once, and is not dropped.
6.  Messages that may not be dropped, and are older than all the rest, are put aside (`Intake.ahead`) once
    they have been looked at, so that dropping costs the same however many there are. By what is not there
    an actor knows that it has mail: there is always some, if any.

These are classes of their own, so that an actor without a bound pays nothing for them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from pykka import ActorDeadError

from cometary.actors.bounds import Bounded, Intake
from cometary.actors.cell import Cell
from cometary.actors.future import Future
from cometary.actors.messages import is_answerable, is_stop
from cometary.actors.question import Question
from cometary.actors.scheduled import ScheduledCell
from cometary.actors.states import CLOSED, SUSPENDED
from cometary.actors.statistics import MailboxStatistics
from cometary.actors.task import TaskCell
from cometary.actors.waiting import on_a_loop
from cometary.errors import MailboxFullError
from cometary.log import get_logger

if TYPE_CHECKING:
    from cometary.actors.actor import Actor
    from cometary.actors.system import ActorSystem

logger = get_logger("cometary.actors")

REPORT_EVERY = 10.0
"""Seconds between two warnings that one mailbox drops messages."""


class Exempt(NamedTuple):
    """A message in a bounded mailbox that the policy does not touch."""

    item: object


def _plain(item: Any) -> object:
    return item.item if type(item) is Exempt else item


class BoundedCell(Cell):
    """What both kinds of bounded cell have in common; see the rules above."""

    # No slots of its own: Python cannot join two bases that both have some.
    __slots__ = ()

    intake: Intake

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
            self.intake.refused += 1
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
        if at_home and (self.intake.bound.when_full != "block" or self._has_room()):
            self.put(item)
            return None
        entered: Future[None] = Future()
        entered.on_abandoned = partial(self.system.post, self._leave, entered)
        if at_home:
            self.intake.line.join(entered, item)
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
        if self.intake.bound.when_full == "block" and not self._has_room():
            self.intake.line.join(entered, item)
            return
        try:
            self.put(item)
        except (MailboxFullError, ActorDeadError) as error:
            entered.offer(error=error)
        else:
            entered.offer()

    def _has_room(self) -> bool:
        intake = self.intake
        return len(self) < intake.bound.capacity and not intake.line

    def _accept(self, item: object) -> None:
        super().put(item)
        intake = self.intake
        intake.accepted += 1
        intake.high_water = max(intake.high_water, len(self))

    # -- without room ---------------------------------------------------------------------

    def _wait_or_refuse(self, question: Question[Any]) -> None:
        if question.abandoned:  # in another thread, while it was on its way here
            question.offer(error=self._full())
        elif self.intake.bound.when_full == "block" and self.intake.line.join_to_ask(question):
            question.on_abandoned = partial(self.system.post, self._leave, question)
        else:
            self.intake.refused += 1
            question.offer(error=self._full())

    def _leave(self, future: Future[Any]) -> None:
        if self.intake.line.leave(future):
            future.offer(error=self._full())  # for whoever should look again: it was not sent

    def _drop_one_for(self, item: object) -> bool:
        """Drop what the policy says, and take `item` unless it is that; returns False if none is dropped."""
        policy = self.intake.bound.when_full
        if policy == "drop_oldest" and self._drop_oldest():
            self._accept(item)
        elif policy in {"drop_oldest", "drop_newest"}:
            self._lose(item)
        else:
            return False
        return True

    def _drop_oldest(self) -> bool:
        """Drop the message that has waited longest; returns False if all that wait are exempt."""
        ahead = self.intake.ahead
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
        self.intake.dropped += 1
        if type(item) is Question:
            item.offer(error=self._full())  # pyright: ignore[reportUnknownMemberType]
        elif is_answerable(item):
            item.discarded()
        self._report_drops()

    def _report_drops(self) -> None:
        intake, now = self.intake, self.system.scheduler.now()
        if now >= intake.report_after:
            dropped = intake.unreported()
            logger.warning(
                "mailbox full",
                text=f"The mailbox of {self.ref} is full ({intake.bound}): {dropped} messages dropped",
                bound=str(intake.bound),
                dropped=dropped,
                **self.account(),
            )
            intake.report_after = now + REPORT_EVERY

    def _full(self) -> MailboxFullError:
        hint = (
            "; `await ref.tell_async(...)` waits for room" if self.intake.bound.when_full == "block" else ""
        )
        return MailboxFullError(f"{self.ref} has {self.intake.bound.capacity} messages waiting{hint}")

    # -- taking out -----------------------------------------------------------------------

    def __len__(self) -> int:
        return super().__len__() + len(self.intake.ahead)

    def take(self, quota: int) -> Sequence[object]:
        """Take at most `quota` of the oldest messages, and let in who waits; see `Mailbox.take`."""
        ahead = self.intake.ahead
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
        ahead = self.intake.ahead
        everything = [_plain(item) for item in (*ahead, *super().drain())]
        ahead.clear()
        return everything

    def put_back(self, untaken: Iterator[object]) -> None:
        """Put what was taken in front again, for good; see `Mailbox.put_back`."""
        ahead = self.intake.ahead
        exempt = map(Exempt, untaken)
        if ahead:
            ahead.extendleft(reversed(list(exempt)))
        else:
            super().put_back(exempt)

    def _let_in(self) -> None:
        line, capacity = self.intake.line, self.intake.bound.capacity
        while line and len(self) < capacity:
            future, item = line.next()
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
        """Close for good, also for those in the line; see `Cell.bury`."""
        super().bury()
        for future, _ in self.intake.line.clear():
            future.offer(error=self.dead())

    def statistics(self) -> MailboxStatistics:
        """Tell what has been counted; see `Mailbox.statistics`."""
        intake = self.intake
        return MailboxStatistics(
            len(self), intake.high_water, intake.accepted, intake.refused, intake.dropped, len(intake.line)
        )


class BoundedScheduledCell(BoundedCell, ScheduledCell):
    """A scheduled actor's, with a bound."""

    __slots__ = ("intake",)

    def __init__(self, system: ActorSystem, bound: Bounded) -> None:
        super().__init__(system)
        self.intake = Intake(bound)


class BoundedTaskCell(BoundedCell, TaskCell):
    """That of an actor with a task, with a bound."""

    __slots__ = ("intake",)

    def __init__(self, system: ActorSystem, bound: Bounded) -> None:
        super().__init__(system)
        self.intake = Intake(bound)


def bounded_cell(cell_class: type[Cell], system: ActorSystem, bound: Bounded) -> Cell:
    """Make a cell with a bound for an actor that would have one of `cell_class` without."""
    kind = BoundedTaskCell if issubclass(cell_class, TaskCell) else BoundedScheduledCell
    return kind(system, bound)
