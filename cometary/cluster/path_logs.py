"""The logs of paths with a history, as every engine keeps them: what is said of them, and what `local` does.

1.  The paths of one declaration are numbered in one sequence and bounded together, as on a server by itself
    (`cometary.dispatch.shelf`): so much of each path, so many paths, so many bytes.
2.  Each entry says which number the one before it on its path had. A node that hears of an entry that does not follow
    what it has knows from that that others are missing, and reads them.
3.  An epoch is `BASE.LIFE`. It has another life when the engine is another process than before, which may have lost the
    last of what it had confirmed: then it skips so many numbers that none is given twice. It has another base when
    all was lost, so numbers begin anew. A client that comes back with a position of another epoch is told of a gap.
4.  What is appended with a key is there once, no matter how often and by which nodes that is asked (`Once`).

Pure: time comes in.
"""

from __future__ import annotations

import secrets
from math import inf
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from cometary.dispatch.shelf import Numbers, Shelf
from cometary.packets.patterns import Pattern

if TYPE_CHECKING:
    from cometary.packets.keeping import Keeping

Outcome = Literal["new", "repeat", "reused", "refused"]
"""What has become of an update: it is there now, or was before; another update had its key; or it is refused."""

MOST_KEYS: Final = 100_000
"""That are known within a process."""

SEPARATOR: Final = "."
"""Between the base of an epoch and its life."""


class LogShelf(NamedTuple):
    """The paths of one declaration.

    Attributes:
        name: its pattern.
        keeping: how much is kept of each path.
    """

    name: str
    keeping: Keeping


class Once(NamedTuple):
    """What makes an update count once, however often it is sent.

    Attributes:
        key: the idempotency key.
        digest: tells this update from every other one.
        seconds: for how long the key is known.
    """

    key: str
    digest: bytes
    seconds: float


class Addition(NamedTuple):
    """What is to be appended.

    Attributes:
        path: of the update.
        payload: the update, encoded.
        size: bytes of it as JSON, which count against the bounds.
        once: its key, if it has one.
    """

    path: str
    payload: bytes
    size: int
    once: Once | None = None


class Appended(NamedTuple):
    """What has become of that.

    Attributes:
        outcome: see there.
        epoch: of the numbers.
        number: of the entry; 0 unless it is new.
        before: the number of the entry before it on its path; 0 for none.
    """

    outcome: Outcome
    epoch: str
    number: int = 0
    before: int = 0


class LogEntry(NamedTuple):
    """What is kept of an update.

    Attributes:
        number: its number.
        age: seconds since it was appended, by the engine's clock.
        payload: the update, encoded.
    """

    number: int
    age: float
    payload: bytes


class PathLog(NamedTuple):
    """What is kept of a path.

    Attributes:
        epoch: of the numbers.
        number: of the latest entry, kept or not.
        lost: of the latest entry that is no longer kept.
        lost_age: seconds since that was appended; infinite if that is not known, or was long ago.
        entries: what was asked for.
    """

    epoch: str
    number: int
    lost: int
    lost_age: float
    entries: tuple[LogEntry, ...]


class ChangedPaths(NamedTuple):
    """Paths to which something was appended.

    Attributes:
        epoch: of the numbers.
        end: the latest number of the whole shelf.
        paths: some of them, with their latest numbers, in the order of these.
    """

    epoch: str
    end: int
    paths: tuple[tuple[str, int], ...]


def base_of(epoch: str) -> str:
    """Return the base of an epoch: within it numbers can be compared."""
    return epoch.rpartition(SEPARATOR)[0]


class Stored(NamedTuple):
    """What a shelf within this process keeps of an update."""

    size: int
    payload: bytes


class SharedLogs:
    """All logs, within one process."""

    def __init__(self) -> None:
        self._epoch = f"{secrets.token_hex(4)}{SEPARATOR}1"
        self._shelves: dict[str, tuple[Numbers, Shelf[Stored]]] = {}
        self._keys: dict[tuple[str, str], tuple[bytes, float]] = {}
        self._claims: dict[str, tuple[bytes, float]] = {}

    def append(self, shelf: LogShelf, new: Addition, now: float) -> Appended:
        """Append an update."""
        once = new.once
        if once is not None:
            digest, until = self._keys.get((shelf.name, once.key), (b"", -inf))
            if until > now:
                return Appended("repeat" if digest == once.digest else "reused", self._epoch)
            self._keys[shelf.name, once.key] = once.digest, now + once.seconds
            _bound(self._keys)
        numbers, kept = self._shelf(shelf)
        before = kept.number_of(new.path)
        number = numbers.next().offset
        kept.keep(new.path, number, Stored(new.size, new.payload), now)
        return Appended("new", self._epoch, number, before)

    def claim(self, key: str, value: bytes, seconds: float, now: float) -> bytes | None:
        """Have a key stand for a value; returns what it stands for already."""
        had, until = self._claims.get(key, (value, -inf))
        if until > now:
            return had
        self._claims[key] = value, now + seconds
        _bound(self._claims)
        return None

    def read(self, shelf: LogShelf, path: str, behind: int, now: float) -> PathLog:
        """Return what is kept of a path behind a number."""
        kept = next(self._shelf(shelf)[1].about(Pattern.compile(path), behind, now))
        entries = [
            LogEntry(number, now - when, stored.payload)
            for when, number, stored in kept.packets
            if number > behind
        ]
        return PathLog(self._epoch, kept.number, kept.lost, now - kept.lost_at, tuple(entries))

    def changed(self, shelf: LogShelf, behind: int, most: int) -> ChangedPaths:
        """Return the first paths with greater numbers."""
        numbers, kept = self._shelf(shelf)
        return ChangedPaths(self._epoch, numbers.latest, tuple(kept.changed(behind)[:most]))

    def _shelf(self, shelf: LogShelf) -> tuple[Numbers, Shelf[Stored]]:
        found = self._shelves.get(shelf.name)
        if found is None:
            numbers = Numbers(self._epoch)
            found = self._shelves[shelf.name] = numbers, Shelf[Stored](shelf.keeping, numbers)
        return found


def _bound(known: dict[Any, Any]) -> None:
    """Forget the oldest of what is known, if that is too much."""
    if len(known) > MOST_KEYS:
        del known[next(iter(known))]
