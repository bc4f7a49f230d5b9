"""What has moved in the sessions' machines since the last time, in few words.

1.  Frames are made at a fixed rate, however much happens between two of them. A frame names only
    sessions that moved, each with the states that it came through; of very many the middle is left out.
2.  A frame is itself delivered to sessions and moves their machines: an answer goes out, and the
    client comes back for more. Were that told in the next frame, frames would follow one another for
    ever, about nothing but themselves. So a move whose only cause is packets of observation is not
    told, neither when such a packet arrives nor when a request takes nothing else away.
3.  But a machine that has not come back for `PATIENCE` is told of as it is: its client is
    slow, or gone, and that is news.

Pure: moves and the time come in, frames go out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cometary.sessions import Packet
from cometary.sessions.events import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cometary.fsm import State

PREFIX: Final = "watch/"
"""Where all packets of observation go."""

PATIENCE: Final = 1.0
"""Seconds that a machine may be away because of a frame before that is told."""

MOST_MOVES: Final = 8
"""States that one session comes through in one frame at most."""


class Watched:
    """One session's machine, as it was told of and as it is.

    Args:
        state: the name of the state that it is in.
        clock: tells the time in seconds.
    """

    def __init__(self, state: str, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._state = state
        self._told = state
        self._moves = [state]
        self._astray_since: float | None = None

    @property
    def told(self) -> str:
        """The state that was, or is about to be, told last."""
        return self._moves[-1] if self._moves else self._told

    def observe(self, before: State, event: object, after: State, actions: Sequence[object]) -> None:
        """Take note of an event; this is what the machine's `observer` is."""
        self._state = after.name
        if self._state != self.told and not is_observation(event, actions):
            self._add(before.name)  # where observation had taken it unseen
            self._add(after.name)
        if self._state == self.told:
            self._astray_since = None
        elif self._astray_since is None:
            self._astray_since = self._clock()

    def take_moves(self, now: float) -> list[str]:
        """Return the states since the last call; from now on they have been told."""
        if self._astray_since is not None and now - self._astray_since > PATIENCE:
            self._add(self._state)
            self._astray_since = None
        if self._moves:
            self._told = self._moves[-1]
        moves, self._moves = self._moves, []
        return moves

    def _add(self, state: str) -> None:
        if state == self.told:
            return
        if len(self._moves) >= MOST_MOVES:
            del self._moves[-1]
        self._moves.append(state)


class Observation:
    """All sessions that are watched.

    Args:
        clock: tells the time in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._watched: dict[str, Watched] = {}
        self._gone: list[str] = []

    def __len__(self) -> int:
        return len(self._watched)

    def add(self, name: str, state: str) -> Watched:
        """Watch one session more, which is in this state; what is returned is to be told its moves."""
        self._watched[name] = watched = Watched(state, self._clock)
        return watched

    def remove(self, name: str) -> None:
        """Watch a session no longer."""
        if self._watched.pop(name, None) is not None:
            self._gone.append(name)

    def whole(self) -> dict[str, Any]:
        """Return the frame for somebody who has seen none."""
        return {"sessions": {name: [watched.told] for name, watched in self._watched.items()}, "gone": []}

    def frame(self) -> dict[str, Any] | None:
        """Return what has moved since the last frame, or None."""
        now = self._clock()
        moved = {name: moves for name, watched in self._watched.items() if (moves := watched.take_moves(now))}
        gone, self._gone = self._gone, []
        return {"sessions": moved, "gone": gone} if moved or gone else None


def is_observation(event: object, actions: Sequence[object]) -> bool:
    """Whether nothing but packets of observation is behind an event (rule 2)."""
    if isinstance(event, Packet):
        return event.path.startswith(PREFIX)
    packets = [packet for action in actions if isinstance(action, Answer) for packet in action.packets]
    return bool(packets) and all(packet.path.startswith(PREFIX) for packet in packets)
