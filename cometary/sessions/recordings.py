"""The latest steps of some sessions' machines, for operators.

1.  A session is recorded from when an operator first looks at it until it ends; then the recording goes with its entry
    in `cometary.sessions.ended`. Nothing is recorded of other sessions, and they pay nothing: only a recorded session
    makes no short steps.
2.  `MOST` sessions are recorded at a time. For one more, the one that was looked at longest ago is dropped.
3.  The latest `MOST_STEPS` steps of each are kept, numbered from 1: an operator who reads them now and then sees
    whether there were more in between.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from cometary.sessions.brief import step_in_brief

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cometary.fsm import State
    from cometary.sessions.keeper import SessionKeeper

MOST: Final = 100
MOST_STEPS: Final = 50


class Recording:
    """The latest steps of one session.

    Args:
        keeper: the session.

    Attributes:
        steps: the latest, each with its number as `n`, the oldest first.
    """

    __slots__ = ("_count", "end", "steps")

    def __init__(self, keeper: SessionKeeper) -> None:
        self.steps: deque[dict[str, Any]] = deque(maxlen=MOST_STEPS)
        self._count = 0
        self.end = keeper.machine.observe(self._note)

    def _note(self, before: State, event: object, after: State, actions: Sequence[object]) -> None:
        self._count += 1
        self.steps.append({"n": self._count, **step_in_brief(before, event, after, actions)})


class Recordings:
    """The recordings of one server."""

    def __init__(self) -> None:
        self._of: dict[str, Recording] = {}

    def look(self, keeper: SessionKeeper) -> list[dict[str, Any]]:
        """Return the latest steps of a living session, which is recorded from now on."""
        recording = self._of.pop(keeper.name, None)
        if recording is None:
            if len(self._of) >= MOST:
                self._of.pop(next(iter(self._of))).end()
            recording = Recording(keeper)
        self._of[keeper.name] = recording  # behind all others: rule 2
        return [*recording.steps]

    def take(self, keeper: SessionKeeper) -> list[dict[str, Any]]:
        """Return the latest steps of a session that has ended; nothing if it was not recorded."""
        recording = self._of.pop(keeper.name, None)
        return [] if recording is None else [*recording.steps]
