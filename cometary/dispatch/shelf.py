"""Shelves: what is kept of the paths of one declaration; the rules are those of `cometary.dispatch.history`.

Pure: time comes in.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from itertools import islice
from math import inf
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from cometary.packets.position import Position
from cometary.packets.tracked import TrackedPacket

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cometary.packets.keeping import Keeping
    from cometary.packets.packet import Packet
    from cometary.packets.patterns import Pattern

MOST_PATHS: Final = 100_000
"""Of one shelf."""

MOST_BYTES: Final = 64 << 20
"""Of one shelf."""

MOST_SEEN: Final = 1_000
"""Paths, and packets, that are looked at for one pattern: a client may name twenty patterns, which take 50 ms."""


class Sized(Protocol):
    """What is kept: a packet, or what is told of one."""

    @property
    def size(self) -> int:
        """Bytes."""
        ...


P = TypeVar("P", bound=Sized)


class Numbers:
    """Numbers all packets of a server (rule 2).

    Args:
        epoch: a short text that no other life of a server has.
    """

    __slots__ = ("epoch", "latest")

    def __init__(self, epoch: str) -> None:
        self.epoch = epoch
        self.latest = 0

    def next(self) -> Position:
        """Return the position of one more packet."""
        self.latest += 1
        return self.end

    @property
    def end(self) -> Position:
        """The position after all packets."""
        return Position(self.epoch, self.latest)

    def know(self, position: Position) -> bool:
        """Whether it is a position of this epoch."""
        return position.epoch == self.epoch and position.offset <= self.latest


Numbered = tuple[int, "Packet"]


class Kept(Generic[P]):
    """What is kept of one path, or of several of which nothing is kept.

    Args:
        lost: the number of the last packet that is no longer kept (rule 4).

    Attributes:
        lost_at: when that one was kept; long ago if that is not known.
    """

    __slots__ = ("bytes", "lost", "lost_at", "number", "packets")

    def __init__(self, lost: int) -> None:
        self.lost = lost
        self.lost_at = -inf
        self.number = lost
        self.packets: deque[tuple[float, int, P]] = deque()
        self.bytes = 0

    def drop_first(self) -> int:
        """Drop the oldest; returns its bytes."""
        self.lost_at, self.lost, packet = self.packets.popleft()
        self.bytes -= packet.size
        return packet.size

    def drop_all(self) -> int:
        """Drop all; returns their bytes."""
        dropped, self.bytes = self.bytes, 0
        if self.packets:
            self.lost_at = self.packets[-1][0]
        self.lost = self.number
        self.packets.clear()
        return dropped

    def latest(self) -> Iterator[tuple[int, P]]:
        """Return all, the latest first."""
        return ((number, packet) for _, number, packet in reversed(self.packets))

    def behind(self, offset: int) -> Iterator[tuple[int, P]]:
        """Return those with greater numbers, the latest first."""
        for number, packet in self.latest():
            if number <= offset:
                return
            yield number, packet


class Shelf(Generic[P]):
    """What is kept of the paths of one declaration.

    Args:
        keeping: how much is kept of each path.
        numbers: numbers the packets.
        most_paths: how many paths it has room for.
        most_bytes: how many bytes.
    """

    def __init__(
        self,
        keeping: Keeping,
        numbers: Numbers,
        most_paths: int = MOST_PATHS,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._keeping = keeping
        self._numbers = numbers
        self._most_paths = most_paths
        self._most_bytes = most_bytes
        # Each in the order of their latest numbers: so the first packets to be too old are those of the first path,
        # and what goes first (rule 5) is at the front.
        self._full: OrderedDict[str, Kept[P]] = OrderedDict()
        self._empty: OrderedDict[str, Kept[P]] = OrderedDict()
        self.forgotten = 0
        """The greatest number of any path that is forgotten."""
        self.bytes = 0
        """Of all packets that are kept."""

    def __len__(self) -> int:
        """How many paths are known."""
        return len(self._full) + len(self._empty)

    def keep(self, path: str, number: int, packet: P, now: float) -> None:
        """Keep a packet, whose number is greater than all before it."""
        kept = self._full.pop(path, None) or self._empty.pop(path, None) or Kept[P](self.forgotten)
        kept.number = number
        kept.packets.append((now, number, packet))
        kept.bytes += packet.size
        self.bytes += packet.size
        self._full[path] = kept
        while len(kept.packets) > self._keeping.packets or kept.bytes > self._keeping.bytes:
            self.bytes -= kept.drop_first()
        self._tidy(now)

    def number_of(self, path: str) -> int:
        """Return the latest number of a path; that of any that is forgotten, if it is not known."""
        kept = self._full.get(path) or self._empty.get(path)
        return self.forgotten if kept is None else kept.number

    def changed(self, offset: int) -> list[tuple[str, int]]:
        """Return the paths with greater numbers than `offset`, each with its latest, in the order of these."""
        numbers = [(self.number_of(path), path) for path in self._latest(offset)]
        return [(path, number) for number, path in sorted(numbers)]

    def paths(self) -> Iterator[tuple[str, Kept[P]]]:
        """Return all that is known, as `restore` takes it: those of which nothing is kept, then the others."""
        yield from self._empty.items()
        yield from self._full.items()

    def restore(self, path: str, lost: int, number: int, packets: Iterable[tuple[float, int, P]]) -> None:
        """Take what another shelf has kept of a path, in the order of their latest numbers; see `Kept`."""
        kept = Kept[P](lost)
        kept.number = number
        kept.packets.extend(packets)
        kept.bytes = sum(packet.size for _, _, packet in kept.packets)
        self.bytes += kept.bytes
        (self._full if kept.packets else self._empty)[path] = kept

    def about(self, wish: Pattern, offset: int, now: float) -> Iterator[Kept[P]]:
        """Return what is kept of a path; or of those that a pattern covers and that have greater numbers than `offset`.

        For a pattern there is one more, with nothing kept, for all paths that are forgotten, and one for those that are
        not looked at (rule 6).
        """
        if wish.exact:
            yield self._about(wish.text, now)
            return
        yield Kept[P](self.forgotten)
        for seen, path in enumerate(self._latest(offset)):
            if seen >= MOST_SEEN:
                yield Kept[P](self._numbers.latest)
                return
            if wish.matches(path):
                yield self._about(path, now)

    def _about(self, path: str, now: float) -> Kept[P]:
        kept = self._full.get(path) or self._empty.get(path) or Kept[P](self.forgotten)
        self._drop_old(kept, now)
        return kept

    def _latest(self, offset: int) -> Iterator[str]:
        """Return the paths with greater numbers: those of which something is kept, then the others."""
        for paths in (self._full, self._empty):
            for path, kept in reversed(paths.items()):
                if kept.number <= offset:
                    break
                yield path

    def _drop_old(self, kept: Kept[P], now: float) -> None:
        while kept.packets and now - kept.packets[0][0] > self._keeping.seconds:
            self.bytes -= kept.drop_first()

    def _tidy(self, now: float) -> None:
        for path in list(islice(self._full, 2)):  # two for each that is recorded: so they never pile up
            kept = self._full[path]
            self._drop_old(kept, now)
            if kept.packets:
                break
            self._empty[path] = self._full.pop(path)
        while self.bytes > self._most_bytes:
            path, kept = self._full.popitem(last=False)
            self.bytes -= kept.drop_all()
            self._empty[path] = kept
        while len(self) > self._most_paths:
            _, kept = (self._empty or self._full).popitem(last=False)
            self.bytes -= kept.drop_all()
            self.forgotten = max(self.forgotten, kept.number)


def for_replays(packet: Packet) -> Packet:
    """Return a packet without receipts, which are about those to whom it was routed, not about later comers."""
    if not isinstance(packet, TrackedPacket) or packet.receipt is None:
        return packet
    twin = packet.again()
    twin.receipt, twin.extra = None, packet.extra
    twin.preset(packet.json)
    return twin
