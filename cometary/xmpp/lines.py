"""Who is served when: each sender's stanzas one after the other, those of several senders at once.

1.  A slow handler holds up its own sender, and nobody else.
2.  The line of one sender has a bound, and what is more is refused (`resource-constraint`), so that no sender takes all
    the room.
3.  When all lines together are full, nothing is read from the server until there is room, but for `PATIENCE` seconds at
    most, and not while answers are waited for: what the handlers have asked themselves is answered behind. Then stanzas
    are taken beyond that, up to as many again, and after these refused (`resource-constraint`) until there is room.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

import trio

from cometary.errors import StanzaError
from cometary.xmpp.addresses import account_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cometary.xmpp.stanzas import Stanza

MOST: Final = 1000
"""Stanzas that wait, or are being handled, before reading pauses."""

PATIENCE: Final = 1.0
"""Seconds that it pauses."""

MOST_OF_ONE: Final = 100
"""Of these, those of one account."""


class Lines:
    """The stanzas that wait for their handlers.

    Args:
        handle: handles one; it raises nothing.
        most: how many wait before reading pauses; at most twice as many wait.
        most_of_one: how many of one account wait at most.
        patience: seconds that reading pauses at most.
    """

    def __init__(
        self,
        handle: Callable[[Stanza], Awaitable[None]],
        most: int = MOST,
        most_of_one: int = MOST_OF_ONE,
        patience: float = PATIENCE,
    ) -> None:
        self._handle = handle
        self._most, self._most_of_one = most, most_of_one
        self._patience = patience
        self._lines: dict[str, deque[Stanza]] = {}
        self._count = 0
        self._news = trio.Event()
        self._room = trio.Event()
        self._is_impatient = False  # whether reading has paused, and there was no room since
        self._new: list[str] = []  # accounts whose line nobody serves yet

    def add(self, stanza: Stanza) -> None:
        """Take a stanza.

        Raises:
            StanzaError: `resource-constraint`: too many from its sender, or from all senders together, are waiting; the
                sender's fault, or nobody's.
        """
        if self._count >= 2 * self._most:
            raise StanzaError("resource-constraint", "too many stanzas wait for an answer, try later")
        sender = account_of(stanza.sender)
        line = self._lines.get(sender)
        if line is None:
            line = self._lines[sender] = deque()
            self._new.append(sender)
            self._news.set()
        elif len(line) >= self._most_of_one:
            raise StanzaError("resource-constraint", "too many of your stanzas wait for an answer")
        line.append(stanza)
        self._count += 1

    @property
    def is_full(self) -> bool:
        """Whether reading should pause."""
        return self._count >= self._most

    async def room(self) -> None:
        """Wait until there is room for another one, or waiting longer is of no use (rule 3)."""
        if not self.is_full:
            self._is_impatient = False
        elif not self._is_impatient:
            with trio.move_on_after(self._patience):
                while self.is_full:
                    self._room = trio.Event()
                    await self._room.wait()
            self._is_impatient = self.is_full

    async def run(self) -> None:
        """Serve all lines until cancelled; a function for a supervisor."""
        self._new = list(self._lines)  # after a crash: who was being served is served again
        async with trio.open_nursery() as nursery:
            while True:
                new, self._new = self._new, []
                for sender in new:
                    nursery.start_soon(self._serve, sender)
                self._news = trio.Event()
                await self._news.wait()

    async def _serve(self, sender: str) -> None:
        line = self._lines[sender]
        while line:
            stanza = line.popleft()
            try:
                await self._handle(stanza)
            finally:
                self._count -= 1
                self._room.set()
        del self._lines[sender]
