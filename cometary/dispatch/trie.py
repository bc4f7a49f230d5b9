"""A map whose keys are patterns with stars; it finds all that cover a path.

Each level of the tree is one segment. A look-up walks every branch that fits at once, level by
level, so it costs at most the number of segments times the number of patterns that still fit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

from cometary.packets.paths import SEPARATOR
from cometary.packets.patterns import ANY_SEGMENT, Pattern

V = TypeVar("V")


class _Node(Generic[V]):
    """The patterns that begin with the segments leading here."""

    __slots__ = ("branches", "deep", "here")

    def __init__(self) -> None:
        self.branches: dict[str, _Node[V]] = {}
        self.here: V | None = None  # of the pattern that ends here
        self.deep: V | None = None  # of the pattern that ends here with **

    def leads_nowhere(self) -> bool:
        return not self.branches and self.here is None and self.deep is None


class PatternTrie(Generic[V]):
    """From each pattern to one value, which is never None."""

    def __init__(self) -> None:
        self._root: _Node[V] = _Node()

    def __bool__(self) -> bool:
        return not self._root.leads_nowhere()

    def put(self, pattern: Pattern, value: V) -> None:
        """Set the value of `pattern`."""
        node = self._root
        for segment in pattern.head:
            node = node.branches.setdefault(segment, _Node())
        if pattern.deep:
            node.deep = value
        else:
            node.here = value

    def discard(self, pattern: Pattern) -> None:
        """Forget `pattern`, which has a value, and free the branches only it needed."""
        trail = [self._root]
        for segment in pattern.head:
            trail.append(trail[-1].branches[segment])
        if pattern.deep:
            trail[-1].deep = None
        else:
            trail[-1].here = None
        for parent, segment in zip(trail[-2::-1], pattern.head[::-1], strict=True):
            if not parent.branches[segment].leads_nowhere():
                return
            del parent.branches[segment]

    def covering(self, path: str) -> Iterator[V]:
        """The values of every pattern that covers `path`, in no particular order."""
        level = [self._root]
        for segment in path.split(SEPARATOR):
            yield from (node.deep for node in level if node.deep is not None)
            # A path may itself have a segment `*`: to be offered that branch twice is once
            # too often.
            fitting = (segment,) if segment == ANY_SEGMENT else (segment, ANY_SEGMENT)
            level = [node.branches[step] for node in level for step in fitting if step in node.branches]
            if not level:
                return
        yield from (node.here for node in level if node.here is not None)
