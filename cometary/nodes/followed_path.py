"""A path with a history that somebody at this node hears: a copy of what is kept of it, as far as it was routed here.

    loading ── all that is kept has been read ──→ followed

1.  What is kept is the engine's. The copy has what was routed here, and nothing else: so a session that connects to the
    path and reads, in one turn, gets each update once, kept or routed, as on a server by itself.
2.  While it is being loaded, nothing of the path is routed here. What the engine has appended since the path was
    first wanted is routed afterwards, and the rest is in the copy: the engine says how old each entry is, so no
    clocks are compared. A session that has connected gets all that was published since, and perhaps what was
    published in the moment before.
3.  A client that comes from another node may be ahead of what was routed here: its node has died, and told nobody. It
    waits until that is read from the engine and routed here. If the engine has no such thing, there is a gap.
4.  What comes late from a past base (`path_order`) is routed, and not kept: the copy is of one base.
5.  No more than `MOST_HELD` updates wait for others. Beyond that they are let go of, since the engine has them.
6.  If the engine has lost what was not routed here, the copy begins anew behind that: nobody waits for it, and whoever
    has not had it is told that it is missing.

Pure: time comes in.
"""

from __future__ import annotations

from itertools import islice, takewhile
from math import inf
from typing import TYPE_CHECKING, Final, NamedTuple

from cometary.cluster.path_logs import LogEntry, base_of
from cometary.dispatch.history import History
from cometary.dispatch.shelf import Numbers, Shelf, for_replays
from cometary.nodes.path_order import Numbered, PathOrder
from cometary.packets.packet import marked
from cometary.packets.patterns import Pattern
from cometary.packets.position import Position, place_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from cometary.actors import Future
    from cometary.cluster.path_logs import LogShelf, PathLog
    from cometary.packets.packet import Packet

MOST_HELD: Final = 1_000

MARGIN: Final = 0.002
"""Seconds by which what is routed is too old rather than too young: the engine counts milliseconds."""


class Reader(NamedTuple):
    """A reader that waits while the path is loaded.

    Attributes:
        behind: where to begin; None for the latest.
        limit: how many are wanted at most.
        answer: what is told.
    """

    behind: Position | None
    limit: int
    answer: Future[History]


class Loaded(NamedTuple):
    """What came of loading the path, or of reading what was missing.

    Attributes:
        packets: what is to be routed, in its order.
        gap: whether some of it is no longer kept, which its subscribers are to be told.
    """

    packets: list[Packet]
    gap: bool


class FollowedPath:
    """A path that somebody here hears.

    Args:
        path: the path.
        shelf: where it is kept.
        since: since when it has been wanted, by this node's clock.
        decode: makes a packet of what is kept.

    Attributes:
        path: the same, as the next two.
        shelf: see there.
        since: see there.
        reading: whether the engine is being asked.
        stale: whether it is known that the engine has more.
    """

    def __init__(self, path: str, shelf: LogShelf, since: float, decode: Callable[[bytes], Packet]) -> None:
        self.path = path
        self.shelf = shelf
        self.since = since
        self.reading = False
        self.stale = False
        self._decode = decode
        self._order: PathOrder | None = None
        self._early: list[Numbered] = []
        self._readers: list[Reader] = []
        self._epoch = ""
        self._former: str | None = None  # the base before
        self._routed = 0
        self._coming = 0  # the number of the last that was let out, and may still have to be routed
        self._copy = self._new_copy("")

    @property
    def loading(self) -> bool:
        """Whether it is not loaded yet."""
        return self._order is None

    @property
    def last(self) -> int:
        """The number of the last update that was, or is to be, routed; -1 while it is loaded."""
        return -1 if self._order is None else self._order.last

    @property
    def lacks(self) -> bool:
        """Whether the engine is to be asked for something."""
        return self._order is None or self.stale or self._order.held > 0

    def misses(self, epoch: str, number: int) -> bool:
        """Whether something has not come, given the latest number."""
        return self._order is not None and self._order.misses(epoch, number)

    def read_from_engine(self, log: PathLog, now: float) -> Loaded:
        """Take what the engine keeps behind `last`."""
        self.stale = False
        return self._load(log, now) if self._order is None else self._fill(log, self._order, now)

    def take(self, new: Numbered) -> list[Packet]:
        """Take an update; returns those that are to be routed now."""
        order = self._order
        if (len(self._early) if order is None else order.held) >= MOST_HELD:
            self.stale = True
            return []
        if order is None:
            self._early.append(new)
            return []
        return self._let_out(order.take(new))

    def _load(self, log: PathLog, now: float) -> Loaded:
        """Take all that is kept (rule 2)."""
        waited = now - self.since + MARGIN
        old = list(takewhile(lambda entry: entry.age > waited, log.entries))
        young = log.entries[len(old) :]
        floor = log.lost if young else log.number
        if old:
            floor = old[-1].number
        self._epoch, self._routed, self._coming = log.epoch, floor, floor
        self._copy = self._new_copy(log.epoch)
        kept = [(now - entry.age, entry.number, self._kept(log.epoch, entry)) for entry in old]
        self._copy.restore(self.path, log.lost, floor, kept)
        self._order = order = PathOrder(log.epoch, floor)
        out = order.fill(log.epoch, log.number, self._numbered(log.epoch, young))
        early, self._early = self._early, []
        for each in early:
            out += order.take(each)
        packets = self._let_out(out)
        self._answer_readers(now, self._coming)
        return Loaded(packets, not old and log.lost > 0 and log.lost_age <= waited)

    def _fill(self, log: PathLog, order: PathOrder, now: float) -> Loaded:
        """Take what is kept behind the last update that was routed."""
        comparable = not order.misses(log.epoch, order.last)
        gap = log.lost > (order.last if comparable else 0)
        if gap and comparable:  # rule 6
            self._begin_copy(log.epoch, log.lost)
        out = order.fill(log.epoch, log.number, self._numbered(log.epoch, log.entries))
        packets = self._let_out(out)
        self._answer_readers(now, self._coming)
        return Loaded(packets, gap)

    def _let_out(self, numbered: Sequence[Numbered]) -> list[Packet]:
        """Return what is to be routed now."""
        if numbered:
            self._coming = numbered[-1].number
        return [_with_place(each) for each in numbered]

    def _numbered(self, epoch: str, entries: Iterable[LogEntry]) -> list[Numbered]:
        return [Numbered(epoch, entry.number, 0, self._decode(entry.payload)) for entry in entries]

    def _kept(self, epoch: str, entry: LogEntry) -> Packet:
        return for_replays(_with_place(Numbered(epoch, entry.number, 0, self._decode(entry.payload))))

    # -- what was routed

    def record(self, packet: Packet, now: float) -> None:
        """Keep an update that is routed now."""
        packet.cause = None  # whoever caused it is not to be kept as well
        epoch, number = place_of(packet)
        base, present = base_of(epoch), base_of(self._epoch)
        if base == self._former:
            return
        if base != present:
            self._former = present
            self._begin_copy(epoch, number - 1)
        elif number <= self._routed:  # the engine has lost it meanwhile
            return
        self._epoch, self._routed = epoch, number
        self._copy.keep(self.path, number, for_replays(packet), now)
        if self._readers and not self.loading:
            self._answer_readers(now, inf)

    def _begin_copy(self, epoch: str, lost: int) -> None:
        """Begin anew behind a number, up to which nothing is kept."""
        self._epoch, self._routed = epoch, lost
        self._copy = self._new_copy(epoch)
        self._copy.restore(self.path, lost, lost, ())

    def _new_copy(self, epoch: str) -> Shelf[Packet]:
        return Shelf(self.shelf.keeping, Numbers(epoch))

    # -- who reads

    def read(self, reader: Reader, now: float) -> None:
        """Answer a reader, now or when it is loaded, or as much was routed as the reader has had (rule 3)."""
        if self.loading:
            self._readers.append(reader)
        elif self._is_ahead(reader):
            self.stale = True
            self._readers.append(reader)
        else:
            self.answer(reader, now)

    def take_readers(self) -> list[Reader]:
        """Return those who wait until it is loaded; they no longer do."""
        readers, self._readers = self._readers, []
        return readers

    def _answer_readers(self, now: float, coming: float) -> None:
        """Answer all but those who are ahead of what was routed here, and not of what is still to be routed."""
        for reader in self.take_readers():
            if self._is_ahead(reader) and reader.behind is not None and reader.behind.offset <= coming:
                self._readers.append(reader)
            else:
                self.answer(reader, now)

    def answer(self, reader: Reader, now: float) -> None:
        """Answer a reader with what there is."""
        reader.answer.offer(self._read(reader.behind, reader.limit, now))

    def _is_ahead(self, reader: Reader) -> bool:
        behind = reader.behind
        return behind is not None and behind.epoch == self._epoch and behind.offset > self._routed

    def _read(self, behind: Position | None, limit: int, now: float) -> History:
        kept = next(self._copy.about(Pattern.compile(self.path), -1, now))
        end = Position(self._epoch, self._routed)
        if behind is None:
            latest = [packet for _, packet in islice(kept.latest(), limit)]
            return History(latest[::-1], end, complete=True)
        if behind.epoch != self._epoch or behind.offset > self._routed or kept.lost > behind.offset:
            return History((), end, complete=False)
        found = sorted(kept.behind(behind.offset), key=_number)
        at = end if len(found) <= limit else Position(behind.epoch, found[limit - 1][0])
        return History([packet for _, packet in found[:limit]], at, complete=True)


def read_by_itself(read: FollowedPath, log: PathLog, reader: Reader, now: float) -> None:
    """Answer a reader of a path that nobody here hears."""
    aged = [entry._replace(age=entry.age + 1) for entry in log.entries]  # none is too young to be in the copy
    read.read_from_engine(log._replace(entries=tuple(aged)), now)
    read.answer(reader, now)


def _number(numbered: tuple[int, Packet]) -> int:
    return numbered[0]


def _with_place(numbered: Numbered) -> Packet:
    return marked(numbered.packet, "at", str(Position(numbered.epoch, numbered.number)))
