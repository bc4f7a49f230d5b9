"""Who waits in front of a full mailbox."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cometary.actors.future import Future
    from cometary.actors.messages import Question

MAX_UNATTENDED = 1000
"""Asks in a queue whose answers nobody waits for, or not yet. Threads ask first and wait a moment later, so not few."""


class WaitQueue:
    """Messages that wait in front of a full mailbox, each with the future of its sender.

    1.  First come, first served; whoever comes while others wait goes to the end.
    2.  Who waits is a future: that of having been let in (`tell_async`), or that of the answer (`ask`).
    3.  Whoever gives up waiting leaves the queue in the same moment, and what it would have sent
        is not sent. On the mailbox's own loop that moment is the cancellation itself, not the later one in
        which the cancelled task runs: in between, the actor may make room.
    4.  So the queue is as long as there are tasks and threads that wait. An `ask` whose answer
        nobody waits for (yet) has a place too, but there are no more such than `MAX_UNATTENDED`.
    """

    __slots__ = ("_places", "_unattended")

    def __init__(self) -> None:
        self._places: OrderedDict[Future[Any], object] = OrderedDict()
        self._unattended: list[Future[Any]] = []

    def __len__(self) -> int:
        return len(self._places)

    def join(self, entered: Future[None], message: object) -> None:
        """Go to the end of the queue, to wait there."""
        self._places[entered] = message

    def join_to_ask(self, question: Question[Any]) -> bool:
        """Go to the end of the queue with a question; returns False if too many are unattended."""
        unattended = self._unattended
        if len(unattended) >= MAX_UNATTENDED:
            unattended[:] = [each for each in unattended if each in self._places and not each.awaited]
        if len(unattended) >= MAX_UNATTENDED:
            return False
        self._places[question] = question
        unattended.append(question)  # nearly always somebody begins to wait for it a moment later
        return True

    def leave(self, future: Future[Any]) -> bool:
        """Give up a place; returns whether there was one."""
        return self._places.pop(future, self) is not self

    def next(self) -> tuple[Future[Any], object]:
        """Let the first one go."""
        return self._places.popitem(last=False)

    def clear(self) -> list[tuple[Future[Any], object]]:
        """Let all go."""
        everyone = list(self._places.items())
        self._places.clear()
        self._unattended.clear()
        return everyone
