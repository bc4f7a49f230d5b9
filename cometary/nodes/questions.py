"""What this node asks another one for its operators, who look at all of them.

1.  A question is for somebody who looks, and looks again: one that is not answered in time, or whose link breaks, is
    not asked again.
2.  As long as an answer is late, there are no further questions: a node that hangs holds up each of those who look
    once, and is shown as away.
3.  No more than `MOST` questions wait for their answers.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Final

import trio

from cometary.nodes.messages import Asked

if TYPE_CHECKING:
    from cometary.nodes.link import Link
    from cometary.nodes.messages import Said

PATIENCE: Final = 1.0
"""Seconds."""

MOST: Final = 1_000


class Questions:
    """Asks one other node."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._link: Link | None = None
        self._waiting: dict[int, trio.Event] = {}
        self._answers: dict[int, bytes | None] = {}
        self._late = 0

    def linked(self, link: Link) -> None:
        """There is a link."""
        self._link = link

    def unlinked(self) -> None:
        """The link has ended (rule 1)."""
        self._link = None
        self._late = 0
        waiting, self._waiting = self._waiting, {}
        for event in waiting.values():
            event.set()

    def said(self, said: Said) -> None:
        """Take an answer."""
        self._late = 0
        event = self._waiting.pop(said.number, None)
        if event is not None:
            self._answers[said.number] = said.answer
            event.set()

    async def ask(self, question: bytes) -> bytes | None:
        """Return what it says; None if it cannot be asked, or does not answer in time."""
        link = self._link
        if link is None or link.full or self._late or len(self._waiting) >= MOST:
            return None
        number = next(self._numbers)
        self._waiting[number] = event = trio.Event()
        link.send(Asked(number, question))
        try:
            with trio.move_on_after(PATIENCE) as patience:
                await event.wait()
            if patience.cancelled_caught:
                self._late = number
        finally:
            self._waiting.pop(number, None)
            answer = self._answers.pop(number, None)
        return answer
