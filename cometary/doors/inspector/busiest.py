"""What keeps the loop busy: while some page wants to know, a thread looks again and again, and counts.

Like the watchdog, it sees what the loop's thread is doing only by its frames, so the loop itself pays nothing,
and compiled code, which has no frames of its own, is not seen.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from typing import TYPE_CHECKING, Any, Final

from cometary.actors.watchdog import running_call, whose

if TYPE_CHECKING:
    from cometary.actors import ActorSystem
    from cometary.doors.inspector import looks

INTERVAL: Final = 0.02
"""Seconds between two looks."""

KEPT: Final = 500
"""Looks that are counted: those of the last ten seconds."""

Seen = tuple[str, str | None, str | None]
"""An actor's class, its URN, and the class of its message; or only a function that belongs to no actor."""


class Busiest:
    """The latest looks at one loop.

    Args:
        system: the actor system on that loop.
    """

    def __init__(self, system: ActorSystem) -> None:
        self._system = system
        self._seen: deque[Seen | None] = deque(maxlen=KEPT)
        self._leave: threading.Event | None = None

    def want(self, wanted: bool) -> None:  # noqa: FBT001 - there is nothing else
        """Begin or stop looking, unless that is so already."""
        if wanted and self._leave is None:
            self._seen.clear()
            self._leave = threading.Event()
            threading.Thread(target=self._look_until, args=(self._leave,), name="cometary-inspector").start()
        elif not wanted and self._leave is not None:
            self._leave.set()
            self._leave = None

    def _look_until(self, leave: threading.Event) -> None:
        while not leave.wait(INTERVAL):
            self._seen.append(self.look())

    def look(self) -> Seen | None:
        """Return what the loop is in the middle of; None if it is waiting."""
        call = running_call(self._system.thread)
        if call is None:
            return None
        ref, kind = whose(call)
        if ref is None:
            return call.identity.f_code.co_qualname, None, None
        return ref.label, ref.actor_urn, kind

    def listed(self, look: looks.Busiest) -> dict[str, Any]:
        """Return the lines of the list that are in view, the busiest first, each with its share of the looks."""
        looks_taken = [*self._seen]
        counts = Counter(seen for seen in looks_taken if seen is not None)
        found = [
            {"who": who, "urn": urn, "message": message, "share": round(count / len(looks_taken), 3)}
            for (who, urn, message), count in counts.most_common()
            if look.search.casefold() in who.casefold()
        ]
        lines = found[look.first : look.first + look.most]
        return {"at": "busiest", "first": look.first, "total": len(found), "lines": lines}
