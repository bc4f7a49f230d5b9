"""Patterns over paths: which paths a subscription or a handler is for.

The source is Bayeux's channel globbing (Bayeux specification 1.0, section 2.2.1, and
CometD's `ChannelId`), with one freedom more: `*` may be any segment, not only the last.

1. A path and a pattern are split at every `/`; an empty segment is a segment like any other.
2. `*` as a whole segment stands for exactly one segment, whatever is in it.
3. `**` as the whole last segment stands for one or more segments: `chat/**` covers
   `chat/a` and `chat/a/b`, but not `chat`; `**` alone covers every path.
4. Any other segment stands for itself, case and all.
5. A star within a longer segment (`chat*`), and `**` before the last segment, are refused,
   so that nobody waits for matches that never come.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeGuard, cast

from cometary.errors import PatternError, ProtocolError
from cometary.packets.paths import SEPARATOR, check_path

ANY_SEGMENT: Final = "*"
ANY_TAIL: Final = "**"

MOST_LISTED: Final = 1_000
"""Paths and patterns that a client may be granted one by one."""

MOST_STARRED: Final = 100
"""Patterns with stars among them, since each wish is compared with all of these."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A valid pattern, split once. Make one with `Pattern.compile`.

    Args:
        text: the pattern as it was written.
        head: its segments, without a closing `**`.
        deep: whether it closes with `**`.
    """

    text: str
    head: tuple[str, ...]
    deep: bool

    @classmethod
    def compile(cls, text: str) -> Pattern:
        """Check and split `text`.

        Raises:
            PatternError: the calling code's fault; `text` breaks rule 5, or is not a path.
        """
        try:
            check_path(text, from_client=False)
        except ProtocolError as error:
            raise PatternError(f"{text[:80]!r} is no pattern: {error.detail}") from None
        text = str.__str__(text)  # which only copies what is of a subclass
        segments = tuple(text.split(SEPARATOR))
        deep = segments[-1] == ANY_TAIL
        head = segments[:-1] if deep else segments
        for segment in head:
            _check_segment(segment, text)
        return cls(text, head, deep)

    @property
    def exact(self) -> bool:
        """Whether it covers one path only: the one that is written like it."""
        return not self.deep and ANY_SEGMENT not in self.head

    def matches(self, path: str) -> bool:
        """Whether `path` is covered. `path` is taken as it is and need not be valid."""
        segments = path.split(SEPARATOR)
        if len(segments) <= len(self.head) if self.deep else len(segments) != len(self.head):
            return False
        return all(mine in (ANY_SEGMENT, theirs) for mine, theirs in zip(self.head, segments, strict=False))

    def meets(self, other: Pattern) -> bool:
        """Whether there are paths that both cover."""
        ours, theirs = len(self.head), len(other.head)
        if not (self.deep or ours > theirs or (ours == theirs and not other.deep)):
            return False
        if not (other.deep or theirs > ours or (ours == theirs and not self.deep)):
            return False
        pairs = zip(self.head, other.head, strict=False)
        return all(mine == its or ANY_SEGMENT in {mine, its} for mine, its in pairs)

    def includes(self, other: Pattern) -> bool:
        """Whether it covers every path that `other` covers."""
        ours, theirs = len(self.head), len(other.head)
        if not (theirs + other.deep > ours if self.deep else theirs == ours and not other.deep):
            return False
        return all(mine in (ANY_SEGMENT, its) for mine, its in zip(self.head, other.head, strict=False))


def _check_segment(segment: str, text: str) -> None:
    """Refuse what rule 5 refuses."""
    if segment == ANY_TAIL:
        raise PatternError(f"{text!r} is no pattern: ** can only be its last segment.")
    if ANY_SEGMENT in segment and segment != ANY_SEGMENT:
        raise PatternError(f"{text!r} is no pattern: a * must be a whole segment.")


def are_patterns(value: object) -> TypeGuard[Sequence[str]]:
    """Whether this is a list of paths and patterns: of so many, and so many with stars, at most."""
    if not isinstance(value, list | tuple):
        return False
    listed = cast("Sequence[object]", value)
    if len(listed) > MOST_LISTED or not all(map(_is_pattern, listed)):
        return False
    return sum(ANY_SEGMENT in cast("str", text) for text in listed) <= MOST_STARRED


def _is_pattern(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(Pattern.compile(value))
    except PatternError:
        return False


class Grants:
    """Paths and patterns that somebody is granted, each an exact path found by one look-up.

    Args:
        texts: the paths and patterns.

    Raises:
        PatternError: one of them is neither; the calling code's fault.
    """

    __slots__ = ("_exact", "_starred", "texts")

    def __init__(self, texts: Iterable[str] = ()) -> None:
        patterns = [Pattern.compile(text) for text in texts]
        self.texts = [pattern.text for pattern in patterns]
        self._exact = frozenset(pattern.text for pattern in patterns if pattern.exact)
        self._starred = [pattern for pattern in patterns if not pattern.exact]

    def __bool__(self) -> bool:
        return bool(self.texts)

    def cover(self, wish: Pattern) -> bool:
        """Whether one of them covers all that `wish` does."""
        return wish.text in self._exact or any(pattern.includes(wish) for pattern in self._starred)

    def cover_text(self, wish: str) -> bool:
        """The same of a text, which may not be a pattern at all: then it is not covered."""
        try:
            return self.cover(Pattern.compile(wish))
        except PatternError:
            return False


NO_GRANTS: Final = Grants()
