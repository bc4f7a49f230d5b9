"""How far a client has got on paths with a history, and what it waits for after its session was lost.

1.  A packet with a position (`at`) moves the client's own on. One that is not behind it has been here before, and is
    dropped.
2.  In a new session each path that has a position is awaited: its packets are dropped until the server has said from
    where on it replays (`::at`, with that very position), since the replay has all of them in their order. Another
    `::at` is that of somebody who has connected the session without it.
3.  A gap ends the waiting as well, and moves the position to where nothing is missing any more.
4.  A pattern with stars has a position as well, where the server tells one: it moves on with each packet that the
    pattern covers. While the pattern is awaited, so are all paths that it covers, except for those that are asked for
    by themselves; its replay has their packets.
5.  The positions of `MOST` paths and patterns are known: those with the latest packets.

The rules are those of the JavaScript client's `positions.js`. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from cometary.packets.patterns import ANY_SEGMENT, Pattern

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cometary.client.bodies import Packet

MOST: Final = 1000

AT: Final = "::at"
GAP: Final = "::gap"


class Place(msgspec.Struct):
    """What the server says of the position of a path, or a pattern."""

    path: str
    at: str | None = None


class Positions:
    """How far one client has got."""

    def __init__(self) -> None:
        self._at: dict[str, str] = {}
        self._patterns: dict[str, Pattern] = {}  # those of them with stars
        self._awaited: dict[str, None] = {}
        self._asked: set[str] = set()  # those of the awaited for which somebody has asked

    @property
    def awaited(self) -> dict[str, str]:
        """The paths and patterns that are awaited, and after which position."""
        return {path: self._at[path] for path in self._awaited}

    @property
    def open(self) -> dict[str, str]:
        """Those for which nobody has asked, and that no pattern's replay brings (rule 4)."""
        return {
            path: at
            for path, at in self.awaited.items()
            if path not in self._asked and not self._pattern_awaited(path)
        }

    def knows(self, path: str) -> bool:
        """Whether it has a position."""
        return path in self._at

    def ask(self, paths: Iterable[str]) -> dict[str, str]:
        """Take note that these paths are asked for; returns the positions of those that are awaited."""
        due = {path: self._at[path] for path in paths if path in self._awaited}
        self._asked.update(due)
        return due

    def leave(self, paths: Iterable[str]) -> None:
        """Take note that nobody has asked for these, after all."""
        self._asked.difference_update(paths)

    def renew(self) -> None:
        """Begin another session (rule 2)."""
        self._asked.clear()
        self._awaited.update(dict.fromkeys(self._at))

    def take(self, packet: Packet) -> bool:
        """Return whether the application is to have a packet.

        Raises:
            msgspec.ValidationError: it says of a position what nobody understands.
        """
        path, at = packet.path, packet.at
        if path in {AT, GAP}:
            place = msgspec.convert(packet.message, Place)
            if path == GAP:
                self.miss(place.path, place.at)
            elif place.at is not None:
                self._place(place.path, place.at)
            return False
        if at is None:
            return True
        for text, pattern in list(self._patterns.items()):
            if text not in self._awaited and pattern.matches(path) and is_later(at, self._at[text]):
                self._keep(text, at)
        fresh = not self._waits(path) and is_behind(at, self._at.get(path))
        if fresh:
            self._keep(path, at)
        return fresh

    def _waits(self, path: str) -> bool:
        return path in self._awaited or (path not in self._asked and self._pattern_awaited(path))

    def _pattern_awaited(self, path: str) -> bool:
        return any(
            text in self._awaited and text != path and pattern.matches(path)
            for text, pattern in self._patterns.items()
        )

    def miss(self, path: str, at: str | None = None) -> None:
        """Take note that what was missed there does not come any more (rule 3)."""
        self._end_waiting(path)
        if at is None:
            self._forget(path)
        else:
            self._keep(path, at)

    def _place(self, path: str, at: str) -> None:
        if path in self._awaited and at != self._at[path]:
            return
        self._end_waiting(path)
        if is_behind(at, self._at.get(path)):
            self._keep(path, at)

    def _end_waiting(self, path: str) -> None:
        self._awaited.pop(path, None)
        pattern = self._patterns.get(path)
        if pattern is not None:
            for each in [each for each in self._awaited if each not in self._asked and pattern.matches(each)]:
                del self._awaited[each]

    def _keep(self, path: str, at: str) -> None:
        self._at.pop(path, None)
        self._at[path] = at
        if ANY_SEGMENT in path and path not in self._patterns:
            self._patterns[path] = Pattern.compile(path)
        if len(self._at) > MOST:
            self._forget(next(iter(self._at)))

    def _forget(self, path: str) -> None:
        self._at.pop(path, None)
        self._awaited.pop(path, None)
        self._patterns.pop(path, None)


def is_behind(at: str, known: str | None) -> bool:
    """Whether a position comes behind what is known; always in another epoch."""
    epoch, _, number = at.rpartition("-")
    ours, _, last = (known or "").rpartition("-")
    return epoch != ours or _number(number) > _number(last)


def is_later(at: str, known: str) -> bool:
    """Whether a position comes behind another one of the same epoch."""
    return at.rpartition("-")[0] == known.rpartition("-")[0] and is_behind(at, known)


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0
