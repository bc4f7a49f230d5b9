"""How many messages an actor gets a second: counted only for actors that some page has in view.

It uses `cometary.actors.sys.statistics`, switched on when an actor comes into view and off when it has been out of view
for one look. If somebody else is already counting, that goes on. The actor of a session is not counted: it would make
no more short steps, and its packets are counted anyway (`readings`).
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pykka import ActorDeadError

from cometary.actors.sys import statistics

if TYPE_CHECKING:
    from cometary.actors import ActorRef
    from cometary.actors.sys import Statistics


class Counting:
    """The counts of the actors that are in view."""

    def __init__(self) -> None:
        self._wanted: set[ActorRef[Any]] = set()
        self._counted: dict[ActorRef[Any], Statistics | None] = {}
        self._rates: dict[ActorRef[Any], float] = {}

    def rate_of(self, ref: ActorRef[Any]) -> float | None:
        """Return messages a second; None if not known yet. The actor counts as being in view."""
        if getattr(ref.actor_inbox, "shortcut", None) is not None:
            return None
        self._wanted.add(ref)
        return self._rates.get(ref)

    async def look(self) -> None:
        """Read all counts, begin those that were asked for since the last look, and end the others."""
        wanted, self._wanted = self._wanted, set()
        for ref in self._counted.keys() - wanted:
            del self._counted[ref]
            self._rates.pop(ref, None)
            with suppress(ActorDeadError):
                await statistics(ref, False)  # noqa: FBT003 - as in OTP
        for ref in wanted:
            with suppress(ActorDeadError):
                await self._read(ref)

    async def _read(self, ref: ActorRef[Any]) -> None:
        now: Statistics | None = await statistics(ref)
        if now is None:
            await statistics(ref, True)  # noqa: FBT003 - for the first time, or in another incarnation
            self._counted[ref] = None
        elif ref in self._counted:
            before = self._counted[ref]
            since, counted = (
                (now.start_time, 0) if before is None else (before.current_time, before.messages_in)
            )
            self._counted[ref] = now
            if now.current_time > since:
                self._rates[ref] = round((now.messages_in - counted) / (now.current_time - since), 1)

    async def close(self) -> None:
        """End all."""
        self._wanted.clear()
        await self.look()
