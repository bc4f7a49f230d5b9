"""What mailboxes and the scheduler have counted, as values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MailboxStatistics:
    """One mailbox, now and since its actor was started; it goes on counting over restarts.

    An unbounded mailbox counts nothing, because most actors are small and there are many: of
    one, only the length is known, and the rest is None.

    Attributes:
        length: messages that wait.
        high_water: the most that have ever waited.
        accepted: messages taken in, those of the runtime included.
        refused: messages whose senders got a `MailboxFullError`.
        dropped: messages lost by the policy, or to senders who cannot be told.
        waiting: senders who wait for room.
    """

    length: int
    high_water: int | None = None
    accepted: int | None = None
    refused: int | None = None
    dropped: int | None = None
    waiting: int | None = None


@dataclass(frozen=True, slots=True)
class SchedulerStatistics:
    """The scheduler, since its system was started.

    Attributes:
        batches: how often it has run; what tasks that ask ran in its place is counted too.
        turns: turns that actors have had.
        messages: messages handled; a turn without any, such as an actor's start, counts as one.
        ready: actors that wait for their turn, now.
        longest_handler: seconds for which the watchdog has seen one handler hold up the loop, at
            the most: 0 if it has seen none, None if there is no watchdog.
    """

    batches: int
    turns: int
    messages: int
    ready: int
    longest_handler: float | None
