"""What this node wants: the patterns that somebody here hears, or heard a moment ago.

1.  A pattern is wanted from its first subscriber on, and for `LINGER` seconds after its last one has gone: whoever
    comes back meanwhile costs the other nodes nothing.
2.  It is known since when: nobody has been told anything of the pattern that was published before.

Pure: time comes in.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from cometary.dispatch.trie import PatternTrie
from cometary.packets.patterns import Pattern

if TYPE_CHECKING:
    from collections.abc import Iterator

LINGER: Final = 30.0
"""Seconds; longer than an update waits for sessions that are behind."""


class Wishes:
    """What the sessions of one node want."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}
        self._starred: PatternTrie[str] = PatternTrie()
        self._lingering: OrderedDict[str, float] = OrderedDict()

    def __iter__(self) -> Iterator[str]:
        return iter(self._since)

    def __contains__(self, pattern: str) -> bool:
        return pattern in self._since

    def note(self, text: str, now: float, *, wanted: bool) -> bool:
        """Take note that somebody hears a pattern, or nobody any more; returns whether it is wanted anew."""
        if not wanted:
            self._lingering[text] = now + LINGER
            return False
        if self._lingering.pop(text, None) is not None:
            return False
        self._since[text] = now
        pattern = Pattern.compile(text)
        if not pattern.exact:
            self._starred.put(pattern, text)
        return True

    def take_lapsed(self, now: float) -> list[str]:
        """Return the patterns that are wanted no more from now on."""
        lapsed: list[str] = []
        while self._lingering and next(iter(self._lingering.values())) <= now:
            text, _ = self._lingering.popitem(last=False)
            del self._since[text]
            pattern = Pattern.compile(text)
            if not pattern.exact:
                self._starred.discard(pattern)
            lapsed.append(text)
        return lapsed

    def since(self, path: str) -> float | None:
        """Return since when a path has been wanted, by its name or by a pattern with stars; None if it is not."""
        found = [self._since[text] for text in self._starred.covering(path)] if self._starred else []
        if path in self._since:
            found.append(self._since[path])
        return min(found, default=None)
