"""Who gets what: the table from patterns to their subscribers.

1. Every pattern has one group of subscribers, found by its text; so an exact path costs one look-up. Patterns with
   stars are also in a trie, which is walked only when it holds any.
2. A group without subscribers is freed at once, and so is every trace of a subscriber that is
   dropped: a server outlives millions of sessions.
3. Every subscription has a number that only grows. Order of delivery is order of subscription,
   whichever patterns are involved; a subscriber that matches in several ways counts once, with
   its earliest number.
4. What `subscribers` returns is a tuple that never changes. So a delivery may subscribe, unsubscribe or drop anybody,
   itself included, while a broadcast walks over that tuple. A group keeps its tuple until its members change: a
   broadcast to thousands rebuilds nothing.
5. Subscribers are compared as a dict compares its keys: for actors, by identity.
6. Most subscribers have one pattern. For these only the group is kept, with no dict around it, which would be a tenth
   of all that a session takes.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable
from itertools import count, islice
from typing import Generic, Protocol, TypeVar

from cometary.dispatch.trie import PatternTrie
from cometary.packets.patterns import Pattern

S = TypeVar("S", bound=Hashable)


class Interest(Protocol):
    """Told which patterns are wanted; see `Subscriptions.watch`."""

    def __call__(self, pattern: str, /, *, wanted: bool) -> None:
        """Take note of one."""
        ...


class _Group(Generic[S]):
    """The subscribers of one pattern, each with the number of its subscription."""

    __slots__ = ("_ready", "numbers", "pattern")

    def __init__(self, pattern: Pattern) -> None:
        self.pattern = pattern
        self.numbers: dict[S, int] = {}
        self._ready: tuple[S, ...] | None = None

    def add(self, subscriber: S, number: int) -> None:
        self.numbers[subscriber] = number
        self._ready = None

    def remove(self, subscriber: S) -> None:
        del self.numbers[subscriber]
        self._ready = None

    def subscribers(self) -> tuple[S, ...]:
        """All of them in order, as a tuple made once for each change (rule 4)."""
        if self._ready is None:
            self._ready = tuple(self.numbers)
        return self._ready


class Subscriptions(Generic[S]):
    """The table. It has no lock: it belongs to one event loop or to one thread."""

    def __init__(self) -> None:
        self._next_number = count().__next__
        self._groups: dict[str, _Group[S]] = {}
        self._starred: PatternTrie[_Group[S]] = PatternTrie()
        self._groups_of: dict[S, _Group[S] | dict[str, _Group[S]]] = {}
        self._watcher: Interest | None = None

    def watch(self, watcher: Interest) -> None:
        """Tell `watcher` of each pattern that gets its first subscriber, or loses its last one, from now on.

        Args:
            watcher: called with the pattern's text, and with `wanted`, whether somebody subscribes to it now. It does
                not raise.
        """
        self._watcher = watcher

    def __len__(self) -> int:
        """How many subscriptions there are: pairs of a pattern and a subscriber."""
        return sum(map(self.count, self._groups_of))

    def subscribe(self, pattern: str, subscriber: S) -> bool:
        """Let `subscriber` have everything that `pattern` covers, from now on.

        Returns:
            False when it had that pattern already: it keeps its place and nothing changes.

        Raises:
            PatternError: the calling code's fault; nothing has changed.
        """
        group = self._groups.get(pattern) or self._new_group(pattern)
        if subscriber in group.numbers:
            return False
        group.add(subscriber, self._next_number())
        held = self._groups_of.get(subscriber)
        if isinstance(held, dict):
            held[group.pattern.text] = group
        else:
            self._groups_of[subscriber] = group if held is None else _by_text(held, group)
        return True

    def unsubscribe(self, pattern: str, subscriber: S) -> bool:
        """Undo one `subscribe`, at a cost that does not grow with the number of subscribers.

        Returns:
            False when there was no such subscription: nothing changes.
        """
        groups = self._of(subscriber)
        if pattern not in groups:
            return False
        self._leave(groups.pop(pattern), subscriber)
        if not groups:
            del self._groups_of[subscriber]
        return True

    def drop(self, subscriber: S) -> None:
        """Undo every subscription of `subscriber`, who may have none."""
        held = self._groups_of.pop(subscriber, None)
        if isinstance(held, dict):
            for group in held.values():
                self._leave(group, subscriber)
        elif held is not None:
            self._leave(held, subscriber)

    def patterns(self, subscriber: S, most: int | None = None) -> tuple[str, ...]:
        """What `subscriber` is subscribed to, in order of subscription: the first `most`, or all."""
        held = self._groups_of.get(subscriber)
        if isinstance(held, dict):
            return tuple(islice(held, most))
        return () if held is None or most == 0 else (held.pattern.text,)

    def count(self, subscriber: S) -> int:
        """To how many patterns `subscriber` is subscribed."""
        held = self._groups_of.get(subscriber)
        return len(held) if isinstance(held, dict) else int(held is not None)

    def subscribers(self, path: str) -> tuple[S, ...]:
        """Whoever an update to `path` is for: each once, in order of subscription."""
        group = self._groups.get(path)
        if not self._starred:
            return () if group is None else group.subscribers()
        covering = list(self._starred.covering(path))
        if group is not None:
            covering.append(group)
        return covering[0].subscribers() if len(covering) == 1 else _merged(covering)

    def any_hears(self, path: str, subscribers: Collection[S]) -> bool:
        """Whether an update to `path` is for any of `subscribers`; at a cost that grows with these only."""
        if not subscribers:
            return False
        covering = list(self._starred.covering(path)) if self._starred else []
        group = self._groups.get(path)
        if group is not None:
            covering.append(group)
        return any(subscriber in group.numbers for group in covering for subscriber in subscribers)

    def has(self, pattern: str, subscriber: S) -> bool:
        """Whether `subscriber` has subscribed to this very pattern."""
        return pattern in self._of(subscriber)

    def _of(self, subscriber: S) -> dict[str, _Group[S]]:
        """The groups of `subscriber`, by the text of their patterns, in order of subscription (rule 6)."""
        held = self._groups_of.get(subscriber)
        if held is None:
            return {}
        return held if isinstance(held, dict) else _by_text(held)

    def _new_group(self, pattern: str) -> _Group[S]:
        """The group of a pattern that had no subscribers until now."""
        group: _Group[S] = _Group(Pattern.compile(pattern))
        self._groups[group.pattern.text] = group
        if not group.pattern.exact:
            self._starred.put(group.pattern, group)
        if self._watcher is not None:
            self._watcher(group.pattern.text, wanted=True)
        return group

    def _leave(self, group: _Group[S], subscriber: S) -> None:
        """Take `subscriber` out of `group`, and free the group once it is empty."""
        group.remove(subscriber)
        if group.numbers:
            return
        del self._groups[group.pattern.text]
        if not group.pattern.exact:
            self._starred.discard(group.pattern)
        if self._watcher is not None:
            self._watcher(group.pattern.text, wanted=False)


def _by_text(*groups: _Group[S]) -> dict[str, _Group[S]]:
    """Groups by the text of their patterns."""
    return {group.pattern.text: group for group in groups}


def _merged(groups: list[_Group[S]]) -> tuple[S, ...]:
    """The subscribers of several groups, by the earliest number that each of them has."""
    earliest: dict[S, int] = {}
    for group in groups:
        for subscriber, number in group.numbers.items():
            earliest[subscriber] = min(number, earliest.get(subscriber, number))
    return tuple(sorted(earliest, key=earliest.__getitem__))
